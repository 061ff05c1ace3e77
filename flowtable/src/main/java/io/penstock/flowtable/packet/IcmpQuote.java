package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// The packet that an ICMP or ICMPv6 error quotes, and the flow it belongs to. One worker's own, reused; not
/// thread-safe.
///
/// Two kinds of error concern us, told apart by where they were sent:
///
/// ```
///  to a VIP:          quotes  VIP → client         a backend's answer did not get through: [#parseFlow]
///  to our own address: quotes  us → backend         our outer packet did not get through: [#parseTunnel]
///                               └ client → VIP
/// ```
///
/// In both cases the key is the flow's as the client's packets have it: client first, VIP second. Of the quoted
/// transport header only the ports are needed, 4 of the 8 bytes that every router quotes (RFC 792). Lengths in
/// quoted headers are not checked: the quote is cut short as a rule. IPv6 extension headers are walked as far
/// as they are there, RFC 4884's extensions behind the quote are cut off, the message's own checksum is
/// verified.
///
/// Types: destination unreachable, time exceeded, parameter problem, packet too big. Source quench (RFC 6633)
/// and redirects are none.
public final class IcmpQuote {
    /// RFC 1191 §7: MTUs worth trying, for routers that do not say theirs.
    private static final int[] PLATEAUS = {32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68};

    private static final int GRE_WITHOUT_OPTIONS_IPV4 = EthernetView.IPV4;
    private static final int GRE_WITHOUT_OPTIONS_IPV6 = EthernetView.IPV6;

    private int type;
    private int code;
    private int mtu;

    // The packet read last by readPacket.
    private boolean isV6;
    private long addresses;
    private long sourceHigh;
    private long sourceLow;
    private long destinationHigh;
    private long destinationLow;
    private int protocol;
    private int l4Offset;
    private int ports;
    private boolean hasPorts;

    private boolean isOuterV6;
    private int tunnel;
    private int outerDestination4;
    private int outerSource4;
    private long outerSourceHigh;
    private long outerSourceLow;
    private long outerDestinationHigh;
    private long outerDestinationLow;
    private boolean hasInner;
    private long innerOffset;
    private int innerLength;

    /// Reads an error that was sent to a VIP.
    ///
    /// @param parsed of kind `ICMP4` or `ICMP6` in row `i`
    /// @return whether it quotes a TCP or UDP packet as far as its ports: the key is set then
    public boolean parseFlow(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        int length = readHeader(memory, frameOffset, parsed, i);
        long quote = quoteOffset(frameOffset, parsed, i);
        if (length == 0 || !readPacket(memory, quote, length, parsed.kind(i) == PacketKind.ICMP6) || !hasPorts) {
            return false;
        }
        addresses = Long.rotateLeft(addresses, 32);
        ports = Integer.rotateLeft(ports, 16);
        long high = sourceHigh;
        long low = sourceLow;
        sourceHigh = destinationHigh;
        sourceLow = destinationLow;
        destinationHigh = high;
        destinationLow = low;
        return true;
    }

    /// Reads an error that was sent to an address of ours that is no VIP.
    ///
    /// @param parsed of kind `ICMP4` or `ICMP6` in row `i`
    /// @return whether it quotes a packet of a tunnel kind of ours: what is named `outer` is set then. [#hasInner]
    ///     says whether the quote goes on to the packet inside
    public boolean parseTunnel(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        hasInner = false;
        int length = readHeader(memory, frameOffset, parsed, i);
        long quote = quoteOffset(frameOffset, parsed, i);
        if (length == 0 || !readPacket(memory, quote, length, parsed.kind(i) == PacketKind.ICMP6)) {
            return false;
        }
        isOuterV6 = isV6;
        outerSource4 = (int) (addresses >>> 32);
        outerDestination4 = (int) addresses;
        outerSourceHigh = sourceHigh;
        outerSourceLow = sourceLow;
        outerDestinationHigh = destinationHigh;
        outerDestinationLow = destinationLow;
        if (protocol == IpProtocol.IPV4 || protocol == IpProtocol.IPV6) {
            tunnel = Encapsulator.IPIP;
            enter(memory, quote, length, 0, protocol == IpProtocol.IPV6 ? 6 : 4);
        } else if (protocol == IpProtocol.GRE) {
            tunnel = Encapsulator.GRE;
            return enterGre(memory, quote, length);
        } else if (protocol == IpProtocol.UDP && hasPorts && (ports & 0xffff) == Encapsulator.GUE_PORT) {
            tunnel = Encapsulator.GUE;
            enter(memory, quote, length, UdpView.LENGTH, 0);
        } else {
            return false;
        }
        return true;
    }

    private boolean enterGre(MemorySegment memory, long quote, int length) {
        hasPorts = false;
        if (l4Offset + Encapsulator.GRE_LENGTH > length) {
            return true;
        }
        int header = Wire.u32(memory, quote + l4Offset); // flags and version 0 in the upper half
        if (header != GRE_WITHOUT_OPTIONS_IPV4 && header != GRE_WITHOUT_OPTIONS_IPV6) {
            return false;
        }
        enter(memory, quote, length, Encapsulator.GRE_LENGTH, header == GRE_WITHOUT_OPTIONS_IPV6 ? 6 : 4);
        return true;
    }

