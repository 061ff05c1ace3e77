package io.penstock.flowtable;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// Which backend a fingerprint belongs to: a client within a listener (session persistence), or a fragmented datagram.
/// Bounded, off-heap, shared by all workers, readable by other processes, and there again after a restart when its
/// memory is a mapped file.
///
/// ```
///  header, 128 bytes
/// +---------------+---------------+---------------+---------------+
/// |   magic (8)   |  version (4)  |   epoch (4)   |   slots (8)   |
/// +---------------+---------------+---------------+---------------+
/// |   ticket (8)  |                  unused (96)                  |
/// +---------------+-----------------------------------------------+
///  windows of 128 bytes, a power of two of them, 8 entries of 16 bytes each
///
///  63                                                             0
/// +----------------------------------------------------------------+
/// |                          fingerprint                           | 0
/// +--+------------+--------------------+------+--------------------+
/// |st|   turn     |    backend row     | gen  |   last used tick   | 8  published
/// +--+------------+--------------------+------+--------------------+
/// |st|   epoch    |                   ticket                       | 8  claimed or announced
/// +--+------------+------------------------------------------------+
///  63 61           49                   29     23                  0
/// ```
///
/// An entry's second word owns the first. It goes from free or published to *claimed* by a compare-and-set with a
/// ticket that nobody else has; the claimant alone then writes the fingerprint and *announces* it; having looked for
/// others that announced the same one, it *publishes*. A fingerprint lies in its own window only. When that is full,
/// the entry that was not used for longest gives way.
///
/// **Guarantees.** No call blocks or waits for another. For one fingerprint, [#putIfAbsent] and [#replace] return the
/// same backend to all who call at once: of two that announced, the one that looks second sees the first, and either
/// withdraws in favour of what is published or has the other start again. A reader never takes one fingerprint's
/// backend for another's. A process killed at any point leaves at most a claimed slot, which is free for the next
/// epoch.
///
/// **Assumptions.** One process opens the table for writing at a time. Fingerprints are keyed 64-bit hashes:
/// two clients that share one share a backend.
public final class AffinityTable {
    /// What find returns for a fingerprint without a backend.
    public static final int NONE = -1;

    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt HALF = ValueLayout.JAVA_INT;
    private static final VarHandle WORDS = WORD.varHandle();

    private static final long MAGIC = 0x4e464641_4b4e5453L; // "STNKAFFN" in memory, little-endian
    private static final int VERSION = 1;
    private static final long MAGIC_OFFSET = 0;
    private static final long VERSION_OFFSET = 8;
    private static final long EPOCH_OFFSET = 12;
    private static final long SLOTS_OFFSET = 16;
    private static final long TICKET_OFFSET = 24;
    private static final long HEADER_LENGTH = 128;

    private static final int ENTRY_LENGTH = 16;
    private static final long VALUE = 8;
    private static final int WINDOW_SHIFT = 7;
    private static final long WINDOW_LENGTH = 1L << WINDOW_SHIFT;
    private static final int SLOTS_PER_WINDOW = 8;
    private static final long CAPACITY_MAX = 1L << 28;

    private static final int STATE_SHIFT = 62;
    private static final long FREE = 0;
    private static final long CLAIMED = 1;
    private static final long ANNOUNCED = 2;
    private static final long PUBLISHED = 3;
    private static final int TURN_SHIFT = 50;
    private static final long TURN_MASK = (1 << 12) - 1;
    private static final int EPOCH_SHIFT = 50;
    private static final long EPOCH_MASK = (1 << 12) - 1;
    private static final long TICKET_MASK = (1L << EPOCH_SHIFT) - 1;
    private static final int BACKEND_SHIFT = TickClock.BITS;
    private static final long BACKEND_MASK = (1 << 26) - 1;
    private static final int ROW_BITS = 20;
    private static final int ROW_MASK = (1 << ROW_BITS) - 1;
    private static final int GENERATION_MASK = (1 << 6) - 1;

    /// Attempts that go by a rule under which one of two rivals always gets on; from then on nobody is waited for.
    private static final int POLITE_ATTEMPTS = 16;

    /// Attempts after which a caller keeps its own choice, unrecorded. Only with its window full of others' claims.
    private static final int ATTEMPTS = 256;

    private final MemorySegment memory;
    private final long windowMask;
    private final long epoch;

