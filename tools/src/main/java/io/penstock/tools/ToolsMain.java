package io.penstock.tools;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ProductVersion;
import io.penstock.tools.change.DrainCommand;
import io.penstock.tools.change.StartCommand;
import io.penstock.tools.change.StopCommand;
import io.penstock.tools.change.UndrainCommand;
import io.penstock.tools.change.WeightCommand;
import io.penstock.tools.convert.ImportCommand;
import io.penstock.tools.demo.DemoCommand;
import io.penstock.tools.look.BackendsCommand;
import io.penstock.tools.look.CountersCommand;
import io.penstock.tools.look.ListenersCommand;
import io.penstock.tools.look.StatusCommand;
import io.penstock.tools.look.TopCommand;
import io.penstock.tools.run.RunCommand;
import picocli.CommandLine.Command;

/// The commands of this module, as `tools/penstock` starts them.
@Command(
        name = "penstock",
        description = "Operates Penstock. tools/penstock --help lists the commands of all modules.",
        versionProvider = ProductVersion.class,
        subcommands = {
            BackendsCommand.class,
            CheckCommand.class,
            CountersCommand.class,
            DemoCommand.class,
            DrainCommand.class,
            ImportCommand.class,
            ListenersCommand.class,
            RunCommand.class,
            StartCommand.class,
            StatusCommand.class,
            StopCommand.class,
            TopCommand.class,
            UndrainCommand.class,
            WeightCommand.class,
        })
public final class ToolsMain {
    /// Runs one command and ends the JVM with its exit code.
    public static void main(String[] args) {
        System.exit(CommandRunner.run(new ToolsMain(), args));
    }
}
