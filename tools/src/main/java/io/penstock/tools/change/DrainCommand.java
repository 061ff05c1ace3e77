package io.penstock.tools.change;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock drain`.
@Command(
        name = "drain",
        description = {
            "Takes a backend out: no new flows, and those that live may end until the deadline.",
            "Temporary: the file stays as it is.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock drain web a --deadline 5m")
public final class DrainCommand implements Callable<ExitCode> {
    @Mixin
    private Change change = new Change();

    @Mixin
    private BackendName backend = new BackendName();

    @Option(
            names = "--deadline",
            paramLabel = "TIME",
            description = "Such as 30s or 5m; 0 for never; default: the listener's drain-deadline.")
    private @Nullable String deadline;

    @Override
    public ExitCode call() {
        String document = deadline == null
                ? null
                : "{\"deadline\":\""
                        + new String(JsonStringEncoder.getInstance().quoteAsString(deadline)) + "\"}";
        return change.send("POST", backend.path() + "/drain", document, backend.text() + " drains");
    }
}
