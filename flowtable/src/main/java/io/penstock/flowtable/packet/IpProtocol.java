package io.penstock.flowtable.packet;

/// Protocol and next-header numbers (IANA "Protocol Numbers") that the packet path tells apart.
public final class IpProtocol {
    /// IPv6 hop-by-hop options.
    public static final int HOP_BY_HOP = 0;
    /// ICMP.
    public static final int ICMP = 1;
    /// An IPv4 packet.
    public static final int IPV4 = 4;
    /// TCP.
    public static final int TCP = 6;
    /// UDP.
    public static final int UDP = 17;
    /// An IPv6 packet.
    public static final int IPV6 = 41;
    /// IPv6 routing header.
    public static final int ROUTING = 43;
    /// IPv6 fragment header.
    public static final int FRAGMENT = 44;
    /// Generic routing encapsulation.
    public static final int GRE = 47;
    /// ICMPv6.
    public static final int ICMPV6 = 58;
    /// IPv6 destination options.
    public static final int DESTINATION_OPTIONS = 60;

    private IpProtocol() {}
}
