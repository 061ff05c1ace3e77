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
        return place() + key + ": " + wrong + " (" + expected + ")";
    }

    /// {@return `FILE:LINE: key: warning: what is doubtful (what would be better)`}
    public String warningText() {
        return place() + key + ": warning: " + wrong + " (" + expected + ")";
    }

    private String place() {
        return file.isEmpty() ? "" : file + ":" + line + ": ";
    }

    @Override
    public String toString() {
        return text();
    }
}
