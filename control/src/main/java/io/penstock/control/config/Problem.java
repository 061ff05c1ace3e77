package io.penstock.control.config;

/// One thing that is wrong, or doubtful, in a configuration.
///
/// @param file     as the operator named it; an included file is shown relative to how its includer was named
/// @param line     of the key, from 1; 0 where the text did not come from a file
/// @param key      the whole key
/// @param wrong    what is wrong, with the value
/// @param expected what is expected instead
public record Problem(String file, int line, String key, String wrong, String expected) {

    /// {@return `FILE:LINE: key: what is wrong (what is expected)`}
    public String text() {
        return oneLine(place() + key + ": " + wrong + " (" + expected + ")");
    }

    /// {@return `FILE:LINE: key: warning: what is doubtful (what would be better)`}
    public String warningText() {
        return oneLine(place() + key + ": warning: " + wrong + " (" + expected + ")");
    }

    /// Keys and values come from a file: none of them may break the line, or reach the terminal as a command.
    private static String oneLine(String text) {
        return text.replaceAll("[\\p{Cntrl}\u2028\u2029]", "?");
    }

    private String place() {
        return file.isEmpty() ? "" : file + ":" + line + ": ";
    }

    @Override
    public String toString() {
        return text();
    }
}
