package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Neighbour discovery on behalf of a VIP (RFC 4861). Static, no state.
///
/// A neighbour advertisement as it is written here (§4.4), 32 bytes behind the IPv6 header:
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   Type = 136  |   Code = 0    |           Checksum            |
/// +-+-+-+---------+---------------+-------------------------------+
/// |R|S|O|                       Reserved                          |
/// +-+-+-+---------------------------------------------------------+
/// |                   Target Address, 16 bytes                    |
/// +---------------+---------------+-------------------------------+
/// |  Option = 2   |  Length = 1   |                               |
/// +---------------+---------------+                               +
/// |               Target link-layer address, 6 bytes              |
/// +---------------------------------------------------------------+
/// ```
public final class NeighbourWriter {
    /// Bytes before a solicitation that its answer may need: the answer has an option that a solicitation may
    /// lack.
    public static final int HEADROOM = 8;

    /// Bytes of an announcement's frame, with a tag.
    public static final int ANNOUNCEMENT_LENGTH = EthernetView.TAGGED_LENGTH + Ipv6View.LENGTH + 32;

    private static final int ADVERTISEMENT_LENGTH = 32;
    private static final int TARGET = 8;
    private static final int OPTIONS = 24;
    private static final int SOURCE_LINK_LAYER = 1;
    private static final int TARGET_LINK_LAYER = 2;
    /// What no router forwards: proof that a message comes from this link (§7.1.1).
    private static final int HOP_LIMIT = 255;

    private static final int SOLICITED = 0x4000_0000;
    private static final int OVERRIDE = 0x2000_0000;

    private static final long ALL_NODES_HIGH = 0xff02_0000_0000_0000L;
    private static final long ALL_NODES_LOW = 1;
    private static final long ALL_NODES_MAC = 0x3333_0000_0001L;
    /// ff02::1:ff00:0/104, with the low 24 bits of the address asked for.
    private static final long SOLICITED_NODE_LOW = 0x0000_0001_ff00_0000L;

    private NeighbourWriter() {}

    /// {@return whether a solicitation is valid (§7.1.1), checksum included, and its target can be somebody's}
    ///
    /// @param parsed of kind `ICMP6`, type 135, in row `i`
    public static boolean isSolicitation(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        int length = parsed.l4Length(i);
        long l4 = frameOffset + parsed.l4Offset(i);
        if (parsed.ports(i) != IcmpView.NEIGHBOUR_SOLICITATION << 8
                || parsed.ttl(i) != HOP_LIMIT
                || length < OPTIONS
                || !ReplyHeaders.isHost6(targetHigh(memory, l4), targetLow(memory, l4))) {
            return false;
        }
        boolean probe = (parsed.sourceHigh[i] | parsed.sourceLow[i]) == 0;
        if (probe && !isSolicitedNode(parsed.destinationHigh[i], parsed.destinationLow[i])) {
            return false;
        }
        return areOptionsRight(memory, l4 + OPTIONS, length - OPTIONS, probe)
                && Checksum.isIntact(memory, l4, length, pseudoHeader(parsed, i, length));
    }

    /// {@return whether an advertisement is valid (§7.1.2), checksum included}
    ///
    /// @param parsed of kind `ICMP6`, type 136, in row `i`
    public static boolean isAdvertisement(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        int length = parsed.l4Length(i);
        long l4 = frameOffset + parsed.l4Offset(i);
        return parsed.ports(i) == IcmpView.NEIGHBOUR_ADVERTISEMENT << 8
                && parsed.ttl(i) == HOP_LIMIT
                && length >= OPTIONS
                && areOptionsRight(memory, l4 + OPTIONS, length - OPTIONS, false)
                && Checksum.isIntact(memory, l4, length, pseudoHeader(parsed, i, length));
    }

    private static boolean isSolicitedNode(long high, long low) {
        return high == ALL_NODES_HIGH && (low & 0xffff_ffff_ff00_0000L) == SOLICITED_NODE_LOW;
    }

    // Every option has a length above 0 and ends with the message; a probe names no source (§7.1.1).
    private static boolean areOptionsRight(MemorySegment memory, long offset, int length, boolean probe) {
        int at = 0;
        while (at < length) {
            if (at + 8 > length) {
                return false;
            }
            int optionLength = Wire.u8(memory, offset + at + 1) * 8;
            if (optionLength == 0 || at + optionLength > length) {
                return false;
            }
            if (probe && Wire.u8(memory, offset + at) == SOURCE_LINK_LAYER) {
                return false;
            }
            at += optionLength;
        }
        return true;
    }

    private static int pseudoHeader(ParsedBatch parsed, int i, int length) {
        return Checksum.pseudoHeader6(
                parsed.sourceHigh[i],
                parsed.sourceLow[i],
                parsed.destinationHigh[i],
                parsed.destinationLow[i],
                IpProtocol.ICMPV6,
                length);
    }

    /// {@return first 8 bytes of the address that a solicitation or advertisement is about}
    ///
    /// @param l4 start of the ICMPv6 message, at least 24 bytes long
    public static long targetHigh(MemorySegment memory, long l4) {
        return Wire.u64(memory, l4 + TARGET);
    }

