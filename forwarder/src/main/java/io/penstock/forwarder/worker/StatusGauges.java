package io.penstock.forwarder.worker;

import io.penstock.control.status.LatencyHistogram;
import io.penstock.control.status.WorkerCounters;
import io.penstock.control.status.WorkerStatus;
import io.penstock.flowtable.FlowTable;
import io.penstock.forwarder.port.FramePort;
import org.jspecify.annotations.Nullable;

/// Tells the status file how one worker does: its busy share, longest cycle, flows, what its port lost, and, when asked
/// for, how long packets take. On the worker's thread; costs a comparison in most cycles.
public final class StatusGauges implements WorkerGauges {
    private static final long INTERVAL_NS = 250_000_000;
    /// One batch in so many is timed, which takes a second reading of the clock.
    private static final int SAMPLE_MASK = 63;

    private final WorkerStatus status;
    private final WorkerCounters counters;
    private final FramePort port;
    private final FlowTable flows4;
    private final FlowTable flows6;
    private final @Nullable LatencyHistogram latency;
    private long publishedNs;
    private long cycleNs;
    private boolean busy;
    private long busyNs;
    private long maxCycleNs;
    private int batches;

    /// @param latency where packet times go, or null when nobody asked
    public StatusGauges(
            WorkerStatus status,
            WorkerCounters counters,
            FramePort port,
            FlowTable flows4,
            FlowTable flows6,
            @Nullable LatencyHistogram latency,
            long nowNs) {
        this.status = status;
        this.counters = counters;
        this.port = port;
        this.flows4 = flows4;
        this.flows6 = flows6;
        this.latency = latency;
        publishedNs = nowNs;
        cycleNs = nowNs;
    }

    @Override
    public void cycle(long nowNs, int received) {
        if (busy) {
            // A cycle that found work is followed by the next one at once: the time between is its own.
            long tookNs = nowNs - cycleNs;
            busyNs += tookNs;
            if (tookNs > maxCycleNs) {
                maxCycleNs = tookNs;
            }
        }
        cycleNs = nowNs;
        busy = received > 0;
        if (busy && latency != null && (++batches & SAMPLE_MASK) == 0) {
            latency.record((System.nanoTime() - nowNs) / received);
        }
        if (nowNs - publishedNs >= INTERVAL_NS) {
            publish(nowNs);
        }
    }

    private void publish(long nowNs) {
        status.busyPermille(Math.min(1_000, busyNs * 1_000 / (nowNs - publishedNs)));
        status.maxCycleNs(maxCycleNs);
        status.flows(flows4.size() + flows6.size());
        port.countLost(counters);
        counters.publish(); // Expired flows, too, when no frames come.
        busyNs = 0;
        publishedNs = nowNs;
    }
}
