package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.ethernet;
import static io.penstock.flowtable.packet.Packets.extension;
import static io.penstock.flowtable.packet.Packets.fragment4;
import static io.penstock.flowtable.packet.Packets.fragmentHeader;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.tagged;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.tcp4;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.udp;
import static io.penstock.flowtable.packet.Packets.udp4;
import static io.penstock.flowtable.packet.Packets.udp6;
import static io.penstock.flowtable.packet.Packets.with16;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Shows S2-16, S2-21, S2-26: TCP and UDP headers are read, nothing above them.
class PacketParserTest {
    // 198.51.100.7:40000 > 203.0.113.10:443, SYN, TTL 61, DF, in 60 bytes: 6 of them padding.
    private static final String SYN = "02000000000102000000 0c010800"
            + "450000281234 4000 3d06 0000c6336407cb00710a"
            + "9c4001bb000000010000000050 02fffe00000000"
            + "000000000000";

    private static ParsedBatch parse(byte[] frame) {
        return new FrameRoom(frame, 0).parsed;
    }

    private static byte kind(byte[] frame) {
        return parse(frame).kind(0);
    }

    @Test
    void shouldReadATcpSegmentAndLeaveOutThePadding() {
        byte[] frame = hex(SYN);
        byte[] header = Arrays.copyOfRange(frame, 14, 34);
        ParsedBatch parsed = parse(with16(frame, 24, Packets.checksum(header)));

        assertEquals(PacketKind.FLOW4, parsed.kind(0));
        assertEquals(14, parsed.l3Offset(0));
        assertEquals(34, parsed.l4Offset(0));
        assertEquals(40, parsed.packetLength(0));
        assertEquals(20, parsed.l4Length(0));
        assertEquals(0xc6336407, parsed.source4(0));
        assertEquals(0xcb00710a, parsed.destination4(0));
        assertEquals(40000, parsed.sourcePort(0));
        assertEquals(443, parsed.destinationPort(0));
        assertEquals(6, parsed.protocol(0));
        assertEquals(TcpView.SYN, parsed.tcpFlags(0));
        assertEquals(61, parsed.ttl(0));
        assertTrue(parsed.dontFragment(0));
    }

    @Test
    void shouldFillOnlyItsOwnRow() {
        byte[] frame = frame(udp6(pattern(3)));
        ParsedBatch parsed = new ParsedBatch(3);

        PacketParser.parse(java.lang.foreign.MemorySegment.ofArray(frame), 0, frame.length, parsed, 1);

        assertEquals(PacketKind.FLOW6, parsed.kind(1));
        assertEquals(40000 << 16 | 53, parsed.ports(1));
        assertEquals(0, parsed.ports(0));
        assertEquals(0, parsed.ports(2));
    }

