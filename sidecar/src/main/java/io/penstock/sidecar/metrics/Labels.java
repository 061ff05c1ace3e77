package io.penstock.sidecar.metrics;

import java.nio.charset.StandardCharsets;

/// Labels as the exposition format writes them: `{listener="web",backend="a"}`.
final class Labels {
    /// No labels.
    static final byte[] NONE = {};

    private Labels() {}

    /// {@return the labels between braces}
    ///
    /// @param namesAndValues name, value, name, value, ...
    static byte[] of(String... namesAndValues) {
        StringBuilder text = new StringBuilder("{");
        for (int i = 0; i < namesAndValues.length; i += 2) {
            text.append(i == 0 ? "" : ",")
                    .append(namesAndValues[i])
                    .append("=\"")
                    .append(escape(namesAndValues[i + 1]))
                    .append('"');
        }
        return text.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    /// {@return a label's value with backslash, quote and line feed escaped}
    static String escape(String value) {
        return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }

    /// {@return a help text with backslash and line feed escaped}
    static String escapeHelp(String text) {
        return text.replace("\\", "\\\\").replace("\n", "\\n");
    }
}
