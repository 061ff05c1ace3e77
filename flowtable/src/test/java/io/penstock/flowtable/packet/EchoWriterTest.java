package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.OUR_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp4;
import static io.penstock.flowtable.packet.Packets.icmp6;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.u16;
import static io.penstock.flowtable.packet.Packets.u32;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EchoWriterTest {
    /// The frame a reply travels in: MAC addresses the other way round.
    static byte[] back(byte[] frame) {
        byte[] copy = frame.clone();
        System.arraycopy(CLIENT_MAC, 0, copy, 0, 6);
        System.arraycopy(OUR_MAC, 0, copy, 6, 6);
        return copy;
    }

    private static boolean reply(FrameRoom room) {
        return EchoWriter.reply(room.memory, room.offset, room.parsed, 0, room.reply);
    }

    private static byte[] request4(long rest, byte[] data, byte[] options) {
        return ipv4(CLIENT, VIP, 1, icmp4(8, 0, rest, data), 0x28, 3, 0x4000, 0x77, options);
    }

    private static byte[] reply4(long rest, byte[] data) {
        return ipv4(VIP, CLIENT, 1, icmp4(0, 0, rest, data), 0x28, 64, 0x4000, 0x77, zeros(0));
    }

    private static byte[] reply6(long rest, byte[] data) {
        byte[] message = icmp6(VIP6, CLIENT6, 129, 0, rest, data);
        return join(u32(6L << 28 | 0x2b << 20), u16(message.length), hex("3a40"), VIP6, CLIENT6, message);
    }

    @Test
    void shouldAnswerAndCutThePadding() {
        FrameRoom room = new FrameRoom(join(frame(request4(0x00070001, pattern(5), zeros(0))), zeros(13)));

        assertTrue(reply(room));

        assertArrayEquals(back(frame(reply4(0x00070001, pattern(5)))), room.replyFrame());
    }

    @Test
    void shouldKeepTheTag() {
        FrameRoom room = new FrameRoom(taggedFrame(0x6123, request4(1, pattern(56), zeros(0))));

        assertTrue(reply(room));

        assertArrayEquals(back(taggedFrame(0x6123, reply4(1, pattern(56)))), room.replyFrame());
    }

    @Test
    void shouldLeaveOptionsOut() {
        byte[] recordRoute = hex("07270400000000000000000000000000000000000000000000000000000000000000000000000000");
        FrameRoom room = new FrameRoom(taggedFrame(9, request4(1, pattern(8), recordRoute)), 0);

        assertTrue(reply(room));

        assertArrayEquals(back(taggedFrame(9, reply4(1, pattern(8)))), room.replyFrame());
    }

    @Test
    void shouldAnswerOverIpv6() {
        byte[] message = icmp6(CLIENT6, VIP6, 128, 0, 0x00070001, pattern(5));
        for (byte[] packet : new byte[][] {
            ipv6(CLIENT6, VIP6, 58, message), ipv6(CLIENT6, VIP6, 0, join(Packets.extension(58, 2), message))
        }) {
            FrameRoom room = new FrameRoom(frame(packet), 0);

            assertTrue(reply(room));

            assertArrayEquals(back(frame(reply6(0x00070001, pattern(5)))), room.replyFrame());
        }
    }

    // The sums at which a checksum update without carries goes wrong.
    @Test
    void shouldKeepEveryChecksumRight() {
        for (int word = 0; word < 0x10000; word++) {
            FrameRoom room = new FrameRoom(frame(request4(0, u16(word), zeros(0))));

            assertTrue(reply(room));

            byte[] reply = room.replyFrame();
            assertEquals(0, Packets.checksum(java.util.Arrays.copyOfRange(reply, 34, reply.length)), "word=" + word);
        }
    }

    @Test
    void shouldNotMendADamagedRequest() {
        byte[] request = frame(request4(1, pattern(8), zeros(0)));
        FrameRoom room = new FrameRoom(with8(request, request.length - 1, 0));

        assertTrue(reply(room));

        byte[] reply = room.replyFrame();
        assertFalse(Packets.checksum(java.util.Arrays.copyOfRange(reply, 34, reply.length)) == 0);
    }

    static Stream<Arguments> unanswered() {
        byte[] request = frame(request4(1, pattern(8), zeros(0)));
        byte[] echo = icmp4(8, 0, 1, pattern(8));
        byte[] echo6 = icmp6(CLIENT6, VIP6, 128, 0, 1, pattern(8));
        return Stream.of(
                Arguments.of("a reply", frame(ipv4(CLIENT, VIP, 1, icmp4(0, 0, 1, pattern(8))))),
                Arguments.of("code 1", frame(ipv4(CLIENT, VIP, 1, icmp4(8, 1, 1, pattern(8))))),
                Arguments.of("a timestamp", frame(ipv4(CLIENT, VIP, 1, icmp4(13, 0, 1, pattern(12))))),
                Arguments.of("to broadcast", frame(ipv4(CLIENT, hex("ffffffff"), 1, echo))),
                Arguments.of("to multicast", frame(ipv4(CLIENT, hex("e0000001"), 1, echo))),
                Arguments.of("from zero", frame(ipv4(zeros(4), VIP, 1, echo))),
                Arguments.of("from loopback", frame(ipv4(hex("7f000001"), VIP, 1, echo))),
                Arguments.of("from broadcast", frame(ipv4(hex("ffffffff"), VIP, 1, echo))),
                Arguments.of("to a group of stations", with8(request, 0, 1)),
                Arguments.of("from a group of stations", with8(request, 6, 1)),
                Arguments.of("ICMPv6 reply", frame(ipv6(CLIENT6, VIP6, 58, icmp6(CLIENT6, VIP6, 129, 0, 1, zeros(8))))),
                Arguments.of("from ::", frame(ipv6(zeros(16), VIP6, 58, echo6))),
                Arguments.of("from ::1", frame(ipv6(with8(zeros(16), 15, 1), VIP6, 58, echo6))),
                Arguments.of("to ff02::1", frame(ipv6(CLIENT6, hex("ff020000000000000000000000000001"), 58, echo6))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unanswered")
    void shouldNotAnswer(String why, byte[] frame) {
        FrameRoom room = new FrameRoom(frame);

        assertFalse(reply(room), why);

        assertArrayEquals(frame, room.frame(), "untouched");
    }
}
