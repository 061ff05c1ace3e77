package io.penstock.sidecar.state;

import java.util.function.LongConsumer;

/// Lets so many lines a second through; the first one of a later second learns how many were held back. For one thread.
final class LogBudget {
    private static final long SECOND_NS = 1_000_000_000L;

    private final int perSecond;
    private long windowNs = System.nanoTime();
    private int spent;
    private long suppressed;

    LogBudget(int perSecond) {
        this.perSecond = perSecond;
    }

    /// Runs `line` if there is room for it, with the number of those held back before it.
    void spend(LongConsumer line) {
        long nowNs = System.nanoTime();
        if (nowNs - windowNs >= SECOND_NS) {
            windowNs = nowNs;
            spent = 0;
        }
        if (spent >= perSecond) {
            suppressed++;
            return;
        }
        spent++;
        long before = suppressed;
        suppressed = 0;
        line.accept(before);
    }
}
