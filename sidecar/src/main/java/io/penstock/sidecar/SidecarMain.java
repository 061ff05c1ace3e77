package io.penstock.sidecar;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.CommonOptions;
import io.penstock.control.cli.ProductVersion;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// The commands of this module, as `tools/penstock` starts them.
@Command(
        name = "penstock",
        description = "Runs the sidecar. tools/penstock --help lists the commands of all modules.",
        versionProvider = ProductVersion.class,
        subcommands = SidecarCommand.class)
public final class SidecarMain {
    @Mixin
    @SuppressWarnings("UnusedVariable") // picocli and CommandRunner read it.
    private CommonOptions common = new CommonOptions();

    /// Runs one command and ends the JVM with its exit code.
    public static void main(String[] args) {
        System.exit(CommandRunner.run(new SidecarMain(), args));
    }
}
