package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Tells a client that its packet does not fit the path to its backend: ICMP "fragmentation needed" with the
/// MTU of the next hop (RFC 1191 §4), or ICMPv6 "packet too big" (RFC 4443 §3.2), from the VIP. See
/// [IcmpErrorWriter] for what is never answered.
///
/// The MTU is the one that is left for the client's packet: the path's, less [Encapsulator#overhead]. An IPv6
/// sender does not go below 1280 (RFC 8201 §4), so a tunnel needs a path of 1280 plus its overhead.
///
/// Static, no state.
public final class TooBigWriter {
    private TooBigWriter() {}

    /// Answers a packet that was received, not yet rewritten. [IcmpErrorWriter#HEADROOM6] bytes before the
    /// frame are writable.
    ///
    /// @param parsed any IPv4 or IPv6 kind in row `i` that is not malformed
    /// @param mtu    most bytes that the client's packets may have
    /// @return whether `out` holds an error
    public static boolean reply(
            MemorySegment memory, long frameOffset, ParsedBatch parsed, int i, int mtu, ReplyFrame out) {
        int l3Offset = parsed.l3Offset(i);
        return quote(memory, frameOffset, l3Offset, frameOffset + l3Offset, parsed.packetLength(i), mtu, out);
    }

    /// Answers the sender of a packet that another frame quotes: what a router said of our outer packet becomes
    /// what the client has to know. The message is sent back to the station that the frame came from.
    ///
    /// @param frameOffset start of the frame that quotes
    /// @param l3Offset    its header length
    /// @param quoteOffset start of the client's packet in it: [IcmpQuote#innerOffset]
    /// @param quoteLength bytes of it that there are: [IcmpQuote#innerLength]
    /// @param mtu         most bytes that the client's packets may have
    /// @return whether `out` holds an error
    public static boolean quote(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            long quoteOffset,
            int quoteLength,
            int mtu,
            ReplyFrame out) {
        boolean isV6 = quoteLength > 0 && Wire.u8(memory, quoteOffset) >>> 4 == 6;
        return isV6
                ? IcmpErrorWriter.write6(
                        memory, frameOffset, l3Offset, quoteOffset, quoteLength, IcmpView.TOO_BIG_V6, 0, mtu, out)
                : IcmpErrorWriter.write4(
                        memory,
                        frameOffset,
                        l3Offset,
                        quoteOffset,
                        quoteLength,
                        IcmpView.UNREACHABLE,
                        IcmpView.FRAGMENTATION_NEEDED,
                        mtu,
                        out);
    }
}
