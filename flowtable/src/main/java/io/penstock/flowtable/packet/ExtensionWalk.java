package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Finds the upper-layer header of an IPv6 packet of which only a part may be there, such as a quoted one.
/// [PacketParser] has a walk of its own, which also judges.
///
/// A result packs an offset and a protocol into a long, since nothing may be allocated.
final class ExtensionWalk {
    /// In place of a protocol: a fragment other than the first, behind whose header nothing can be told.
    static final int LATER_FRAGMENT = 256;
    /// In place of a protocol: the chain goes on beyond what is there, or beyond the bound.
    static final int UNKNOWN = 257;

    private ExtensionWalk() {}

    /// Walks at most [PacketParser#EXTENSION_HEADERS_MAX] headers.
    ///
    /// @param packet start of an IPv6 header that is whole
    /// @param length bytes that there are from there
    /// @return to be read with [#offset(long)] and [#protocol(long)]
    static long upper(MemorySegment memory, long packet, int length) {
        int at = Ipv6View.LENGTH;
        int next = Wire.u8(memory, packet + Ipv6View.NEXT_HEADER);
        for (int walked = 0; walked <= PacketParser.EXTENSION_HEADERS_MAX; walked++) {
            switch (next) {
                case IpProtocol.HOP_BY_HOP, IpProtocol.ROUTING, IpProtocol.DESTINATION_OPTIONS, IpProtocol.FRAGMENT -> {
                    if (at + 8 > length) {
                        return result(at, UNKNOWN);
                    }
                }
                default -> {
                    return result(at, next);
                }
            }
            if (next == IpProtocol.FRAGMENT) {
                if (Wire.u16(memory, packet + at + 2) >>> 3 != 0) {
                    return result(at, LATER_FRAGMENT);
                }
                next = Wire.u8(memory, packet + at);
                at += 8;
            } else {
                next = Wire.u8(memory, packet + at);
                at += (Wire.u8(memory, packet + at + 1) + 1) * 8;
            }
        }
        return result(at, UNKNOWN);
    }

    private static long result(int offset, int protocol) {
        return (long) offset << 32 | protocol;
    }

    /// {@return bytes from the packet's start to the upper-layer header; it may lie beyond what is there}
    static int offset(long result) {
        return (int) (result >>> 32);
    }

    /// {@return its protocol, [#LATER_FRAGMENT] or [#UNKNOWN]}
    static int protocol(long result) {
        return (int) result;
    }
}
