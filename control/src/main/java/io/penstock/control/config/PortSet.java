package io.penstock.control.config;

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
