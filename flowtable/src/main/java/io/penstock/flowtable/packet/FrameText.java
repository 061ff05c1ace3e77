package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;
import java.util.StringJoiner;

/// Writes a frame for people: a line for each header, packets inside packets too, wrong checksums pointed out. For
/// tests, traces and tools; it allocates freely and is no part of the packet path.
///
/// ```
/// ethernet 02:00:00:00:0c:01 > 02:00:00:00:00:01, vlan 5
///   ipv4 198.51.100.7 > 203.0.113.10, class 0x28, ttl 64, id 0x1234, DF, 40 bytes
///     tcp 40000 > 443, SYN, seq 16909060, ack 0, window 64000
/// ```
public final class FrameText {
    private static final String[] TCP_FLAGS = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    private static final int DEPTH_MAX = 8;

    private final MemorySegment memory;
    private final StringBuilder out = new StringBuilder();

    private FrameText(MemorySegment memory) {
        this.memory = memory;
    }

    /// {@return the frame in words, lines separated by line feeds}
    ///
    /// @param offset start of the frame in the region
    /// @param length bytes of the frame
    public static String describe(MemorySegment memory, long offset, int length) {
        FrameText text = new FrameText(memory);
        text.ethernet(offset, length);
        return text.out.toString().stripTrailing();
    }

    private void line(int depth, String text) {
        out.repeat("  ", depth).append(text).append('\n');
    }

    private void ethernet(long offset, int length) {
        EthernetView view = new EthernetView(memory).wrap(offset, length);
        if (!view.isValid()) {
            line(0, "ethernet cut short: " + length + " bytes");
            return;
        }
        String tag = view.isTagged() ? ", vlan " + (view.tag() & 0xfff) : "";
        line(0, "ethernet " + mac(view.source()) + " > " + mac(view.destination()) + tag);
        network(1, view.etherType(), offset + view.headerLength(), length - view.headerLength());
    }

    private void network(int depth, int etherType, long offset, int length) {
        switch (etherType) {
            case EthernetView.IPV4 -> ipv4(depth, offset, length);
            case EthernetView.IPV6 -> ipv6(depth, offset, length);
            case EthernetView.ARP -> arp(depth, offset, length);
            default -> line(depth, "type " + hex(etherType) + ", " + length + " bytes");
        }
    }

    private void arp(int depth, long offset, int length) {
        ArpView view = new ArpView(memory).wrap(offset, length);
        if (!view.isValid()) {
            line(depth, "arp not for IPv4, or cut short: " + length + " bytes");
            return;
        }
        String operation = switch (view.operation()) {
            case ArpView.REQUEST -> "request";
            case ArpView.REPLY -> "reply";
            default -> "operation " + view.operation();
        };
        line(
                depth,
                "arp " + operation + ", sender " + mac(view.senderMac()) + " " + ip4(view.sender()) + ", target "
                        + mac(view.targetMac()) + " " + ip4(view.target()));
    }

    private void ipv4(int depth, long offset, int length) {
        Ipv4View view = new Ipv4View(memory).wrap(offset, length);
        if (length < Ipv4View.LENGTH) {
            line(depth, "ipv4 cut short: " + length + " bytes");
            return;
        }
        StringJoiner facts = new StringJoiner(", ", "ipv4 ", "");
        facts.add(ip4(view.source()) + " > " + ip4(view.destination()));
        facts.add("class " + hex(view.trafficClass()));
        facts.add("ttl " + view.ttl());
        facts.add("id " + hex(view.identification()));
        if (view.isDontFragment()) {
            facts.add("DF");
        }
        boolean isFragment = view.fragmentOffset() != 0 || view.hasMoreFragments();
        if (isFragment) {
            facts.add("fragment at " + view.fragmentOffset() + (view.hasMoreFragments() ? ", more" : ", last"));
        }
        if (view.headerLength() > Ipv4View.LENGTH) {
            facts.add("options " + (view.headerLength() - Ipv4View.LENGTH));
        }
        facts.add(view.totalLength() + " bytes");
        boolean hasHeader = view.headerLength() >= Ipv4View.LENGTH && view.headerLength() <= length;
        if (!hasHeader || !view.isValid()) {
            facts.add("lengths contradict, or cut short at " + length);
        } else if (!view.isChecksumRight()) {
            facts.add("BAD CHECKSUM " + hex(view.checksum()));
        }
        line(depth, facts.toString());
        if (hasHeader) {
            int at = view.headerLength();
            boolean isWhole = view.isValid() && !isFragment;
            int end = view.isValid() ? view.totalLength() : length;
            int pseudoHeader = Checksum.pseudoHeader4(
                    (long) view.source() << 32 | (view.destination() & 0xffff_ffffL), view.protocol(), end - at);
            if (view.fragmentOffset() == 0) {
                upper(depth + 1, view.protocol(), offset + at, end - at, isWhole ? pseudoHeader : -1);
            }
        }
    }

