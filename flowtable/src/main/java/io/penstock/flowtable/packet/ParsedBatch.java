package io.penstock.flowtable.packet;

/// What [PacketParser] read from the frames of one batch: columns that belong together by index, so that each
/// stage of the packet path touches only what it needs. What is not named for a kind is what an earlier frame left.
///
/// | kind | what holds |
/// |---|---|
/// | `FLOW*` | all but the fragment columns; `tcpFlags` is 0 for UDP |
/// | `FRAGMENT*` | as `FLOW*`, and the fragment columns; a later one has `ports` and `tcpFlags` 0 |
/// | `ICMP*` | as `FLOW*`, `ports` = type << 8 + code |
/// | `ARP` | `l3Offset`, `addresses` = sender and target, `ports` = operation |
/// | `OTHER*` | as `FLOW*` without `ports` and `tcpFlags` |
/// | `MALFORMED4/6`, `BAD_CHECKSUM4` | `l3Offset`, addresses, `protocol` as far as read |
///
/// A packet of a known IPv4 flow costs three stores: what the headers say is packed into one word, since each column
/// more is a bounds check and a store a packet.
///
/// ```
///  63               45                29      23 22        14         6      0
/// +-------------------+----------------+--------+--+---------+---------+------+
/// |   packet length   |   L4 offset    |L3 offs.|DF|   TTL   |TCP flags| kind | headers
/// +-------------------+----------------+--------+--+---------+---------+------+
///  63                        40        32                                    0
/// +---------------------------+---------+------------------+------------------+
/// |             0             |protocol |   source port    | destination port | transports
/// +---------------------------+---------+------------------+------------------+
/// ```
///
/// One worker's own; not thread-safe.
public final class ParsedBatch {
    private static final int KIND_BITS = 6;
    private static final int FLAGS_SHIFT = 6;
    private static final int TTL_SHIFT = 14;
    private static final int DONT_FRAGMENT_SHIFT = 22;
    private static final int L3_SHIFT = 23;
    private static final int L3_BITS = 6;
    private static final int L4_SHIFT = 29;
    private static final int L4_BITS = 16;
    private static final int LENGTH_SHIFT = 45;
    private static final int LENGTH_BITS = 19;
    private static final int PROTOCOL_SHIFT = 32;

    private final long[] headers;
    /// IPv4: source in the high half, destination in the low half.
    public final long[] addresses;
    /// Ports in the low 32 bits, the protocol above them: as [io.penstock.flowtable.FlowHash] takes them.
    public final long[] transports;
    /// IPv6 source, first 8 bytes.
    public final long[] sourceHigh;
    /// IPv6 source, last 8 bytes.
    public final long[] sourceLow;
    /// IPv6 destination, first 8 bytes.
    public final long[] destinationHigh;
    /// IPv6 destination, last 8 bytes.
    public final long[] destinationLow;
    /// Fragments: the identification, 16 or 32 bits.
    public final int[] fragmentIds;
    /// Fragments: where the fragment's data belongs, in bytes; 0 for the first.
    public final int[] fragmentOffsets;
    /// Fragments: whether more follow.
    public final boolean[] moreFragments;

    /// @param frames most frames of a batch
    public ParsedBatch(int frames) {
        headers = new long[frames];
        addresses = new long[frames];
        transports = new long[frames];
        sourceHigh = new long[frames];
        sourceLow = new long[frames];
        destinationHigh = new long[frames];
        destinationLow = new long[frames];
        fragmentIds = new int[frames];
        fragmentOffsets = new int[frames];
        moreFragments = new boolean[frames];
    }

    /// {@return one of [PacketKind]}
    public byte kind(int i) {
        return kindOf(headers[i]);
    }

    /// {@return IP or ARP header, in bytes from the frame's start: 14, or 18 behind a VLAN tag}
    public int l3Offset(int i) {
        return l3OffsetOf(headers[i]);
    }

    /// {@return transport header, or the data of a later fragment, in bytes from the frame's start}
    public int l4Offset(int i) {
        return (int) (headers[i] >>> L4_SHIFT) & 0xffff;
    }

    /// {@return bytes of the packet from the IP header on, as that header says: the frame's padding is no part of it}
    public int packetLength(int i) {
        return packetLengthOf(headers[i]);
    }

    /// {@return bytes from the transport header to the packet's end}
    public int l4Length(int i) {
        return packetLength(i) - (l4Offset(i) - l3Offset(i));
    }

