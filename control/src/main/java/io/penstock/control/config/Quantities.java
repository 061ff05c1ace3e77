package io.penstock.control.config;

/// Durations and sizes as the properties file writes them. Whole numbers only.
public final class Quantities {
    private Quantities() {}

    /// Reads `250ms`, `3s`, `5m`, `1h`; a bare number is seconds.
    ///
    /// @return milliseconds, or -1 when the text is no duration
    public static long durationMs(String text) {
        if (text.endsWith("ms")) {
            return scaled(text, 2, 1);
        }
        return switch (last(text)) {
            case 's' -> scaled(text, 1, 1_000);
            case 'm' -> scaled(text, 1, 60_000);
            case 'h' -> scaled(text, 1, 3_600_000);
            default -> scaled(text, 0, 1_000);
        };
    }

    /// Reads `512`, `4k`, `1m`, `2g`, in units of 1024.
    ///
    /// @return the number, or -1 when the text is no size
    static long size(String text) {
        return switch (last(text)) {
            case 'k' -> scaled(text, 1, 1L << 10);
            case 'm' -> scaled(text, 1, 1L << 20);
            case 'g' -> scaled(text, 1, 1L << 30);
            default -> scaled(text, 0, 1);
        };
    }

    /// {@return the shortest text that [#durationMs] reads as `ms`}
    static String durationText(long ms) {
        return ms % 1_000 == 0 ? ms / 1_000 + "s" : ms + "ms";
    }

    /// {@return the shortest text that [#size] reads as `count`}
    static String sizeText(long count) {
        if (count == 0) {
            return "0";
        }
        if (count % (1L << 30) == 0) {
            return (count >> 30) + "g";
        }
        if (count % (1L << 20) == 0) {
            return (count >> 20) + "m";
        }
        return count % (1L << 10) == 0 ? (count >> 10) + "k" : Long.toString(count);
    }

    private static char last(String text) {
        return text.isEmpty() ? ' ' : text.charAt(text.length() - 1);
    }

    /// Twelve digits times an hour still fit a long.
    private static long scaled(String text, int unitLength, long unit) {
        int length = text.length() - unitLength;
        if (length < 1 || length > 12) {
            return -1;
        }
        long value = 0;
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                return -1;
            }
            value = 10 * value + c - '0';
        }
        return value * unit;
    }
}
