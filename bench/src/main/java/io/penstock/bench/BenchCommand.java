package io.penstock.bench;

import io.penstock.bench.latency.LatencyCommand;
import io.penstock.bench.maglev.MaglevCommand;
import io.penstock.bench.micro.MicroCommand;
import io.penstock.bench.path.PathCommand;
import io.penstock.bench.wire.WireCommand;
import io.penstock.control.cli.CommandRunner;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `penstock bench`.
@Command(
        name = "bench",
        description = {
            "Measures this host: single steps, the packet path over memory, frames on a virtual wire, latency.",
            "Each benchmark prints a table and writes CSV and a plot; --json prints a line for each figure."
        },
        subcommands = {
            MicroCommand.class,
            PathCommand.class,
            WireCommand.class,
            LatencyCommand.class,
            MaglevCommand.class
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock bench path --quick")
public final class BenchCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        CommandLine line = spec.commandLine();
        throw new ParameterException(
                line,
                "which benchmark? " + String.join(", ", line.getSubcommands().keySet()));
    }
}
