package io.penstock.flowtable.schedule;

import java.util.concurrent.atomic.AtomicLongArray;

/// Hands out the numbers 0, 1, 2, … once each, to all workers. Alone on its cache lines, since every new flow of a
/// listener writes it.
final class Rotation {
    private static final int VALUE = 16; // 128 bytes on either side: two lines, as they are fetched in pairs.

    private final AtomicLongArray cells = new AtomicLongArray(2 * VALUE + 1);

    Rotation(long first) {
        cells.set(VALUE, first);
    }

    /// {@return a ticket that nobody else gets}
    long take() {
        // The order of tickets is all that matters; nothing is published by it.
        return cells.getAndIncrement(VALUE);
    }

    /// {@return the ticket that is next}
    long next() {
        return cells.get(VALUE);
    }
}
