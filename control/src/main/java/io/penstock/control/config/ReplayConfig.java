package io.penstock.control.config;

import java.net.InetAddress;
import java.util.Map;

/// The keys that start with `replay.`: the network that `penstock replay` pretends to be on.
///
/// @param localMac      48 bits, first octet highest: our own MAC address
/// @param nextHopMac    where everything goes that `neighbours` does not name
/// @param localAddress  outer source of IPv4 tunnels
/// @param localAddress6 outer source of IPv6 tunnels
/// @param mtu           path MTU towards backends
/// @param neighbours    MAC address, as above, by IP address
public record ReplayConfig(
        long localMac,
        long nextHopMac,
        InetAddress localAddress,
        InetAddress localAddress6,
        int mtu,
        Map<InetAddress, Long> neighbours) {

    /// Copies the map; keeps its order.
    public ReplayConfig {
        neighbours = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(neighbours));
    }
}
