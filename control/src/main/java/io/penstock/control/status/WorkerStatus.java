package io.penstock.control.status;

import java.lang.foreign.MemorySegment;

/// What one worker publishes beside its counters. Written by that worker alone, from the moment it runs.
public final class WorkerStatus {
    private final MemorySegment region;

    WorkerStatus(MemorySegment region) {
        this.region = region;
    }

    /// {@return room for the counters: give it to [WorkerCounters]}
    public MemorySegment counters() {
        return region.asSlice(StatusLayout.W_COUNTERS, 8L * WorkerCounter.CAPACITY);
    }

    /// {@return room for the packet times: give it to [LatencyHistogram]}
    public MemorySegment latency() {
        return region.asSlice(StatusLayout.W_LATENCY, 8L * LatencyHistogram.BUCKETS);
    }

    /// Says where the worker runs. Called before it does.
    ///
    /// @param queue the first of the receive queues that it serves
    public void placed(int cpu, int queue) {
        StatusLayout.set(region, StatusLayout.W_CPU, cpu);
        StatusLayout.set(region, StatusLayout.W_QUEUE, queue);
    }

    /// Publishes how many flow entries live.
    public void flows(long count) {
        StatusLayout.set(region, StatusLayout.W_FLOWS, count);
    }

    /// Publishes the share of cycles that found work, of the last second or so.
    public void busyPermille(long permille) {
        StatusLayout.set(region, StatusLayout.W_BUSY_PERMILLE, permille);
    }

    /// Publishes the longest duty cycle since the start.
    public void maxCycleNs(long ns) {
        StatusLayout.set(region, StatusLayout.W_MAX_CYCLE_NS, ns);
    }
}
