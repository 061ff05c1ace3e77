package io.penstock.flowtable.packet;

import io.penstock.flowtable.NativeMemory;
import java.lang.foreign.MemorySegment;

/// Direct server return on one segment: new MAC addresses, TTL or hop limit less one, all else as the client
/// sent it.
///
/// The same method serves frames with and without a VLAN tag: the tag lies behind the addresses and stays.
/// Static, no state.
public final class DirectRewriter {
    private DirectRewriter() {}

    /// Rewrites a frame that carries IPv4; its checksum is updated, not computed anew (RFC 1624).
    ///
    /// @param l3Offset       bytes from the frame's start to its IPv4 header, whose TTL is at least 1
    /// @param destinationMac of the backend or its next hop, in the low 48 bits
    /// @param sourceMac      ours
    public static void rewrite4(
            MemorySegment memory, long frameOffset, int l3Offset, long destinationMac, long sourceMac) {
        EthernetView.putAddresses(memory, frameOffset, destinationMac, sourceMac);
        long at = frameOffset + l3Offset + Ipv4View.TTL;
        Wire.put32(memory, at, lowerTtl(Wire.u32(memory, at)));
    }

    /// Does the same to a frame at an address, all of which the caller has checked to be there.
    public static void rewrite4(long frame, int l3Offset, long destinationMac, long sourceMac) {
        NativeMemory.put64(frame, destinationMac << 16 | sourceMac >>> 32);
        NativeMemory.put32(frame + 8, (int) sourceMac);
        long at = frame + l3Offset + Ipv4View.TTL;
        NativeMemory.put32(at, lowerTtl(NativeMemory.u32(at)));
    }

    /// {@return TTL, protocol and checksum of an IPv4 header with a TTL that is one less}
    ///
    /// What [Checksum#update16] says of these words, in the form that it takes when one of them falls by 0x0100:
    /// the checksum rises by as much, and a sum of 0xffff or more starts again at 0.
    static int lowerTtl(int word) {
        assert word >>> 24 != 0 : "ttl=0";
        int sum = (word & 0xffff) + 0x0100;
        int checksum = (sum + ((sum + 1) >>> 16)) & 0xffff;
        return ((word & 0xffff_0000) - 0x0100_0000) | checksum;
    }

    /// Rewrites a frame that carries IPv6.
    ///
    /// @param l3Offset       bytes from the frame's start to its IPv6 header, whose hop limit is at least 1
    /// @param destinationMac of the backend or its next hop, in the low 48 bits
    /// @param sourceMac      ours
    public static void rewrite6(
            MemorySegment memory, long frameOffset, int l3Offset, long destinationMac, long sourceMac) {
        EthernetView.putAddresses(memory, frameOffset, destinationMac, sourceMac);
        long at = frameOffset + l3Offset + Ipv6View.HOP_LIMIT;
        int hopLimit = Wire.u8(memory, at);
        assert hopLimit != 0 : "hopLimit=0";
        Wire.put8(memory, at, hopLimit - 1);
    }
}
