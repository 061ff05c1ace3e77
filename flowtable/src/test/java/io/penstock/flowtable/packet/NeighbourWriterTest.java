package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.OUR_MAC;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.get64;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp6;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.with16;
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

class NeighbourWriterTest {
    private static final byte[] SOLICITED_NODE = hex("ff0200000000000000000001ff00000a");
    private static final byte[] SOLICITED_NODE_MAC = hex("3333ff00000a");
    private static final byte[] ALL_NODES = hex("ff020000000000000000000000000001");
    private static final byte[] ALL_NODES_MAC = hex("333300000001");
    private static final byte[] UNSPECIFIED = zeros(16);
    private static final byte[] SOURCE_OPTION = join(hex("0101"), CLIENT_MAC);

    private static byte[] solicitation(byte[] source, byte[] destination, byte[] target, byte[] options) {
        byte[] message = icmp6(source, destination, 135, 0, 0, join(target, options));
        return with8(ipv6(source, destination, 58, message), 7, 255);
    }

    private static byte[] sent(byte[] tag, byte[] packet) {
        return join(SOLICITED_NODE_MAC, CLIENT_MAC, tag, hex("86dd"), packet);
    }

    private static byte[] advertisement(byte[] destination, long flags) {
        byte[] body = join(VIP6, hex("0201"), OUR_MAC);
        byte[] packet = ipv6(VIP6, destination, 58, icmp6(VIP6, destination, 136, 0, flags, body));
        return join(hex("60000000"), java.util.Arrays.copyOfRange(with8(packet, 7, 255), 4, packet.length));
    }

    private static boolean isSolicitation(FrameRoom room) {
        return NeighbourWriter.isSolicitation(room.memory, room.offset, room.parsed, 0);
    }

    private static boolean reply(FrameRoom room) {
        return NeighbourWriter.reply(room.memory, room.offset, room.parsed, 0, mac(OUR_MAC), room.reply);
    }

    @Test
    void shouldAnswerTheAsker() {
        byte[] packet = solicitation(CLIENT6, SOLICITED_NODE, VIP6, SOURCE_OPTION);
        for (byte[] tag : new byte[][] {zeros(0), hex("81006123")}) {
            FrameRoom room = new FrameRoom(sent(tag, packet), NeighbourWriter.HEADROOM);

            assertTrue(isSolicitation(room));
            assertEquals(
                    get64(VIP6, 0), NeighbourWriter.targetHigh(room.memory, room.offset + room.parsed.l4Offset(0)));
            assertEquals(get64(VIP6, 8), NeighbourWriter.targetLow(room.memory, room.offset + room.parsed.l4Offset(0)));
            assertTrue(reply(room));

            byte[] expected = join(CLIENT_MAC, OUR_MAC, tag, hex("86dd"), advertisement(CLIENT6, 0x60000000L));
            assertArrayEquals(expected, room.replyFrame());
        }
    }

    @Test
    void shouldAnswerASolicitationWithoutOptions() {
        FrameRoom room =
                new FrameRoom(sent(zeros(0), solicitation(CLIENT6, VIP6, VIP6, zeros(0))), NeighbourWriter.HEADROOM);

        assertTrue(isSolicitation(room), "unicast, as a reachability probe is");
        assertTrue(reply(room));

        byte[] expected = join(CLIENT_MAC, OUR_MAC, hex("86dd"), advertisement(CLIENT6, 0x60000000L));
        assertArrayEquals(expected, room.replyFrame());
    }

    @Test
    void shouldTellADuplicateAddressProbeToAllNodes() {
        FrameRoom room = new FrameRoom(sent(zeros(0), solicitation(UNSPECIFIED, SOLICITED_NODE, VIP6, zeros(0))));

        assertTrue(isSolicitation(room));
        assertTrue(reply(room));

        byte[] expected = join(ALL_NODES_MAC, OUR_MAC, hex("86dd"), advertisement(ALL_NODES, 0x20000000L));
        assertArrayEquals(expected, room.replyFrame());
    }

    static Stream<Arguments> invalid() {
        byte[] packet = solicitation(CLIENT6, SOLICITED_NODE, VIP6, SOURCE_OPTION);
        byte[] nonce = hex("0e01 010203040506");
        return Stream.of(
                Arguments.of("hop limit 254", with8(packet, 7, 254)),
                Arguments.of("checksum off by one", with16(packet, 42, Packets.get16(packet, 42) ^ 1)),
                Arguments.of(
                        "code 1",
                        with8(
                                ipv6(CLIENT6, SOLICITED_NODE, 58, icmp6(CLIENT6, SOLICITED_NODE, 135, 1, 0, VIP6)),
                                7,
                                255)),
                Arguments.of(
                        "23 bytes",
                        with8(
                                ipv6(
                                        CLIENT6,
                                        SOLICITED_NODE,
                                        58,
                                        icmp6(CLIENT6, SOLICITED_NODE, 135, 0, 0, java.util.Arrays.copyOf(VIP6, 15))),
                                7,
                                255)),
                Arguments.of("target multicast", solicitation(CLIENT6, SOLICITED_NODE, ALL_NODES, SOURCE_OPTION)),
                Arguments.of(
                        "option of length 0", solicitation(CLIENT6, SOLICITED_NODE, VIP6, hex("0100000000000000"))),
                Arguments.of("option beyond the end", solicitation(CLIENT6, SOLICITED_NODE, VIP6, with8(nonce, 1, 2))),
                Arguments.of("option cut short", solicitation(CLIENT6, SOLICITED_NODE, VIP6, hex("01010000"))),
                Arguments.of(
                        "probe that names a source", solicitation(UNSPECIFIED, SOLICITED_NODE, VIP6, SOURCE_OPTION)),
                Arguments.of("probe to one host", solicitation(UNSPECIFIED, VIP6, VIP6, zeros(0))),
                Arguments.of(
                        "an advertisement",
                        with8(ipv6(CLIENT6, VIP6, 58, icmp6(CLIENT6, VIP6, 136, 0, 0, VIP6)), 7, 255)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("invalid")
    void shouldRefuse(String why, byte[] packet) {
        FrameRoom room = new FrameRoom(sent(zeros(0), packet));

        assertEquals(PacketKind.ICMP6, room.kind());
        assertFalse(isSolicitation(room), why);
    }

    @Test
    void shouldNotAnswerAGroup() {
        FrameRoom room = new FrameRoom(sent(zeros(0), solicitation(ALL_NODES, SOLICITED_NODE, VIP6, zeros(0))));

        assertTrue(isSolicitation(room));
        assertFalse(reply(room));
    }

    @Test
    void shouldAnnounceAVip() {
        FrameRoom room = new FrameRoom(zeros(NeighbourWriter.ANNOUNCEMENT_LENGTH));

        NeighbourWriter.announce(
                room.memory,
                room.offset,
                EthernetView.NO_TAG,
                get64(VIP6, 0),
                get64(VIP6, 8),
                mac(OUR_MAC),
                room.reply);

        byte[] expected = join(ALL_NODES_MAC, OUR_MAC, hex("86dd"), advertisement(ALL_NODES, 0x20000000L));
        assertArrayEquals(expected, room.replyFrame());
    }
}
