package io.penstock.tools.change;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock undrain`.
@Command(
        name = "undrain",
        description = "Puts a drained backend back into service.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock undrain web a")
public final class UndrainCommand implements Callable<ExitCode> {
    @Mixin
    private Change change = new Change();

    @Mixin
    private BackendName backend = new BackendName();

    @Override
    public ExitCode call() {
        return change.send("POST", backend.path() + "/undrain", null, backend.text() + " is in service");
    }
}
