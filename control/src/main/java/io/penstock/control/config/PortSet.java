package io.penstock.control.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The ports of a listener: `80`, `80,443`, `9000-9009`, any mixture of these, or `all`.
///
/// @param ranges disjoint, ascending, merged where they touch; `all` is the one range 0-65535
/// @param text   as the operator wrote it, without blanks
public record PortSet(List<Range> ranges, String text) {

    /// @param first lowest port, both ends belong to the range
    /// @param last  highest port
    public record Range(int first, int last) {}

    /// Every port.
    public static final PortSet ALL = new PortSet(List.of(new Range(0, 65535)), "all");

    /// Copies the list.
    public PortSet {
        ranges = List.copyOf(ranges);
    }

    /// Reads `80`, `80,443`, `9000-9009`, any mixture of these, or `all`. Blanks around numbers are allowed.
    ///
    /// @throws IllegalArgumentException for anything else; its message says what is wrong
    public static PortSet parse(String text) {
        String dense = text.replaceAll("[ \\t]*([,-])[ \\t]*", "$1").strip();
        if (dense.equals(ALL.text)) {
            return ALL;
        }
        List<Range> written = new ArrayList<>();
        for (String part : dense.split(",", -1)) {
            int dash = part.indexOf('-');
            int first = port(dash < 0 ? part : part.substring(0, dash));
            int last = dash < 0 ? first : port(part.substring(dash + 1));
            if (last < first) {
                throw new IllegalArgumentException("the range " + part + " runs backwards");
            }
            written.add(new Range(first, last));
        }
        written.sort(Comparator.comparingInt(Range::first));
        List<Range> merged = new ArrayList<>();
        for (Range range : written) {
            Range before = merged.isEmpty() ? null : merged.getLast();
            if (before != null && range.first <= before.last + 1) {
                merged.set(merged.size() - 1, new Range(before.first, Math.max(before.last, range.last)));
            } else {
                merged.add(range);
            }
        }
        return new PortSet(merged, dense);
    }

    private static int port(String text) {
        if (!text.matches("[0-9]{1,9}")) {
            throw new IllegalArgumentException("\"" + text + "\" is not a port");
        }
        int port = Integer.parseInt(text);
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException(port + " is out of range");
        }
        return port;
    }

    /// {@return the port of a set of one, or 0}
    public int single() {
        boolean one = ranges.size() == 1 && ranges.getFirst().first == ranges.getFirst().last;
        return one ? ranges.getFirst().first : 0;
    }

    /// {@return whether this is the set of all ports}
    public boolean isAll() {
        return text.equals(ALL.text);
    }

    /// {@return whether `port` belongs to the set}
    public boolean contains(int port) {
        return ranges.stream().anyMatch(range -> range.first <= port && port <= range.last);
    }

    /// {@return whether the two sets share a port}
    public boolean overlaps(PortSet other) {
        return ranges.stream()
                .anyMatch(mine -> other.ranges.stream()
                        .anyMatch(theirs -> mine.first <= theirs.last && theirs.first <= mine.last));
    }
}
