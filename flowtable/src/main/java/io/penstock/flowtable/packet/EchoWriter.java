package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Turns an echo request into its reply, in place (RFC 792, RFC 4443 §4.2). Static, no state.
///
/// The message keeps its data; its checksum is updated for the new type alone, since swapped addresses add up
/// to the same, so a request that arrived damaged leaves as a damaged reply. IPv4 options and IPv6 extension
/// headers are left out: the reply's headers are written right before the message, and the reply then begins
/// behind the request's start.
public final class EchoWriter {
    private EchoWriter() {}

    /// Answers a request.
    ///
    /// @param parsed of kind `ICMP4` or `ICMP6` in row `i`
    /// @return whether `out` holds a reply; false when it is no echo request, or nobody whom one may answer asked
    public static boolean reply(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i, ReplyFrame out) {
        if (!ReplyHeaders.isToOneStation(memory, frameOffset)) {
            return false;
        }
        boolean isReply = parsed.kind(i) == PacketKind.ICMP4
                ? reply4(memory, frameOffset, parsed, i)
                : reply6(memory, frameOffset, parsed, i);
        if (!isReply) {
            return false;
        }
        int l3Offset = parsed.l3Offset(i);
        boolean isV4 = parsed.kind(i) == PacketKind.ICMP4;
        int ipLength = isV4 ? Ipv4View.LENGTH : Ipv6View.LENGTH;
        out.offset = frameOffset + parsed.l4Offset(i) - ipLength - l3Offset;
        out.length = l3Offset + ipLength + parsed.l4Length(i);
        return true;
    }

    private static boolean reply4(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        if (parsed.ports(i) != IcmpView.ECHO_REQUEST << 8
                || !ReplyHeaders.isHost4(parsed.source4(i))
                || !ReplyHeaders.isHost4(parsed.destination4(i))) {
            return false;
        }
        int l3Offset = parsed.l3Offset(i);
        long l4 = frameOffset + parsed.l4Offset(i);
        long l3 = frameOffset + l3Offset;
        int trafficClass = Wire.u8(memory, l3 + Ipv4View.TRAFFIC_CLASS);
        int identification = Wire.u16(memory, l3 + Ipv4View.IDENTIFICATION);
        putType(memory, l4, parsed.l4Length(i), IcmpView.ECHO_REQUEST, IcmpView.ECHO_REPLY);
        long start = l4 - Ipv4View.LENGTH - l3Offset;
        ReplyHeaders.putEthernet(memory, frameOffset, l3Offset, start, EthernetView.IPV4);
        Ipv4View.put(
                memory,
                l4 - Ipv4View.LENGTH,
                trafficClass,
                Ipv4View.LENGTH + parsed.l4Length(i),
                identification,
                parsed.dontFragment(i) ? Ipv4View.DF : 0,
                ReplyHeaders.TTL,
                IpProtocol.ICMP,
                Long.rotateLeft(parsed.addresses[i], 32));
        return true;
    }

    private static boolean reply6(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        if (parsed.ports(i) != IcmpView.ECHO_REQUEST_V6 << 8
                || !ReplyHeaders.isHost6(parsed.sourceHigh[i], parsed.sourceLow[i])
                || !ReplyHeaders.isHost6(parsed.destinationHigh[i], parsed.destinationLow[i])) {
            return false;
        }
        int l3Offset = parsed.l3Offset(i);
        long l4 = frameOffset + parsed.l4Offset(i);
        int trafficClass = Ipv6View.trafficClass(memory, frameOffset + l3Offset);
        putType(memory, l4, parsed.l4Length(i), IcmpView.ECHO_REQUEST_V6, IcmpView.ECHO_REPLY_V6);
        long start = l4 - Ipv6View.LENGTH - l3Offset;
        ReplyHeaders.putEthernet(memory, frameOffset, l3Offset, start, EthernetView.IPV6);
        Ipv6View.put(
                memory,
                l4 - Ipv6View.LENGTH,
                trafficClass,
                0,
                parsed.l4Length(i),
                IpProtocol.ICMPV6,
                ReplyHeaders.TTL,
                parsed.destinationHigh[i],
                parsed.destinationLow[i],
                parsed.sourceHigh[i],
                parsed.sourceLow[i]);
        return true;
    }

    private static void putType(MemorySegment memory, long l4, int length, int from, int to) {
        int checksum = Checksum.update16(Wire.u16(memory, l4 + IcmpView.CHECKSUM), from << 8, to << 8);
        Wire.put32(memory, l4, to << 24 | checksum);
        // RFC 1624 takes for granted that not all words are 0. Those of an ICMP echo reply can be: 0 is its type.
        if (checksum == 0 && Checksum.sum(memory, l4, length) == 0) {
            Wire.put16(memory, l4 + IcmpView.CHECKSUM, 0xffff);
        }
    }
}
