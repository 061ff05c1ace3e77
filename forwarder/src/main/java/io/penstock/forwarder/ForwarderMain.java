package io.penstock.forwarder;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ProductVersion;
import io.penstock.forwarder.backend.BackendCommand;
import io.penstock.forwarder.cli.ExplainCommand;
import io.penstock.forwarder.cli.FlowsCommand;
import io.penstock.forwarder.cli.ForwarderCommand;
import io.penstock.forwarder.cli.ReplayCommand;
import io.penstock.forwarder.cli.TraceCommand;
import picocli.CommandLine.Command;

/// The commands of this module, as `tools/penstock` starts them.
@Command(
        name = "penstock",
        description = "Runs the data plane. tools/penstock --help lists the commands of all modules.",
        versionProvider = ProductVersion.class,
        subcommands = {
            BackendCommand.class,
            ExplainCommand.class,
            FlowsCommand.class,
            ForwarderCommand.class,
            ReplayCommand.class,
            TraceCommand.class,
        })
public final class ForwarderMain {
    /// Runs one command and ends the JVM with its exit code.
    public static void main(String[] args) {
        System.exit(CommandRunner.run(new ForwarderMain(), args));
    }
}
