package io.penstock.bench.wire;

import io.penstock.forwarder.linux.FrameSink;
import java.io.IOException;

/// Finds how many frames a second come back at most.
///
/// More on offer is not more forwarded: above its limit a forwarder that shares its CPU with the kernel's receiving
/// spends it on frames that are dropped later (receive livelock, Mogul and Ramakrishnan 1997). So the rate on offer
/// rises
/// step by step until what comes back falls; then the best step is measured again, for longer. What the search saw by
/// luck is not the result.
final class PeakRate {
    private static final double FIRST_MPPS = 0.2;
    private static final double MOST_MPPS = 8;
    private static final double OVERLOADED = 0.85; // of the best so far
    private static final int FALLS = 3; // One may be another's work on this CPU.

    private final FrameSink sink;
    private final Flood flood;
    private final double step;
    private final long stepMs;

    /// @param step   factor from one rate to the next
    /// @param stepMs how long each is offered
    PeakRate(FrameSink sink, Flood flood, double step, long stepMs) {
        this.sink = sink;
        this.flood = flood;
        this.step = step;
        this.stepMs = stepMs;
    }

    /// What came back at the best rate, in Mpps. The generator goes on at that rate.
    ///
    /// @param settleMs before the search, for the JIT compiler, and again before it is measured
    /// @param ms       how long it is measured
    Measured find(long settleMs, long ms) throws IOException {
        double best = 0;
        double bestOffered = FIRST_MPPS;
        int falls = 0;
        flood.pace((long) (FIRST_MPPS * 1e6));
        rate(settleMs);
        for (double offered = FIRST_MPPS; offered < MOST_MPPS && falls < FALLS; offered *= step) {
            flood.pace((long) (offered * 1e6));
            rate(stepMs / 2);
            double returned = rate(stepMs);
            if (returned > best) {
                best = returned;
                bestOffered = offered;
                falls = 0;
            } else if (returned < OVERLOADED * best) {
                falls++;
            }
        }
        flood.pace((long) (bestOffered * 1e6));
        rate(settleMs);
        CpuTimes before = CpuTimes.of(BenchNetwork.WORKER_CPU);
        double mpps = rate(ms);
        return new Measured(mpps, CpuTimes.of(BenchNetwork.WORKER_CPU).since(before));
    }

    /// {@return what comes back for a while, in Mpps}
    private double rate(long ms) throws IOException {
        long frames = sink.frames();
        long startNs = System.nanoTime();
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        flood.check();
        return 1e3 * (sink.frames() - frames) / (System.nanoTime() - startNs);
    }

    /// One run of one subject.
    ///
    /// @param mpps frames that came back, in millions a second
    /// @param cpu  what the worker's CPU did meanwhile
    record Measured(double mpps, CpuTimes cpu) {}
}
