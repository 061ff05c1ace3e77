package io.penstock.tools.demo;

import java.io.IOException;
import java.util.Locale;

/// What an interface of the demo carried in a while.
///
/// @param framesIn  towards the host
/// @param bytesIn   towards the host
/// @param framesOut from the host
/// @param bytesOut  from the host
record Traffic(long framesIn, long bytesIn, long framesOut, long bytesOut) {
    /// {@return what a host's cable carried so far, counted at the switch: the host's own end does not count what an
    /// XDP program takes}
    static Traffic of(DemoNetwork network, String host) throws IOException {
        return new Traffic(
                network.switchCounter(host, "tx_packets"),
                network.switchCounter(host, "tx_bytes"),
                network.switchCounter(host, "rx_packets"),
                network.switchCounter(host, "rx_bytes"));
    }

    /// {@return what came since `earlier`}
    Traffic since(Traffic earlier) {
        return new Traffic(
                framesIn - earlier.framesIn,
                bytesIn - earlier.bytesIn,
                framesOut - earlier.framesOut,
                bytesOut - earlier.bytesOut);
    }

    /// {@return the sum of both}
    Traffic plus(Traffic other) {
        return new Traffic(
                framesIn + other.framesIn,
                bytesIn + other.bytesIn,
                framesOut + other.framesOut,
                bytesOut + other.bytesOut);
    }

    /// {@return a row for people}
    String row(String name) {
        return "%-10s received %,8d frames %9s   sent %,8d frames %9s"
                .formatted(name, framesIn, megabytes(bytesIn), framesOut, megabytes(bytesOut));
    }

    /// {@return bytes as MB}
    static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%.2f MB", bytes / 1e6);
    }
}
