package io.penstock.tools.look;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusView;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock listeners`.
@Command(
        name = "listeners",
        description = "Shows the listeners with their state and traffic; as JSON with their backends too.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock listeners")
public final class ListenersCommand implements Callable<ExitCode> {
    @Mixin
    private Look look = new Look();

    @Override
    public ExitCode call() {
        StatusView view = look.viewOnce();
        if (look.isJson()) {
            look.print(json -> StatusJson.listeners(json, view.listeners()));
        } else {
            look.print(Pages.listeners(view, Look.width()));
        }
        return ExitCode.DONE;
    }
}
