package io.penstock.bench.path;

import java.util.Arrays;

/// How long the rounds of one run took, the same number of packets each. The slowest hundredth is left out of the mean:
/// rounds in which the host took the CPU away. The packet path has nothing that is rarer than that and slow.
/// The loop in C does the same. One thread's own; nothing is allocated after construction.
final class Rounds {
    private static final int ROUNDS_MAX = 1 << 18;
    private static final long NS_PER_MS = 1_000_000;
    /// What a round counts for at most when the run's time is reckoned.
    private static final long LONGEST_NS = NS_PER_MS;

    private final int packets;
    private final long[] times = new long[ROUNDS_MAX];
    private int count;
    private long spentNs;

    /// @param packets of a round
    Rounds(int packets) {
        this.packets = packets;
    }

    /// Begins a run.
    void begin() {
        count = 0;
        spentNs = 0;
    }

    /// {@return whether the run goes on}
    boolean isOpen(long ms) {
        return spentNs < ms * NS_PER_MS && count < ROUNDS_MAX;
    }

    /// Counts a round.
    void add(long ns) {
        times[count++] = ns;
        spentNs += Math.min(ns, LONGEST_NS);
    }

    /// {@return nanoseconds a packet in the middle round}
    double medianNsPerPacket() {
        Arrays.sort(times, 0, count);
        return (double) times[count / 2] / packets;
    }

    /// {@return nanoseconds a packet}
    double nsPerPacket() {
        Arrays.sort(times, 0, count);
        int kept = Math.max(1, count - count / 100);
        long sum = 0;
        for (int i = 0; i < kept; i++) {
            sum += times[i];
        }
        return (double) sum / kept / packets;
    }
}
