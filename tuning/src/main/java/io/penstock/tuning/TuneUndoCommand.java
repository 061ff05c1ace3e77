package io.penstock.tuning;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.JsonOption;
import io.penstock.tuning.Tuner.Outcome;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.linux.EthtoolDriver;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `penstock tune undo`.
@Command(
        name = "undo",
        description = {
            "Puts back what was before tune apply first changed it. What cannot be put back stays on record, and the "
                    + "command can be tried again.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock tune undo")
final class TuneUndoCommand implements Callable<ExitCode> {
    @Mixin
    private JsonOption json = new JsonOption();

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description = "Where tune apply kept what was; default " + TuneApplyCommand.RECORD + ".")
    private Path record = Path.of(TuneApplyCommand.RECORD);

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws IOException {
        Host host = new Host(new HostFiles(Path.of("/")), new EthtoolDriver());
        List<Outcome> outcomes = new Tuner(host, record).undo();
        PrintWriter out = command.commandLine().getOut();
        OutcomePage.print(out, outcomes, json.json());
        if (outcomes.isEmpty() && !json.json()) {
            out.println("nothing is on record in " + record);
            out.flush();
        }
        return outcomes.stream().allMatch(Outcome::done) ? ExitCode.DONE : ExitCode.FAILED;
    }
}