    static Stream<Arguments> frames() {
        byte[] tcp4 = tcp4(0x10, pattern(5));
        byte[] tcp6 = tcp6(0x10, pattern(5));
        byte[] udp4 = udp4(pattern(9));
        byte[] udp6 = udp6(pattern(9));
        byte[] segment6 = tcp(CLIENT6, VIP6, 40000, 443, 0x02, zeros(0), pattern(5));
        byte[] datagram6 = udp(CLIENT6, VIP6, 40000, 53, pattern(8));
        byte[] datagram = udp(CLIENT, VIP, 40000, 53, pattern(24));
        return Stream.of(
                // Ethernet
                row("13 bytes", Arrays.copyOf(frame(tcp4), 13), PacketKind.MALFORMED),
                row("nothing", zeros(0), PacketKind.MALFORMED),
                row("another EtherType", ethernet(0x88cc, pattern(40)), PacketKind.NOT_IP),
                row("an 802.3 length", ethernet(0x0026, pattern(40)), PacketKind.NOT_IP),
                row("one tag", taggedFrame(5, tcp4), PacketKind.FLOW4),
                row("one tag, IPv6", taggedFrame(0xe005, tcp6), PacketKind.FLOW6),
                row("a tag cut short", Arrays.copyOf(taggedFrame(5, tcp4), 17), PacketKind.MALFORMED),
                row("two tags", tagged(5, 0x8100, join(hex("00060800"), tcp4)), PacketKind.NOT_IP),
                row("a service tag", ethernet(0x88a8, join(hex("00060800"), tcp4)), PacketKind.NOT_IP),
                row("tag and ARP", tagged(5, 0x0806, arpRequest()), PacketKind.ARP),
                // ARP
                row("ARP", ethernet(0x0806, arpRequest()), PacketKind.ARP),
                row("ARP cut short", ethernet(0x0806, Arrays.copyOf(arpRequest(), 27)), PacketKind.MALFORMED),
                row("ARP for another protocol", ethernet(0x0806, with8(arpRequest(), 2, 0x86)), PacketKind.NOT_IP),
                // IPv4
                row("TCP over IPv4", frame(tcp4), PacketKind.FLOW4),
                row("UDP over IPv4", frame(udp4), PacketKind.FLOW4),
                row("19 bytes of IPv4", Arrays.copyOf(frame(tcp4), 14 + 19), PacketKind.MALFORMED),
                row("IPv4 of version 5", frame4(with8(tcp4, 0, 0x55)), PacketKind.MALFORMED4),
                row("IPv4 of version 6", frame4(with8(tcp4, 0, 0x65)), PacketKind.MALFORMED4),
                row("IPv4 header of 16 bytes", frame4(with8(tcp4, 0, 0x44)), PacketKind.MALFORMED4),
                row("IPv4 header beyond the packet", frame4(with8(tcp4, 0, 0x4f)), PacketKind.MALFORMED4),
                row("IPv4 beyond the frame", frame(with16(tcp4, 2, tcp4.length + 1)), PacketKind.MALFORMED4),
                row("IPv4 below its header", frame(with16(tcp4, 2, 19)), PacketKind.MALFORMED4),
                row("IPv4 checksum off by one", frame(with8(tcp4, 11, tcp4[11] + 1)), PacketKind.BAD_CHECKSUM4),
                row("IPv4 options", frame(withOptions(hex("94040000 01010100"))), PacketKind.FLOW4),
                row("60 bytes of IPv4 header", frame(withOptions(zeros(40))), PacketKind.FLOW4),
                row(
                        "a damaged IPv4 option",
                        frame(with8(withOptions(hex("94040000")), 22, 1)),
                        PacketKind.BAD_CHECKSUM4),
                row("GRE over IPv4", frame(ipv4(CLIENT, VIP, 47, pattern(4))), PacketKind.OTHER4),
                row("no data over IPv4", frame(ipv4(CLIENT, VIP, 50, zeros(0))), PacketKind.OTHER4),
                row("ICMPv6 over IPv4", frame(ipv4(CLIENT, VIP, 58, pattern(8))), PacketKind.OTHER4),
                row("ICMP", frame(ipv4(CLIENT, VIP, 1, Packets.icmp4(8, 0, 1, zeros(0)))), PacketKind.ICMP4),
                row("7 bytes of ICMP", frame(ipv4(CLIENT, VIP, 1, pattern(7))), PacketKind.MALFORMED4),
                // TCP and UDP
                row("19 bytes of TCP", frame(ipv4(CLIENT, VIP, 6, pattern(19))), PacketKind.MALFORMED4),
                row("TCP header of 16 bytes", frame(with8(tcp4, 32, 0x40)), PacketKind.MALFORMED4),
                row("TCP header beyond the packet", frame(with8(tcp4, 32, 0x70)), PacketKind.MALFORMED4),
                row("TCP flags all set", frame(with8(tcp4, 33, 0xff)), PacketKind.FLOW4),
                row("7 bytes of UDP", frame(ipv4(CLIENT, VIP, 17, pattern(7))), PacketKind.MALFORMED4),
                row("UDP length 7", frame(with16(udp4, 24, 7)), PacketKind.MALFORMED4),
                row("UDP length 0", frame(with16(udp4, 24, 0)), PacketKind.MALFORMED4),
                row("UDP beyond the packet", frame(with16(udp4, 24, 8 + 9 + 1)), PacketKind.MALFORMED4),
                row("UDP short of the packet", frame(with16(udp4, 24, 8 + 9 - 1)), PacketKind.FLOW4),
                row("UDP without data", frame(udp4(zeros(0))), PacketKind.FLOW4),
                row("UDP to port 0", frame(with16(udp4, 22, 0)), PacketKind.FLOW4),
                // IPv4 fragments
                row("first", frame(fragment4(17, 7, 0, true, datagram)), PacketKind.FRAGMENT4),
                row("later", frame(fragment4(17, 7, 24, false, pattern(5))), PacketKind.FRAGMENT4),
                row("later TCP", frame(fragment4(6, 7, 16, false, pattern(5))), PacketKind.FRAGMENT4),
                row("TCP at offset 8", frame(fragment4(6, 7, 8, false, pattern(16))), PacketKind.MALFORMED4),
                row("UDP at offset 8", frame(fragment4(17, 7, 8, false, pattern(16))), PacketKind.FRAGMENT4),
                row("tiny first TCP", frame(fragment4(6, 7, 0, true, pattern(8))), PacketKind.MALFORMED4),
                row("first of ICMP", frame(fragment4(1, 7, 0, true, pattern(8))), PacketKind.FRAGMENT4),
                row("odd, more to follow", frame(fragment4(17, 7, 24, true, pattern(9))), PacketKind.MALFORMED4),
                row("empty", frame(fragment4(17, 7, 24, true, zeros(0))), PacketKind.MALFORMED4),
                row("to 65,535", frame(fragment4(17, 7, 65528, false, pattern(7))), PacketKind.FRAGMENT4),
                row("to 65,536", frame(fragment4(17, 7, 65528, false, pattern(8))), PacketKind.MALFORMED4),
                // IPv6
                row("TCP over IPv6", frame(tcp6), PacketKind.FLOW6),
                row("UDP over IPv6", frame(udp6), PacketKind.FLOW6),
                row("39 bytes of IPv6", Arrays.copyOf(frame(tcp6), 14 + 39), PacketKind.MALFORMED),
                row("IPv6 of version 4", ethernet(0x86dd, with8(tcp6, 0, 0x40)), PacketKind.MALFORMED6),
                row("IPv6 beyond the frame", frame(with16(tcp6, 4, tcp6.length - 39)), PacketKind.MALFORMED6),
                row("IPv6 with padding", join(frame(tcp6), zeros(9)), PacketKind.FLOW6),
                row("jumbogram", frame(with16(tcp6, 4, 0)), PacketKind.MALFORMED6),
                row("19 bytes of TCP", frame(ipv6(CLIENT6, VIP6, 6, pattern(19))), PacketKind.MALFORMED6),
                row("UDP beyond the packet", frame(with16(udp6, 44, 18)), PacketKind.MALFORMED6),
                row("no next header", frame(ipv6(CLIENT6, VIP6, 59, zeros(0))), PacketKind.OTHER6),
                row("ESP", frame(ipv6(CLIENT6, VIP6, 50, pattern(40))), PacketKind.OTHER6),
                row("AH", frame(ipv6(CLIENT6, VIP6, 51, pattern(40))), PacketKind.OTHER6),
                row("ICMP over IPv6", frame(ipv6(CLIENT6, VIP6, 1, pattern(8))), PacketKind.OTHER6),
                row("7 bytes of ICMPv6", frame(ipv6(CLIENT6, VIP6, 58, pattern(7))), PacketKind.MALFORMED6),
                row("hop-by-hop", chain(0, extension(6, 1), segment6), PacketKind.FLOW6),
                row("routing", chain(43, extension(6, 2), segment6), PacketKind.FLOW6),
                row("destination options", chain(60, extension(17, 1), datagram6), PacketKind.FLOW6),
                row(
                        "hop-by-hop, destination, routing",
                        chain(0, extension(60, 1), extension(43, 3), extension(6, 1), segment6),
                        PacketKind.FLOW6),
                row(
                        "hop-by-hop behind another",
                        chain(60, extension(0, 1), extension(6, 1), segment6),
                        PacketKind.MALFORMED6),
                row("hop-by-hop twice", chain(0, extension(0, 1), extension(6, 1), segment6), PacketKind.MALFORMED6),
                row(
                        "an extension beyond the packet",
                        chain(60, with8(extension(6, 1), 1, 9), segment6),
                        PacketKind.MALFORMED6),
                row("an extension cut short", chain(60, hex("060000000000")), PacketKind.MALFORMED6),
                row("an extension announced, not there", chain(60, zeros(0)), PacketKind.MALFORMED6),
                row("extension, then ESP", chain(60, extension(50, 1), pattern(8)), PacketKind.OTHER6),
                row("extension, then nothing", chain(60, extension(59, 1)), PacketKind.OTHER6),
                row("extension, then ICMPv6", chain(60, extension(58, 1), pattern(8)), PacketKind.ICMP6),
                row("8 extensions", chain(60, destinations(8, 6), segment6), PacketKind.FLOW6),
                row("9 extensions", chain(60, destinations(9, 6), segment6), PacketKind.MALFORMED6),
                // IPv6 fragments
                row("first", chain(44, fragmentHeader(17, 0, true, 9), datagram6), PacketKind.FRAGMENT6),
                row("later", chain(44, fragmentHeader(17, 16, false, 9), pattern(5)), PacketKind.FRAGMENT6),
                row("atomic", chain(44, fragmentHeader(17, 0, false, 9), datagram6), PacketKind.FLOW6),
                row(
                        "first, upper header behind options",
                        chain(44, fragmentHeader(60, 0, true, 9), extension(17, 1), datagram6),
                        PacketKind.FRAGMENT6),
                row(
                        "first, upper header missing",
                        chain(44, fragmentHeader(60, 0, true, 9), extension(17, 1)),
                        PacketKind.MALFORMED6),
                row("first, tiny", chain(44, fragmentHeader(6, 0, true, 9), pattern(8)), PacketKind.MALFORMED6),
                row(
                        "odd, more to follow",
                        chain(44, fragmentHeader(17, 16, true, 9), pattern(9)),
                        PacketKind.MALFORMED6),
                row("empty", chain(44, fragmentHeader(17, 16, false, 9)), PacketKind.MALFORMED6),
                row("beyond 65,535", chain(44, fragmentHeader(17, 65528, false, 9), pattern(8)), PacketKind.MALFORMED6),
                row(
                        "two fragment headers",
                        chain(44, fragmentHeader(44, 0, false, 9), fragmentHeader(17, 0, false, 9), datagram6),
                        PacketKind.MALFORMED6));
    }

