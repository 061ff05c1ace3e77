package io.penstock.control.cli;

import java.util.Locale;

/// Numbers as people read them: three digits that matter, and a unit.
public final class Units {
    private static final String[] DECIMAL = {"", "k", "M", "G", "T", "P", "E"};
    private static final String[] BINARY = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};

    private Units() {}

    /// {@return a count in powers of 1000: `999`, `1.2k`, `34.5M`}
    public static String count(long count) {
        return scaled(count, 1_000, DECIMAL);
    }

    /// {@return a rate in powers of 1000, one digit behind the point below 10: `0.5`, `9.9`, `1.2k`}
    public static String rate(double perSecond) {
        if (perSecond > 0 && perSecond < 10) {
            return String.format(Locale.ROOT, "%.1f", perSecond);
        }
        return scaled(Math.round(perSecond), 1_000, DECIMAL);
    }

    /// {@return bytes in powers of 1024: `12 B`, `1.5 KiB`}
    public static String bytes(long bytes) {
        return scaled(bytes, 1_024, BINARY);
    }

    private static String scaled(long value, int step, String[] units) {
        double rest = value;
        int unit = 0;
        // 999.95 would print as 1000.0.
        while (Math.abs(rest) >= (unit == 0 ? step : step - 0.05) && unit < units.length - 1) {
            rest /= step;
            unit++;
        }
        return (unit == 0 ? Long.toString(value) : String.format(Locale.ROOT, "%.1f", rest)) + units[unit];
    }

    /// {@return a share as a percentage with one digit: `12.5%`}
    public static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f%%", 100 * share);
    }

    /// {@return a duration by its two greatest units: `250ms`, `3.5s`, `2m 5s`, `1h 2m`, `3d 4h`}
    public static String duration(long ms) {
        if (ms < 0) {
            return "-" + duration(-ms);
        }
        if (ms < 1_000) {
            return ms + "ms";
        }
        if (ms < 10_000 && ms % 1_000 >= 100) {
            return String.format(Locale.ROOT, "%d.%ds", ms / 1_000, ms % 1_000 / 100);
        }
        long seconds = ms / 1_000;
        if (seconds < 60) {
            return seconds + "s";
        }
        if (seconds < 3_600) {
            return pair(seconds / 60, "m", seconds % 60, "s");
        }
        if (seconds < 86_400) {
            return pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m");
        }
        return pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h");
    }

    private static String pair(long big, String bigUnit, long small, String smallUnit) {
        return big + bigUnit + (small == 0 ? "" : " " + small + smallUnit);
    }
}
