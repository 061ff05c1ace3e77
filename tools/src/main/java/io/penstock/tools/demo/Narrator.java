package io.penstock.tools.demo;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;

/// Tells the demo's story: numbered steps, figures, and claims that either hold or do not.
@SuppressWarnings(
        "AnnotateFormatMethod") // The annotation would be a dependency; every format is a literal next to its use.
final class Narrator {
    private static final int BAR_LENGTH = 40;

    private final PrintStream out;
    private final boolean colour;
    private final long startNs = System.nanoTime();
    private int step;
    private int broken;

    /// @param colour whether `out` is a terminal
    Narrator(PrintStream out, boolean colour) {
        this.out = out;
        this.colour = colour;
    }

    /// Begins the next step.
    void step(String title) {
        step++;
        out.println();
        out.println(paint("1", "%d. %s".formatted(step, title)));
    }

    /// Tells something.
    void say(String format, Object... arguments) {
        out.println("   " + format.formatted(arguments));
    }

    /// Makes a claim: `ok` or, when it does not hold, `BROKEN`, which makes the demo fail.
    void claim(boolean holds, String format, Object... arguments) {
        if (!holds) {
            broken++;
        }
        out.println(
                "   " + (holds ? paint("32", "ok    ") : paint("31;1", "BROKEN")) + " " + format.formatted(arguments));
    }

    /// Draws shares of a whole as bars.
    void bars(Map<String, Long> counts) {
        long sum =
                Math.max(1, counts.values().stream().mapToLong(Long::longValue).sum());
        counts.forEach((name, count) -> {
            long length = Math.round((double) BAR_LENGTH * count / sum);
            out.printf(
                    Locale.ROOT,
                    "   %-4s %-" + BAR_LENGTH + "s %,8d  %4.1f %%%n",
                    name,
                    "#".repeat((int) length),
                    count,
                    100.0 * count / sum);
        });
    }

    /// {@return how many claims did not hold}
    int broken() {
        return broken;
    }

    /// {@return seconds since the start}
    double elapsedS() {
        return (System.nanoTime() - startNs) / 1e9;
    }

    private String paint(String code, String text) {
        return colour ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
    }
}