    /// Opens the table that is in the memory, or makes one of fresh zeros.
    ///
    /// @param memory   at least [#bytesFor(long)], aligned to 8 bytes, better to 128
    /// @param capacity fingerprints to make room for
    /// @throws IllegalArgumentException when the memory is too short or holds something else
    public AffinityTable(MemorySegment memory, long capacity) {
        long slots = slots(capacity);
        if (memory.byteSize() < bytesFor(capacity)) {
            throw new IllegalArgumentException(
                    "memory=" + memory.byteSize() + " bytes: " + bytesFor(capacity) + " expected");
        }
        this.memory = memory;
        windowMask = ((slots / SLOTS_PER_WINDOW) << WINDOW_SHIFT) - 1;
        if (memory.get(WORD, MAGIC_OFFSET) == 0) {
            memory.set(HALF, VERSION_OFFSET, VERSION);
            memory.set(WORD, SLOTS_OFFSET, slots);
            WORDS.setRelease(memory, MAGIC_OFFSET, MAGIC);
        } else if (!canOpen(memory, capacity)) {
            throw new IllegalArgumentException("affinity table of version=" + memory.get(HALF, VERSION_OFFSET)
                    + " slots=" + memory.get(WORD, SLOTS_OFFSET) + " (" + VERSION + ", " + slots
                    + " expected); set the old table aside");
        }
        int next = memory.get(HALF, EPOCH_OFFSET) + 1;
        memory.set(HALF, EPOCH_OFFSET, next);
        epoch = next & EPOCH_MASK;
    }

    private AffinityTable(MemorySegment memory) {
        this.memory = memory;
        windowMask = ((memory.get(WORD, SLOTS_OFFSET) / SLOTS_PER_WINDOW) << WINDOW_SHIFT) - 1;
        epoch = 0;
    }

    /// {@return a view of another process's table, for [#find] alone}
    ///
    /// @param memory a table's memory; read-only is enough
    /// @throws IllegalArgumentException when the memory does not hold an affinity table of this version
    public static AffinityTable reader(MemorySegment memory) {
        if (memory.byteSize() < HEADER_LENGTH
                || (long) WORDS.getAcquire(memory, MAGIC_OFFSET) != MAGIC
                || memory.get(HALF, VERSION_OFFSET) != VERSION
                || memory.byteSize() < HEADER_LENGTH + memory.get(WORD, SLOTS_OFFSET) * ENTRY_LENGTH) {
            throw new IllegalArgumentException("no affinity table of layout version " + VERSION);
        }
        return new AffinityTable(memory);
    }

    /// {@return the memory that a table needs, in bytes: 32 to 64 for each fingerprint}
    ///
    /// @param capacity fingerprints to make room for, 1 to 2^28
    public static long bytesFor(long capacity) {
        return HEADER_LENGTH + slots(capacity) * ENTRY_LENGTH;
    }

    /// {@return whether a table of this capacity can be opened on the memory, be it fresh or in use}
    ///
    /// @param memory   any memory of at least 128 bytes
    /// @param capacity fingerprints to make room for
    public static boolean canOpen(MemorySegment memory, long capacity) {
        if (memory.byteSize() < bytesFor(capacity)) {
            return false;
        }
        long magic = memory.get(WORD, MAGIC_OFFSET);
        return magic == 0
                || (magic == MAGIC
                        && memory.get(HALF, VERSION_OFFSET) == VERSION
                        && memory.get(WORD, SLOTS_OFFSET) == slots(capacity));
    }

    /// {@return a backend as find returns it}
    ///
    /// @param row        backend row, below 2^20
    /// @param generation the row's generation, below 2^6
    public static int backend(int row, int generation) {
        assert (row & ~ROW_MASK) == 0 : "row=" + row;
        assert (generation & ~GENERATION_MASK) == 0 : "generation=" + generation;
        return (generation << ROW_BITS) | row;
    }

    /// {@return the row of a backend}
    ///
    /// @param backend from find, not [#NONE]
    public static int row(int backend) {
        return backend & ROW_MASK;
    }

    /// {@return the generation of a backend's row}
    ///
    /// @param backend from find, not [#NONE]
    public static int generation(int backend) {
        return backend >>> ROW_BITS;
    }

    /// {@return the backend of a fingerprint, for [#row(int)] and [#generation(int)], or [#NONE] when it has none or
    /// was not used for longer than the timeout}
    ///
    /// @param fingerprint  a keyed hash
    /// @param nowTicks     the time
    /// @param timeoutTicks the longest time without use
    public int find(long fingerprint, int nowTicks, int timeoutTicks) {
        long window = window(fingerprint);
        for (long entry = window; entry < window + WINDOW_LENGTH; entry += ENTRY_LENGTH) {
            long value = valueOf(entry, fingerprint);
            if (value != FREE) {
                return isExpired(value, nowTicks, timeoutTicks) ? NONE : backendOf(value);
            }
        }
        return NONE;
    }

