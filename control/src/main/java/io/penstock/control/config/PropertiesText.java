package io.penstock.control.config;

import java.util.ArrayList;
import java.util.List;

/// The text of one properties file, cut into entries whose places in the text are known.
///
/// The grammar is that of [java.util.Properties#load(java.io.Reader)]: comment lines that begin with `#` or `!`,
/// continuation after an odd number of backslashes, `=`, `:` or blanks after the key, escapes `\t \n \r \f` and
/// backslash-u with four hex digits. Unlike there a bad escape is a problem with a line and not an exception.
final class PropertiesText {

    /// One key and its value.
    ///
    /// @param line        number of its first line, from 1
    /// @param start       where its first line begins
    /// @param valueStart  where the value begins, as written
    /// @param end         where its last line ends, the line's terminator not included
    /// @param next        where the following line begins
    /// @param badEscape   the escape that means nothing, or empty
    record Entry(String key, String value, int line, int start, int valueStart, int end, int next, String badEscape) {}

    private final String text;
    private final List<Entry> entries = new ArrayList<>();

    // The logical line being read, and for each of its characters the place it came from.
    private final StringBuilder logical = new StringBuilder();
    private int[] origins = new int[128];

    private PropertiesText(String text) {
        this.text = text;
    }

    /// {@return the entries of `text`, in order}
    static List<Entry> parse(String text) {
        PropertiesText parser = new PropertiesText(text);
        parser.run();
        return parser.entries;
    }

    private void run() {
        int position = 0;
        int line = 1;
        while (position < text.length()) {
            int begin = skipBlanks(position);
            int end = endOfLine(begin);
            if (begin == end || text.charAt(begin) == '#' || text.charAt(begin) == '!') {
                line++;
                position = afterTerminator(end);
                continue;
            }
            logical.setLength(0);
            int start = position;
            int firstLine = line;
            while (true) {
                boolean goesOn = append(begin, end);
                line++;
                position = afterTerminator(end);
                if (!goesOn || position >= text.length()) {
                    break;
                }
                begin = skipBlanks(position);
                end = endOfLine(begin);
                if (logical.isEmpty() && (begin == end || text.charAt(begin) == '#' || text.charAt(begin) == '!')) {
                    // Nothing but a backslash so far: what follows starts afresh.
                    break;
                }
            }
            if (!logical.isEmpty()) {
                entries.add(entry(firstLine, start, end, position));
            }
        }
    }

    /// Adds one natural line, without the backslash that continues it.
    ///
    /// @return whether the next line belongs to it
    private boolean append(int begin, int end) {
        int backslashes = 0;
        while (backslashes < end - begin && text.charAt(end - 1 - backslashes) == '\\') {
            backslashes++;
        }
        boolean goesOn = (backslashes & 1) == 1;
        int last = goesOn ? end - 1 : end;
        for (int i = begin; i < last; i++) {
            if (logical.length() == origins.length) {
                origins = java.util.Arrays.copyOf(origins, 2 * origins.length);
            }
            origins[logical.length()] = i;
            logical.append(text.charAt(i));
        }
        return goesOn;
    }

    private Entry entry(int line, int start, int end, int next) {
        int length = logical.length();
        int keyEnd = 0;
        boolean escaped = false;
        while (keyEnd < length) {
            char c = logical.charAt(keyEnd);
            if (!escaped && (c == '=' || c == ':' || isBlank(c))) {
                break;
            }
            escaped = c == '\\' && !escaped;
            keyEnd++;
        }
        int valueStart = keyEnd;
        boolean separated = false;
        while (valueStart < length) {
            char c = logical.charAt(valueStart);
            if (!isBlank(c)) {
                if (separated || (c != '=' && c != ':')) {
                    break;
                }
                separated = true;
            }
            valueStart++;
        }
        StringBuilder bad = new StringBuilder();
        String key = unescape(logical.substring(0, keyEnd), bad);
        String value = unescape(logical.substring(valueStart), bad);
        int origin = valueStart < length ? origins[valueStart] : origins[length - 1] + 1;
        return new Entry(key, value, line, start, origin, end, next, bad.toString());
    }

    private static String unescape(String raw, StringBuilder bad) {
        if (raw.indexOf('\\') < 0) {
            return raw;
        }
        StringBuilder out = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            if (c != '\\' || i + 1 == raw.length()) {
                out.append(c);
                continue;
            }
            c = raw.charAt(++i);
            switch (c) {
                case 't' -> out.append('\t');
                case 'n' -> out.append('\n');
                case 'r' -> out.append('\r');
                case 'f' -> out.append('\f');
                case 'u' -> {
                    int code = i + 5 <= raw.length() ? hex(raw.substring(i + 1, i + 5)) : -1;
                    if (code < 0) {
                        if (bad.isEmpty()) {
                            bad.append(raw, i - 1, Math.min(raw.length(), i + 5));
                        }
                    } else {
                        out.append((char) code);
                        i += 4;
                    }
                }
                default -> out.append(c);
            }
        }
        return out.toString();
    }

    private static int hex(String digits) {
        int code = 0;
        for (int i = 0; i < digits.length(); i++) {
            char c = digits.charAt(i);
            int digit = c < 128 ? Character.digit(c, 16) : -1;
            if (digit < 0) {
                return -1;
            }
            code = (code << 4) | digit;
        }
        return code;
    }

    /// {@return `value` as it must be written behind `KEY=` so that it is read back the same}
    static String escapeValue(String value) {
        return escape(value, false);
    }

    /// {@return `key` as it must be written in front of `=`}
    static String escapeKey(String key) {
        return escape(key, true);
    }

    private static String escape(String raw, boolean key) {
        StringBuilder out = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            switch (c) {
                case '\\' -> out.append("\\\\");
                case '\t' -> out.append("\\t");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\f' -> out.append("\\f");
                case ' ' -> out.append(key || i == 0 || i == raw.length() - 1 ? "\\ " : " ");
                case '=', ':' -> out.append(key ? "\\" : "").append(c);
                case '#', '!' -> out.append(key && i == 0 ? "\\" : "").append(c);
                default -> {
                    // Lone surrogates have no UTF-8 form.
                    if (c < 0x20 || (Character.isSurrogate(c) && !paired(raw, i))) {
                        out.append("\\u").append(java.util.HexFormat.of().toHexDigits(c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        return out.toString();
    }

    private static boolean paired(String raw, int i) {
        return Character.isHighSurrogate(raw.charAt(i))
                ? i + 1 < raw.length() && Character.isLowSurrogate(raw.charAt(i + 1))
                : i > 0 && Character.isHighSurrogate(raw.charAt(i - 1));
    }

    private int skipBlanks(int position) {
        while (position < text.length() && isBlank(text.charAt(position))) {
            position++;
        }
        return position;
    }

    private int endOfLine(int position) {
        while (position < text.length() && text.charAt(position) != '\n' && text.charAt(position) != '\r') {
            position++;
        }
        return position;
    }

    private int afterTerminator(int end) {
        if (end >= text.length()) {
            return end;
        }
        boolean pair = text.charAt(end) == '\r' && end + 1 < text.length() && text.charAt(end + 1) == '\n';
        return end + (pair ? 2 : 1);
    }

    private static boolean isBlank(char c) {
        return c == ' ' || c == '\t' || c == '\f';
    }
}
