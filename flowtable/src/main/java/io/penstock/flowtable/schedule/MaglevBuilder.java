package io.penstock.flowtable.schedule;

import java.util.Arrays;

/// Builds Maglev tables; keeps its scratch memory from one table to the next. One thread's own.
///
/// **Permutations.** A backend's offset and skip come from its identity through two different mixes, so they are
/// independent of each other and of the order of the pool.
///
/// **Turns.** Backend `i` of weight `w` takes its turn number `k` at the time `(k + phase) / w`, where the phase,
/// in `[0, 1)`, is the high half of its identity; turns are taken in the order of time until the table is full. The
/// first turn of each is moved to time 0, so that the lightest backend owns a slot too. Three things follow:
///
///   - Shares are exact: when the table is full at time `t`, each backend owns `t * w` slots, rounded up or down (or
///     one). For equal weights that is the paper's round-robin.
///   - The order in which the *others* take turns does not depend on a backend, so its removal, arrival or change of
///     weight only moves the moment at which the table is full.
///   - Phases differ between backends of one weight, so their roundings cancel out and a heavy backend beside
///     thousands of light ones gets its share as well.
///
/// Backends of one weight are sorted by identity and therefore by phase, so a group's next turn is always its next
/// member's; a heap orders the groups. A turn costs the logarithm of the number of different weights.
///
/// **The last slots.** A backend looks for a free slot in about `m / free` steps: half of all steps are spent on the
/// last `sqrt(m)` slots. Those are filled from the other end: for each free slot, the position it has in the
/// backend's permutation is `(slot - here) / skip mod m`, and the least one is what stepping would have found. The
/// table is the same, a fifth of the time is saved for equal weights, and the worst case of a turn is `sqrt(m)`.
public final class MaglevBuilder {
    private static final long OFFSET_SEED = 0x243f6a8885a308d3L; // Digits of pi.
    private static final long SKIP_SEED = 0x13198a2e03707344L;
    // Time is a fixed-point number with 39 bits behind the point, 32 of them the phase: turn numbers below 2^23, of
    // up to 6553621 slots, then fit 62 bits. Turns of different weights that coincide to 2^-39 go by group.
    private static final int PHASE_BITS = 32;
    private static final int EXTRA_BITS = 7;

    private int m;
    private int free;
    private char[] slots = {};
    private long[] taken = {}; // a bit a slot

    private int[] positions = {}; // where a backend's next look is
    private int[] skips = {};
    private int[] inverses = {}; // 1 / skip mod m; 0 when not known yet

    private int[] freeSlots = {};
    private boolean isSparse; // whether freeSlots holds what is left

    private long[] sorted = {};
    private long[] keys = {};
    private int[] order = {}; // pool indexes by weight, then identity

    private int groupCount;
    private int[] groupFrom = {}; // a group's members are order[from..to-1]
    private int[] groupTo = {};
    private int[] groupNext = {}; // the member whose turn is next
    private int[] groupTurn = {}; // and which of its turns it is
    private int[] heap = {}; // groups, the one with the earliest turn first
    private long[] heapTimes = {}; // heapTimes[i] is when the group heap[i] has its next turn

    /// Builds a table.
    ///
    /// @param size prime and at least the pool's size; [MaglevTable#sizeFor(int)] says which
    /// @return a table that shares nothing with this builder
    /// @throws IllegalArgumentException when the pool has more backends than slots
    public MaglevTable build(Pool pool, int size) {
        int backends = pool.size();
        if (backends == 0) {
            return new MaglevTable(pool, size, new char[0]);
        }
        reset(size, backends);
        for (int i = 0; i < backends; i++) {
            long identity = pool.identities[i];
            positions[i] = (int) Math.unsignedMultiplyHigh(BackendIdentity.mix(identity ^ OFFSET_SEED), size);
            skips[i] = 1 + (int) Math.unsignedMultiplyHigh(BackendIdentity.mix(identity ^ SKIP_SEED), size - 1L);
        }
        sort(pool);
        takeFirstTurns(backends);
        if (groupCount == 1) {
            takeEqualTurns(backends);
        } else {
            takeWeightedTurns(pool);
        }
        return new MaglevTable(pool, size, finish());
    }

