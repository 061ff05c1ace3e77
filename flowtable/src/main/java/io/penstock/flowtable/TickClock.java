package io.penstock.flowtable;

/// Time as the tables keep it: ticks of 2^24 ns, 16.8 ms, so that a last-seen time fits 24 bits.
///
/// A tick count is an `int` that wraps after 2.3 years; tables that keep only its low 24 bits wrap after 78 hours.
/// [#elapsed(int, int)] is right while the two moments are less than 39 hours apart in either direction: the longest
/// idle time is 24 hours, so a sweep has 15 hours to come round before an old time could pass for a new one.
public final class TickClock {
    /// Nanoseconds to ticks, as a shift.
    public static final int SHIFT = 24;

    /// Bits of a tick that tables keep.
    public static final int BITS = 24;

    /// Mask of the bits that tables keep.
    public static final int MASK = (1 << BITS) - 1;

    /// The longest time that may be asked for: 24 hours, in ms.
    public static final long LONGEST_MS = 86_400_000;

    private static final int SIGN = Integer.SIZE - BITS;
    private static final long NS_PER_MS = 1_000_000;

    private TickClock() {}

    /// {@return the tick of a monotonic time}
    ///
    /// @param ns nanoseconds from any origin that stays the same while the tables live
    public static int ticks(long ns) {
        return (int) (ns >> SHIFT);
    }

    /// {@return how long a timeout is in ticks, rounded up, at least 1}
    ///
    /// @param ms 0 to [#LONGEST_MS]
    public static int ticksOfMs(long ms) {
        if (ms < 0 || ms > LONGEST_MS) {
            throw new IllegalArgumentException("ms=" + ms + ": 0 to " + LONGEST_MS + " expected");
        }
        return (int) Math.max(1, (ms * NS_PER_MS + (1L << SHIFT) - 1) >> SHIFT);
    }

    /// {@return milliseconds in so many ticks, rounded down}
    ///
    /// @param ticks at most 2^39
    public static long msOfTicks(long ticks) {
        return (ticks << SHIFT) / NS_PER_MS;
    }

    /// {@return ticks from `then` to `now`, 0 when `then` is the later one}
    ///
    /// @param now  a tick, whole or its low 24 bits
    /// @param then a tick, whole or its low 24 bits
    public static int elapsed(int now, int then) {
        return Math.max(0, ((now - then) << SIGN) >> SIGN);
    }
}