    /// Reads the packet inside a quoted outer packet, if its addresses are there.
    ///
    /// @param between bytes between the outer IP header and the packet
    /// @param version 4 or 6 as the outer header says; 0 when the packet itself does
    private void enter(MemorySegment memory, long quote, int length, int between, int version) {
        int at = l4Offset + between;
        int left = length - at;
        hasPorts = false; // the outer packet's
        if (left <= 0) {
            return;
        }
        int found = Wire.u8(memory, quote + at) >>> 4;
        if ((found != 4 && found != 6) || (version != 0 && version != found)) {
            return;
        }
        hasInner = readPacket(memory, quote + at, left, found == 6);
        if (hasInner) {
            innerOffset = quote + at;
            int packetLength = isV6
                    ? Ipv6View.LENGTH + Wire.u16(memory, innerOffset + Ipv6View.PAYLOAD_LENGTH)
                    : Math.max(Ipv4View.LENGTH, Wire.u16(memory, innerOffset + Ipv4View.TOTAL_LENGTH));
            innerLength = Math.min(left, packetLength);
        }
    }

    private static long quoteOffset(long frameOffset, ParsedBatch parsed, int i) {
        return frameOffset + parsed.l4Offset(i) + IcmpView.LENGTH;
    }

    /// Reads type, code and MTU.
    ///
    /// @return bytes quoted; 0 when it is no error that concerns us, or damaged
    private int readHeader(MemorySegment memory, long frameOffset, ParsedBatch parsed, int i) {
        long l4 = frameOffset + parsed.l4Offset(i);
        int length = parsed.l4Length(i);
        boolean isIcmp6 = parsed.kind(i) == PacketKind.ICMP6;
        type = parsed.icmpType(i);
        code = parsed.ports(i) & 0xff;
        if (!isError(isIcmp6, type) || !Checksum.isIntact(memory, l4, length, pseudoHeader(isIcmp6, parsed, i))) {
            return 0;
        }
        int rest = Wire.u32(memory, l4 + IcmpView.REST);
        int quoted = length - IcmpView.LENGTH;
        // RFC 4884 §4: the quote's length in 32-bit (ICMP) or 64-bit words (ICMPv6), when something follows it.
        int said = isIcmp6 ? (type == IcmpView.TOO_BIG_V6 ? 0 : rest >>> 24) * 8 : (rest >>> 16 & 0xff) * 4;
        if (said != 0 && said < quoted) {
            quoted = said;
        }
        mtu = readMtu(memory, l4, isIcmp6, rest, quoted);
        return quoted;
    }

    private static boolean isError(boolean isIcmp6, int type) {
        return isIcmp6
                ? type >= IcmpView.UNREACHABLE_V6 && type <= IcmpView.PARAMETER_PROBLEM_V6
                : type == IcmpView.UNREACHABLE || type == IcmpView.TIME_EXCEEDED || type == IcmpView.PARAMETER_PROBLEM;
    }

    private static int pseudoHeader(boolean isIcmp6, ParsedBatch parsed, int i) {
        return isIcmp6
                ? Checksum.pseudoHeader6(
                        parsed.sourceHigh[i],
                        parsed.sourceLow[i],
                        parsed.destinationHigh[i],
                        parsed.destinationLow[i],
                        IpProtocol.ICMPV6,
                        parsed.l4Length(i))
                : 0;
    }

    private int readMtu(MemorySegment memory, long l4, boolean isIcmp6, int rest, int quoted) {
        if (isIcmp6) {
            return type == IcmpView.TOO_BIG_V6 ? rest : 0;
        }
        if (type != IcmpView.UNREACHABLE || code != IcmpView.FRAGMENTATION_NEEDED) {
            return 0;
        }
        int said = rest & 0xffff;
        return said != 0 || quoted < Ipv4View.LENGTH
                ? said
                : plateauBelow(Wire.u16(memory, l4 + IcmpView.LENGTH + Ipv4View.TOTAL_LENGTH));
    }

    private static int plateauBelow(int packetLength) {
        for (int plateau : PLATEAUS) {
            if (plateau < packetLength) {
                return plateau;
            }
        }
        return PLATEAUS[PLATEAUS.length - 1];
    }

    /// Reads a packet as far as it is quoted.
    ///
    /// @return whether its addresses and protocol are there
    private boolean readPacket(MemorySegment memory, long packet, int length, boolean asV6) {
        isV6 = asV6;
        hasPorts = false;
        ports = 0;
        return asV6 ? readPacket6(memory, packet, length) : readPacket4(memory, packet, length);
    }