    private void ipv6(int depth, long offset, int length) {
        Ipv6View view = new Ipv6View(memory).wrap(offset, length);
        if (length < Ipv6View.LENGTH) {
            line(depth, "ipv6 cut short: " + length + " bytes");
            return;
        }
        StringJoiner facts = new StringJoiner(", ", "ipv6 ", "");
        facts.add(
                ip6(view.sourceHigh(), view.sourceLow()) + " > " + ip6(view.destinationHigh(), view.destinationLow()));
        facts.add("class " + hex(view.trafficClass()));
        facts.add("label " + hex(view.flowLabel()));
        facts.add("hops " + view.hopLimit());
        facts.add("payload " + view.payloadLength());
        if (!view.isValid()) {
            facts.add("lengths contradict, or cut short at " + length);
        }
        int end = view.isValid() ? Ipv6View.LENGTH + view.payloadLength() : length;
        long upper = ExtensionWalk.upper(memory, offset, end);
        int at = ExtensionWalk.offset(upper);
        if (at > Ipv6View.LENGTH) {
            facts.add("extension headers " + (at - Ipv6View.LENGTH));
        }
        line(depth, facts.toString());
        int protocol = ExtensionWalk.protocol(upper);
        if (protocol == ExtensionWalk.LATER_FRAGMENT || protocol == ExtensionWalk.UNKNOWN) {
            line(depth + 1, protocol == ExtensionWalk.UNKNOWN ? "extension headers go on" : "a later fragment");
        } else if (at <= end) {
            int pseudoHeader = Checksum.pseudoHeader6(
                    view.sourceHigh(),
                    view.sourceLow(),
                    view.destinationHigh(),
                    view.destinationLow(),
                    protocol,
                    end - at);
            boolean isWhole = view.isValid() && at == Ipv6View.LENGTH; // a fragment header may be among the others
            upper(depth + 1, protocol, offset + at, end - at, isWhole ? pseudoHeader : -1);
        }
    }

    /// @param pseudoHeader its sum, or -1 when the checksum cannot be told from what is there
    private void upper(int depth, int protocol, long offset, int length, int pseudoHeader) {
        switch (protocol) {
            case IpProtocol.TCP -> tcp(depth, offset, length, pseudoHeader);
            case IpProtocol.UDP -> udp(depth, offset, length, pseudoHeader);
            case IpProtocol.ICMP -> icmp(depth, "icmp", offset, length, pseudoHeader < 0 ? -1 : 0);
            case IpProtocol.ICMPV6 -> icmp(depth, "icmp6", offset, length, pseudoHeader);
            case IpProtocol.IPV4 -> nested(depth, EthernetView.IPV4, offset, length);
            case IpProtocol.IPV6 -> nested(depth, EthernetView.IPV6, offset, length);
            case IpProtocol.GRE -> gre(depth, offset, length);
            default -> line(depth, "protocol " + protocol + ", " + length + " bytes");
        }
    }

    private void nested(int depth, int etherType, long offset, int length) {
        if (depth < DEPTH_MAX) {
            network(depth, etherType, offset, length);
        }
    }

    private void gre(int depth, long offset, int length) {
        if (length < Encapsulator.GRE_LENGTH) {
            line(depth, "gre cut short: " + length + " bytes");
            return;
        }
        line(depth, "gre, flags " + hex(Wire.u16(memory, offset)) + ", type " + hex(Wire.u16(memory, offset + 2)));
        if (Wire.u16(memory, offset) == 0) {
            nested(
                    depth + 1,
                    Wire.u16(memory, offset + 2),
                    offset + Encapsulator.GRE_LENGTH,
                    length - Encapsulator.GRE_LENGTH);
        }
    }

    private void tcp(int depth, long offset, int length, int pseudoHeader) {
        TcpView view = new TcpView(memory).wrap(offset, length);
        if (!view.isValid()) {
            line(depth, "tcp " + ports(offset, length) + ", header cut short: " + length + " bytes");
            return;
        }
        StringJoiner facts = new StringJoiner(", ", "tcp ", "");
        facts.add(view.sourcePort() + " > " + view.destinationPort());
        facts.add(flags(view.flags()));
        facts.add("seq " + Integer.toUnsignedString(view.sequence()));
        facts.add("ack " + Integer.toUnsignedString(view.acknowledgment()));
        facts.add("window " + view.window());
        if (view.mss() >= 0) {
            facts.add("mss " + view.mss());
        }
        if (length > view.headerLength()) {
            facts.add((length - view.headerLength()) + " bytes of data");
        }
        if (pseudoHeader >= 0 && !Checksum.isIntact(memory, offset, length, pseudoHeader)) {
            facts.add("BAD CHECKSUM " + hex(view.checksum()));
        }
        line(depth, facts.toString());
    }

