package io.penstock.forwarder.port;

import io.penstock.flowtable.packet.Checksum;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Completes a TCP or UDP checksum that the sender's kernel left to its NIC.
///
/// Between two ends on one host (veth, containers, virtual machines) there is no NIC, and the frame arrives with the
/// sum of the pseudo header where the checksum belongs. Sent on like that, every backend would throw it away. The
/// kernel tells which frames these are; the sum over the segment, that field included, is all that is missing.
final class PartialChecksum {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_IPV6 = 0x86dd;
    private static final int ETHERTYPE_VLAN = 0x8100;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int HOP_BY_HOP = 0;
    private static final int DESTINATION_OPTIONS = 60;
    private static final int EXTENSION_HEADERS_MAX = 8;

    private PartialChecksum() {}

    /// Completes the checksum of a TCP segment or a UDP datagram. Leaves all else alone: fragments never come with a
    /// partial checksum, and other protocols are not forwarded.
    ///
    /// @param offset of the Ethernet header
    static void complete(MemorySegment memory, long offset, int length) {
        long end = offset + length;
        long packet = offset + 14;
        int type = u16(memory, offset + 12);
        if (type == ETHERTYPE_VLAN && length >= 18) {
            packet = offset + 18;
            type = u16(memory, offset + 16);
        }
        if (type == ETHERTYPE_IPV4 && end - packet >= 20) {
            completeIpv4(memory, packet, end);
        } else if (type == ETHERTYPE_IPV6 && end - packet >= 40) {
            completeIpv6(memory, packet, end);
        }
    }

    private static void completeIpv4(MemorySegment memory, long packet, long end) {
        int headerLength = (u8(memory, packet) & 0xf) * 4;
        boolean isFragment = (u16(memory, packet + 6) & 0x3fff) != 0;
        long packetEnd = packet + u16(memory, packet + 2);
        if (headerLength >= 20 && packetEnd <= end && !isFragment) {
            completeSegment(memory, packet + headerLength, packetEnd, u8(memory, packet + 9));
        }
    }

    private static void completeIpv6(MemorySegment memory, long packet, long end) {
        long packetEnd = packet + 40 + u16(memory, packet + 4);
        if (packetEnd > end) {
            return;
        }
        int next = u8(memory, packet + 6);
        long at = packet + 40;
        for (int i = 0; i < EXTENSION_HEADERS_MAX && (next == HOP_BY_HOP || next == DESTINATION_OPTIONS); i++) {
            if (packetEnd - at < 8) {
                return;
            }
            next = u8(memory, at);
            at += 8 + 8L * u8(memory, at + 1);
        }
        completeSegment(memory, at, packetEnd, next);
    }

    private static void completeSegment(MemorySegment memory, long segment, long end, int protocol) {
        if (protocol == TCP && end - segment >= 20) {
            int checksum = Checksum.ofSegment(memory, segment, (int) (end - segment), 0);
            memory.set(U16, segment + 16, (short) checksum);
        } else if (protocol == UDP && end - segment >= 8) {
            int checksum = Checksum.ofSegment(memory, segment, (int) (end - segment), 0);
            memory.set(U16, segment + 6, (short) Checksum.neverZero(checksum));
        }
    }

    private static int u8(MemorySegment memory, long at) {
        return memory.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    private static int u16(MemorySegment memory, long at) {
        return memory.get(U16, at) & 0xffff;
    }
}
