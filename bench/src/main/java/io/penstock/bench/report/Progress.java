package io.penstock.bench.report;

import java.io.PrintWriter;
import java.util.List;
import java.util.function.LongSupplier;

/// Says how far a benchmark is, for whoever waits for it: on a terminal one line that is written over and over,
/// elsewhere a line for each step that is done. Goes to standard error; never among the figures. One thread.
public final class Progress implements AutoCloseable {
    private static final String OVERWRITE = "\r\033[K"; // ECMA-48: to the first column, erase to the end of the line
    private static final long NS_PER_S = 1_000_000_000L;

    private final PrintWriter to;
    private final int width;
    private final LongSupplier clockNs;
    private final long startNs;
    private int steps;
    private int done;
    private String doing = "";
    private String last = "";

    /// @param width   columns of the terminal; 0 for none
    /// @param steps   how many there will be, each about as long as the others
    /// @param clockNs what the time left is judged by
    Progress(PrintWriter to, int width, int steps, LongSupplier clockNs) {
        this.to = to;
        this.width = width;
        this.steps = steps;
        this.clockNs = clockNs;
        startNs = clockNs.getAsLong();
    }

    /// Begins to measure a subject, once more or once for all.
    ///
    /// @param run  0 for the first run
    /// @param runs of how many
    public void begin(int run, int runs, String subject) {
        begin("run " + (run + 1) + " of " + runs + ": " + subject);
    }

    /// Begins a step.
    public void begin(String what) {
        doing = what;
        if (width > 0) {
            String line = doing + " …" + left() + last;
            to.print(OVERWRITE + line.substring(0, Math.min(line.length(), width - 1)));
            to.flush();
        }
    }

    /// Ends the step.
    ///
    /// @param values of its runs; the middle one is shown
    public void end(List<Double> values, String unit) {
        end(Report.number(values.stream().sorted().toList().get(values.size() / 2)) + " " + unit);
    }

    /// Ends the step.
    ///
    /// @param result what came out, in a few words
    public void end(String result) {
        done++;
        if (width > 0) {
            last = " (" + doing + ": " + result + ")";
        } else {
            to.println(doing + " … " + result + left());
            to.flush();
        }
    }

    /// Says that some steps will not come, since their subject cannot be measured.
    public void skip(int fewer) {
        steps -= fewer;
    }

    /// {@return the time that the other steps will take, if they take as long as those before}
    private String left() {
        if (done == 0 || done >= steps) {
            return "";
        }
        long seconds = (clockNs.getAsLong() - startNs) / done * (steps - done) / NS_PER_S;
        return seconds < 90
                ? ", about " + Math.max(1, seconds) + " s left"
                : ", about " + Math.round(seconds / 60.0) + " min left";
    }

    /// Takes the line away, so that another can be written.
    void clear() {
        if (width > 0) {
            to.print(OVERWRITE);
            to.flush();
        }
    }

    @Override
    public void close() {
        clear();
    }
}