    /// The paper's own form; see [MaglevTable#populate(int, int\[\], int\[\])].
    char[] populate(int size, int[] offsets, int[] wantedSkips) {
        int backends = offsets.length;
        reset(size, backends);
        for (int i = 0; i < backends; i++) {
            if (offsets[i] < 0 || offsets[i] >= size || wantedSkips[i] < 1 || wantedSkips[i] >= size) {
                throw new IllegalArgumentException(
                        "offsets[" + i + "]=" + offsets[i] + " skips[" + i + "]=" + wantedSkips[i] + " m=" + size);
            }
            positions[i] = offsets[i];
            skips[i] = wantedSkips[i];
            order[i] = i;
        }
        takeEqualTurns(backends);
        return finish();
    }

    private void reset(int size, int backends) {
        if (backends == 0 || backends > size || size < 2) {
            throw new IllegalArgumentException("backends=" + backends + " m=" + size);
        }
        m = size;
        free = size;
        slots = new char[size];
        isSparse = false;
        int words = (size + 63) >>> 6;
        if (taken.length < words) {
            taken = new long[words];
            freeSlots = new int[sparseFrom(size) + 1];
        }
        Arrays.fill(taken, 0, words, 0);
        if (positions.length < backends) {
            positions = new int[backends];
            skips = new int[backends];
            inverses = new int[backends];
            sorted = new long[backends];
            keys = new long[backends];
            order = new int[backends];
            groupFrom = new int[backends];
            groupTo = new int[backends];
            groupNext = new int[backends];
            groupTurn = new int[backends];
            heapTimes = new long[backends];
            heap = new int[backends];
        }
        Arrays.fill(inverses, 0, backends, 0);
    }

    private char[] finish() {
        char[] done = slots;
        slots = new char[0]; // The table owns it now.
        return done;
    }

    /// Free slots below which the inverse way costs less: stepping takes `m / free` steps, the other `free`.
    private static int sparseFrom(int size) {
        return (int) Math.sqrt(size);
    }

    /// Fills `order` and the groups: heaviest first, then by identity.
    private void sort(Pool pool) {
        int backends = pool.size();
        System.arraycopy(pool.identities, 0, sorted, 0, backends);
        Arrays.sort(sorted, 0, backends);
        for (int i = 0; i < backends; i++) {
            long rank = Arrays.binarySearch(sorted, 0, backends, pool.identities[i]);
            // 16 bits each; equal identities, which are as good as impossible, go by index.
            keys[i] = (long) (Pool.WEIGHT_MAX - pool.weights[i]) << 32 | (rank << 16) | i;
        }
        Arrays.sort(keys, 0, backends);
        groupCount = 0;
        int weight = 0;
        for (int i = 0; i < backends; i++) {
            int backend = (int) (keys[i] & 0xffff);
            order[i] = backend;
            if (pool.weights[backend] != weight) {
                weight = pool.weights[backend];
                groupFrom[groupCount++] = i;
            }
            groupTo[groupCount - 1] = i + 1;
        }
    }

    private void takeFirstTurns(int backends) {
        for (int i = 0; i < backends; i++) {
            take(order[i]);
        }
    }

    private void takeEqualTurns(int backends) {
        while (free > 0) {
            int turns = Math.min(backends, free);
            for (int i = 0; i < turns; i++) {
                take(order[i]);
            }
        }
    }

    private void takeWeightedTurns(Pool pool) {
        for (int group = 0; group < groupCount; group++) {
            groupNext[group] = groupFrom[group];
            groupTurn[group] = 1;
            heap[group] = group;
            heapTimes[group] = time(pool, group);
        }
        for (int at = groupCount / 2 - 1; at >= 0; at--) {
            siftDown(at, heap[at], heapTimes[at]);
        }
        while (free > 0) {
            int group = heap[0];
            take(order[groupNext[group]]);
            if (++groupNext[group] == groupTo[group]) {
                groupNext[group] = groupFrom[group];
                groupTurn[group]++;
            }
            siftDown(0, group, time(pool, group));
        }
    }

