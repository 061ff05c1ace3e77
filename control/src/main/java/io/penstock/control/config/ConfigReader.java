package io.penstock.control.config;

import io.penstock.control.config.PropertiesFile.Entry;
import java.nio.file.InvalidPathException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// Reads the values of one group of keys and collects problems instead of throwing at the first: a bad value is noted
/// and its default is returned, so that everything that is wrong shows in one run.
final class ConfigReader {
    private final String prefix;
    private final String pattern;
    private final Map<String, Entry> entries;
    private final Diagnostics diagnostics;
    private final Set<String> read = new HashSet<>();

    /// Where problems and warnings go.
    ///
    /// @param problems what makes the configuration unusable
    /// @param warnings what is doubtful
    record Diagnostics(List<Problem> problems, List<Problem> warnings) {}

    /// @param prefix  of the keys, with its dot: `listener.web.`
    /// @param pattern the same as the catalogue has it: `listener.NAME.`
    /// @param entries by what follows the prefix
    ConfigReader(String prefix, String pattern, Map<String, Entry> entries, Diagnostics diagnostics) {
        this.prefix = prefix;
        this.pattern = pattern;
        this.entries = entries;
        this.diagnostics = diagnostics;
    }

    /// {@return the entry of a key, or null when it is not set}
    @Nullable
    Entry entry(String suffix) {
        read.add(suffix);
        return entries.get(suffix);
    }

    /// {@return whether a key is set}
    boolean isSet(String suffix) {
        return entries.containsKey(suffix);
    }

    /// {@return the entries in file order, by what follows the prefix}
    Map<String, Entry> entries() {
        return entries;
    }

    /// {@return what the value of a key may be}
    String expected(String suffix) {
        return ConfigKeys.expected(pattern + suffix);
    }

    /// Notes a problem at a key; where it is not set, at the first key of the group.
    void problem(String suffix, String wrong, String expected) {
        diagnostics.problems.add(at(suffix, wrong, expected));
    }

    /// Notes a problem with the value of a key, with what the catalogue expects of it.
    void problem(Entry entry, String suffix, String wrong) {
        diagnostics.problems.add(entry.problem(wrong, expected(suffix) + commentHint(entry)));
    }

    /// Notes a problem with a part of a value, with an expectation of its own.
    void problemAt(Entry entry, String wrong, String expected) {
        diagnostics.problems.add(entry.problem(wrong, expected + commentHint(entry)));
    }

    /// Notes something doubtful at a key.
    void warning(String suffix, String doubtful, String better) {
        diagnostics.warnings.add(at(suffix, doubtful, better));
    }

    private Problem at(String suffix, String wrong, String expected) {
        Entry entry = entries.get(suffix);
        Entry near = entry != null ? entry : entries.isEmpty() ? null : firstEntry();
        String file = near == null ? "" : near.source().name();
        return new Problem(file, near == null ? 0 : near.line(), prefix + suffix, wrong, expected);
    }

    private Entry firstEntry() {
        return entries.values().iterator().next();
    }

    private static String commentHint(Entry entry) {
        boolean remark = entry.value().contains(" #") || entry.value().contains("\t#");
        return remark ? "; a comment needs a line of its own" : "";
    }

    /// {@return a required value, or null after noting that it is missing}
    @Nullable
    Entry required(String suffix) {
        Entry entry = entry(suffix);
        if (entry == null) {
            problem(suffix, "is missing", expected(suffix));
            return null;
        }
        return filled(suffix, entry);
    }

    /// {@return the entry if it is set and not blank; a blank one is noted}
    @Nullable
    Entry value(String suffix) {
        Entry entry = entry(suffix);
        return entry == null ? null : filled(suffix, entry);
    }

    private @Nullable Entry filled(String suffix, Entry entry) {
        if (entry.value().isBlank()) {
            problem(entry, suffix, "has no value");
            return null;
        }
        return entry;
    }

    /// {@return the text of a key that may be left blank, without blanks around it; null when it is blank or not set}
    @Nullable
    String optionalText(String suffix) {
        Entry entry = entry(suffix);
        return entry == null || entry.value().isBlank() ? null : entry.value().strip();
    }