    /// {@return last 8 bytes of the address that a solicitation or advertisement is about}
    ///
    /// @param l4 start of the ICMPv6 message, at least 24 bytes long
    public static long targetLow(MemorySegment memory, long l4) {
        return Wire.u64(memory, l4 + TARGET + 8);
    }

    /// Turns a solicitation into the advertisement that `ourMac` has the address it asks for: to the asker,
    /// solicited, or, for a duplicate address probe, to all nodes and unsolicited (§7.2.4).
    ///
    /// The answer goes to the MAC address that the frame came from, which is the asker's.
    ///
    /// @param frameOffset start of the frame; [#HEADROOM] bytes before it are writable
    /// @param parsed      of a message that [#isSolicitation] found valid
    /// @param ourMac      in the low 48 bits
    /// @return whether `out` holds a reply; false when the asker is no single host
    public static boolean reply(
            MemorySegment memory, long frameOffset, ParsedBatch parsed, int i, long ourMac, ReplyFrame out) {
        int l3Offset = parsed.l3Offset(i);
        long l4 = frameOffset + parsed.l4Offset(i);
        long askerMac = Wire.u48(memory, frameOffset + EthernetView.SOURCE);
        long askerHigh = parsed.sourceHigh[i];
        long askerLow = parsed.sourceLow[i];
        boolean probe = (askerHigh | askerLow) == 0;
        if ((askerMac & EthernetView.GROUP) != 0 || (!probe && !ReplyHeaders.isHost6(askerHigh, askerLow))) {
            return false;
        }
        long targetHigh = targetHigh(memory, l4);
        long targetLow = targetLow(memory, l4);
        int tag = EthernetView.tag(memory, frameOffset, l3Offset);
        long start = frameOffset - HEADROOM;
        EthernetView.put(memory, start, l3Offset, probe ? ALL_NODES_MAC : askerMac, ourMac, tag, EthernetView.IPV6);
        putAdvertisement(
                memory,
                start + l3Offset,
                targetHigh,
                targetLow,
                probe ? ALL_NODES_HIGH : askerHigh,
                probe ? ALL_NODES_LOW : askerLow,
                probe ? OVERRIDE : SOLICITED | OVERRIDE,
                ourMac);
        out.offset = start;
        out.length = l3Offset + Ipv6View.LENGTH + ADVERTISEMENT_LENGTH;
        return true;
    }

    /// Writes an unsolicited advertisement to all nodes, which corrects what they remember (§7.2.6).
    ///
    /// @param frameOffset room for [#ANNOUNCEMENT_LENGTH] bytes
    /// @param tag         802.1Q tag, or [EthernetView#NO_TAG]
    /// @param vipHigh     the address, first 8 bytes
    /// @param vipLow      the address, last 8 bytes
    /// @param ourMac      in the low 48 bits
    public static void announce(
            MemorySegment memory, long frameOffset, int tag, long vipHigh, long vipLow, long ourMac, ReplyFrame out) {
        int l3Offset = tag == EthernetView.NO_TAG ? EthernetView.LENGTH : EthernetView.TAGGED_LENGTH;
        EthernetView.put(memory, frameOffset, l3Offset, ALL_NODES_MAC, ourMac, tag, EthernetView.IPV6);
        putAdvertisement(
                memory, frameOffset + l3Offset, vipHigh, vipLow, ALL_NODES_HIGH, ALL_NODES_LOW, OVERRIDE, ourMac);
        out.offset = frameOffset;
        out.length = l3Offset + Ipv6View.LENGTH + ADVERTISEMENT_LENGTH;
    }

    private static void putAdvertisement(
            MemorySegment memory,
            long l3,
            long targetHigh,
            long targetLow,
            long destinationHigh,
            long destinationLow,
            int flags,
            long ourMac) {
        Ipv6View.put(
                memory,
                l3,
                0,
                0,
                ADVERTISEMENT_LENGTH,
                IpProtocol.ICMPV6,
                HOP_LIMIT,
                targetHigh,
                targetLow,
                destinationHigh,
                destinationLow);
        long l4 = l3 + Ipv6View.LENGTH;
        Wire.put32(memory, l4, IcmpView.NEIGHBOUR_ADVERTISEMENT << 24);
        Wire.put32(memory, l4 + IcmpView.REST, flags);
        Wire.put64(memory, l4 + TARGET, targetHigh);
        Wire.put64(memory, l4 + TARGET + 8, targetLow);
        Wire.put16(memory, l4 + OPTIONS, TARGET_LINK_LAYER << 8 | 1);
        Wire.put48(memory, l4 + OPTIONS + 2, ourMac);
        int pseudoHeader = Checksum.pseudoHeader6(
                targetHigh, targetLow, destinationHigh, destinationLow, IpProtocol.ICMPV6, ADVERTISEMENT_LENGTH);
        Wire.put16(memory, l4 + IcmpView.CHECKSUM, Checksum.ofSegment(memory, l4, ADVERTISEMENT_LENGTH, pseudoHeader));
    }
}
