package io.penstock.forwarder.cli;

import io.penstock.control.config.Addresses;
import java.net.InetAddress;

/// Addresses with ports, as people write them.
final class Endpoints {
    private Endpoints() {}

    /// {@return `198.51.100.7:40000` or `[2001:db8::7]:40000`}
    static String text(InetAddress address, int port) {
        String text = Addresses.text(address);
        return (Addresses.isIpv6(address) ? "[" + text + "]" : text) + ":" + port;
    }
}
