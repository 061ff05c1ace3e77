package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Carries a packet whole and unchanged inside an outer packet to a backend.
///
/// The outer headers are written into the headroom before the frame; the Ethernet header, with its VLAN tag if
/// it has one, moves in front of them. Nothing of the inner packet is copied or touched.
///
/// ```
///                          frameOffset
///                          v
///                          +--------------+------------------+
///  before:                 |   Ethernet   |      packet      |  padding
///          +--------------+---------------+------------------+
///  after:  |   Ethernet   | IP, UDP / GRE |      packet      |
///          +--------------+---------------+------------------+
///          ^
///          frameOffset - overhead
/// ```
///
/// | tunnel | behind the outer IP header | source |
/// |---|---|---|
/// | [#IPIP] | the packet; protocol 4 or 41 | RFC 2003, RFC 2473, RFC 4213 |
/// | [#GUE] | UDP to port 6080, then the packet (variant 1: its version nibble tells) | draft-ietf-intarea-gue §4 |
/// | [#GRE] | four bytes: no flags, version 0, the packet's EtherType | RFC 2784 §2, RFC 7676 |
///
/// The outer header has TTL 64 and the inner traffic class: DSCP (RFC 2983 §3, the uniform model) and ECN,
/// which is the normal mode of RFC 6040 §4.1. Outer IPv4 has DF set, so that a smaller MTU is reported and not
/// fragmented away, and identification 0, which is free for such a packet (RFC 6864 §4.1).
///
/// Flows spread over a backend's queues and over equal-cost paths by the GUE source port, 0xc000 plus 14 bits
/// of the flow hash (RFC 8085 §5.1.1), and over an IPv6 outer by its flow label, 20 bits (RFC 6438). The outer
/// UDP checksum is 0 over IPv4 and computed over IPv6, where 0 is not allowed (RFC 8200 §8.1).
///
/// Static, no state.
public final class Encapsulator {
    /// IP in IP.
    public static final int IPIP = 1;
    /// Generic UDP encapsulation, variant 1.
    public static final int GUE = 2;
    /// Generic routing encapsulation.
    public static final int GRE = 3;

    /// UDP destination port of GUE.
    public static final int GUE_PORT = 6080;
    /// Most bytes that go before a frame: an IPv6 header and a UDP header.
    public static final int OVERHEAD_MAX = Ipv6View.LENGTH + UdpView.LENGTH;

    static final int GRE_LENGTH = 4;
    static final int TTL = 64;

    private Encapsulator() {}

    /// {@return bytes that a tunnel adds to a packet: what its MTU falls short of the path's}
    ///
    /// @param tunnel    [#IPIP], [#GUE] or [#GRE]
    /// @param outerIsV6 whether the outer header is IPv6
    public static int overhead(int tunnel, boolean outerIsV6) {
        int ip = outerIsV6 ? Ipv6View.LENGTH : Ipv4View.LENGTH;
        return switch (tunnel) {
            case IPIP -> ip;
            case GUE -> ip + UdpView.LENGTH;
            case GRE -> ip + GRE_LENGTH;
            default -> throw new IllegalArgumentException("tunnel=" + tunnel);
        };
    }

    /// Encapsulates a frame's packet, of either family, in IPv4.
    ///
    /// @param frameOffset    start of the frame; [#overhead] bytes before it are writable
    /// @param l3Offset       bytes from the frame's start to its packet, 14 or 18; stays right for the new frame,
    ///                       where it leads to the outer header
    /// @param packetLength   bytes of the packet; with the overhead at most 65,535
    /// @param tunnel         [#IPIP], [#GUE] or [#GRE]
    /// @param outerAddresses ours in the high half, the backend's in the low half
    /// @param flowHash       spreads flows; all packets of a flow have the same
    /// @param destinationMac of the backend's next hop
    /// @param sourceMac      ours
    /// @return start of the new frame, which is `l3Offset` + [#overhead] + `packetLength` bytes long
    public static long encapsulate4(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            int packetLength,
            int tunnel,
            long outerAddresses,
            long flowHash,
            long destinationMac,
            long sourceMac) {
        int overhead = overhead(tunnel, false);
        long packet = frameOffset + l3Offset;
        long start = frameOffset - overhead;
        int outerLength = overhead + packetLength;
        assert outerLength <= 0xffff : outerLength;
        int tag = EthernetView.tag(memory, frameOffset, l3Offset); // before it is written over
        boolean innerIsV6 = Wire.u8(memory, packet) >>> 4 == 6;
        int trafficClass = trafficClass(memory, packet, innerIsV6);

        putBetween(memory, packet, packetLength, tunnel, innerIsV6, flowHash);
        Ipv4View.put(
                memory,
                packet - overhead,
                trafficClass,
                outerLength,
                0,
                Ipv4View.DF,
                TTL,
                protocol(tunnel, innerIsV6),
                outerAddresses);
        EthernetView.put(memory, start, l3Offset, destinationMac, sourceMac, tag, EthernetView.IPV4);
        return start;
    }