    /// When a group's next turn is.
    private long time(Pool pool, int group) {
        int backend = order[groupNext[group]];
        // The identity's high half in the order of signed numbers, which is the order of the sort.
        long phase = (pool.identities[backend] >>> PHASE_BITS) ^ 0x8000_0000L;
        return ((((long) groupTurn[group] << PHASE_BITS) | phase) << EXTRA_BITS) / pool.weights[backend];
    }

    /// Puts a group into the heap at `from` or below.
    private void siftDown(int from, int group, long time) {
        int at = from;
        int child = 2 * at + 1;
        while (child < groupCount) {
            if (child + 1 < groupCount
                    && isBefore(heapTimes[child + 1], heap[child + 1], heapTimes[child], heap[child])) {
                child++;
            }
            if (isBefore(time, group, heapTimes[child], heap[child])) {
                break;
            }
            heap[at] = heap[child];
            heapTimes[at] = heapTimes[child];
            at = child;
            child = 2 * at + 1;
        }
        heap[at] = group;
        heapTimes[at] = time;
    }

    private static boolean isBefore(long time, int group, long otherTime, int other) {
        return time < otherTime || (time == otherTime && group < other);
    }

    /// A turn: the backend takes its next free slot.
    private void take(int backend) {
        if (free <= sparseFrom(m)) {
            takeOneOfFew(backend);
            return;
        }
        long[] bits = taken;
        int size = m;
        int skip = skips[backend];
        int slot = positions[backend];
        while (((bits[slot >>> 6] >>> slot) & 1) != 0) {
            slot += skip; // Below 2^24: no overflow.
            slot -= slot >= size ? size : 0;
        }
        bits[slot >>> 6] |= 1L << slot;
        slots[slot] = (char) backend;
        free--;
        slot += skip;
        positions[backend] = slot >= size ? slot - size : slot;
    }

    /// The same turn, asked of the free slots: which of them comes first in the backend's permutation?
    private void takeOneOfFew(int backend) {
        if (!isSparse) {
            collectFreeSlots();
        }
        int inverse = inverses[backend];
        if (inverse == 0) {
            inverse = inverse(skips[backend], m);
            inverses[backend] = inverse;
        }
        // x * inverse mod m without a division: the quotient is estimated with 32 bits of inverse / m and is at
        // most one too small (Shoup's trick), so one subtraction mends the remainder. x and m are below 2^23.
        long ratio = ((long) inverse << 32) / m;
        int position = positions[backend];
        long nearest = Long.MAX_VALUE;
        for (int i = 0; i < free; i++) {
            long distance = (long) freeSlots[i] - position;
            distance += distance < 0 ? m : 0;
            long rank = distance * inverse - ((distance * ratio) >>> 32) * m;
            rank -= rank >= m ? m : 0;
            nearest = Math.min(nearest, (rank << 32) | i);
        }
        int at = (int) nearest;
        int slot = freeSlots[at];
        slots[slot] = (char) backend;
        free--;
        freeSlots[at] = freeSlots[free];
        int next = slot + skips[backend];
        positions[backend] = next >= m ? next - m : next;
    }

    private void collectFreeSlots() {
        int count = 0;
        for (int slot = 0; slot < m; slot++) {
            if (((taken[slot >>> 6] >>> slot) & 1) == 0) {
                freeSlots[count++] = slot;
            }
        }
        assert count == free : count + " " + free;
        isSparse = true;
    }

    /// {@return `1 / value mod prime`} By the extended Euclidean algorithm.
    private static int inverse(int value, int prime) {
        int a = value;
        int b = prime;
        int x = 1;
        int y = 0;
        while (a > 1) {
            int quotient = a / b;
            int rest = a - quotient * b;
            a = b;
            b = rest;
            int factor = x - quotient * y;
            x = y;
            y = factor;
        }
        return x < 0 ? x + prime : x;
    }
}
