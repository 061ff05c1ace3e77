package io.penstock.tools.run;

/// How long to wait before a process that died is started again: not at all the first time, then a second, then twice
/// as long each time, up to half a minute. A process that ran for a minute starts over.
final class Backoff {
    private static final long FIRST_MS = 100;
    private static final long SECOND_MS = 1_000;
    private static final long LONGEST_MS = 30_000;
    private static final long STEADY_MS = 60_000;

    private long nextMs = FIRST_MS;

    /// {@return the time to wait in ms}
    ///
    /// @param ranMs how long the process had run
    long afterDeath(long ranMs) {
        if (ranMs >= STEADY_MS) {
            nextMs = FIRST_MS;
        }
        long waitMs = nextMs;
        nextMs = waitMs == FIRST_MS ? SECOND_MS : Math.min(2 * waitMs, LONGEST_MS);
        return waitMs;
    }
}
