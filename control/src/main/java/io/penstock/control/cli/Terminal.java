package io.penstock.control.cli;

import java.io.Console;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// What is known of whoever reads the output.
public final class Terminal {
    private static final int DEFAULT_WIDTH = 80;

    private Terminal() {}

    /// {@return whether input and output are a terminal}
    @SuppressWarnings("SystemConsoleNull") // 25 is back to null where there is no terminal; 22 to 24 were not.
    public static boolean isInteractive() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    /// {@return whether colour helps: on a terminal, unless NO_COLOR is set or it is a dumb one}
    public static boolean isColoured() {
        String noColour = System.getenv("NO_COLOR");
        return isInteractive() && (noColour == null || noColour.isEmpty()) && !"dumb".equals(System.getenv("TERM"));
    }

    /// {@return columns of the terminal, or [Integer#MAX_VALUE] when the output goes elsewhere}
    public static int width() {
        if (!isInteractive()) {
            return Integer.MAX_VALUE;
        }
        String columns = System.getenv("COLUMNS");
        int width = columns != null && columns.matches("[1-9][0-9]{0,4}")
                ? Integer.parseInt(columns)
                : size(1, ProcessBuilder.Redirect.INHERIT);
        return width > 0 ? width : DEFAULT_WIDTH;
    }

    /// {@return columns of the terminal that standard error goes to, or 0 when it goes elsewhere or to a dumb one}
    public static int errorWidth() {
        try {
            Path target = Files.readSymbolicLink(Path.of("/proc/self/fd/2"));
            if (!target.toString().matches("/dev/(pts/[0-9]+|tty.*|console)") || "dumb".equals(System.getenv("TERM"))) {
                return 0;
            }
            int width = size(1, ProcessBuilder.Redirect.from(target.toFile()));
            return width > 0 ? width : DEFAULT_WIDTH;
        } catch (IOException unknown) {
            return 0;
        }
    }

    /// {@return rows of the terminal, or 24 when that is not known}
    public static int height() {
        int rows = isInteractive() ? size(0, ProcessBuilder.Redirect.INHERIT) : 0;
        return rows > 0 ? rows : 24;
    }

    /// Asks stty(1), which has the ioctl that Java lacks: it answers `ROWS COLUMNS`.
    ///
    /// @param terminal which it is asked about
    private static int size(int field, ProcessBuilder.Redirect terminal) {
        Process stty = null;
        try {
            stty = new ProcessBuilder("stty", "size")
                    .redirectInput(terminal)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String[] words = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                    .strip()
                    .split(" ");
            boolean done = stty.waitFor(1, TimeUnit.SECONDS);
            return done && words.length == 2 && words[field].matches("[0-9]{1,5}") ? Integer.parseInt(words[field]) : 0;
        } catch (IOException notThere) {
            return 0;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return 0;
        } finally {
            end(stty);
        }
    }

    private static void end(@Nullable Process process) {
        if (process != null) {
            process.destroy();
        }
    }
}
