package io.penstock.sidecar;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ProductVersion;
import picocli.CommandLine.Command;

/// The commands of this module, as `tools/penstock` starts them.
@Command(
        name = "penstock",
        description = "Runs the sidecar. tools/penstock --help lists the commands of all modules.",
        versionProvider = ProductVersion.class,
        subcommands = SidecarCommand.class)
public final class SidecarMain {
    /// Runs one command and ends the JVM with its exit code.
    public static void main(String[] args) {
        System.exit(CommandRunner.run(new SidecarMain(), args));
    }
}