    /// {@return a word of a fixed list}
    <E extends Enum<E> & Keyword> E keyword(String suffix, Class<E> type, E defaultValue) {
        Entry entry = value(suffix);
        if (entry == null) {
            return defaultValue;
        }
        E found = keyword(type, entry.value().strip());
        if (found == null) {
            problem(entry, suffix, quoted(entry.value()) + " is not one of the words");
            return defaultValue;
        }
        return found;
    }

    /// {@return the constant that is spelled so, or null}
    static <E extends Enum<E> & Keyword> @Nullable E keyword(Class<E> type, String text) {
        for (E constant : type.getEnumConstants()) {
            if (constant.text().equals(text)) {
                return constant;
            }
        }
        return null;
    }

    /// {@return whether a switch is on}
    boolean flag(String suffix, boolean defaultValue) {
        Entry entry = value(suffix);
        if (entry == null) {
            return defaultValue;
        }
        return switch (entry.value().strip()) {
            case "on", "true" -> true;
            case "off", "false" -> false;
            default -> {
                problem(entry, suffix, quoted(entry.value()) + " is not one of the words");
                yield defaultValue;
            }
        };
    }

    /// {@return a whole number}
    long number(String suffix, long defaultValue, long min, long max) {
        return bounded(suffix, defaultValue, min, max, ConfigReader::plainNumber, "", "a whole number");
    }

    /// {@return a number that may have a unit k, m or g}
    long size(String suffix, long defaultValue, long min, long max) {
        return bounded(suffix, defaultValue, min, max, Quantities::size, "[kmg]?", "a number with or without k, m, g");
    }

    /// {@return a duration in ms}
    long durationMs(String suffix, long defaultMs, long minMs, long maxMs) {
        return bounded(
                suffix, defaultMs, minMs, maxMs, Quantities::durationMs, "(ms|[smh])?", "a duration in ms, s, m or h");
    }

    private long bounded(
            String suffix,
            long defaultValue,
            long min,
            long max,
            ToLongFunction<String> parser,
            String unitPattern,
            String kind) {
        Entry entry = value(suffix);
        if (entry == null) {
            return defaultValue;
        }
        String text = entry.value().strip();
        long value = parser.applyAsLong(text);
        if (value < 0) {
            // A negative number, or one of too many digits, is out of range and no other fault.
            boolean number = text.matches("[+-]?[0-9]+" + unitPattern);
            problem(entry, suffix, quoted(text) + (number ? " is out of range" : " is not " + kind));
            return defaultValue;
        }
        if (value < min || value > max) {
            problem(entry, suffix, text + " is out of range");
            return defaultValue;
        }
        return value;
    }

    /// {@return the number, or -1 when `text` is none}
    static long plainNumber(String text) {
        return text.isEmpty() || Character.isDigit(text.charAt(text.length() - 1)) ? Quantities.size(text) : -1;
    }

    /// {@return an absolute path; a relative one starts at the folder of the file that names it}
    @Nullable
    String path(String suffix) {
        String text = optionalText(suffix);
        Entry entry = entry(suffix);
        if (text == null || entry == null) {
            return null;
        }
        try {
            return entry.source().path().resolveSibling(text).normalize().toString();
        } catch (InvalidPathException invalid) {
            problem(entry, suffix, quoted(text) + " is not a file name");
            return null;
        }
    }

    /// Notes every key that was set and never asked for.
    void finish(Suggestions suggestions) {
        for (Map.Entry<String, Entry> each : entries.entrySet()) {
            if (!read.contains(each.getKey())) {
                diagnostics.problems.add(
                        each.getValue().problem("not a known key", suggestions.of(prefix + each.getKey())));
            }
        }
    }

    /// Looks for near keys, but not for every line of a file that is no configuration at all.
    static final class Suggestions {
        private static final int MOST = 100;
        private int made;

        String of(String unknown) {
            return made++ < MOST ? ConfigKeys.suggestion(unknown) : "see docs/configuration.md";
        }
    }

    /// {@return `text` in quotation marks, cut when it is long, on one line}
    static String quoted(String text) {
        String line = text.strip().replaceAll("[\\p{Cntrl}\u2028\u2029]+", " ");
        return '"' + (line.length() > 80 ? line.substring(0, 77) + "..." : line) + '"';
    }
}
