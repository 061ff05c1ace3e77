package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.OUR_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.arp;
import static io.penstock.flowtable.packet.Packets.get32;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.u16;
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

class ArpWriterTest {
    private static final byte[] BROADCAST = hex("ffffffffffff");

    private static boolean reply(FrameRoom room) {
        return ArpWriter.reply(room.memory, room.offset, room.parsed, 0, mac(OUR_MAC), room.reply);
    }

    private static byte[] broadcast(byte[] tag, byte[] packet) {
        return join(BROADCAST, CLIENT_MAC, tag, hex("0806"), packet);
    }

    @Test
    void shouldAnswerARequest() {
        FrameRoom room = new FrameRoom(broadcast(zeros(0), join(arp(1, CLIENT_MAC, CLIENT, zeros(6), VIP), zeros(18))));

        assertTrue(reply(room));

        byte[] expected = join(CLIENT_MAC, OUR_MAC, hex("0806"), arp(2, OUR_MAC, VIP, CLIENT_MAC, CLIENT));
        assertArrayEquals(expected, room.replyFrame());
    }

    @Test
    void shouldKeepTheTag() {
        byte[] tag = hex("81006123");
        FrameRoom room = new FrameRoom(broadcast(tag, arp(1, CLIENT_MAC, CLIENT, zeros(6), VIP)));

        assertTrue(reply(room));

        byte[] expected = join(CLIENT_MAC, OUR_MAC, tag, hex("0806"), arp(2, OUR_MAC, VIP, CLIENT_MAC, CLIENT));
        assertArrayEquals(expected, room.replyFrame());
    }

    @Test
    void shouldTellAProbeThatTheAddressIsTaken() {
        FrameRoom room = new FrameRoom(broadcast(zeros(0), arp(1, CLIENT_MAC, zeros(4), zeros(6), VIP)));

        assertTrue(reply(room));

        byte[] expected = join(CLIENT_MAC, OUR_MAC, hex("0806"), arp(2, OUR_MAC, VIP, CLIENT_MAC, zeros(4)));
        assertArrayEquals(expected, room.replyFrame());
    }

    static Stream<Arguments> unanswered() {
        return Stream.of(
                Arguments.of("a reply", arp(2, CLIENT_MAC, CLIENT, OUR_MAC, VIP)),
                Arguments.of("operation 3", arp(3, CLIENT_MAC, CLIENT, zeros(6), VIP)),
                Arguments.of("an announcement", arp(1, CLIENT_MAC, VIP, zeros(6), VIP)),
                Arguments.of("from broadcast MAC", arp(1, BROADCAST, CLIENT, zeros(6), VIP)),
                Arguments.of("from multicast MAC", arp(1, hex("01005e000001"), CLIENT, zeros(6), VIP)),
                Arguments.of("from MAC zero", arp(1, zeros(6), CLIENT, zeros(6), VIP)),
                Arguments.of("from broadcast", arp(1, CLIENT_MAC, hex("ffffffff"), zeros(6), VIP)),
                Arguments.of("from multicast", arp(1, CLIENT_MAC, hex("e0000001"), zeros(6), VIP)),
                Arguments.of("from loopback", arp(1, CLIENT_MAC, hex("7f000001"), zeros(6), VIP)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unanswered")
    void shouldNotAnswer(String why, byte[] packet) {
        byte[] frame = broadcast(zeros(0), packet);
        FrameRoom room = new FrameRoom(frame);

        assertFalse(reply(room), why);

        assertArrayEquals(frame, room.frame(), "untouched");
    }

    @Test
    void shouldAnnounceAVip() {
        FrameRoom room = new FrameRoom(zeros(42));

        ArpWriter.announce(
                room.memory, room.offset, EthernetView.NO_TAG, (int) get32(VIP, 0), mac(OUR_MAC), room.reply);

        byte[] expected = join(BROADCAST, OUR_MAC, u16(0x0806), arp(1, OUR_MAC, VIP, zeros(6), VIP));
        assertArrayEquals(expected, room.replyFrame());
        assertEquals(42, room.reply.length);
    }
}
