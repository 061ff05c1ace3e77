package io.penstock.flowtable.packet;

import io.penstock.flowtable.NativeMemory;
import java.lang.foreign.MemorySegment;

/// Reads the headers of one frame into a row of a [ParsedBatch]. Static and without state; any thread.
///
/// No content makes it throw, allocate or read outside the frame. What it holds to:
///
/// - One 802.1Q tag (0x8100) is looked behind. A second tag, or a service tag (0x88a8), is `NOT_IP`: a VIP
///   lives in one VLAN, and a stacked frame belongs to somebody else.
/// - The packet ends where its IP header says; what the Ethernet frame has beyond is padding.
/// - IPv4 options are skipped, not read; the header checksum covers them (RFC 791 §3.1).
/// - At most [#EXTENSION_HEADERS_MAX] IPv6 extension headers are walked; more are `MALFORMED6`. Hop-by-hop
///   options come first or not at all, a fragment header once (RFC 8200 §4.1). A routing header is walked
///   whatever its segments left: the destination that the packet has now is the one that counts. A jumbogram
///   (RFC 2675) is malformed: its length field is 0.
/// - A first fragment holds its whole TCP or UDP header (RFC 7112 demands it of IPv6; for IPv4 it is how "tiny
///   fragments" of RFC 1858 §3 are refused, together with TCP fragments at offset 8).
/// - A fragment has data, in multiples of 8 unless it is the last, and ends below 65,536 (RFC 791 §3.2, RFC
///   8200 §4.5).
/// - A UDP length beyond the packet is malformed. A shorter one is not: receivers cut the surplus, and UDP
///   options (RFC 9868) live in it.
/// - TCP and UDP checksums are not looked at: they are the backend's, which has the data at hand anyway, and a
///   neighbour on a virtual link may leave them unfinished.
public final class PacketParser {
    /// Most IPv6 extension headers that are walked. RFC 8883 foresees such a limit.
    public static final int EXTENSION_HEADERS_MAX = 8;

    private static final int EXTENSION_LENGTH_MIN = 8;
    private static final int FRAGMENT_HEADER_LENGTH = 8;
    /// In the first 8 bytes of an IPv4 header: the first byte, the MF bit and the fragment offset.
    private static final long VERSION_IHL_AND_FRAGMENT = 0xff00_0000_0000_0000L | Ipv4View.FRAGMENT_MASK;
    /// What they are in the common packet: version 4, a header of 5 words, no fragment.
    private static final long WITHOUT_OPTIONS_NO_FRAGMENT = 0x4500_0000_0000_0000L;

    private static final int DATAGRAM_MAX = 65_535;

    /// Bytes that a frame of the common kind has at least: Ethernet, IPv4 and TCP headers.
    private static final int COMMON_LENGTH_MIN = EthernetView.LENGTH + Ipv4View.LENGTH + TcpView.LENGTH;

    private PacketParser() {}

