package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.BACKEND_MAC;
import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.OUR_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.mac;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/// Shows S2-24, S2-28: the backend sees the client's address.
class DirectRewriterTest {
    @Test
    void shouldLowerTheTtlAsRfc1624SaysWhateverTheChecksum() {
        for (int checksum = 0; checksum <= 0xffff; checksum++) {
            for (int ttlAndProtocol : new int[] {0x0106, 0x0111, 0x4006, 0x8011, 0xff06}) {
                int lower = ttlAndProtocol - 0x0100;
                int expected = lower << 16 | Checksum.update16(checksum, ttlAndProtocol, lower);
                assertEquals(expected, DirectRewriter.lowerTtl(ttlAndProtocol << 16 | checksum));
            }
        }
    }

    private static byte[] withMacs(byte[] frame) {
        byte[] copy = frame.clone();
        System.arraycopy(BACKEND_MAC, 0, copy, 0, 6);
        System.arraycopy(OUR_MAC, 0, copy, 6, 6);
        return copy;
    }

    private static byte[] rewritten4(byte[] frame) {
        FrameRoom room = new FrameRoom(frame);
        DirectRewriter.rewrite4(room.memory, room.offset, room.parsed.l3Offset(0), mac(BACKEND_MAC), mac(OUR_MAC));
        return room.frame();
    }

    // The worked example: TTL 64 becomes 63, so the checksum rises by 0x0100.
    @Test
    void shouldUpdateTheChecksumForTheLowerTtl() {
        byte[] before = hex("020000000001020000000c0108004500001c00004000401142cac6336407cb00710a0001000200080000");
        byte[] after = hex("02000000000b02000000000108004500001c000040003f1143cac6336407cb00710a0001000200080000");

        assertArrayEquals(after, rewritten4(before));
    }

    @Test
    void shouldLowerEveryTtlWithARightChecksum() {
        for (int ttl = 1; ttl < 256; ttl++) {
            for (int id = 0; id < 0x10000; id += 257) { // walks the sum through its carries
                byte[] packet = ipv4(CLIENT, VIP, 17, zeros(8), 0, ttl, 0x4000, id, zeros(0));
                byte[] expected = ipv4(CLIENT, VIP, 17, zeros(8), 0, ttl - 1, 0x4000, id, zeros(0));

                assertArrayEquals(withMacs(frame(expected)), rewritten4(frame(packet)));
            }
        }
    }

    @Test
    void shouldKeepTagOptionsAndPadding() {
        byte[] packet = ipv4(CLIENT, VIP, 17, pattern(8), 0, 9, 0, 1, hex("94040000"));
        byte[] expected = ipv4(CLIENT, VIP, 17, pattern(8), 0, 8, 0, 1, hex("94040000"));

        assertArrayEquals(
                withMacs(Packets.join(taggedFrame(0x6123, expected), pattern(5))),
                rewritten4(Packets.join(taggedFrame(0x6123, packet), pattern(5))));
    }

    @Test
    void shouldLowerTheHopLimit() {
        byte[] packet = tcp6(0x10, pattern(4));
        for (byte[] frame : new byte[][] {frame(packet), taggedFrame(7, packet)}) {
            FrameRoom room = new FrameRoom(frame);
            int l3Offset = room.parsed.l3Offset(0);
            DirectRewriter.rewrite6(room.memory, room.offset, l3Offset, mac(BACKEND_MAC), mac(OUR_MAC));

            assertArrayEquals(withMacs(with8(frame, l3Offset + 7, 63)), room.frame());
            assertEquals(frame.length, room.length);
        }
    }
}
