package io.penstock.bench.latency;

import io.penstock.bench.wire.Flood;
import io.penstock.bench.wire.Pause;
import io.penstock.forwarder.linux.FlightTimes;
import java.io.IOException;

/// What became of the frames of one subject at one rate, in one run; SYNs are not part of it.
///
/// @param sent       frames sent
/// @param received   frames that came back
/// @param perSecond  frames sent a second, which is less than was asked for where the generator could not hold it
/// @param us         `us[i]` is the time that `PERCENTILES[i]` of a hundred frames did not exceed
@SuppressWarnings("ArrayRecordComponent") // Looked at value by value, never compared whole.
record Flight(long sent, long received, double perSecond, double[] us) {
    static final double[] PERCENTILES = {50, 90, 99, 99.9, 99.99};

    private static final int DRAIN_MS = 100;

    /// Sends at a rate for a time, then waits for the last ones.
    ///
    /// @param perSecond frames a second, SYNs included
    static Flight run(Flood flood, FlightTimes times, long perSecond, long ms) throws IOException {
        flood.pace(perSecond);
        Pause.ms(ms / 10); // Not counted: the subject gets used to the rate.
        flood.pause();
        Pause.ms(DRAIN_MS);
        times.reset();
        long before = flood.sent();
        long startNs = System.nanoTime();
        flood.pace(perSecond);
        Pause.ms(ms);
        flood.pause();
        double seconds = (System.nanoTime() - startNs) / 1e9;
        Pause.ms(DRAIN_MS);
        flood.check();
        long sent = flood.sent() - before;
        double[] us = new double[PERCENTILES.length];
        for (int i = 0; i < us.length; i++) {
            us[i] = times.ns(PERCENTILES[i]) / 1e3;
        }
        return new Flight(sent, times.frames(), sent / seconds, us);
    }

    /// {@return the part that did not come back, in per cent}
    double lossPercent() {
        return sent == 0 ? 0 : 100.0 * Math.max(0, sent - received) / sent;
    }
}
