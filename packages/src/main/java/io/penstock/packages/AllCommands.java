package io.penstock.packages;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ProductVersion;
import io.penstock.forwarder.ForwarderMain;
import io.penstock.sidecar.SidecarMain;
import io.penstock.tools.ToolsMain;
import io.penstock.tuning.TuningMain;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The commands of all modules under one roof, as the launcher shows them.
final class AllCommands {
    private AllCommands() {}

    /// The roof.
    @Command(
            name = "penstock",
            description = "A load balancer for bare-metal Linux: a packet forwarder with direct server return.",
            versionProvider = ProductVersion.class)
    static final class Penstock {}

    /// {@return one command line that knows every command of the package}
    static CommandLine build() {
        Map<String, CommandLine> commands = new TreeMap<>();
        for (Object main : List.of(new ToolsMain(), new ForwarderMain(), new SidecarMain(), new TuningMain())) {
            commands.putAll(CommandRunner.prepare(main).getSubcommands());
        }
        CommandLine root = CommandRunner.prepare(new Penstock());
        commands.forEach(root::addSubcommand);
        return root;
    }
}