    /// {@return as [#find]}, and makes the time count from now again.
    ///
    /// @param fingerprint  a keyed hash
    /// @param nowTicks     the time
    /// @param timeoutTicks the longest time without use
    public int touch(long fingerprint, int nowTicks, int timeoutTicks) {
        long window = window(fingerprint);
        for (long entry = window; entry < window + WINDOW_LENGTH; entry += ENTRY_LENGTH) {
            long value = valueOf(entry, fingerprint);
            if (value != FREE) {
                if (isExpired(value, nowTicks, timeoutTicks)) {
                    return NONE;
                }
                refresh(entry, value, nowTicks);
                return backendOf(value);
            }
        }
        return NONE;
    }

    /// Gives a fingerprint to a backend, whatever it had before.
    ///
    /// @param fingerprint a keyed hash
    /// @param row         backend row, below 2^20
    /// @param generation  the row's generation, below 2^6
    /// @param nowTicks    the time
    public void put(long fingerprint, int row, int generation, int nowTicks) {
        int wanted = backend(row, generation);
        int current = NONE;
        for (int attempt = 0; attempt < ATTEMPTS && current != wanted; attempt++) {
            current = settle(fingerprint, current, wanted, nowTicks, Integer.MAX_VALUE);
        }
    }

    /// Gives a fingerprint to a backend unless it has one already.
    ///
    /// @param fingerprint  a keyed hash
    /// @param row          backend row, below 2^20
    /// @param generation   the row's generation, below 2^6
    /// @param nowTicks     the time
    /// @param timeoutTicks the longest time without use
    /// @return the backend that the fingerprint has now; the same for all who call at once
    public int putIfAbsent(long fingerprint, int row, int generation, int nowTicks, int timeoutTicks) {
        return settle(fingerprint, NONE, backend(row, generation), nowTicks, timeoutTicks);
    }

    /// Moves a fingerprint from a backend that is of no use any more to another one.
    ///
    /// @param fingerprint a keyed hash
    /// @param useless     the backend it had, from find
    /// @param row         backend row, below 2^20
    /// @param generation  the row's generation, below 2^6
    /// @param nowTicks    the time
    /// @return the backend that the fingerprint has now; the same for all who call at once with the same `useless`
    public int replace(long fingerprint, int useless, int row, int generation, int nowTicks) {
        return settle(fingerprint, useless, backend(row, generation), nowTicks, Integer.MAX_VALUE);
    }

