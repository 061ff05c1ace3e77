package io.penstock.forwarder.linux;

import io.penstock.control.config.Keyword;
import java.util.EnumSet;
import java.util.Set;

/// A kind of tunnel that a [Decapsulator] opens.
public enum Tunnel implements Keyword {
    /// IP in IP: protocols 4 and 41 (RFC 2003, RFC 2473, RFC 4213).
    IPIP(1),
    /// Generic UDP encapsulation, variant 1, to port 6080: the bare IP packet behind a UDP header.
    GUE(2),
    /// Generic routing encapsulation without options (RFC 2784).
    GRE(4);

    final int bit;

    Tunnel(int bit) {
        this.bit = bit;
    }

    /// {@return the kinds as bits}
    static int bits(Set<Tunnel> tunnels) {
        return tunnels.stream().mapToInt(tunnel -> tunnel.bit).sum();
    }

    /// {@return the kinds of these bits}
    static Set<Tunnel> ofBits(int bits) {
        EnumSet<Tunnel> tunnels = EnumSet.noneOf(Tunnel.class);
        for (Tunnel tunnel : values()) {
            if ((bits & tunnel.bit) != 0) {
                tunnels.add(tunnel);
            }
        }
        return tunnels;
    }
}
