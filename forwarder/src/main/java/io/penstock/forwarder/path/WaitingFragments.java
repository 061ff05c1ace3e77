package io.penstock.forwarder.path;

import io.penstock.forwarder.port.FramePort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Copies of fragments that came before the first one of their datagram, oldest first, in a fixed number of slots.
/// One worker's own.
final class WaitingFragments {
    /// A frame of the usual MTU with a tag; what is longer is not held.
    static final int SLOT_LENGTH = FramePort.BORROWED_LENGTH;

    private static final int NONE = -1;

    private final MemorySegment copies;
    private final long[] fingerprints;
    private final long[] sincesNs;
    private final int[] lengths;
    private final int[] tickets;
    private final int[] next;
    private final int[] previous;
    private int oldest = NONE;
    private int newest = NONE;
    private int free;
    private int nextTicket;

    WaitingFragments(int slots) {
        copies = Arena.ofAuto().allocate((long) slots * SLOT_LENGTH, 64);
        fingerprints = new long[slots];
        sincesNs = new long[slots];
        lengths = new int[slots];
        tickets = new int[slots];
        next = new int[slots];
        previous = new int[slots];
        for (int slot = 0; slot < slots; slot++) {
            next[slot] = slot + 1 < slots ? slot + 1 : NONE;
        }
    }

    boolean isEmpty() {
        return oldest == NONE;
    }

    /// Copies a frame.
    ///
    /// @return its ticket, by which [Disposition] speaks of it, or -1 when there is no room
    int hold(MemorySegment memory, long offset, int length, long fingerprint, long nowNs) {
        int slot = free;
        if (slot == NONE || length > SLOT_LENGTH) {
            return NONE;
        }
        free = next[slot];
        MemorySegment.copy(memory, offset, copies, (long) slot * SLOT_LENGTH, length);
        fingerprints[slot] = fingerprint;
        sincesNs[slot] = nowNs;
        lengths[slot] = length;
        tickets[slot] = nextTicket;
        next[slot] = NONE;
        previous[slot] = newest;
        if (newest == NONE) {
            oldest = slot;
        } else {
            next[newest] = slot;
        }
        newest = slot;
        nextTicket = nextTicket + 1 & Integer.MAX_VALUE;
        return tickets[slot];
    }

    /// {@return whether some fragment with this fingerprint waits}
    boolean holds(long fingerprint) {
        for (int slot = oldest; slot != NONE; slot = next[slot]) {
            if (fingerprints[slot] == fingerprint) {
                return true;
            }
        }
        return false;
    }

    int first() {
        return oldest;
    }

    /// {@return the slot behind this one; -1 at the end. To be asked before this one is removed}
    int after(int slot) {
        return next[slot];
    }

    void remove(int slot) {
        if (previous[slot] == NONE) {
            oldest = next[slot];
        } else {
            next[previous[slot]] = next[slot];
        }
        if (next[slot] == NONE) {
            newest = previous[slot];
        } else {
            previous[next[slot]] = previous[slot];
        }
        next[slot] = free;
        free = slot;
    }

    long fingerprint(int slot) {
        return fingerprints[slot];
    }

    long sinceNs(int slot) {
        return sincesNs[slot];
    }

    int ticket(int slot) {
        return tickets[slot];
    }

    int copyTo(int slot, MemorySegment memory, long offset) {
        MemorySegment.copy(copies, (long) slot * SLOT_LENGTH, memory, offset, lengths[slot]);
        return lengths[slot];
    }
}
