package io.penstock.flowtable.packet;

/// What [PacketParser] found a frame to be. Bytes, not an enum: they are kept in an array and switched on.
public final class PacketKind {
    /// Unfragmented TCP or UDP over IPv4, every header consistent.
    public static final byte FLOW4 = 0;
    /// Unfragmented TCP or UDP over IPv6, every header consistent. An atomic fragment (RFC 6946) is one too.
    public static final byte FLOW6 = 1;
    /// Any fragment of an IPv4 datagram, the first included, whatever its protocol.
    public static final byte FRAGMENT4 = 2;
    /// Any fragment of an IPv6 packet, the first included, whatever its protocol.
    public static final byte FRAGMENT6 = 3;
    /// ICMP over IPv4, at least its 8 bytes of header there.
    public static final byte ICMP4 = 4;
    /// ICMPv6 over IPv6, at least its 8 bytes of header there.
    public static final byte ICMP6 = 5;
    /// ARP for IPv4 over Ethernet, whole.
    public static final byte ARP = 6;
    /// Another protocol over IPv4.
    public static final byte OTHER4 = 7;
    /// Another protocol over IPv6; also ESP, AH, "no next header" and extension headers that are not walked.
    public static final byte OTHER6 = 8;
    /// Another EtherType, more than one VLAN tag, an 802.3 length, or ARP for something else.
    public static final byte NOT_IP = 9;
    /// IPv4, its destination readable, but lengths or fields contradict each other or the frame.
    public static final byte MALFORMED4 = 10;
    /// IPv6, its destination readable, but lengths or fields contradict each other or the frame.
    public static final byte MALFORMED6 = 11;
    /// Shorter than an Ethernet header, or than the addresses that its EtherType promises.
    public static final byte MALFORMED = 12;
    /// IPv4, lengths in order, header checksum wrong.
    public static final byte BAD_CHECKSUM4 = 13;

    private PacketKind() {}

    /// {@return the constant's name in lower case, for people}
    public static String name(byte kind) {
        return switch (kind) {
            case FLOW4 -> "flow4";
            case FLOW6 -> "flow6";
            case FRAGMENT4 -> "fragment4";
            case FRAGMENT6 -> "fragment6";
            case ICMP4 -> "icmp4";
            case ICMP6 -> "icmp6";
            case ARP -> "arp";
            case OTHER4 -> "other4";
            case OTHER6 -> "other6";
            case NOT_IP -> "not_ip";
            case MALFORMED4 -> "malformed4";
            case MALFORMED6 -> "malformed6";
            case MALFORMED -> "malformed";
            case BAD_CHECKSUM4 -> "bad_checksum4";
            default -> "kind " + kind;
        };
    }
}
