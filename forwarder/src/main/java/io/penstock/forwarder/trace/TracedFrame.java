package io.penstock.forwarder.trace;

import io.penstock.flowtable.packet.PacketKind;
import io.penstock.forwarder.path.IpKey;
import org.jspecify.annotations.Nullable;

/// A frame as it came, and what became of it.
///
/// @param wallNs      when, ns since 1970
/// @param outcome     id of the counter that counted it, or [io.penstock.forwarder.path.Disposition#HELD]
/// @param detail      see [io.penstock.forwarder.path.Disposition#detail]
/// @param length      bytes it had
/// @param kind        of [PacketKind]
/// @param protocol    transport protocol, where the kind has one
/// @param tcpFlags    0 where it is no TCP
/// @param ports       source port in the high half, destination port in the low one; ICMP: type << 8 + code
/// @param source      or the sender of an ARP packet; null where no address could be read
/// @param destination or the target of an ARP packet
/// @param frame       its first bytes
@SuppressWarnings("ArrayRecordComponent") // Read once and thrown away, never compared.
public record TracedFrame(
        long wallNs,
        int outcome,
        int detail,
        int length,
        byte kind,
        int protocol,
        int tcpFlags,
        int ports,
        @Nullable IpKey source,
        @Nullable IpKey destination,
        byte[] frame) {

    /// {@return whether the packet is IPv6, as far as is known}
    static boolean isV6(byte kind) {
        return kind == PacketKind.FLOW6
                || kind == PacketKind.FRAGMENT6
                || kind == PacketKind.ICMP6
                || kind == PacketKind.OTHER6
                || kind == PacketKind.MALFORMED6;
    }

    /// {@return whether the parser read addresses}
    static boolean hasAddresses(byte kind) {
        return kind != PacketKind.NOT_IP && kind != PacketKind.MALFORMED;
    }

    /// {@return whether the parser read ports, or ICMP's type and code}
    static boolean hasPorts(byte kind) {
        return kind <= PacketKind.ARP;
    }
}