    private boolean readPacket4(MemorySegment memory, long packet, int length) {
        if (length < Ipv4View.LENGTH || Wire.u8(memory, packet) >>> 4 != 4) {
            return false;
        }
        int headerLength = (Wire.u8(memory, packet) & 0xf) * 4;
        if (headerLength < Ipv4View.LENGTH) {
            return false;
        }
        addresses = Wire.u64(memory, packet + Ipv4View.SOURCE);
        protocol = Wire.u8(memory, packet + Ipv4View.PROTOCOL);
        l4Offset = headerLength;
        if ((Wire.u16(memory, packet + Ipv4View.FLAGS_AND_OFFSET) & Ipv4View.OFFSET_MASK) == 0) {
            readPorts(memory, packet, length);
        }
        return true;
    }

    private boolean readPacket6(MemorySegment memory, long packet, int length) {
        if (length < Ipv6View.LENGTH || Wire.u8(memory, packet) >>> 4 != 6) {
            return false;
        }
        sourceHigh = Wire.u64(memory, packet + Ipv6View.SOURCE);
        sourceLow = Wire.u64(memory, packet + Ipv6View.SOURCE + 8);
        destinationHigh = Wire.u64(memory, packet + Ipv6View.DESTINATION);
        destinationLow = Wire.u64(memory, packet + Ipv6View.DESTINATION + 8);
        long upper = ExtensionWalk.upper(memory, packet, length);
        protocol = ExtensionWalk.protocol(upper);
        l4Offset = ExtensionWalk.offset(upper);
        readPorts(memory, packet, length);
        return true;
    }

    private void readPorts(MemorySegment memory, long packet, int length) {
        if ((protocol == IpProtocol.TCP || protocol == IpProtocol.UDP) && l4Offset + 4 <= length) {
            ports = Wire.u32(memory, packet + l4Offset);
            hasPorts = true;
        }
    }

    /// {@return type of the error}
    public int type() {
        return type;
    }

    /// {@return code of the error}
    public int code() {
        return code;
    }

    /// {@return MTU that a "fragmentation needed" or "packet too big" names, in its own terms: for one about an
    /// outer packet, the overhead is still to be taken off. 0 for other errors. Where an old router names none,
    /// the next lower of the usual MTUs (RFC 1191 §7)}
    public int mtu() {
        return mtu;
    }

    /// {@return whether the error is about size}
    ///
    /// @param isIcmp6 whether it came over ICMPv6
    public boolean isTooBig(boolean isIcmp6) {
        return isIcmp6
                ? type == IcmpView.TOO_BIG_V6
                : type == IcmpView.UNREACHABLE && code == IcmpView.FRAGMENTATION_NEEDED;
    }

    /// {@return whether the key is one of IPv6}
    public boolean isKeyV6() {
        return isV6;
    }

    /// {@return IPv4 key: client in the high half, VIP in the low half}
    public long keyAddresses() {
        return addresses;
    }

    /// {@return IPv6 key: client, first 8 bytes}
    public long keySourceHigh() {
        return sourceHigh;
    }

    /// {@return IPv6 key: client, last 8 bytes}
    public long keySourceLow() {
        return sourceLow;
    }

    /// {@return IPv6 key: VIP, first 8 bytes}
    public long keyDestinationHigh() {
        return destinationHigh;
    }

    /// {@return IPv6 key: VIP, last 8 bytes}
    public long keyDestinationLow() {
        return destinationLow;
    }

    /// {@return key: the client's port in the high half, the VIP's in the low half}
    public int keyPorts() {
        return ports;
    }

    /// {@return key: TCP or UDP}
    public int keyProtocol() {
        return protocol;
    }

    /// {@return tunnel kind of the quoted outer packet, as [Encapsulator] numbers them}
    public int tunnel() {
        return tunnel;
    }

    /// {@return whether the quoted outer packet is IPv6}
    public boolean isOuterV6() {
        return isOuterV6;
    }

    /// {@return source of the quoted IPv4 outer packet: ours}
    public int outerSource4() {
        return outerSource4;
    }

    /// {@return destination of the quoted IPv4 outer packet: a backend}
    public int outerDestination4() {
        return outerDestination4;
    }

    /// {@return source of the quoted IPv6 outer packet, first 8 bytes}
    public long outerSourceHigh() {
        return outerSourceHigh;
    }

    /// {@return source of the quoted IPv6 outer packet, last 8 bytes}
    public long outerSourceLow() {
        return outerSourceLow;
    }

    /// {@return destination of the quoted IPv6 outer packet, first 8 bytes}
    public long outerDestinationHigh() {
        return outerDestinationHigh;
    }

    /// {@return destination of the quoted IPv6 outer packet, last 8 bytes}
    public long outerDestinationLow() {
        return outerDestinationLow;
    }

    /// {@return whether the quote holds at least the IP header of the packet inside the outer one}
    public boolean hasInner() {
        return hasInner;
    }

    /// {@return whether the key's ports are known; false for a later fragment, another protocol, or a quote
    /// that ends before them. Addresses hold regardless, when [#hasInner] is true}
    public boolean hasPorts() {
        return hasPorts;
    }

    /// {@return start of the client's packet in the quote, in bytes from the region's start}
    public long innerOffset() {
        return innerOffset;
    }

    /// {@return bytes of the client's packet that are quoted}
    public int innerLength() {
        return innerLength;
    }
}
