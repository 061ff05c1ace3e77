package io.penstock.control.log;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/// One line per event on standard error: `2026-11-21T03:14:15.926Z warn health: listener web: backend a is down`.
/// Under systemd, which knows the time, the line starts with the priority that journald reads (`<4>health: ...`).
///
/// Nothing is ever written in more than one line, whatever the message holds. Safe for all threads; never called on the
/// packet path.
public final class Log {
    /// Where the lines of a process go, and how they begin.
    static final class Sink {
        private final PrintStream out;
        private final @Nullable Clock clock;

        /// @param clock null for the form that journald reads
        Sink(PrintStream out, @Nullable Clock clock) {
            this.out = out;
            this.clock = clock;
        }

        private void write(Level level, String topic, String message) {
            StringBuilder line = new StringBuilder(64 + message.length());
            if (clock == null) {
                line.append('<').append(level.priority).append('>');
            } else {
                // Always three digits, so that the columns stay in line.
                line.append(MILLIS.format(clock.instant().truncatedTo(ChronoUnit.MILLIS)))
                        .append(' ')
                        .append(level.text)
                        .append(' ');
            }
            line.append(topic).append(": ");
            for (int i = 0; i < message.length(); i++) {
                char c = message.charAt(i);
                // A control character could forge a second line or move a terminal's cursor.
                line.append(Character.isISOControl(c) ? ' ' : c);
            }
            line.append('\n');
            byte[] bytes = line.toString().getBytes(StandardCharsets.UTF_8);
            out.write(bytes, 0, bytes.length); // One write: lines of two threads do not mix.
            out.flush();
        }
    }

    private enum Level {
        INFO("info", 6),
        WARN("warn", 4),
        ERROR("error", 3);

        private final String text;
        private final int priority;

        Level(String text, int priority) {
            this.text = text;
            this.priority = priority;
        }
    }

    private static final DateTimeFormatter MILLIS =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSX").withZone(java.time.ZoneOffset.UTC);
    private static final Sink STANDARD_ERROR =
            new Sink(System.err, System.getenv("JOURNAL_STREAM") == null ? Clock.systemUTC() : null);

    private final String topic;
    private final Sink sink;

    /// @param topic the part of the program that speaks, such as `health`
    public Log(String topic) {
        this(topic, STANDARD_ERROR);
    }

    Log(String topic, Sink sink) {
        this.topic = topic;
        this.sink = sink;
    }

    /// Something happened that an operator may want to read later.
    public void info(String message) {
        sink.write(Level.INFO, topic, message);
    }

    /// Something is not as it should be, and work goes on.
    public void warn(String message) {
        sink.write(Level.WARN, topic, message);
    }

    /// Something failed, and somebody has to act.
    public void error(String message) {
        sink.write(Level.ERROR, topic, message);
    }

    /// The same with an exception's own words; its trace only with `PENSTOCK_DEBUG` set.
    public void error(String message, Throwable cause) {
        sink.write(Level.ERROR, topic, message + ": " + reason(cause));
        if (System.getenv("PENSTOCK_DEBUG") != null) {
            cause.printStackTrace(sink.out);
        }
    }

    /// {@return what an exception says of itself, or its kind where it says nothing}
    public static String reason(Throwable cause) {
        String message = cause.getMessage();
        String kind = cause.getClass().getSimpleName();
        return message == null || message.isBlank() ? kind : kind + ": " + message;
    }
}
