package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// What the reply writers share: whom one may answer, and the way back to where a frame came from.
final class ReplyHeaders {
    /// TTL or hop limit of what we originate (RFC 1700, "IP parameters").
    static final int TTL = 64;

    private ReplyHeaders() {}

    /// {@return whether a frame was sent to one station}. What came to a group is not answered (RFC 1122
    /// §3.2.2, RFC 9293 §3.9.2.3), or one packet would draw many answers.
    static boolean isToOneStation(MemorySegment memory, long frameOffset) {
        return (Wire.u8(memory, frameOffset) & 1) == 0 && (Wire.u8(memory, frameOffset + EthernetView.SOURCE) & 1) == 0;
    }

    /// {@return whether an IPv4 address can be one host on the other side of a network}: not 0/8, loopback,
    /// multicast, reserved or broadcast (RFC 1122 §3.2.1.3)
    static boolean isHost4(int address) {
        int first = address >>> 24;
        return first != 0 && first != 127 && first < 224;
    }

    /// {@return whether an IPv6 address can be one host}: not unspecified, loopback or multicast (RFC 4291
    /// §2.5, §2.7)
    static boolean isHost6(long high, long low) {
        return high >>> 56 != 0xff && (high != 0 || low >>> 1 != 0);
    }

    /// Writes an Ethernet header that leads back to where another frame came from, its tag kept.
    ///
    /// @param from     the frame that is answered
    /// @param l3Offset its header's length
    /// @param to       where the reply begins; its header has the same length
    static void putEthernet(MemorySegment memory, long from, int l3Offset, long to, int etherType) {
        long asked = Wire.u48(memory, from + EthernetView.DESTINATION);
        long asker = Wire.u48(memory, from + EthernetView.SOURCE);
        int tag = EthernetView.tag(memory, from, l3Offset);
        EthernetView.put(memory, to, l3Offset, asker, asked, tag, etherType);
    }
}
