package io.penstock.tuning;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.config.ConfigException;
import io.penstock.tuning.Tuner.Outcome;
import io.penstock.tuning.check.Inspection;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Target;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `penstock tune apply`.
@Command(
        name = "apply",
        description = {
            "Makes the changes that tune check asks for, as far as they end with the host's next start: kernel command "
                    + "lines and services stay the operator's. What was is recorded first; tune undo puts it back.",
            "More or fewer queues and longer rings may take the link down for a moment.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock tune apply -c /etc/penstock/default.properties --dry-run")
final class TuneApplyCommand implements Callable<ExitCode> {
    /// Not in a runtime folder: the settings are the host's, and end with it.
    static final String RECORD = "/run/penstock-tune.json";

    @Mixin
    private TuneOptions options = new TuneOptions();

    @Mixin
    private JsonOption json = new JsonOption();

    @Option(
            names = "--only",
            paramLabel = "ID",
            split = ",",
            description = "Only these findings, by the ids that tune check shows.")
    private Set<String> only = new TreeSet<>();

    @Option(names = "--dry-run", description = "Say what would be changed, and change nothing.")
    private boolean dryRun;

    @Option(names = "--record", paramLabel = "FILE", description = "Where to keep what was; default " + RECORD + ".")
    private Path record = Path.of(RECORD);

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws IOException, ConfigException {
        if (options.isCopy() && !dryRun) {
            throw new CommandException(ExitCode.USAGE, "--root names a copy of a host: only --dry-run works on it");
        }
        Host host = options.host();
        Target target = options.target(host);
        for (String id : only) {
            if (Inspection.look(host, target).stream()
                    .noneMatch(finding -> finding.id().equals(id))) {
                throw new CommandException(ExitCode.USAGE, "--only " + id + ": tune check shows no such finding");
            }
        }
        List<Outcome> outcomes =
                new Tuner(host, record).apply(target, id -> only.isEmpty() || only.contains(id), dryRun);
        PrintWriter out = command.commandLine().getOut();
        OutcomePage.print(out, outcomes, json.json());
        if (!json.json()) {
            remaining(out, host, target, outcomes.isEmpty());
        }
        requirePermission(outcomes);
        return outcomes.stream().allMatch(Outcome::done) ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static void requirePermission(List<Outcome> outcomes) {
        boolean denied = !outcomes.isEmpty()
                && outcomes.stream().allMatch(outcome -> outcome.error().equals("permission denied"));
        if (denied) {
            throw new HostLacksException("changing the host's settings", "run as root");
        }
    }

    /// What no program should change behind an operator's back.
    private void remaining(PrintWriter out, Host host, Target target, boolean nothingDone) {
        List<Finding> rest = Inspection.look(host, target).stream()
                .filter(finding -> finding.changes().isEmpty())
                .filter(finding -> finding.level() == Level.PROBLEM || finding.level() == Level.ADVICE)
                .filter(finding -> only.isEmpty() || only.contains(finding.id()))
                .toList();
        if (nothingDone) {
            out.println("nothing to change");
        }
        for (Finding finding : rest) {
            out.println("left to you: " + finding.id() + ": " + finding.is()
                    + (finding.command().isEmpty() ? "" : "; by: " + finding.command()));
        }
        out.flush();
    }
}
