package io.penstock.tools.look;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.Terminal;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusView;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock top`.
@Command(
        name = "top",
        description = {
            "Shows rates by listener, backend and worker, refreshed until Ctrl-C.",
            "SPREAD: a backend's share of the flows that its listener had meanwhile; | marks the share that its weight"
                    + " gives it.",
            "BUSY: the share of its time that a worker had frames to forward. Columns that find no room are left out.",
            "Where the output is no terminal, or with --once or --json, it shows one round and ends.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock top --interval 2")
public final class TopCommand implements Callable<ExitCode> {
    private static final String HOME_AND_CLEAR = "\u001b[H\u001b[J";
    private static final double INTERVAL_MIN_S = 0.1;
    private static final double INTERVAL_MAX_S = 3_600;

    @Mixin
    private Look look = new Look();

    @Option(names = "--interval", paramLabel = "SECONDS", description = "Between two rounds; default 1.")
    private double intervalS = 1;

    @Option(names = "--once", description = "One round.")
    private boolean once;

    @Override
    public ExitCode call() throws IOException, InterruptedException {
        if (!(intervalS >= INTERVAL_MIN_S && intervalS <= INTERVAL_MAX_S)) {
            throw new CommandException(ExitCode.USAGE, "--interval " + intervalS + ": 0.1 to 3600 is expected");
        }
        boolean single = once || look.isJson() || !Terminal.isInteractive();
        StatusView before = look.viewOnce();
        try (StatusReader reader = look.open()) {
            long beforeNs = System.nanoTime();
            do {
                Thread.sleep(Math.round(intervalS * 1_000));
                reader.refresh();
                StatusView after = look.view(reader);
                long afterNs = System.nanoTime();
                Rates rates = new Rates(before, after, (afterNs - beforeNs) / 1e9);
                if (look.isJson()) {
                    look.print(rates::write);
                } else if (single) {
                    look.print(rates.lines(Look.width()));
                } else {
                    draw(rates.lines(Look.width()));
                }
                before = after;
                beforeNs = afterNs;
            } while (!single);
        }
        return ExitCode.DONE;
    }

    /// Draws a page over the last one; what does not fit the terminal is left out.
    private void draw(List<String> lines) {
        PrintWriter out = look.out();
        List<String> shown = lines.subList(0, Math.min(lines.size(), Terminal.height() - 1));
        out.print(HOME_AND_CLEAR + String.join(System.lineSeparator(), shown) + System.lineSeparator());
        out.flush();
    }
}
