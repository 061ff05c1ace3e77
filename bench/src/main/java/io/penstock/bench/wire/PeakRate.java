package io.penstock.bench.wire;

import io.penstock.forwarder.linux.FrameSink;
import java.io.IOException;

/// Finds the throughput of a forwarder: the highest rate at which nearly all that is offered comes back (RFC 2544,
/// section 26.1, with a loss that a shared machine allows).
///
/// More on offer is not more forwarded: above its limit a forwarder that shares its CPU with the kernel's receiving
/// spends it on frames that are dropped later (receive livelock, Mogul and Ramakrishnan 1997), and what then comes back
/// depends on chance. So the rate on offer rises step by step until too much is lost. The best step is measured again,
/// for longer, and the next lower one where it does not hold: what the search saw by luck is not the result. No two
/// rates nearer than a step are told apart.
final class PeakRate {
    private static final double FIRST_MPPS = 0.05;
    private static final double MOST_MPPS = 8;
    private static final double ENOUGH = 0.98; // of what was sent
    private static final int FALLS = 3; // One may be another's work on this CPU.
    private static final int TRIES = 5;

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

    /// {@return what came back at the best rate}
    ///
    /// @param ms how long the best rate is measured
    Measured find(long ms) throws IOException {
        double best = FIRST_MPPS;
        int falls = 0;
        for (double offered = FIRST_MPPS; offered < MOST_MPPS && falls < FALLS; offered *= step) {
            offer(offered, stepMs / 2);
            if (rate(stepMs).isEnough()) {
                best = offered;
                falls = 0;
            } else {
                falls++;
            }
        }
        for (int tried = 1; ; tried++) {
            offer(best, stepMs);
            CpuTimes before = CpuTimes.of(BenchNetwork.WORKER_CPU);
            Rate rate = rate(ms);
            if (rate.isEnough() || tried == TRIES) {
                return new Measured(
                        rate.returned, CpuTimes.of(BenchNetwork.WORKER_CPU).since(before));
            }
            best /= step;
        }
    }

    private void offer(double mpps, long ms) throws IOException {
        flood.pace((long) (mpps * 1e6));
        rate(ms);
    }

    private Rate rate(long ms) throws IOException {
        long sent = flood.sent();
        long returned = sink.frames();
        long startNs = System.nanoTime();
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        flood.check();
        double us = (System.nanoTime() - startNs) / 1e3;
        return new Rate((flood.sent() - sent) / us, (sink.frames() - returned) / us);
    }

    /// What was sent and what came back for a while, in Mpps.
    private record Rate(double sent, double returned) {
        boolean isEnough() {
            return returned >= ENOUGH * sent;
        }
    }

    /// One run of one subject.
    ///
    /// @param mpps frames that came back, in millions a second
    /// @param cpu  what the worker's CPU did meanwhile
    record Measured(double mpps, CpuTimes cpu) {}
}
