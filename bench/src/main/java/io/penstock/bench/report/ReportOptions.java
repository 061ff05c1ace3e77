package io.penstock.bench.report;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.ExitCode;
import java.io.PrintWriter;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// Options that all benchmarks share: how long, which seed, where the results go.
public final class ReportOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec = CommandSpec.create();

    @Option(names = "--quick", description = "Fewer and shorter runs: done within two minutes.")
    private boolean quick;

    @Option(names = "--json", description = "Write a line of JSON for each figure instead of a table.")
    private boolean json;

    @Option(names = "--runs", paramLabel = "N", description = "Runs of each subject, interleaved; 1 to 99.")
    private int runs;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of all that is random; default 1.")
    private long seed = 1;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder for CSV and plot; made if need be. Default: ./penstock-bench")
    private Path out = Path.of("penstock-bench");

    @Option(names = "--csv", paramLabel = "FILE", description = "The CSV file; default BENCH.csv in --out.")
    private @Nullable Path csv;

    @Option(names = "--host", paramLabel = "NAME", description = "What the CSV calls this host; default its name.")
    private @Nullable String hostName;

    /// {@return whether the user wants results soon}
    public boolean isQuick() {
        return quick;
    }

    /// {@return the seed of all that is random}
    public long seed() {
        return seed;
    }

    /// {@return how often each subject is measured}
    ///
    /// @param full      unless asked otherwise
    /// @param whenQuick with `--quick`
    public int runs(int full, int whenQuick) {
        if (runs < 0 || runs > 99) {
            throw new CommandException(ExitCode.USAGE, "--runs=" + runs + ": 1 to 99 expected");
        }
        if (runs > 0) {
            return runs;
        }
        return quick ? whenQuick : full;
    }

    /// Begins a report.
    ///
    /// @param bench name of the benchmark
    public Report open(String bench) {
        PrintWriter screen = spec.commandLine().getOut();
        Host host = Host.read();
        if (hostName != null) {
            host = new Host(hostName, host.cpu(), host.kernel(), host.jdk());
        }
        Path file = csv == null ? out.resolve(bench + ".csv") : csv;
        return new Report(
                bench,
                host,
                seed,
                commandLine(),
                json,
                screen,
                spec.commandLine().getErr(),
                file,
                out);
    }

    private String commandLine() {
        var parsed = spec.commandLine().getParseResult();
        return spec.qualifiedName()
                + (parsed == null || parsed.originalArgs().isEmpty()
                        ? ""
                        : " " + String.join(" ", ownArguments(parsed.originalArgs())));
    }

    private java.util.List<String> ownArguments(java.util.List<String> all) {
        int name = all.indexOf(spec.name());
        return all.subList(name + 1, all.size());
    }
}