    /// Reads one frame, if it is of the common kind: TCP or UDP over IPv4 without tag, options and fragment, all in
    /// order. Says the same of it as [#parse] with five loads and three stores, and is small enough to be
    /// inlined into a caller's loop.
    ///
    /// @param frame  address of the frame, all of which the caller has checked to be there
    /// @param length bytes of the frame
    /// @param out    gets the result
    /// @param i      row of `out` to fill
    /// @return false, and nothing done, if it is of any other kind
    public static boolean parseCommon(long frame, int length, ParsedBatch out, int i) {
        if (length < COMMON_LENGTH_MIN || NativeMemory.u16(frame + EthernetView.ETHER_TYPE) != EthernetView.IPV4) {
            return false;
        }
        long first = NativeMemory.u64(frame + EthernetView.LENGTH); // version, IHL, class, length | id, flags, offset
        long second = NativeMemory.u64(frame + EthernetView.LENGTH + 8); // TTL, protocol, checksum | source
        long third = NativeMemory.u64(frame + EthernetView.LENGTH + 16); // destination | ports
        int totalLength = (int) (first >>> 32) & 0xffff;
        long sum = (first >>> 32) + (first & 0xffff_ffffL) + (second >>> 32) + (second & 0xffff_ffffL) + (third >>> 32);
        if ((first & VERSION_IHL_AND_FRAGMENT) != WITHOUT_OPTIONS_NO_FRAGMENT
                || totalLength > length - EthernetView.LENGTH
                || !Checksum.isAllOnes(sum)) {
            return false;
        }
        int protocol = (int) (second >>> 48) & 0xff;
        long l4 = frame + EthernetView.LENGTH + Ipv4View.LENGTH;
        int tcpFlags = 0;
        if (protocol == IpProtocol.TCP) {
            int offsetAndFlags = NativeMemory.u16(l4 + TcpView.OFFSET_AND_FLAGS);
            int headerLength = (offsetAndFlags >>> 12) * 4;
            if (headerLength < TcpView.LENGTH || headerLength > totalLength - Ipv4View.LENGTH) {
                return false;
            }
            tcpFlags = offsetAndFlags & 0xff;
        } else if (protocol != IpProtocol.UDP
                || !isUdpLength(NativeMemory.u16(l4 + UdpView.UDP_LENGTH), totalLength - Ipv4View.LENGTH)) {
            return false;
        }
        out.addresses[i] = second << 32 | third >>> 32;
        out.transports[i] = (long) protocol << 32 | (third & 0xffff_ffffL);
        out.setFlow4(i, totalLength, (int) (second >>> 56), (first & Ipv4View.DF) != 0, tcpFlags);
        return true;
    }

    private static boolean isUdpLength(int datagramLength, int l4Length) {
        return datagramLength >= UdpView.LENGTH && datagramLength <= l4Length;
    }

    /// Reads one frame.
    ///
    /// @param memory the region that the frame lies in
    /// @param offset start of the frame in the region
    /// @param length bytes of the frame
    /// @param out    gets the result
    /// @param i      row of `out` to fill
    public static void parse(MemorySegment memory, long offset, int length, ParsedBatch out, int i) {
        if (length < EthernetView.LENGTH) {
            out.setKind(i, PacketKind.MALFORMED);
            return;
        }
        int etherType = Wire.u16(memory, offset + EthernetView.ETHER_TYPE);
        if (etherType == EthernetView.IPV4) {
            parseIpv4(memory, offset, length, EthernetView.LENGTH, out, i);
        } else if (etherType == EthernetView.IPV6) {
            parseIpv6(memory, offset, length, EthernetView.LENGTH, out, i);
        } else if (etherType == EthernetView.VLAN) {
            parseTagged(memory, offset, length, out, i);
        } else {
            parseOther(memory, offset, length, EthernetView.LENGTH, etherType, out, i);
        }
    }

    private static void parseTagged(MemorySegment memory, long offset, int length, ParsedBatch out, int i) {
        if (length < EthernetView.TAGGED_LENGTH) {
            out.setKind(i, PacketKind.MALFORMED);
            return;
        }
        int etherType = Wire.u16(memory, offset + EthernetView.TAGGED_ETHER_TYPE);
        if (etherType == EthernetView.IPV4) {
            parseIpv4(memory, offset, length, EthernetView.TAGGED_LENGTH, out, i);
        } else if (etherType == EthernetView.IPV6) {
            parseIpv6(memory, offset, length, EthernetView.TAGGED_LENGTH, out, i);
        } else {
            parseOther(memory, offset, length, EthernetView.TAGGED_LENGTH, etherType, out, i);
        }
    }

    private static void parseOther(
            MemorySegment memory, long offset, int length, int l3Offset, int etherType, ParsedBatch out, int i) {
        out.setL3Offset(i, l3Offset);
        if (etherType != EthernetView.ARP) {
            out.setKind(i, PacketKind.NOT_IP);
            return;
        }
        long arp = offset + l3Offset;
        int room = length - l3Offset;
        if (room >= 6 && Wire.u48(memory, arp) != ArpView.PREAMBLE) {
            out.setKind(i, PacketKind.NOT_IP);
        } else if (room < ArpView.LENGTH) {
            out.setKind(i, PacketKind.MALFORMED);
        } else {
            out.addresses[i] = (long) Wire.u32(memory, arp + ArpView.SENDER) << 32
                    | (Wire.u32(memory, arp + ArpView.TARGET) & 0xffff_ffffL);
            out.setPorts(i, Wire.u16(memory, arp + ArpView.OPERATION));
            out.setKind(i, PacketKind.ARP);
        }
    }