    private void udp(int depth, long offset, int length, int pseudoHeader) {
        UdpView view = new UdpView(memory).wrap(offset, length);
        if (length < UdpView.LENGTH) {
            line(depth, "udp " + ports(offset, length) + ", header cut short: " + length + " bytes");
            return;
        }
        boolean isChecked = view.isValid() && pseudoHeader >= 0 && view.checksum() != 0;
        // The pseudo header counts the datagram's own length, where that is short of the packet's.
        int surplus = length - view.datagramLength();
        boolean isBad = isChecked
                && !Checksum.isIntact(
                        memory,
                        offset,
                        view.datagramLength(),
                        Checksum.fold((long) pseudoHeader + (~surplus & 0xffff)));
        line(
                depth,
                "udp " + view.sourcePort() + " > " + view.destinationPort() + ", length " + view.datagramLength()
                        + (view.checksum() == 0 ? ", no checksum" : "")
                        + (isBad ? ", BAD CHECKSUM " + hex(view.checksum()) : ""));
        if (view.destinationPort() == Encapsulator.GUE_PORT && length > UdpView.LENGTH) {
            int version = Wire.u8(memory, offset + UdpView.LENGTH) >>> 4;
            if (version == 4 || version == 6) {
                nested(
                        depth + 1,
                        version == 6 ? EthernetView.IPV6 : EthernetView.IPV4,
                        offset + UdpView.LENGTH,
                        length - UdpView.LENGTH);
            }
        }
    }

    private void icmp(int depth, String name, long offset, int length, int pseudoHeader) {
        IcmpView view = new IcmpView(memory).wrap(offset, length);
        if (!view.isValid()) {
            line(depth, name + " cut short: " + length + " bytes");
            return;
        }
        boolean isBad = pseudoHeader >= 0 && !Checksum.isIntact(memory, offset, length, pseudoHeader);
        line(
                depth,
                name + " type " + view.type() + " code " + view.code() + ", rest " + hex(view.rest()) + ", "
                        + (length - IcmpView.LENGTH) + " bytes"
                        + (isBad ? ", BAD CHECKSUM " + hex(view.checksum()) : ""));
        boolean isV6 = name.equals("icmp6");
        boolean isError = isV6
                ? view.type() >= 1 && view.type() <= 4
                : view.type() == IcmpView.UNREACHABLE
                        || view.type() == IcmpView.TIME_EXCEEDED
                        || view.type() == IcmpView.PARAMETER_PROBLEM;
        if (isError) {
            nested(
                    depth + 1,
                    isV6 ? EthernetView.IPV6 : EthernetView.IPV4,
                    offset + IcmpView.LENGTH,
                    length - IcmpView.LENGTH);
        }
    }

    private String ports(long offset, int length) {
        return length < 4 ? "?" : Wire.u16(memory, offset) + " > " + Wire.u16(memory, offset + 2);
    }

    private static String flags(int flags) {
        StringJoiner names = new StringJoiner(" ");
        for (int bit = 0; bit < TCP_FLAGS.length; bit++) {
            if ((flags >>> bit & 1) != 0) {
                names.add(TCP_FLAGS[bit]);
            }
        }
        return flags == 0 ? "no flags" : names.toString();
    }

    private static String hex(int value) {
        return "0x" + Integer.toHexString(value);
    }

    private static String mac(long mac) {
        StringJoiner octets = new StringJoiner(":");
        for (int shift = 40; shift >= 0; shift -= 8) {
            octets.add(Long.toHexString(0x100 | (mac >>> shift & 0xff)).substring(1));
        }
        return octets.toString();
    }

    private static String ip4(int address) {
        return (address >>> 24) + "." + (address >>> 16 & 0xff) + "." + (address >>> 8 & 0xff) + "." + (address & 0xff);
    }

    private static String ip6(long high, long low) {
        StringJoiner groups = new StringJoiner(":");
        for (int shift = 112; shift >= 0; shift -= 16) {
            long half = shift >= 64 ? high : low;
            groups.add(Long.toHexString(half >>> (shift & 63) & 0xffff));
        }
        return groups.toString();
    }
}
