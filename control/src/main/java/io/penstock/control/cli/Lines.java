package io.penstock.control.cli;

import java.util.ArrayList;
import java.util.List;

/// Prose in lines that fit a window.
public final class Lines {
    private Lines() {}

    /// Breaks a text at blanks. A word that is longer than a line is cut.
    ///
    /// @param width  columns of the window; [Terminal#width()]
    /// @param indent blanks in front of every line but the first
    /// @return at least one line, none longer than `width`
    public static List<String> wrap(String text, int width, int indent) {
        List<String> lines = new ArrayList<>();
        String rest = text;
        int room = Math.max(1, width);
        String start = "";
        while (start.length() + rest.length() > room) {
            int most = room - start.length();
            int blank = rest.lastIndexOf(' ', most);
            boolean isWord = blank <= 0;
            lines.add(start + rest.substring(0, isWord ? most : blank).stripTrailing());
            rest = rest.substring(isWord ? most : blank).stripLeading();
            start = " ".repeat(Math.min(indent, room / 2));
        }
        lines.add(start + rest);
        return lines;
    }
}