    private static Arguments row(String why, byte[] frame, byte kind) {
        return Arguments.of(why, frame, kind, PacketKind.name(kind));
    }

    private static byte[] frame4(byte[] packet) {
        return ethernet(0x0800, packet);
    }

    private static byte[] arpRequest() {
        return Packets.arp(1, Packets.CLIENT_MAC, CLIENT, zeros(6), VIP);
    }

    private static byte[] withOptions(byte[] options) {
        return ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 40000, 443, 2, zeros(0), zeros(0)), 0, 64, 0, 1, options);
    }

    private static byte[] chain(int first, byte[]... rest) {
        return frame(ipv6(CLIENT6, VIP6, first, join(rest)));
    }

    private static byte[] destinations(int count, int last) {
        byte[] headers = zeros(0);
        for (int i = 0; i < count; i++) {
            headers = join(headers, extension(i == count - 1 ? last : 60, 1));
        }
        return headers;
    }

    @ParameterizedTest(name = "{0}: {3}")
    @MethodSource("frames")
    void shouldTellWhatAFrameIs(String why, byte[] frame, byte kind, String name) {
        assertEquals(name, PacketKind.name(kind(frame)), why);
        assertAgreesWithModel(frame);
    }

    @Test
    void shouldReadAFragmentsFacts() {
        ParsedBatch parsed = parse(frame(fragment4(17, 0xbeef, 1480, true, pattern(16))));
        assertEquals(0xbeef, parsed.fragmentIds[0]);
        assertEquals(1480, parsed.fragmentOffsets[0]);
        assertTrue(parsed.moreFragments[0]);
        assertEquals(0, parsed.ports(0), "a later fragment has no ports");

        parsed = parse(chain(44, fragmentHeader(17, 0, true, 0xdeadbeefL), udp(CLIENT6, VIP6, 1, 2, pattern(16))));
        assertEquals(0xdeadbeef, parsed.fragmentIds[0]);
        assertEquals(0, parsed.fragmentOffsets[0]);
        assertEquals(1 << 16 | 2, parsed.ports(0));
        assertEquals(14 + 40 + 8, parsed.l4Offset(0));
    }

    @Test
    void shouldLeadToTheUpperHeaderBehindExtensions() {
        ParsedBatch parsed = parse(chain(
                0, extension(43, 2), extension(6, 1), tcp(CLIENT6, VIP6, 40000, 443, 0x12, zeros(0), pattern(3))));

        assertEquals(14 + 40 + 24, parsed.l4Offset(0));
        assertEquals(23, parsed.l4Length(0));
        assertEquals(6, parsed.protocol(0));
        assertEquals(0x12, parsed.tcpFlags(0));
        assertEquals(40000 << 16 | 443, parsed.ports(0));
    }

    @Test
    void shouldReadTypeAndCodeOfIcmp() {
        ParsedBatch parsed = parse(frame(ipv4(CLIENT, VIP, 1, Packets.icmp4(3, 4, 1400, pattern(28)))));

        assertEquals(3, parsed.icmpType(0));
        assertEquals(3 << 8 | 4, parsed.ports(0));
    }

    @Test
    void shouldReadAnArpPacket() {
        ParsedBatch parsed = parse(tagged(9, 0x0806, arpRequest()));

        assertEquals(18, parsed.l3Offset(0));
        assertEquals(0xc6336407, parsed.source4(0));
        assertEquals(0xcb00710a, parsed.destination4(0));
        assertEquals(ArpView.REQUEST, parsed.ports(0));
    }

    @Test
    void shouldNotReadWhatAnEarlierFrameLeft() {
        FrameRoom room = new FrameRoom(frame(tcp4(0xff, pattern(9))), 0);
        byte[] later = frame(udp4(pattern(9)));
        PacketParser.parse(java.lang.foreign.MemorySegment.ofArray(later), 0, later.length, room.parsed, 0);

        assertEquals(0, room.parsed.tcpFlags(0));
        byte[] without = frame(ipv4(CLIENT, VIP, 17, udp(CLIENT, VIP, 1, 2, pattern(1)), 0, 1, 0, 1, zeros(0)));
        assertFalse(parse(without).dontFragment(0));
    }

    /// Random frames of every kind, as built and damaged: the parser and the model see the same.
    @Test
    void shouldAgreeWithTheModel() {
        Random random = Seed.random("PacketParserTest");
        int[] seen = new int[14];
        for (int round = 0; round < 200_000; round++) {
            byte[] frame = RandomFrames.next(random);
            seen[kind(frame)]++;
            assertAgreesWithModel(frame);
        }
        for (byte kind = 0; kind < seen.length; kind++) {
            assertTrue(seen[kind] > 200, PacketKind.name(kind) + " came up " + seen[kind] + " times");
        }
    }

    /// What the short way takes, it reads as the long one does; and it takes the common packet.
    @Test
    void shouldReadTheCommonFrameAlikeByTheShortWay() {
        Random random = Seed.random("PacketParserTest.common");
        int taken = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(1 << 17);
            for (int round = 0; round < 200_000; round++) {
                byte[] frame = RandomFrames.next(random);
                MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, 0, frame.length);
                ParsedBatch parsed = parse(frame);
                ParsedBatch shortWay = new ParsedBatch(1);
                if (PacketParser.parseCommon(memory.address(), frame.length, shortWay, 0)) {
                    assertEquals(PacketKind.FLOW4, parsed.kind(0));
                    assertEquals(parsed.header(0), shortWay.header(0));
                    assertEquals(parsed.addresses[0], shortWay.addresses[0]);
                    assertEquals(parsed.transports[0], shortWay.transports[0]);
                    taken++;
                }
            }
            byte[] common = frame(tcp4(0x10, pattern(9)));
            MemorySegment.copy(common, 0, memory, ValueLayout.JAVA_BYTE, 0, common.length);
            assertTrue(PacketParser.parseCommon(memory.address(), common.length, new ParsedBatch(1), 0));
        }
        assertTrue(taken > 5_000, "taken by the short way: " + taken);
    }

    private static void assertAgreesWithModel(byte[] frame) {
        ModelPacket model = new ModelPacket(frame);
        ParsedBatch parsed = parse(frame);
        String facts = HexFormat.of().formatHex(frame);
        assertEquals(PacketKind.name(model.kind), PacketKind.name(parsed.kind(0)), facts);
        byte kind = model.kind;
        if (kind == PacketKind.MALFORMED) {
            return;
        }
        assertEquals(model.l3, parsed.l3Offset(0), facts);
        if (kind == PacketKind.NOT_IP) {
            return;
        }
        boolean isV6 = model.destination.length() == 32;
        assertEquals(model.source, isV6 ? hex6(parsed.sourceHigh[0], parsed.sourceLow[0]) : hex4(parsed.source4(0)));
        assertEquals(
                model.destination,
                isV6 ? hex6(parsed.destinationHigh[0], parsed.destinationLow[0]) : hex4(parsed.destination4(0)));
        if (kind == PacketKind.ARP) {
            assertEquals(model.ports, parsed.ports(0), facts);
            return;
        }
        if (kind == PacketKind.MALFORMED4 || kind == PacketKind.MALFORMED6 || kind == PacketKind.BAD_CHECKSUM4) {
            return;
        }
        assertEquals(model.l4, parsed.l4Offset(0), facts);
        assertEquals(model.packetLength, parsed.packetLength(0), facts);
        assertEquals(model.protocol, parsed.protocol(0) & 0xff, facts);
        assertEquals(model.ttl, parsed.ttl(0), facts);
        assertEquals(model.dontFragment, parsed.dontFragment(0), facts);
        if (kind != PacketKind.OTHER4 && kind != PacketKind.OTHER6) {
            assertEquals(model.ports, parsed.ports(0), facts);
            assertEquals(model.tcpFlags, parsed.tcpFlags(0) & 0xff, facts);
        }
        if (kind == PacketKind.FRAGMENT4 || kind == PacketKind.FRAGMENT6) {
            assertEquals(model.fragmentId, parsed.fragmentIds[0] & 0xffff_ffffL, facts);
            assertEquals(model.fragmentOffset, parsed.fragmentOffsets[0], facts);
            assertEquals(model.moreFragments, parsed.moreFragments[0], facts);
        }
    }

    private static String hex4(int address) {
        return HexFormat.of().toHexDigits(address);
    }

    private static String hex6(long high, long low) {
        return HexFormat.of().toHexDigits(high) + HexFormat.of().toHexDigits(low);
    }

    @Test
    void shouldNameEveryKind() {
        assertEquals("bad_checksum4", PacketKind.name(PacketKind.BAD_CHECKSUM4));
        assertEquals("kind 99", PacketKind.name((byte) 99));
    }
}