    /// {@return TTL or hop limit as received, `0..255`}
    public int ttl(int i) {
        return ttlOf(headers[i]);
    }

    /// {@return IPv4: the DF bit} Always true for IPv6, which no router fragments.
    public boolean dontFragment(int i) {
        return (headers[i] >>> DONT_FRAGMENT_SHIFT & 1) != 0;
    }

    /// {@return the low 8 flag bits of a TCP header: [TcpView#SYN] and so on}
    public int tcpFlags(int i) {
        return tcpFlagsOf(headers[i]);
    }

    /// {@return all of the above in one word, for loops that need several: see [#kindOf] and the others}
    public long header(int i) {
        return headers[i];
    }

    /// {@return [#kind] of a [#header]}
    public static byte kindOf(long header) {
        return (byte) (header & ((1 << KIND_BITS) - 1));
    }

    /// {@return [#l3Offset] of a [#header]}
    public static int l3OffsetOf(long header) {
        return (int) (header >>> L3_SHIFT) & ((1 << L3_BITS) - 1);
    }

    /// {@return [#packetLength] of a [#header]}
    public static int packetLengthOf(long header) {
        return (int) (header >>> LENGTH_SHIFT);
    }

    /// {@return [#ttl] of a [#header]}
    public static int ttlOf(long header) {
        return (int) (header >>> TTL_SHIFT) & 0xff;
    }

    /// {@return [#tcpFlags] of a [#header]}
    public static int tcpFlagsOf(long header) {
        return (int) (header >>> FLAGS_SHIFT) & 0xff;
    }

    /// {@return source port in the high half, destination port in the low half; 0 where no port is known}
    public int ports(int i) {
        return (int) transports[i];
    }

    /// {@return transport protocol} For a later IPv6 fragment: what its fragment header names, which may be an
    /// extension header; so a table of IPv6 fragments leaves it out of its key, as RFC 8200 §4.5 does.
    public int protocol(int i) {
        return (int) (transports[i] >>> PROTOCOL_SHIFT);
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
        return ports(i) >>> 16;
    }

    /// {@return destination port}
    public int destinationPort(int i) {
        return ports(i) & 0xffff;
    }

    /// {@return ICMP type}
    public int icmpType(int i) {
        return ports(i) >>> 8;
    }

    /// Says how long the packet is now.
    public void setPacketLength(int i, int length) {
        assert length >>> LENGTH_BITS == 0 : "length=" + length;
        set(i, LENGTH_SHIFT, LENGTH_BITS, length);
    }

    /// Fills all that is known of an unfragmented packet of a flow over IPv4 without tag and options.
    void setFlow4(int i, int packetLength, int ttl, boolean dontFragment, int tcpFlags) {
        headers[i] = (long) packetLength << LENGTH_SHIFT
                | (long) (EthernetView.LENGTH + Ipv4View.LENGTH) << L4_SHIFT
                | EthernetView.LENGTH << L3_SHIFT
                | (dontFragment ? 1L << DONT_FRAGMENT_SHIFT : 0)
                | ttl << TTL_SHIFT
                | tcpFlags << FLAGS_SHIFT
                | PacketKind.FLOW4;
    }

    void setKind(int i, byte kind) {
        set(i, 0, KIND_BITS, kind);
    }

    void setL3Offset(int i, int offset) {
        set(i, L3_SHIFT, L3_BITS, offset);
    }

    void setL4Offset(int i, int offset) {
        set(i, L4_SHIFT, L4_BITS, offset);
    }

    void setTtl(int i, int ttl) {
        set(i, TTL_SHIFT, 8, ttl);
    }

    void setDontFragment(int i, boolean dontFragment) {
        set(i, DONT_FRAGMENT_SHIFT, 1, dontFragment ? 1 : 0);
    }

    void setTcpFlags(int i, int flags) {
        set(i, FLAGS_SHIFT, 8, flags);
    }

    void setPorts(int i, int ports) {
        transports[i] = (long) protocol(i) << PROTOCOL_SHIFT | (ports & 0xffff_ffffL);
    }

    void setProtocol(int i, int protocol) {
        transports[i] = (long) (protocol & 0xff) << PROTOCOL_SHIFT | (transports[i] & 0xffff_ffffL);
    }

    private void set(int i, int shift, int bits, int value) {
        long mask = (1L << bits) - 1;
        headers[i] = (headers[i] & ~(mask << shift)) | (value & mask) << shift;
    }
}
