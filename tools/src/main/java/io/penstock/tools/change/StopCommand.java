package io.penstock.tools.change;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.Terminal;
import java.io.Console;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `penstock stop`.
@Command(
        name = "stop",
        description = {
            "Stops a listener at once: its connections are interrupted.",
            "To take it out without that, drain its backends first. On a terminal it asks before it does it.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock stop web --yes")
public final class StopCommand implements Callable<ExitCode> {
    @Mixin
    private Change change = new Change();

    @Parameters(paramLabel = "LISTENER", description = "Name of the listener.")
    private String listener = "";

    @Option(
            names = {"-y", "--yes"},
            description = "Do not ask.")
    private boolean yes;

    @Override
    public ExitCode call() {
        if (!yes && Terminal.isInteractive() && !isConfirmed(System.console())) {
            System.err.println("nothing was changed");
            return ExitCode.FAILED;
        }
        return change.send("POST", Change.listener(listener) + "/stop", null, listener + " is stopped");
    }

    private boolean isConfirmed(@Nullable Console console) {
        String answer = console == null
                ? null
                : console.readLine("Stop listener %s now? All of its connections are interrupted. [y/N] ", listener);
        return answer != null && answer.strip().toLowerCase(Locale.ROOT).matches("y|yes");
    }
}
