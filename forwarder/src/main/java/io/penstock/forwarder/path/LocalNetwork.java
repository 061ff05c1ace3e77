package io.penstock.forwarder.path;

import org.jspecify.annotations.Nullable;

/// Our own place in the network: what answers and outer headers carry as their source.
///
/// @param mac      our MAC address, 48 bits
/// @param source4  outer source of IPv4 tunnels, or null when there is none
/// @param source6  outer source of IPv6 tunnels, or null
/// @param arp      whether ARP requests and neighbour solicitations for the VIPs are answered
public record LocalNetwork(
        long mac, @Nullable IpKey source4, @Nullable IpKey source6, boolean arp) {}
