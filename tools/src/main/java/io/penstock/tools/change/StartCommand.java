package io.penstock.tools.change;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock start`.
@Command(
        name = "start",
        description = "Makes a stopped listener serve.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock start web")
public final class StartCommand implements Callable<ExitCode> {
    @Mixin
    private Change change = new Change();

    @Parameters(paramLabel = "LISTENER", description = "Name of the listener.")
    private String listener = "";

    @Override
    public ExitCode call() {
        return change.send("POST", Change.listener(listener) + "/start", null, listener + " is running");
    }
}