    // Three loads bring the whole header of the common packet: 8 bytes, 8 bytes, and the destination. What is not
    // common
    // is another method's, so that this one is small enough to be inlined into its caller's loop.
    private static void parseIpv4(MemorySegment memory, long offset, int length, int l3Offset, ParsedBatch out, int i) {
        out.setL3Offset(i, l3Offset);
        int room = length - l3Offset;
        if (room < Ipv4View.LENGTH) {
            out.setKind(i, PacketKind.MALFORMED);
            return;
        }
        long l3 = offset + l3Offset;
        long first = Wire.u64(memory, l3); // version, IHL, class, total length | identification, flags, offset
        long second = Wire.u64(memory, l3 + 8); // TTL, protocol, checksum | source
        long destination = Wire.u32(memory, l3 + 16) & 0xffff_ffffL;
        int totalLength = (int) (first >>> 32) & 0xffff;
        out.addresses[i] = second << 32 | destination;
        out.setPacketLength(i, totalLength);
        out.setProtocol(i, (int) (second >>> 48));
        out.setTtl(i, (int) (second >>> 56));
        out.setDontFragment(i, (first & Ipv4View.DF) != 0);
        long sum = (first >>> 32) + (first & 0xffff_ffffL) + (second >>> 32) + (second & 0xffff_ffffL) + destination;
        if ((first & VERSION_IHL_AND_FRAGMENT) == WITHOUT_OPTIONS_NO_FRAGMENT
                && totalLength >= Ipv4View.LENGTH
                && totalLength <= room
                && Checksum.fold(sum) == 0xffff) {
            out.setL4Offset(i, l3Offset + Ipv4View.LENGTH);
            out.setKind(i, upper4(memory, l3 + Ipv4View.LENGTH, totalLength - Ipv4View.LENGTH, out, i));
        } else {
            out.setKind(i, uncommon4(memory, l3, room, totalLength, first, sum, out, i));
        }
    }

    /// Goes on with a packet that has options, is a fragment, or is damaged.
    ///
    /// @param sum of the first 20 bytes of the header
    private static byte uncommon4(
            MemorySegment memory, long l3, int room, int totalLength, long first, long sum, ParsedBatch out, int i) {
        int headerLength = ((int) (first >>> 56) & 0xf) * 4;
        if (first >>> 60 != 4 || headerLength < Ipv4View.LENGTH || headerLength > totalLength || totalLength > room) {
            return PacketKind.MALFORMED4;
        }
        int options = Checksum.sum(memory, l3 + Ipv4View.LENGTH, headerLength - Ipv4View.LENGTH);
        if (Checksum.fold(sum + options) != 0xffff) {
            return PacketKind.BAD_CHECKSUM4;
        }
        out.setL4Offset(i, out.l3Offset(i) + headerLength);
        return (first & Ipv4View.FRAGMENT_MASK) != 0
                ? fragment4(memory, l3 + headerLength, totalLength - headerLength, first, out, i)
                : upper4(memory, l3 + headerLength, totalLength - headerLength, out, i);
    }

    private static byte upper4(MemorySegment memory, long l4, int l4Length, ParsedBatch out, int i) {
        return switch (out.protocol(i)) {
            case IpProtocol.TCP -> isTcp(memory, l4, l4Length, out, i) ? PacketKind.FLOW4 : PacketKind.MALFORMED4;
            case IpProtocol.UDP ->
                isUdp(memory, l4, l4Length, l4Length, out, i) ? PacketKind.FLOW4 : PacketKind.MALFORMED4;
            case IpProtocol.ICMP -> isIcmp(memory, l4, l4Length, out, i) ? PacketKind.ICMP4 : PacketKind.MALFORMED4;
            default -> PacketKind.OTHER4;
        };
    }

