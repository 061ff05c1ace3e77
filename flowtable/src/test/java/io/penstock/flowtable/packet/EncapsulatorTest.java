package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.BACKEND_MAC;
import static io.penstock.flowtable.packet.Packets.OUR_MAC;
import static io.penstock.flowtable.packet.Packets.get32;
import static io.penstock.flowtable.packet.Packets.get64;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.tcp4;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.u16;
import static io.penstock.flowtable.packet.Packets.u32;
import static io.penstock.flowtable.packet.Packets.u8;
import static io.penstock.flowtable.packet.Packets.with16;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class EncapsulatorTest {
    static final byte[] US = hex("0a000001");
    static final byte[] BACKEND = hex("0a09 0007");
    static final byte[] US6 = hex("fd000000000000000000000000000001");
    static final byte[] BACKEND6 = hex("fd000000000000000000000000000011");
    private static final long HASH = 0xfedc_ba98_7654_3210L;

    @ParameterizedTest(name = "tunnel {0}, outer IPv6 {1}: {2}")
    @CsvSource({"1, false, 20", "1, true, 40", "2, false, 28", "2, true, 48", "3, false, 24", "3, true, 44"})
    void shouldTellItsOverhead(int tunnel, boolean outerIsV6, int bytes) {
        assertEquals(bytes, Encapsulator.overhead(tunnel, outerIsV6));
        assertTrue(bytes <= Encapsulator.OVERHEAD_MAX);
    }

    @Test
    void shouldRefuseAnUnknownTunnel() {
        assertThrows(IllegalArgumentException.class, () -> Encapsulator.overhead(0, false));
    }

    /// What must come out, made the slow way.
    static byte[] expected(byte[] packet, int tunnel, boolean outerIsV6, long hash, int tag) {
        boolean innerIsV6 = (packet[0] >>> 4 & 0xf) == 6;
        int trafficClass = innerIsV6 ? (packet[0] & 0xf) << 4 | (packet[1] & 0xff) >>> 4 : packet[1] & 0xff;
        int port = 0xc000 | (int) (hash >>> 50);
        byte[] between = switch (tunnel) {
            case Encapsulator.GUE -> join(u16(port), u16(6080), u16(8 + packet.length), u16(0));
            case Encapsulator.GRE -> join(u16(0), u16(innerIsV6 ? 0x86dd : 0x0800));
            default -> zeros(0);
        };
        int protocol = tunnel == Encapsulator.GUE ? 17 : tunnel == Encapsulator.GRE ? 47 : innerIsV6 ? 41 : 4;
        byte[] outer;
        if (outerIsV6) {
            if (tunnel == Encapsulator.GUE) {
                int length = 8 + packet.length;
                int checksum = Packets.checksum(Packets.pseudoHeader(US6, BACKEND6, 17, length), between, packet);
                between = with16(between, 6, checksum == 0 ? 0xffff : checksum);
            }
            outer = join(
                    u32(6L << 28 | (long) trafficClass << 20 | hash >>> 44),
                    u16(between.length + packet.length),
                    u8(protocol),
                    u8(64),
                    US6,
                    BACKEND6);
        } else {
            int length = 20 + between.length + packet.length;
            outer = Arrays.copyOf(
                    Packets.ipv4(US, BACKEND, protocol, zeros(length - 20), trafficClass, 64, 0x4000, 0, zeros(0)), 20);
        }
        byte[] ethernet = join(BACKEND_MAC, OUR_MAC, tag < 0 ? zeros(0) : join(u16(0x8100), u16(tag)));
        return join(ethernet, u16(outerIsV6 ? 0x86dd : 0x0800), outer, between, packet);
    }

    static byte[] encapsulated(FrameRoom room, int tunnel, boolean outerIsV6, long hash) {
        int l3Offset = room.parsed.l3Offset(0);
        int packetLength = room.parsed.packetLength(0);
        long start = outerIsV6
                ? Encapsulator.encapsulate6(
                        room.memory,
                        room.offset,
                        l3Offset,
                        packetLength,
                        tunnel,
                        get64(US6, 0),
                        get64(US6, 8),
                        get64(BACKEND6, 0),
                        get64(BACKEND6, 8),
                        hash,
                        mac(BACKEND_MAC),
                        mac(OUR_MAC))
                : Encapsulator.encapsulate4(
                        room.memory,
                        room.offset,
                        l3Offset,
                        packetLength,
                        tunnel,
                        get32(US, 0) << 32 | get32(BACKEND, 0),
                        hash,
                        mac(BACKEND_MAC),
                        mac(OUR_MAC));
        assertEquals(room.offset - Encapsulator.overhead(tunnel, outerIsV6), start);
        return room.frame(start, l3Offset + Encapsulator.overhead(tunnel, outerIsV6) + packetLength);
    }

    static Stream<Arguments> tunnels() {
        List<Arguments> rows = new ArrayList<>();
        for (int tunnel = Encapsulator.IPIP; tunnel <= Encapsulator.GRE; tunnel++) {
            for (int i = 0; i < 8; i++) {
                rows.add(Arguments.of(tunnel, (i & 1) != 0, (i & 2) != 0, (i & 4) == 0 ? -1 : 0x6123));
            }
        }
        return rows.stream();
    }

    @ParameterizedTest(name = "tunnel {0}, outer IPv6 {1}, inner IPv6 {2}, tag {3}")
    @MethodSource("tunnels")
    void shouldCarryThePacketWhole(int tunnel, boolean outerIsV6, boolean innerIsV6, int tag) {
        byte[] packet = innerIsV6 ? tcp6(0x18, pattern(33)) : tcp4(0x18, pattern(33));
        byte[] frame = tag < 0 ? Packets.frame(packet) : Packets.taggedFrame(tag, packet);
        FrameRoom room = new FrameRoom(join(frame, zeros(7))); // and the padding is cut

        byte[] out = encapsulated(room, tunnel, outerIsV6, HASH);

        assertArrayEquals(expected(packet, tunnel, outerIsV6, HASH, tag), out);
        ParsedBatch parsed = new FrameRoom(out).parsed;
        boolean isUdp = tunnel == Encapsulator.GUE;
        byte kind =
                outerIsV6 ? isUdp ? PacketKind.FLOW6 : PacketKind.OTHER6 : isUdp ? PacketKind.FLOW4 : PacketKind.OTHER4;
        assertEquals(kind, parsed.kind(0));
        assertEquals(64, parsed.ttl(0));
    }

    // 198.51.100.7 > 203.0.113.10, one byte of UDP, to 10.9.0.7 by IP in IP: the first bytes of the outer header.
    @Test
    void shouldWriteTheWorkedExample() {
        FrameRoom room = new FrameRoom(Packets.frame(Packets.udp4(hex("2a"))));

        byte[] out = encapsulated(room, Encapsulator.IPIP, false, HASH);

        byte[] ethernetAndOuter =
                hex("02000000000b 020000000001 0800" + "4528 0031 0000 4000 4004 2691 0a000001 0a090007");
        assertArrayEquals(ethernetAndOuter, Arrays.copyOf(out, 34));
    }

    @ParameterizedTest(name = "traffic class {0}")
    @CsvSource({"00", "01", "02", "03", "b8", "bb", "fc", "ff"})
    void shouldCopyDscpAndEcn(String trafficClass) {
        int expected = Integer.parseInt(trafficClass, 16);
        byte[] inner6 = tcp6(0x10, zeros(0));
        inner6[0] = (byte) (0x60 | expected >>> 4);
        inner6[1] = (byte) (expected << 4 | (inner6[1] & 0xf));
        byte[] inner4 = Packets.ipv4(
                Packets.CLIENT,
                Packets.VIP,
                17,
                Packets.udp(Packets.CLIENT, Packets.VIP, 1, 2, zeros(0)),
                expected,
                64,
                0,
                1,
                zeros(0));
        for (byte[] packet : new byte[][] {inner4, inner6}) {
            byte[] over4 = encapsulated(new FrameRoom(Packets.frame(packet)), Encapsulator.IPIP, false, HASH);
            byte[] over6 = encapsulated(new FrameRoom(Packets.frame(packet)), Encapsulator.GUE, true, HASH);

            assertEquals(expected, over4[15] & 0xff);
            assertEquals(expected, (over6[14] & 0xf) << 4 | (over6[15] & 0xff) >>> 4);
        }
    }

    @Test
    void shouldSpreadFlowsByPortAndLabel() {
        assertEquals(0xc000, Encapsulator.sourcePort(0));
        assertEquals(0xffff, Encapsulator.sourcePort(-1));
        assertNotEquals(0, Encapsulator.flowLabel(0), "0 says that there is no label");
        assertEquals(0xf_ffff, Encapsulator.flowLabel(-1));
    }

    @Test
    void shouldSendAChecksumOfZeroAsAllOnes() {
        Random random = Seed.random("EncapsulatorTest.zero");
        byte[] packet = Packets.udp4(zeros(2));
        for (int round = 0; round < 3; round++) {
            // Choose the data so that the outer checksum comes out as 0.
            long hash = random.nextLong();
            packet = with16(packet, packet.length - 2, 0);
            byte[] out = expected(packet, Encapsulator.GUE, true, hash, -1);
            packet = with16(packet, packet.length - 2, Packets.get16(out, 14 + 40 + 6));

            out = encapsulated(new FrameRoom(Packets.frame(packet)), Encapsulator.GUE, true, hash);

            assertEquals(0xffff, Packets.get16(out, 14 + 40 + 6));
            assertArrayEquals(expected(packet, Encapsulator.GUE, true, hash, -1), out);
        }
    }

    @Test
    void shouldAgreeWithTheSlowWay() {
        Random random = Seed.random("EncapsulatorTest");
        for (int round = 0; round < 20_000; round++) {
            byte[] packet = random.nextBoolean() ? RandomFrames.packet4(random) : RandomFrames.packet6(random);
            int tunnel = 1 + random.nextInt(3);
            boolean outerIsV6 = random.nextBoolean();
            int tag = random.nextBoolean() ? -1 : random.nextInt(0x10000);
            long hash = random.nextLong() | 1L << 63;
            byte[] frame = tag < 0 ? Packets.frame(packet) : Packets.taggedFrame(tag, packet);

            byte[] out = encapsulated(new FrameRoom(frame, 48), tunnel, outerIsV6, hash);

            assertArrayEquals(expected(packet, tunnel, outerIsV6, hash, tag), out);
        }
    }
}
