package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.EchoWriterTest.back;
import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.extension;
import static io.penstock.flowtable.packet.Packets.fragment4;
import static io.penstock.flowtable.packet.Packets.fragmentHeader;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp4;
import static io.penstock.flowtable.packet.Packets.icmp6;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.tcp4;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.u16;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TooBigWriterTest {
    private static boolean reply(FrameRoom room, int mtu) {
        return TooBigWriter.reply(room.memory, room.offset, room.parsed, 0, mtu, room.reply);
    }

    static byte[] error4(byte[] quoted, int mtu, int id) {
        byte[] quote = Arrays.copyOf(quoted, Math.min(quoted.length, 548));
        return ipv4(VIP, CLIENT, 1, icmp4(3, 4, mtu, quote), 0xc0, 64, 0, id, zeros(0));
    }

    static byte[] error6(byte[] quoted, int mtu) {
        byte[] message = icmp6(VIP6, CLIENT6, 2, 0, mtu, Arrays.copyOf(quoted, Math.min(quoted.length, 1232)));
        return join(hex("60000000"), u16(message.length), hex("3a40"), VIP6, CLIENT6, message);
    }

    @ParameterizedTest(name = "{0} bytes of data")
    @ValueSource(ints = {0, 1, 507, 508, 509, 1460, 8960})
    void shouldNameTheMtuAndQuoteWhatFits(int data) {
        byte[] packet = tcp4(0x18, pattern(data));
        FrameRoom room = new FrameRoom(join(frame(packet), zeros(3)), IcmpErrorWriter.HEADROOM4);

        assertTrue(reply(room, 1480));

        assertArrayEquals(back(frame(error4(packet, 1480, 0x1234))), room.replyFrame());
        assertTrue(room.reply.length <= 14 + 576);
    }

    @ParameterizedTest(name = "{0} bytes of data")
    @ValueSource(ints = {0, 1, 1171, 1172, 1173, 1440, 8940})
    void shouldNameTheMtuAndQuoteWhatFitsOverIpv6(int data) {
        byte[] packet = tcp6(0x18, pattern(data));
        FrameRoom room = new FrameRoom(frame(packet), IcmpErrorWriter.HEADROOM6);

        assertTrue(reply(room, 1452));

        assertArrayEquals(back(frame(error6(packet, 1452))), room.replyFrame());
        assertTrue(room.reply.length <= 14 + 1280);
    }

    @Test
    void shouldKeepTheTag() {
        byte[] packet = tcp4(0x18, pattern(1460));
        FrameRoom room = new FrameRoom(taggedFrame(0x6123, packet), IcmpErrorWriter.HEADROOM4);
        assertTrue(reply(room, 1400));
        assertArrayEquals(back(taggedFrame(0x6123, error4(packet, 1400, 0x1234))), room.replyFrame());

        packet = tcp6(0x18, pattern(1440));
        room = new FrameRoom(taggedFrame(0x6123, packet), IcmpErrorWriter.HEADROOM6);
        assertTrue(reply(room, 1400));
        assertArrayEquals(back(taggedFrame(0x6123, error6(packet, 1400))), room.replyFrame());
    }

    @Test
    void shouldQuoteOptionsAndExtensionsButNotCarryThem() {
        byte[] options = hex("94040000");
        byte[] packet =
                ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 1, 2, 16, zeros(0), pattern(99)), 0, 9, 0x4000, 5, options);
        FrameRoom room = new FrameRoom(frame(packet));
        assertTrue(reply(room, 1400));
        assertArrayEquals(back(frame(error4(packet, 1400, 5))), room.replyFrame());

        packet = ipv6(CLIENT6, VIP6, 60, join(extension(6, 1), tcp(CLIENT6, VIP6, 1, 2, 16, zeros(0), pattern(9))));
        room = new FrameRoom(frame(packet));
        assertTrue(reply(room, 1400));
        assertArrayEquals(back(frame(error6(packet, 1400))), room.replyFrame());
    }

    @Test
    void shouldNotCarryFragmentBits() {
        byte[] packet =
                ipv4(CLIENT, VIP, 17, Packets.udp(CLIENT, VIP, 1, 2, pattern(1464)), 0, 64, 0x6000, 0xabc, zeros(0));
        FrameRoom room = new FrameRoom(frame(packet));
        assertEquals(PacketKind.FRAGMENT4, room.kind());

        assertTrue(reply(room, 1480));

        assertArrayEquals(back(frame(error4(packet, 1480, 0xabc))), room.replyFrame());
        Ipv4View ip = new Ipv4View(room.memory).wrap(room.reply.offset + 14, room.reply.length - 14);
        assertEquals(0, ip.fragmentOffset());
        assertFalse(ip.hasMoreFragments());
        assertFalse(ip.isDontFragment());
    }

    @Test
    void shouldAnswerAPing() {
        FrameRoom room = new FrameRoom(frame(ipv4(CLIENT, VIP, 1, icmp4(8, 0, 1, pattern(1472)))));

        assertTrue(reply(room, 1480));
    }

    static Stream<Arguments> unanswered() {
        byte[] datagram = Packets.udp(CLIENT, VIP, 1, 2, pattern(8));
        byte[] datagram6 = Packets.udp(CLIENT6, VIP6, 1, 2, pattern(8));
        byte[] error = icmp4(3, 1, 0, pattern(28));
        byte[] error6 = icmp6(CLIENT6, VIP6, 1, 0, 0, pattern(48));
        byte[] redirect = icmp6(CLIENT6, VIP6, 137, 0, 0, pattern(40));
        byte[] multicast6 = hex("ff020000000000000000000000000001");
        return Stream.of(
                Arguments.of("a later fragment", frame(fragment4(17, 1, 16, true, pattern(64)))),
                Arguments.of("an ICMP error", frame(ipv4(CLIENT, VIP, 1, error))),
                Arguments.of("an unknown ICMP type", frame(ipv4(CLIENT, VIP, 1, icmp4(77, 0, 0, pattern(8))))),
                Arguments.of("a source quench", frame(ipv4(CLIENT, VIP, 1, icmp4(4, 0, 0, pattern(28))))),
                Arguments.of("to multicast", frame(ipv4(CLIENT, hex("e1000001"), 17, datagram))),
                Arguments.of("to broadcast", frame(ipv4(CLIENT, hex("ffffffff"), 17, datagram))),
                Arguments.of("from zero", frame(ipv4(zeros(4), VIP, 17, datagram))),
                Arguments.of("from multicast", frame(ipv4(hex("e0000001"), VIP, 17, datagram))),
                Arguments.of("from loopback", frame(ipv4(hex("7f000009"), VIP, 17, datagram))),
                Arguments.of("to a group of stations", with8(frame(ipv4(CLIENT, VIP, 17, datagram)), 0, 1)),
                Arguments.of(
                        "a later IPv6 fragment",
                        frame(ipv6(CLIENT6, VIP6, 44, join(fragmentHeader(17, 16, true, 1), pattern(64))))),
                Arguments.of("an ICMPv6 error", frame(ipv6(CLIENT6, VIP6, 58, error6))),
                Arguments.of(
                        "an ICMPv6 error behind options",
                        frame(ipv6(CLIENT6, VIP6, 60, join(extension(58, 2), error6)))),
                Arguments.of("an ICMPv6 redirect", frame(ipv6(CLIENT6, VIP6, 58, redirect))),
                Arguments.of("to IPv6 multicast", frame(ipv6(CLIENT6, multicast6, 17, datagram6))),
                Arguments.of("from IPv6 multicast", frame(ipv6(multicast6, VIP6, 17, datagram6))),
                Arguments.of("from ::", frame(ipv6(zeros(16), VIP6, 17, datagram6))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unanswered")
    void shouldNotAnswer(String why, byte[] frame) {
        FrameRoom room = new FrameRoom(frame);

        assertFalse(reply(room, 1400), why);

        assertArrayEquals(frame, room.frame(), "untouched");
    }
}