    private static byte fragment4(MemorySegment memory, long l4, int l4Length, long first, ParsedBatch out, int i) {
        int protocol = out.protocol(i);
        int fragmentOffset = (int) (first & Ipv4View.OFFSET_MASK) * 8;
        boolean more = (first & Ipv4View.MF) != 0;
        out.fragmentIds[i] = (int) (first >>> 16) & 0xffff;
        return fragment(memory, l4, l4Length, protocol, fragmentOffset, more, out, i)
                ? PacketKind.FRAGMENT4
                : PacketKind.MALFORMED4;
    }

    /// Fills what both families' fragments have in common.
    ///
    /// @return whether it is consistent
    private static boolean fragment(
            MemorySegment memory,
            long l4,
            int l4Length,
            int protocol,
            int fragmentOffset,
            boolean more,
            ParsedBatch out,
            int i) {
        out.fragmentOffsets[i] = fragmentOffset;
        out.moreFragments[i] = more;
        out.setPorts(i, 0);
        out.setTcpFlags(i, 0);
        if (l4Length == 0 || (more && (l4Length & 7) != 0) || fragmentOffset + l4Length > DATAGRAM_MAX) {
            return false;
        }
        if (fragmentOffset != 0) {
            // RFC 1858 §4: a TCP fragment at offset 8 exists only to overwrite the flags that a filter has seen.
            return protocol != IpProtocol.TCP || fragmentOffset != 8;
        }
        if (protocol == IpProtocol.TCP) {
            return isTcp(memory, l4, l4Length, out, i);
        }
        if (protocol == IpProtocol.UDP) {
            return isUdp(memory, l4, l4Length, DATAGRAM_MAX, out, i); // its length is the whole datagram's
        }
        return true;
    }

    private static void parseIpv6(MemorySegment memory, long offset, int length, int l3Offset, ParsedBatch out, int i) {
        out.setL3Offset(i, l3Offset);
        int room = length - l3Offset;
        if (room < Ipv6View.LENGTH) {
            out.setKind(i, PacketKind.MALFORMED);
            return;
        }
        long l3 = offset + l3Offset;
        long first = Wire.u64(memory, l3); // version, class, label | payload length, next header, hop limit
        int packetLength = Ipv6View.LENGTH + ((int) (first >>> 16) & 0xffff);
        int nextHeader = (int) (first >>> 8) & 0xff;
        out.sourceHigh[i] = Wire.u64(memory, l3 + 8);
        out.sourceLow[i] = Wire.u64(memory, l3 + 16);
        out.destinationHigh[i] = Wire.u64(memory, l3 + 24);
        out.destinationLow[i] = Wire.u64(memory, l3 + 32);
        out.setPacketLength(i, packetLength);
        out.setProtocol(i, nextHeader);
        out.setTtl(i, (int) first);
        out.setDontFragment(i, true);
        if (first >>> 60 != 6 || packetLength > room) {
            out.setKind(i, PacketKind.MALFORMED6);
            return;
        }
        out.setKind(
                i,
                nextHeader == IpProtocol.TCP || nextHeader == IpProtocol.UDP
                        ? upper6(memory, l3, Ipv6View.LENGTH, packetLength, nextHeader, out, i)
                        : walk(memory, l3, packetLength, nextHeader, out, i));
    }

    /// Walks the extension headers of a packet, if it has any.
    private static byte walk(MemorySegment memory, long l3, int packetLength, int nextHeader, ParsedBatch out, int i) {
        int at = Ipv6View.LENGTH;
        int next = nextHeader;
        boolean fragmentSeen = false;
        boolean isFragment = false;
        for (int walked = 0; isExtension(next); walked++) {
            if (walked == EXTENSION_HEADERS_MAX
                    || at + EXTENSION_LENGTH_MIN > packetLength
                    || (next == IpProtocol.HOP_BY_HOP && walked > 0)
                    || (next == IpProtocol.FRAGMENT && fragmentSeen)) {
                return PacketKind.MALFORMED6;
            }
            int following = Wire.u8(memory, l3 + at);
            if (next == IpProtocol.FRAGMENT) {
                int offsetAndMore = Wire.u16(memory, l3 + at + 2);
                out.fragmentIds[i] = Wire.u32(memory, l3 + at + 4);
                at += FRAGMENT_HEADER_LENGTH;
                if (offsetAndMore >>> 3 != 0) {
                    return fragment6(memory, l3, at, packetLength, following, offsetAndMore, out, i);
                }
                fragmentSeen = true;
                isFragment = (offsetAndMore & 1) != 0; // neither offset nor more: atomic, a packet like any other
            } else {
                at += (Wire.u8(memory, l3 + at + 1) + 1) * 8;
            }
            next = following;
        }
        if (at > packetLength) {
            return PacketKind.MALFORMED6;
        }
        return isFragment
                ? fragment6(memory, l3, at, packetLength, next, 1, out, i)
                : upper6(memory, l3, at, packetLength, next, out, i);
    }

