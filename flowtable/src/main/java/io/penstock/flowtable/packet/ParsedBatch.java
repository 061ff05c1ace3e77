package io.penstock.flowtable.packet;

/// What [PacketParser] read from the frames of one batch: arrays that belong together by index, so that each
/// stage of the packet path touches only the columns it needs. A column not named for a kind holds what an
/// earlier frame left.
///
/// | kind | columns that hold |
/// |---|---|
/// | `FLOW*` | all but the fragment ones; `tcpFlags` is 0 for UDP |
/// | `FRAGMENT*` | as `FLOW*`, and the fragment ones; a later one has `ports` and `tcpFlags` 0 |
/// | `ICMP*` | as `FLOW*`, `ports` = type << 8 + code |
/// | `ARP` | `l3Offsets`, `addresses` = sender and target, `ports` = operation |
/// | `OTHER*` | as `FLOW*` without `ports` and `tcpFlags` |
/// | `MALFORMED4/6`, `BAD_CHECKSUM4` | `l3Offsets`, addresses, `protocols` as far as read |
///
/// One worker's own; not thread-safe.
public final class ParsedBatch {
    /// [PacketKind].
    public final byte[] kinds;
    /// IP or ARP header, in bytes from the frame's start: 14, or 18 behind a VLAN tag.
    public final int[] l3Offsets;
    /// Transport header, or the data of a later fragment, in bytes from the frame's start.
    public final int[] l4Offsets;
    /// Bytes of the packet from the IP header on, as that header says: the frame's padding is no part of it.
    public final int[] packetLengths;
    /// IPv4: source in the high half, destination in the low half.
    public final long[] addresses;
    /// IPv6 source, first 8 bytes.
    public final long[] sourceHigh;
    /// IPv6 source, last 8 bytes.
    public final long[] sourceLow;
    /// IPv6 destination, first 8 bytes.
    public final long[] destinationHigh;
    /// IPv6 destination, last 8 bytes.
    public final long[] destinationLow;
    /// Source port in the high half, destination port in the low half; 0 where no port is known.
    public final int[] ports;
    /// Transport protocol. For a later IPv6 fragment: what its fragment header names, which may be an extension
    /// header; so a table of IPv6 fragments leaves it out of its key, as RFC 8200 §4.5 does.
    public final byte[] protocols;
    /// The low 8 flag bits of a TCP header: [TcpView#SYN] and so on.
    public final byte[] tcpFlags;
    /// TTL or hop limit as received; an unsigned byte.
    public final byte[] ttls;
    /// IPv4: the DF bit. Always true for IPv6, which no router fragments.
    public final boolean[] dontFragment;
    /// Fragments: the identification, 16 or 32 bits.
    public final int[] fragmentIds;
    /// Fragments: where the fragment's data belongs, in bytes; 0 for the first.
    public final int[] fragmentOffsets;
    /// Fragments: whether more follow.
    public final boolean[] moreFragments;

    /// @param frames most frames of a batch
    public ParsedBatch(int frames) {
        kinds = new byte[frames];
        l3Offsets = new int[frames];
        l4Offsets = new int[frames];
        packetLengths = new int[frames];
        addresses = new long[frames];
        sourceHigh = new long[frames];
        sourceLow = new long[frames];
        destinationHigh = new long[frames];
        destinationLow = new long[frames];
        ports = new int[frames];
        protocols = new byte[frames];
        tcpFlags = new byte[frames];
        ttls = new byte[frames];
        dontFragment = new boolean[frames];
        fragmentIds = new int[frames];
        fragmentOffsets = new int[frames];
        moreFragments = new boolean[frames];
    }

    /// {@return bytes from the transport header to the packet's end}
    public int l4Length(int i) {
        return packetLengths[i] - (l4Offsets[i] - l3Offsets[i]);
    }

    /// {@return IPv4 source}
    public int source4(int i) {
        return (int) (addresses[i] >>> 32);
    }

    /// {@return IPv4 destination}
    public int destination4(int i) {
        return (int) addresses[i];
    }

    /// {@return source port}
    public int sourcePort(int i) {
        return ports[i] >>> 16;
    }

    /// {@return destination port}
    public int destinationPort(int i) {
        return ports[i] & 0xffff;
    }

    /// {@return ICMP type}
    public int icmpType(int i) {
        return ports[i] >>> 8;
    }

    /// {@return TTL or hop limit as received, `0..255`}
    public int ttl(int i) {
        return ttls[i] & 0xff;
    }
}
