package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Writes an ICMP (RFC 792) or ICMPv6 (RFC 4443) error from a packet's destination to its source, quoting it.
/// The new headers are written right before the quoted packet, which is not copied, only cut.
///
/// ```
///          +----------+--------+--------+------------------------------+
///  reply:  | Ethernet | IP     | ICMP   | quoted packet, as far as fits |
///          +----------+--------+--------+------------------------------+
///                                        \_ quoteOffset
/// ```
///
/// An ICMP error is at most 576 bytes (RFC 1812 §4.3.2.3), an ICMPv6 error 1280 (RFC 4443 §2.4 c), both counted
/// from the IP header. Its own header is written anew: no fragment bits, options or extension headers of the
/// quoted packet get into it.
///
/// None is written (RFC 1122 §3.2.2, RFC 4443 §2.4 e) about an ICMP error, a fragment other than the first, a
/// packet from or to anything but a single host, or in answer to a frame that was sent to a group of stations.
///
/// Static, no state. Limiting the rate is the caller's.
public final class IcmpErrorWriter {
    /// Bytes written before the quoted packet, the Ethernet header apart: for a packet quoted where it was
    /// received, the reply begins that much before the frame.
    public static final int HEADROOM4 = Ipv4View.LENGTH + IcmpView.LENGTH;
    /// As [#HEADROOM4], for IPv6.
    public static final int HEADROOM6 = Ipv6View.LENGTH + IcmpView.LENGTH;

    /// Bytes of an ICMP error from the IP header on, at most.
    static final int LENGTH_MAX4 = 576;
    /// Bytes of an ICMPv6 error from the IP header on, at most.
    static final int LENGTH_MAX6 = 1280;

    /// Precedence "internetwork control", as RFC 1812 §4.3.2.5 has it for ICMP errors.
    private static final int TRAFFIC_CLASS4 = 0xc0;

    private IcmpErrorWriter() {}

    /// Writes an ICMP error about an IPv4 packet.
    ///
    /// @param frameOffset start of the frame that is answered; its MAC addresses, swapped, and its tag are used
    /// @param l3Offset    that frame's header length
    /// @param quoteOffset start of the packet to quote, in bytes from the region's start; the Ethernet header and
    ///                    [#HEADROOM4] bytes before it are writable
    /// @param quoteLength bytes of it that there are
    /// @param rest        second word of the ICMP header: the MTU, or 0
    /// @return whether `out` holds an error
    public static boolean write4(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            long quoteOffset,
            int quoteLength,
            int type,
            int code,
            int rest,
            ReplyFrame out) {
        if (!ReplyHeaders.isToOneStation(memory, frameOffset) || !mayReport4(memory, quoteOffset, quoteLength)) {
            return false;
        }
        int quoted = Math.min(quoteLength, LENGTH_MAX4 - HEADROOM4);
        long l4 = quoteOffset - IcmpView.LENGTH;
        long l3 = quoteOffset - HEADROOM4;
        long start = l3 - l3Offset;
        ReplyHeaders.putEthernet(memory, frameOffset, l3Offset, start, EthernetView.IPV4);
        Ipv4View.put(
                memory,
                l3,
                TRAFFIC_CLASS4,
                HEADROOM4 + quoted,
                Wire.u16(memory, quoteOffset + Ipv4View.IDENTIFICATION),
                0,
                ReplyHeaders.TTL,
                IpProtocol.ICMP,
                Long.rotateLeft(Wire.u64(memory, quoteOffset + Ipv4View.SOURCE), 32));
        putMessage(memory, l4, type, code, rest, IcmpView.LENGTH + quoted, 0);
        out.offset = start;
        out.length = l3Offset + HEADROOM4 + quoted;
        return true;
    }