    private static boolean isExtension(int nextHeader) {
        return nextHeader == IpProtocol.HOP_BY_HOP
                || nextHeader == IpProtocol.ROUTING
                || nextHeader == IpProtocol.FRAGMENT
                || nextHeader == IpProtocol.DESTINATION_OPTIONS;
    }

    private static byte fragment6(
            MemorySegment memory,
            long l3,
            int at,
            int packetLength,
            int protocol,
            int offsetAndMore,
            ParsedBatch out,
            int i) {
        out.setL4Offset(i, out.l3Offset(i) + at);
        out.setProtocol(i, protocol);
        boolean consistent = fragment(
                memory, l3 + at, packetLength - at, protocol, offsetAndMore & 0xfff8, (offsetAndMore & 1) != 0, out, i);
        return consistent ? PacketKind.FRAGMENT6 : PacketKind.MALFORMED6;
    }

    private static byte upper6(
            MemorySegment memory, long l3, int at, int packetLength, int protocol, ParsedBatch out, int i) {
        int l4Length = packetLength - at;
        out.setL4Offset(i, out.l3Offset(i) + at);
        out.setProtocol(i, protocol);
        return switch (protocol) {
            case IpProtocol.TCP -> isTcp(memory, l3 + at, l4Length, out, i) ? PacketKind.FLOW6 : PacketKind.MALFORMED6;
            case IpProtocol.UDP ->
                isUdp(memory, l3 + at, l4Length, l4Length, out, i) ? PacketKind.FLOW6 : PacketKind.MALFORMED6;
            case IpProtocol.ICMPV6 ->
                isIcmp(memory, l3 + at, l4Length, out, i) ? PacketKind.ICMP6 : PacketKind.MALFORMED6;
            default -> PacketKind.OTHER6;
        };
    }

    /// Fills ports and flags, if the TCP header lies within the segment.
    private static boolean isTcp(MemorySegment memory, long l4, int l4Length, ParsedBatch out, int i) {
        if (l4Length < TcpView.LENGTH) {
            return false;
        }
        out.setPorts(i, Wire.u32(memory, l4));
        int offsetAndFlags = Wire.u16(memory, l4 + TcpView.OFFSET_AND_FLAGS);
        out.setTcpFlags(i, offsetAndFlags);
        int headerLength = (offsetAndFlags >>> 12) * 4;
        return headerLength >= TcpView.LENGTH && headerLength <= l4Length;
    }

    /// Fills the ports, if the header is there and its length is not above `lengthMax`.
    private static boolean isUdp(MemorySegment memory, long l4, int l4Length, int lengthMax, ParsedBatch out, int i) {
        if (l4Length < UdpView.LENGTH) {
            return false;
        }
        out.setPorts(i, Wire.u32(memory, l4));
        out.setTcpFlags(i, 0);
        int datagramLength = Wire.u16(memory, l4 + UdpView.UDP_LENGTH);
        return datagramLength >= UdpView.LENGTH && datagramLength <= lengthMax;
    }

    /// Fills type and code, if the header is there.
    private static boolean isIcmp(MemorySegment memory, long l4, int l4Length, ParsedBatch out, int i) {
        if (l4Length < IcmpView.LENGTH) {
            return false;
        }
        out.setPorts(i, Wire.u16(memory, l4));
        out.setTcpFlags(i, 0);
        return true;
    }
}
