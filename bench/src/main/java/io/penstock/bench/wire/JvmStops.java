package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How often a JVM stopped all its threads (safepoints), and for how long: a worker that is one of them forwards
/// nothing meanwhile.
///
/// @param times     stops
/// @param longestMs the longest of them; 0 without any
public record JvmStops(int times, double longestMs) {
    /// None.
    public static final JvmStops NONE = new JvmStops(0, 0);

    private static final Pattern LINE = Pattern.compile("Safepoint .* Total: +(\\d+) ns");

    /// {@return the JVM's option that has each stop written to a file}
    static String option(Path file) {
        return "-Xlog:safepoint:file=" + file + ":none:filecount=0";
    }

    /// {@return the stops of such a file}
    ///
    /// @param from bytes of it that are older
    static JvmStops read(Path file, long from) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        int begin = (int) Math.min(from, bytes.length);
        return of(new String(bytes, begin, bytes.length - begin, StandardCharsets.UTF_8)
                .lines()
                .toList());
    }

    static JvmStops of(List<String> lines) {
        JvmStops stops = NONE;
        for (String line : lines) {
            Matcher matcher = LINE.matcher(line);
            if (matcher.find()) {
                stops = stops.and(new JvmStops(1, Long.parseLong(matcher.group(1)) / 1e6));
            }
        }
        return stops;
    }

    /// {@return both}
    public JvmStops and(JvmStops other) {
        return new JvmStops(times + other.times, Math.max(longestMs, other.longestMs));
    }

    @Override
    public String toString() {
        return times == 0
                ? "the JVM never stopped its threads while they were measured"
                : String.format(
                        Locale.ROOT,
                        "the JVM stopped its threads %d time%s while they were measured, for %.1f ms at most",
                        times,
                        times == 1 ? "" : "s",
                        longestMs);
    }
}