    /// Encapsulates a frame's packet, of either family, in IPv6.
    ///
    /// @param frameOffset     start of the frame; [#overhead] bytes before it are writable
    /// @param l3Offset        bytes from the frame's start to its packet, 14 or 18; stays right for the new frame,
    ///                        where it leads to the outer header
    /// @param packetLength    bytes of the packet; with the overhead at most 65,575
    /// @param tunnel          [#IPIP], [#GUE] or [#GRE]
    /// @param sourceHigh      our address, first 8 bytes
    /// @param sourceLow       our address, last 8 bytes
    /// @param destinationHigh the backend's, first 8 bytes
    /// @param destinationLow  the backend's, last 8 bytes
    /// @param flowHash        spreads flows; all packets of a flow have the same
    /// @param destinationMac  of the backend's next hop
    /// @param sourceMac       ours
    /// @return start of the new frame, which is `l3Offset` + [#overhead] + `packetLength` bytes long
    public static long encapsulate6(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            int packetLength,
            int tunnel,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            long flowHash,
            long destinationMac,
            long sourceMac) {
        int overhead = overhead(tunnel, true);
        long packet = frameOffset + l3Offset;
        long start = frameOffset - overhead;
        int payloadLength = overhead - Ipv6View.LENGTH + packetLength;
        assert payloadLength <= 0xffff : payloadLength;
        int tag = EthernetView.tag(memory, frameOffset, l3Offset);
        boolean innerIsV6 = Wire.u8(memory, packet) >>> 4 == 6;
        int trafficClass = trafficClass(memory, packet, innerIsV6);

        putBetween(memory, packet, packetLength, tunnel, innerIsV6, flowHash);
        Ipv6View.put(
                memory,
                packet - overhead,
                trafficClass,
                flowLabel(flowHash),
                payloadLength,
                protocol(tunnel, innerIsV6),
                TTL,
                sourceHigh,
                sourceLow,
                destinationHigh,
                destinationLow);
        if (tunnel == GUE) {
            putUdpChecksum(
                    memory,
                    packet - UdpView.LENGTH,
                    payloadLength,
                    Checksum.pseudoHeader6(
                            sourceHigh, sourceLow, destinationHigh, destinationLow, IpProtocol.UDP, payloadLength));
        }
        EthernetView.put(memory, start, l3Offset, destinationMac, sourceMac, tag, EthernetView.IPV6);
        return start;
    }

    private static int trafficClass(MemorySegment memory, long packet, boolean innerIsV6) {
        return innerIsV6 ? Ipv6View.trafficClass(memory, packet) : Wire.u8(memory, packet + Ipv4View.TRAFFIC_CLASS);
    }

    private static int protocol(int tunnel, boolean innerIsV6) {
        return switch (tunnel) {
            case GUE -> IpProtocol.UDP;
            case GRE -> IpProtocol.GRE;
            default -> innerIsV6 ? IpProtocol.IPV6 : IpProtocol.IPV4;
        };
    }

    /// Writes what stands between the outer IP header and the packet; the UDP checksum is left 0.
    private static void putBetween(
            MemorySegment memory, long packet, int packetLength, int tunnel, boolean innerIsV6, long flowHash) {
        if (tunnel == GUE) {
            long udp = packet - UdpView.LENGTH;
            Wire.put32(memory, udp, sourcePort(flowHash) << 16 | GUE_PORT);
            Wire.put32(memory, udp + UdpView.UDP_LENGTH, (UdpView.LENGTH + packetLength) << 16);
        } else if (tunnel == GRE) {
            Wire.put32(memory, packet - GRE_LENGTH, innerIsV6 ? EthernetView.IPV6 : EthernetView.IPV4);
        }
    }

    private static void putUdpChecksum(MemorySegment memory, long udp, int length, int pseudoHeader) {
        int checksum = Checksum.ofSegment(memory, udp, length, pseudoHeader);
        Wire.put16(memory, udp + UdpView.CHECKSUM, Checksum.neverZero(checksum));
    }

    // The low bits of the hash choose buckets and queues elsewhere; what leaves the machine comes from the high ones.
    static int sourcePort(long flowHash) {
        return 0xc000 | (int) (flowHash >>> 50);
    }

    // Never 0, which says "no label" (RFC 6437 §3).
    static int flowLabel(long flowHash) {
        int label = (int) (flowHash >>> 44);
        return label == 0 ? 1 : label;
    }
}
