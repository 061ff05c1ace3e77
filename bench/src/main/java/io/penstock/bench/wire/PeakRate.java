package io.penstock.bench.wire;

import io.penstock.forwarder.linux.FrameSink;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Finds the maximum forwarding rate of a forwarder (RFC 2285, section 3.6.3): the highest rate at which frames
/// come back, whatever rate is on offer.
///
/// More on offer is not more forwarded: above its limit a forwarder that shares its CPU with the kernel's receiving
/// spends it on frames that are dropped later (receive livelock, Mogul and Ramakrishnan 1997). So the rate on offer
/// rises step by step until clearly less comes back. The best steps are measured again, for longer: what one of them
/// had by luck is not the result.
///
/// Throughput, the highest rate without loss (RFC 2544, section 26.1), cannot be found on a shared host: a stop of the
/// virtual CPU for a millisecond overflows the 256 entries of a veth at 0.3 Mpps, whoever forwards.
final class PeakRate {
    private static final double FIRST_MPPS = 0.1;
    private static final double MOST_MPPS = 8;
    private static final double CLEARLY_LESS = 0.8; // of the best
    private static final int FALLS = 4; // One may be another's work on this CPU.
    private static final int REPEATED = 3;

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

    /// {@return the best of the steps that are measured again}
    ///
    /// @param ms how long each of them is measured
    Measured find(long ms) throws IOException {
        Measured best = Measured.NONE;
        for (double offered : promising()) {
            offer(offered, stepMs);
            CpuTimes before = CpuTimes.of(BenchNetwork.WORKER_CPU);
            Rate rate = rate(ms);
            if (rate.returned > best.mpps) {
                best = new Measured(
                        rate.returned,
                        rate.lostPercent(),
                        CpuTimes.of(BenchNetwork.WORKER_CPU).since(before));
            }
        }
        return best;
    }

    /// {@return the rates on offer of which most came back}
    private List<Double> promising() throws IOException {
        Map<Double, Double> returned = new HashMap<>(); // by the rate on offer
        double best = 0;
        int falls = 0;
        for (double offered = FIRST_MPPS; offered < MOST_MPPS && falls < FALLS; offered *= step) {
            offer(offered, stepMs / 2);
            Rate rate = rate(stepMs);
            returned.put(offered, rate.returned);
            best = Math.max(best, rate.returned);
            falls = rate.returned < CLEARLY_LESS * best ? falls + 1 : 0;
        }
        return returned.entrySet().stream()
                .sorted(Map.Entry.<Double, Double>comparingByValue().reversed())
                .limit(REPEATED)
                .map(Map.Entry::getKey)
                .toList();
    }

    private void offer(double mpps, long ms) throws IOException {
        flood.pace((long) (mpps * 1e6));
        rate(ms);
    }

    private Rate rate(long ms) throws IOException {
        long sent = flood.sent();
        long returned = sink.frames();
        long startNs = System.nanoTime();
        Pause.ms(ms);
        flood.check();
        double us = (System.nanoTime() - startNs) / 1e3;
        return new Rate((flood.sent() - sent) / us, (sink.frames() - returned) / us);
    }

    /// What was sent and what came back for a while, in Mpps.
    private record Rate(double sent, double returned) {
        double lostPercent() {
            return sent == 0 ? 0 : 100 * Math.max(0, 1 - returned / sent);
        }
    }

    /// One run of one subject.
    ///
    /// @param mpps        frames that came back, in millions a second
    /// @param lostPercent of what was on offer then
    /// @param cpu         what the worker's CPU did meanwhile
    record Measured(double mpps, double lostPercent, CpuTimes cpu) {
        private static final Measured NONE = new Measured(0, 100, new CpuTimes(0, 0, 0, 0));
    }
}