    /// Writes an ICMPv6 error about an IPv6 packet.
    ///
    /// @param frameOffset start of the frame that is answered; its MAC addresses, swapped, and its tag are used
    /// @param l3Offset    that frame's header length
    /// @param quoteOffset start of the packet to quote, in bytes from the region's start; the Ethernet header and
    ///                    [#HEADROOM6] bytes before it are writable
    /// @param quoteLength bytes of it that there are
    /// @param rest        second word of the ICMPv6 header: the MTU, or 0
    /// @return whether `out` holds an error
    public static boolean write6(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            long quoteOffset,
            int quoteLength,
            int type,
            int code,
            int rest,
            ReplyFrame out) {
        if (!ReplyHeaders.isToOneStation(memory, frameOffset) || !mayReport6(memory, quoteOffset, quoteLength)) {
            return false;
        }
        int quoted = Math.min(quoteLength, LENGTH_MAX6 - HEADROOM6);
        long clientHigh = Wire.u64(memory, quoteOffset + Ipv6View.SOURCE);
        long clientLow = Wire.u64(memory, quoteOffset + Ipv6View.SOURCE + 8);
        long vipHigh = Wire.u64(memory, quoteOffset + Ipv6View.DESTINATION);
        long vipLow = Wire.u64(memory, quoteOffset + Ipv6View.DESTINATION + 8);
        long l4 = quoteOffset - IcmpView.LENGTH;
        long l3 = quoteOffset - HEADROOM6;
        long start = l3 - l3Offset;
        int length = IcmpView.LENGTH + quoted;
        ReplyHeaders.putEthernet(memory, frameOffset, l3Offset, start, EthernetView.IPV6);
        Ipv6View.put(
                memory, l3, 0, 0, length, IpProtocol.ICMPV6, ReplyHeaders.TTL, vipHigh, vipLow, clientHigh, clientLow);
        int pseudoHeader = Checksum.pseudoHeader6(vipHigh, vipLow, clientHigh, clientLow, IpProtocol.ICMPV6, length);
        putMessage(memory, l4, type, code, rest, length, pseudoHeader);
        out.offset = start;
        out.length = l3Offset + HEADROOM6 + quoted;
        return true;
    }

    private static void putMessage(
            MemorySegment memory, long l4, int type, int code, int rest, int length, int pseudoHeader) {
        Wire.put32(memory, l4, type << 24 | code << 16);
        Wire.put32(memory, l4 + IcmpView.REST, rest);
        Wire.put16(memory, l4 + IcmpView.CHECKSUM, Checksum.ofSegment(memory, l4, length, pseudoHeader));
    }

    private static boolean mayReport4(MemorySegment memory, long packet, int length) {
        if (length < Ipv4View.LENGTH || Wire.u8(memory, packet) >>> 4 != 4) {
            return false;
        }
        if ((Wire.u16(memory, packet + Ipv4View.FLAGS_AND_OFFSET) & Ipv4View.OFFSET_MASK) != 0
                || !ReplyHeaders.isHost4(Wire.u32(memory, packet + Ipv4View.SOURCE))
                || !ReplyHeaders.isHost4(Wire.u32(memory, packet + Ipv4View.DESTINATION))) {
            return false;
        }
        if (Wire.u8(memory, packet + Ipv4View.PROTOCOL) != IpProtocol.ICMP) {
            return true;
        }
        int headerLength = (Wire.u8(memory, packet) & 0xf) * 4;
        return length > headerLength && !IcmpView.isError4(Wire.u8(memory, packet + headerLength));
    }

    private static boolean mayReport6(MemorySegment memory, long packet, int length) {
        if (length < Ipv6View.LENGTH
                || Wire.u8(memory, packet) >>> 4 != 6
                || !ReplyHeaders.isHost6(
                        Wire.u64(memory, packet + Ipv6View.SOURCE), Wire.u64(memory, packet + Ipv6View.SOURCE + 8))
                || !ReplyHeaders.isHost6(
                        Wire.u64(memory, packet + Ipv6View.DESTINATION),
                        Wire.u64(memory, packet + Ipv6View.DESTINATION + 8))) {
            return false;
        }
        long upper = ExtensionWalk.upper(memory, packet, length);
        return switch (ExtensionWalk.protocol(upper)) {
            case ExtensionWalk.LATER_FRAGMENT -> false;
            case IpProtocol.ICMPV6 -> {
                int at = ExtensionWalk.offset(upper);
                yield at < length && !IcmpView.isError6(Wire.u8(memory, packet + at));
            }
            default -> true;
        };
    }
}
