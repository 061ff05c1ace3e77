package io.penstock.flowtable.schedule;

import java.util.Arrays;

/// A Maglev table: which backend of a [Pool] owns each of a prime number of slots. Immutable, so safe to publish by
/// any means. From Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
/// §3.4.
///
/// The same backends and weights give the same table on every machine with the same hash key, whatever the order of
/// the pool. Weights are exact: see [MaglevBuilder]. Two bytes a slot.
public final class MaglevTable {
    // The paper asks for M prime and M > 100 N, so that a backend's share is off by 1 % at most. Few and far apart: a
    // change of size moves nearly every slot. 65537, 655373 and 6553621 are primes.
    private static final int[] SIZES = {65_537, 655_373, 6_553_621};

    private final Pool pool;
    private final int size;
    private final char[] slots;

    MaglevTable(Pool pool, int size, char[] slots) {
        this.pool = pool;
        this.size = size;
        this.slots = slots;
    }

    /// {@return how many slots a listener's table has}
    ///
    /// @param configured backends of the listener, usable or not, so that a failure does not change the size
    public static int sizeFor(int configured) {
        for (int size : SIZES) {
            if (size >= 100L * configured) {
                return size;
            }
        }
        throw new IllegalArgumentException("configured=" + configured + " (expected 0.." + Pool.SIZE_MAX + ")");
    }

    /// Builds a table with scratch memory of its own; the conductor keeps a [MaglevBuilder] instead.
    ///
    /// @param size prime, from [#sizeFor(int)]
    public static MaglevTable build(Pool pool, int size) {
        return new MaglevBuilder().build(pool, size);
    }

    /// Fills a table as the paper does: backends take turns in the given order, each takes the first free slot of its
    /// own permutation `(offset + j * skip) mod m`.
    ///
    /// @param m       slots, a prime
    /// @param offsets `0..m-1`, one for each backend
    /// @param skips   `1..m-1`, one for each backend
    /// @return the backend of each slot
    public static int[] populate(int m, int[] offsets, int[] skips) {
        char[] slots = new MaglevBuilder().populate(m, offsets, skips);
        int[] backends = new int[m];
        Arrays.setAll(backends, slot -> slots[slot]);
        return backends;
    }

    /// {@return the pool whose indexes the slots hold}
    public Pool pool() {
        return pool;
    }

    /// {@return how many slots there are}
    public int size() {
        return size;
    }

    /// {@return whether no backend is in the table; then there is nothing to look up}
    public boolean isEmpty() {
        return slots.length == 0;
    }

    /// Maps a hash to a slot by the high half of a multiplication: its high bits decide, and no division is needed.
    ///
    /// @return `0..size-1`
    public int slot(long hash) {
        return (int) Math.unsignedMultiplyHigh(hash, size);
    }

    /// {@return the pool index of the backend that owns a slot}
    public int backend(int slot) {
        return slots[slot];
    }

    /// {@return how many slots each backend of the pool owns}
    public int[] shares() {
        int[] shares = new int[pool.size()];
        for (char backend : slots) {
            shares[backend]++;
        }
        return shares;
    }
}
