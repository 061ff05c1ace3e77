package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.u16;
import static io.penstock.flowtable.packet.Packets.u32;
import static io.penstock.flowtable.packet.Packets.udp4;
import static io.penstock.flowtable.packet.Packets.with16;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Shows S2-69: a packet whose flow is gone can be answered with a RST.
class ResetWriterTest {
    private static boolean reset(FrameRoom room) {
        return ResetWriter.reset(room.memory, room.offset, room.parsed, 0, room.reply);
    }

    private static byte[] rst(byte[] vip, byte[] client, long sequence, long acknowledgment, int flags) {
        byte[] segment = join(u16(443), u16(40000), u32(sequence), u32(acknowledgment), u16(0x5000 | flags), zeros(6));
        segment = with16(segment, 16, Packets.checksum(Packets.pseudoHeader(vip, client, 6, 20), segment));
        return vip.length == 4
                ? ipv4(vip, client, 6, segment, 0, 64, 0x4000, 0, zeros(0))
                : join(hex("60000000 0014 06 40"), vip, client, segment);
    }

    // The segments have sequence 01020304 and, with ACK, acknowledgment a1b2c3d4.
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "SYN,                   02, 0,  00000000, 01020305, 14",
        "SYN with data,         02, 5,  00000000, 0102030a, 14",
        "FIN,                   01, 5,  00000000, 0102030a, 14",
        "SYN and FIN,           03, 0,  00000000, 01020306, 14",
        "nothing,               00, 5,  00000000, 01020309, 14",
        "SYN with ECN,          c2, 0,  00000000, 01020305, 14",
        "ACK,                   10, 0,  a1b2c3d4, 00000000, 04",
        "data,                  18, 99, a1b2c3d4, 00000000, 04",
        "FIN and ACK,           11, 0,  a1b2c3d4, 00000000, 04",
        "SYN and ACK,           12, 0,  a1b2c3d4, 00000000, 04",
    })
    void shouldAnswer(String why, String flags, int data, String sequence, String acknowledgment, String replyFlags) {
        byte[] options = hex("020405b4");
        int f = Integer.parseInt(flags, 16);
        byte[] over4 = tcp(CLIENT, VIP, 40000, 443, f, options, pattern(data));
        byte[] over6 = tcp(CLIENT6, VIP6, 40000, 443, f, options, pattern(data));
        long s = Long.parseLong(sequence, 16);
        long a = Long.parseLong(acknowledgment, 16);
        int r = Integer.parseInt(replyFlags, 16);
        byte[][][] cases = {
            {ipv4(CLIENT, VIP, 6, over4), rst(VIP, CLIENT, s, a, r)},
            {ipv4(CLIENT, VIP, 6, over4, 0, 1, 0, 1, hex("94040000")), rst(VIP, CLIENT, s, a, r)},
            {ipv6(CLIENT6, VIP6, 6, over6), rst(VIP6, CLIENT6, s, a, r)},
            {ipv6(CLIENT6, VIP6, 60, join(Packets.extension(6, 1), over6)), rst(VIP6, CLIENT6, s, a, r)}
        };
        for (byte[][] pair : cases) {
            FrameRoom room = new FrameRoom(frame(pair[0]), 0);
            assertTrue(reset(room), why);
            assertArrayEquals(EchoWriterTest.back(frame(pair[1])), room.replyFrame(), why);

            room = new FrameRoom(join(taggedFrame(0x6123, pair[0]), zeros(3)), 0);
            assertTrue(reset(room), why);
            assertArrayEquals(EchoWriterTest.back(taggedFrame(0x6123, pair[1])), room.replyFrame(), why);
        }
    }

    static Stream<Arguments> unanswered() {
        byte[] syn = tcp(CLIENT, VIP, 40000, 443, 2, zeros(0), zeros(0));
        byte[] syn6 = tcp(CLIENT6, VIP6, 40000, 443, 2, zeros(0), zeros(0));
        return Stream.of(
                Arguments.of("RST", frame(Packets.tcp4(0x04, zeros(0)))),
                Arguments.of("RST and ACK", frame(Packets.tcp4(0x14, zeros(0)))),
                Arguments.of("RST over IPv6", frame(Packets.tcp6(0x04, zeros(0)))),
                Arguments.of("UDP", frame(udp4(pattern(30)))),
                Arguments.of("to a group of stations", with8(frame(Packets.tcp4(2, zeros(0))), 0, 0xff)),
                Arguments.of("from broadcast", frame(ipv4(hex("ffffffff"), VIP, 6, syn))),
                Arguments.of("from multicast", frame(ipv4(hex("e0000001"), VIP, 6, syn))),
                Arguments.of("from zero", frame(ipv4(zeros(4), VIP, 6, syn))),
                Arguments.of("to multicast", frame(ipv4(CLIENT, hex("e0000001"), 6, syn))),
                Arguments.of("from ::", frame(ipv6(zeros(16), VIP6, 6, syn6))),
                Arguments.of("from ff02::1", frame(ipv6(hex("ff020000000000000000000000000001"), VIP6, 6, syn6))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unanswered")
    void shouldNotAnswer(String why, byte[] frame) {
        FrameRoom room = new FrameRoom(frame);

        assertFalse(reset(room), why);

        assertArrayEquals(frame, room.frame(), "untouched");
    }

    @Test
    void shouldWrapTheAcknowledgment() {
        byte[] segment = tcp(CLIENT, VIP, 40000, 443, 0x02, zeros(0), zeros(0));
        System.arraycopy(hex("ffffffff"), 0, segment, 4, 4);
        FrameRoom room = new FrameRoom(frame(ipv4(CLIENT, VIP, 6, segment)));

        assertTrue(reset(room));

        assertArrayEquals(EchoWriterTest.back(frame(rst(VIP, CLIENT, 0, 0, 0x14))), room.replyFrame());
    }
}
