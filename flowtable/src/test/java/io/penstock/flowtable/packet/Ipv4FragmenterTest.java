package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Ipv4FragmenterTest {
    private static List<byte[]> fragments(byte[] packet, int mtu) {
        int room = packet.length;
        byte[] bytes = Arrays.copyOf(packet, room + mtu);
        MemorySegment memory = MemorySegment.ofArray(bytes);
        int unit = Ipv4Fragmenter.dataPerFragment(memory, 0, mtu);
        int dataLength = Ipv4Fragmenter.dataLength(memory, 0);
        List<byte[]> later = new ArrayList<>();
        for (int from = unit; from < dataLength; from += unit) {
            int length = Ipv4Fragmenter.copyLater(memory, 0, from, unit, room);
            later.add(Arrays.copyOfRange(bytes, room, room + length));
        }
        int length = Ipv4Fragmenter.cutFirst(memory, 0, unit);
        later.addFirst(Arrays.copyOf(bytes, length));
        return later;
    }

    private static byte[] packet(int flagsAndOffset, byte[] options, byte[] data) {
        return ipv4(CLIENT, VIP, 17, data, 0x28, 9, flagsAndOffset, 0x77, options);
    }

    @Test
    void shouldSplitADatagram() {
        byte[] data = Packets.udp(CLIENT, VIP, 1, 2, pattern(1472));
        List<byte[]> fragments = fragments(packet(0, zeros(0), data), 1480);

        assertEquals(2, fragments.size());
        assertArrayEquals(packet(0x2000, zeros(0), Arrays.copyOf(data, 1456)), fragments.get(0));
        assertArrayEquals(packet(1456 / 8, zeros(0), Arrays.copyOfRange(data, 1456, 1480)), fragments.get(1));
    }

    @Test
    void shouldSplitAFragmentFurther() {
        byte[] data = pattern(1480);
        List<byte[]> fragments = fragments(packet(0x2000 | 185, zeros(0), data), 1480);

        assertArrayEquals(packet(0x2000 | 185, zeros(0), Arrays.copyOf(data, 1456)), fragments.get(0));
        assertArrayEquals(
                packet(0x2000 | (185 + 182), zeros(0), Arrays.copyOfRange(data, 1456, 1480)), fragments.get(1));
    }

    @Test
    void shouldCopyOnlyTheOptionsMeantForEveryFragment() {
        byte[] options = hex("01 07070400000000 94040000");
        List<byte[]> fragments = fragments(packet(0, options, pattern(200)), 128);

        assertEquals(3, fragments.size());
        assertArrayEquals(packet(0x2000, options, Arrays.copyOf(pattern(200), 96)), fragments.get(0));
        byte[] copied = hex("94040000");
        assertArrayEquals(packet(0x2000 | 12, copied, Arrays.copyOfRange(pattern(200), 96, 192)), fragments.get(1));
        assertArrayEquals(packet(24, copied, Arrays.copyOfRange(pattern(200), 192, 200)), fragments.get(2));
    }

    @Test
    void shouldPutTogetherToTheSame() {
        Random random = Seed.random("Ipv4FragmenterTest");
        for (int round = 0; round < 5_000; round++) {
            byte[] options = new byte[4 * random.nextInt(11)];
            random.nextBytes(options);
            byte[] data = pattern(100 + random.nextInt(3000));
            int mtu = 68 + random.nextInt(data.length);
            byte[] packet = packet(0, options, data);
            if (packet.length <= mtu || ((mtu - 20 - options.length) & ~7) >= data.length) {
                continue;
            }
            byte[] whole = zeros(0);
            for (byte[] fragment : fragments(packet, mtu)) {
                assertTrue(fragment.length <= mtu);
                FrameRoom room = new FrameRoom(Packets.frame(fragment));
                assertEquals(PacketKind.FRAGMENT4, room.kind());
                assertEquals(whole.length, room.parsed.fragmentOffsets[0]);
                assertEquals(fragment.length, room.parsed.packetLength(0));
                whole = join(whole, Arrays.copyOfRange(fragment, room.parsed.l4Offset(0) - 14, fragment.length));
                assertEquals(whole.length < data.length, room.parsed.moreFragments[0]);
            }
            assertArrayEquals(data, whole);
        }
    }
}
