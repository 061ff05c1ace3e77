package io.penstock.tools.change;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.BackendConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock weight`.
@Command(
        name = "weight",
        description = {
            "Sets the weight of a backend, in the data plane and in the file.",
            "0 takes no new flows; those that live go on.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock weight web a 50")
public final class WeightCommand implements Callable<ExitCode> {
    @Mixin
    private Change change = new Change();

    @Mixin
    private BackendName backend = new BackendName();

    @Parameters(index = "2", paramLabel = "N", description = "0 to 65535.")
    private int weight;

    @Override
    public ExitCode call() {
        if (weight < 0 || weight > BackendConfig.MAX_WEIGHT) {
            throw new CommandException(
                    ExitCode.USAGE, "weight " + weight + ": 0 to " + BackendConfig.MAX_WEIGHT + " is expected");
        }
        return change.send(
                "PATCH", backend.path(), "{\"weight\":" + weight + "}", backend.text() + " has weight " + weight);
    }
}
