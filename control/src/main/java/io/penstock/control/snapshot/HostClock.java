package io.penstock.control.snapshot;

/// The clock of the times in a [Snapshot]: milliseconds of the host's monotonic clock (CLOCK_MONOTONIC in
/// clock_gettime(2), which counts from the boot). It is the same in every process of the host, goes on while a process
/// is away, and nobody can set it: a drain or a slow start takes its time, whatever happens to the date.
public final class HostClock {
    private static final long NS_PER_MS = 1_000_000;

    private HostClock() {}

    /// {@return milliseconds since the host was started}
    public static long nowMs() {
        return System.nanoTime() / NS_PER_MS;
    }
}
