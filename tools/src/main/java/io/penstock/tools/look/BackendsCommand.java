package io.penstock.tools.look;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.status.StatusJson;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.StatusView.ListenerView;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock backends`.
@Command(
        name = "backends",
        description = "Shows backends with their weight, health and traffic.",
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock backends web")
public final class BackendsCommand implements Callable<ExitCode> {
    @Mixin
    private Look look = new Look();

    @Parameters(arity = "0..1", paramLabel = "LISTENER", description = "Only those of this listener.")
    private @Nullable String listener;

    @Override
    public ExitCode call() {
        List<ListenerView> chosen = choose(look.viewOnce());
        if (look.isJson()) {
            look.print(json -> StatusJson.backends(json, chosen));
        } else {
            look.print(Pages.backends(chosen, Look.width()));
        }
        return ExitCode.DONE;
    }

    private List<ListenerView> choose(StatusView view) {
        if (listener == null) {
            return view.listeners();
        }
        List<ListenerView> chosen = view.listeners().stream()
                .filter(each -> each.config().name().equals(listener))
                .toList();
        if (chosen.isEmpty()) {
            String names =
                    view.listeners().stream().map(each -> each.config().name()).collect(Collectors.joining(", "));
            throw new CommandException("no listener " + listener + " in instance " + view.instance()
                    + (names.isEmpty() ? ": it has none" : ": it has " + names));
        }
        return chosen;
    }
}
