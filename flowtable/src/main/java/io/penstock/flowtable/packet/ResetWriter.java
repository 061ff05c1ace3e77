package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Answers a TCP segment for which there is no connection with a RST (RFC 9293 §3.10.7.1), in place. Static, no
/// state.
///
/// | segment | RST |
/// |---|---|
/// | has ACK | sequence = its acknowledgment number; no ACK |
/// | has no ACK | sequence 0; acknowledges its sequence number + its data + 1 for a SYN + 1 for a FIN |
/// | is a RST | none |
///
/// A first fragment is answered as well if it has ACK: how much data the segment has is not known.
public final class ResetWriter {
    private ResetWriter() {}

    /// Answers a segment.
    ///
    /// @param parsed of kind `FLOW4`, `FLOW6`, or the first fragment of a datagram, in row `i`
    /// @return whether `out` holds a RST; false when it is no TCP, is a RST itself, or nobody whom one may answer
    ///     sent it
    public static boolean reset(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i, ReplyFrame out) {
        int flags = parsed.tcpFlags(i);
        boolean isV4 = parsed.kind(i) == PacketKind.FLOW4 || parsed.kind(i) == PacketKind.FRAGMENT4;
        boolean isWhole = parsed.kind(i) == PacketKind.FLOW4 || parsed.kind(i) == PacketKind.FLOW6;
        if (parsed.protocol(i) != IpProtocol.TCP
                || (flags & TcpView.RST) != 0
                || (!isWhole && (flags & TcpView.ACK) == 0)
                || !ReplyHeaders.isToOneStation(memory, frameOffset)) {
            return false;
        }
        long l4 = frameOffset + parsed.l4Offset(i);
        boolean acknowledges = (flags & TcpView.ACK) != 0;
        int sequence = acknowledges ? Wire.u32(memory, l4 + TcpView.ACKNOWLEDGMENT) : 0;
        int acknowledgment = acknowledges
                ? 0
                : Wire.u32(memory, l4 + TcpView.SEQUENCE)
                        + parsed.l4Length(i)
                        - TcpView.headerLength(memory, l4)
                        + (flags >>> 1 & 1) // SYN
                        + (flags & 1); // FIN
        int ports = Integer.rotateLeft(parsed.ports(i), 16);
        int replyFlags = acknowledges ? TcpView.RST : TcpView.RST | TcpView.ACK;
        int l3Offset = parsed.l3Offset(i);
        int ipLength = isV4 ? Ipv4View.LENGTH : Ipv6View.LENGTH;
        long l3 = frameOffset + l3Offset;
        int pseudoHeader = isV4 ? put4(memory, l3, parsed, i) : put6(memory, l3, parsed, i);
        if (pseudoHeader < 0) {
            return false;
        }
        ReplyHeaders.putEthernet(
                memory, frameOffset, l3Offset, frameOffset, isV4 ? EthernetView.IPV4 : EthernetView.IPV6);
        putSegment(memory, l3 + ipLength, ports, sequence, acknowledgment, replyFlags, pseudoHeader);
        out.offset = frameOffset;
        out.length = l3Offset + ipLength + TcpView.LENGTH;
        return true;
    }

    /// {@return the pseudo header's sum, or -1 when the segment may not be answered}
    private static int put4(MemorySegment memory, long l3, ParsedBatch parsed, int i) {
        if (!ReplyHeaders.isHost4(parsed.source4(i)) || !ReplyHeaders.isHost4(parsed.destination4(i))) {
            return -1;
        }
        long addresses = Long.rotateLeft(parsed.addresses[i], 32);
        Ipv4View.put(
                memory,
                l3,
                0,
                Ipv4View.LENGTH + TcpView.LENGTH,
                0,
                Ipv4View.DF,
                ReplyHeaders.TTL,
                IpProtocol.TCP,
                addresses);
        return Checksum.pseudoHeader4(addresses, IpProtocol.TCP, TcpView.LENGTH);
    }

    private static int put6(MemorySegment memory, long l3, ParsedBatch parsed, int i) {
        long clientHigh = parsed.sourceHigh[i];
        long clientLow = parsed.sourceLow[i];
        long vipHigh = parsed.destinationHigh[i];
        long vipLow = parsed.destinationLow[i];
        if (!ReplyHeaders.isHost6(clientHigh, clientLow) || !ReplyHeaders.isHost6(vipHigh, vipLow)) {
            return -1;
        }
        Ipv6View.put(
                memory,
                l3,
                0,
                0,
                TcpView.LENGTH,
                IpProtocol.TCP,
                ReplyHeaders.TTL,
                vipHigh,
                vipLow,
                clientHigh,
                clientLow);
        return Checksum.pseudoHeader6(vipHigh, vipLow, clientHigh, clientLow, IpProtocol.TCP, TcpView.LENGTH);
    }

    private static void putSegment(
            MemorySegment memory, long l4, int ports, int sequence, int acknowledgment, int flags, int pseudoHeader) {
        Wire.put32(memory, l4, ports);
        Wire.put32(memory, l4 + TcpView.SEQUENCE, sequence);
        Wire.put32(memory, l4 + TcpView.ACKNOWLEDGMENT, acknowledgment);
        Wire.put32(memory, l4 + TcpView.OFFSET_AND_FLAGS, 0x5000 << 16 | flags << 16); // 5 words, window 0
        Wire.put32(memory, l4 + TcpView.CHECKSUM, 0);
        Wire.put16(memory, l4 + TcpView.CHECKSUM, Checksum.ofSegment(memory, l4, TcpView.LENGTH, pseudoHeader));
    }
}
