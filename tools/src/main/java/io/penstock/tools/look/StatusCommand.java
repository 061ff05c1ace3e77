package io.penstock.tools.look;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusView;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock status`.
@Command(
        name = "status",
        description = "Shows an instance in one page: who runs, how frames are taken, workers, flows, listeners.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock status --instance edge1 --json")
public final class StatusCommand implements Callable<ExitCode> {
    @Mixin
    private Look look = new Look();

    @Override
    public ExitCode call() {
        StatusView view = look.viewOnce();
        if (look.isJson()) {
            look.print(json -> StatusJson.status(json, view));
        } else {
            look.print(Pages.status(view, Look.width()));
        }
        return ExitCode.DONE;
    }
}