    /// Brings about that the fingerprint has a backend: the one it has, unless that is `useless` or expired, else
    /// `wanted`.
    private int settle(long fingerprint, int useless, int wanted, int nowTicks, int timeoutTicks) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            long entry = published(fingerprint);
            if (entry != NONE) {
                long value = valueOf(entry, fingerprint);
                if (value == FREE) {
                    continue; // It has just gone.
                }
                if (backendOf(value) != useless && !isExpired(value, nowTicks, timeoutTicks)) {
                    refresh(entry, value, nowTicks);
                    return backendOf(value);
                }
                if (set(entry, value, published(wanted, nowTicks, value >>> TURN_SHIFT))) {
                    return wanted;
                }
            } else if (insert(fingerprint, wanted, nowTicks, attempt < POLITE_ATTEMPTS)) {
                return wanted;
            }
            Thread.onSpinWait();
        }
        return wanted;
    }

    /// One attempt to add a fingerprint that nobody has published.
    private boolean insert(long fingerprint, int wanted, int nowTicks, boolean polite) {
        long ticket = (long) WORDS.getAndAdd(memory, TICKET_OFFSET, 1L);
        long claim = (CLAIMED << STATE_SHIFT) | (epoch << EPOCH_SHIFT) | (ticket & TICKET_MASK);
        long entry = claim(fingerprint, claim, nowTicks);
        if (entry == NONE) {
            return false;
        }
        // While the slot is claimed, nobody else writes to it.
        WORDS.setOpaque(memory, entry, fingerprint);
        long announcement = claim ^ ((CLAIMED ^ ANNOUNCED) << STATE_SHIFT);
        // Volatile, before the volatile reads of isAlone: of two that announce the same, the later one sees the other.
        WORDS.setVolatile(memory, entry + VALUE, announcement);
        if (!isAlone(fingerprint, entry, polite)) {
            set(entry, announcement, FREE);
            return false;
        }
        return set(entry, announcement, published(wanted, nowTicks, ticket));
    }

    /// Claims a slot of the window: a free one, or one whose claimant is of a former epoch, or the oldest.
    private long claim(long fingerprint, long claim, int nowTicks) {
        long window = window(fingerprint);
        long oldest = NONE;
        long oldestValue = FREE;
        int oldestTicks = -1;
        for (long entry = window; entry < window + WINDOW_LENGTH; entry += ENTRY_LENGTH) {
            long value = value(entry);
            if (value == FREE || isAbandoned(value)) {
                return set(entry, value, claim) ? entry : NONE;
            }
            if (state(value) == PUBLISHED) {
                if (isOf(entry, fingerprint)) {
                    return NONE; // A rival was faster.
                }
                int idleTicks = TickClock.elapsed(nowTicks, tick(value));
                if (idleTicks > oldestTicks) {
                    oldest = entry;
                    oldestValue = value;
                    oldestTicks = idleTicks;
                }
            }
        }
        return oldest != NONE && set(oldest, oldestValue, claim) ? oldest : NONE;
    }

    /// Whether no other slot holds the fingerprint. Rivals that have announced it but not published are made to start
    /// again; only for a while, a rival in a lower slot has precedence, so that two do not hinder each other
    /// for ever.
    private boolean isAlone(long fingerprint, long own, boolean polite) {
        long window = window(fingerprint);
        for (long entry = window; entry < window + WINDOW_LENGTH; entry += ENTRY_LENGTH) {
            if (entry == own) {
                continue;
            }
            long value = value(entry);
            while (state(value) >= ANNOUNCED && isOf(entry, fingerprint)) {
                if (state(value) == PUBLISHED || (polite && entry < own && !isAbandoned(value))) {
                    return false;
                }
                if (set(entry, value, FREE)) {
                    break;
                }
                value = value(entry);
            }
        }
        return true;
    }

    private long published(long fingerprint) {
        long window = window(fingerprint);
        for (long entry = window; entry < window + WINDOW_LENGTH; entry += ENTRY_LENGTH) {
            if (valueOf(entry, fingerprint) != FREE) {
                return entry;
            }
        }
        return NONE;
    }

    /// The published value of a slot if it belongs to the fingerprint, else [#FREE].
    private long valueOf(long entry, long fingerprint) {
        for (int attempt = 0; attempt < ATTEMPTS && isOf(entry, fingerprint); attempt++) {
            long before = value(entry);
            if (state(before) != PUBLISHED || !isOf(entry, fingerprint)) {
                return FREE;
            }
            long after = value(entry);
            // A refresh may have come between; a change of hands shows in the turn, a change of backend in the row.
            if ((before ^ after) >>> BACKEND_SHIFT == 0) {
                return after;
            }
        }
        return FREE;
    }

    private void refresh(long entry, long value, int nowTicks) {
        // Only forward, and only when it tells something: the entry is shared by all workers.
        if (TickClock.elapsed(nowTicks, tick(value)) > 0) {
            set(entry, value, (value & ~(long) TickClock.MASK) | (nowTicks & TickClock.MASK));
        }
    }

    private boolean isAbandoned(long value) {
        long state = state(value);
        return (state == CLAIMED || state == ANNOUNCED) && ((value >>> EPOCH_SHIFT) & EPOCH_MASK) != epoch;
    }

    private boolean isOf(long entry, long fingerprint) {
        return (long) WORDS.getAcquire(memory, entry) == fingerprint;
    }

    private long value(long entry) {
        return (long) WORDS.getVolatile(memory, entry + VALUE);
    }

    private boolean set(long entry, long expected, long value) {
        return WORDS.compareAndSet(memory, entry + VALUE, expected, value);
    }

    private long window(long fingerprint) {
        return ((fingerprint << WINDOW_SHIFT) & windowMask) + HEADER_LENGTH;
    }

    private static long published(int backend, int nowTicks, long turn) {
        return (PUBLISHED << STATE_SHIFT)
                | ((turn & TURN_MASK) << TURN_SHIFT)
                | ((long) backend << BACKEND_SHIFT)
                | (nowTicks & TickClock.MASK);
    }

    private static boolean isExpired(long value, int nowTicks, int timeoutTicks) {
        return TickClock.elapsed(nowTicks, tick(value)) > timeoutTicks;
    }

    private static long state(long value) {
        return value >>> STATE_SHIFT;
    }

    private static int backendOf(long value) {
        return (int) ((value >>> BACKEND_SHIFT) & BACKEND_MASK);
    }

    private static int tick(long value) {
        return (int) value & TickClock.MASK;
    }

    private static long slots(long capacity) {
        if (capacity < 1 || capacity > CAPACITY_MAX) {
            throw new IllegalArgumentException("capacity=" + capacity + ": 1 to " + CAPACITY_MAX + " expected");
        }
        // Twice the capacity: with 8 slots a window, 4 of them in use on average, 2 % of the windows overflow.
        return Math.max(SLOTS_PER_WINDOW, Long.highestOneBit(4 * capacity - 1));
    }
}
