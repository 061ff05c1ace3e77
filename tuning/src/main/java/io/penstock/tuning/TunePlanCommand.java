package io.penstock.tuning;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `penstock tune plan`.
@Command(
        name = "plan",
        description = "Prints the forwarder's part of a properties file that fits this host, with the reasons.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock tune plan --interface eth1")
final class TunePlanCommand implements Callable<ExitCode> {
    @Mixin
    private TuneOptions options = new TuneOptions();

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() {
        PrintWriter out = command.commandLine().getOut();
        out.print(new HostPlan(options.host()).text(options.named()));
        out.flush();
        return ExitCode.DONE;
    }
}
