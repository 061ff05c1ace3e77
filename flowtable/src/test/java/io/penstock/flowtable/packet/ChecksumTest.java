package io.penstock.flowtable.packet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChecksumTest {
    private static int sum(String hex) {
        byte[] bytes = Packets.hex(hex);
        return Checksum.sum(MemorySegment.ofArray(bytes), 0, bytes.length);
    }

    @Test
    void shouldSumTheExampleOfRfc1071() {
        assertEquals(0xddf2, sum("0001 f203 f4f5 f6f7"));
    }

    @Test
    void shouldCountAnOddLastByteAsTheHighOne() {
        assertEquals(0x0100 + 0x0203, sum("0203 01"));
        assertEquals(0, sum(""));
    }

    @ParameterizedTest(name = "{0}: {1} -> {2} gives {3}")
    @CsvSource({
        "dd2f, 5555, 3285, 0000", // RFC 1624 §4: where equation 2 gives ffff
        "0000, 3285, 5555, dd2f", // and back
        "ffff, 0000, 0001, fffe",
        "0000, ffff, ffff, 0000",
        "1234, abcd, abcd, 1234",
    })
    void shouldUpdateAWord(String checksum, String oldWord, String newWord, String expected) {
        int updated = Checksum.update16(
                Integer.parseInt(checksum, 16), Integer.parseInt(oldWord, 16), Integer.parseInt(newWord, 16));

        assertEquals(expected, String.format("%04x", updated));
    }

    @Test
    void shouldAgreeWithASumOfOneWordAtATime() {
        Random random = Seed.random("ChecksumTest.sum");
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = new byte[random.nextInt(200)];
            random.nextBytes(bytes);
            if (round % 5 == 0) {
                Arrays.fill(bytes, (byte) 0xff); // carries from every word
            }
            int offset = random.nextInt(bytes.length + 1);
            int length = random.nextInt(bytes.length - offset + 1);
            byte[] range = Arrays.copyOfRange(bytes, offset, offset + length);

            int sum = Checksum.sum(MemorySegment.ofArray(bytes), offset, length);

            assertEquals(Packets.checksum(range), ~sum & 0xffff, "offset=" + offset + " length=" + length);
        }
    }

    @Test
    void shouldTellATotalOfOnesLikeTheFoldDoes() {
        Random random = Seed.random("ChecksumTest.ones");
        for (int round = 0; round < 200_000; round++) {
            long total = 1 + (random.nextLong() >>> (28 + random.nextInt(30)));
            long nearest = Math.max(1, total / 0xffff) * 0xffff;

            assertEquals(Checksum.fold(total) == 0xffff, Checksum.isAllOnes(total), "total=" + total);
            assertTrue(Checksum.isAllOnes(nearest), "total=" + nearest);
            assertFalse(Checksum.isAllOnes(nearest + 1), "total=" + (nearest + 1));
        }
    }

    @Test
    void shouldSumTheLargestPacket() {
        byte[] bytes = new byte[65_575];
        Arrays.fill(bytes, (byte) 0xff);

        assertEquals(Packets.checksum(bytes), ~Checksum.sum(MemorySegment.ofArray(bytes), 0, bytes.length) & 0xffff);
    }

    @Test
    void shouldUpdateAsIfComputedAnew() {
        Random random = Seed.random("ChecksumTest.update");
        int[] edges = {0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
        for (int round = 0; round < 100_000; round++) {
            byte[] bytes = new byte[24];
            random.nextBytes(bytes);
            if (random.nextInt(4) == 0) {
                Arrays.fill(bytes, (byte) 0);
            }
            bytes[0] = 0x45; // a header is never all zeros, which alone has two checksums
            int at = 2 + 2 * random.nextInt(10);
            int word = random.nextBoolean() ? edges[random.nextInt(edges.length)] : random.nextInt(0x10000);
            int value = random.nextBoolean() ? random.nextInt() : word << 16 | edges[random.nextInt(edges.length)];
            int before = Packets.checksum(bytes);

            assertEquals(
                    Packets.checksum(Packets.with16(bytes, at, word)),
                    Checksum.update16(before, Packets.get16(bytes, at), word));
            byte[] changed = bytes.clone();
            System.arraycopy(Packets.u32(value), 0, changed, at, 4);
            assertEquals(Packets.checksum(changed), Checksum.update32(before, (int) Packets.get32(bytes, at), value));
        }
    }

    @Test
    void shouldKeepAUdpChecksumThatSaysNone() {
        assertEquals(0, Checksum.updateUdp16(0, 0x1234, 0x4321));
        assertEquals(0xffff, Checksum.updateUdp16(0xdd2f, 0x5555, 0x3285), "0 would say none");
        assertEquals(0xffff, Checksum.neverZero(0));
        assertEquals(0x1234, Checksum.neverZero(0x1234));
    }

    @Test
    void shouldSumPseudoHeaders() {
        byte[] segment = Packets.pattern(33);
        MemorySegment memory = MemorySegment.ofArray(segment);
        long addresses = Packets.get32(Packets.CLIENT, 0) << 32 | Packets.get32(Packets.VIP, 0);
        int over4 = Checksum.pseudoHeader4(addresses, 17, segment.length);
        int over6 = Checksum.pseudoHeader6(
                Packets.get64(Packets.CLIENT6, 0),
                Packets.get64(Packets.CLIENT6, 8),
                Packets.get64(Packets.VIP6, 0),
                Packets.get64(Packets.VIP6, 8),
                17,
                segment.length);

        assertEquals(
                Packets.checksum(Packets.pseudoHeader(Packets.CLIENT, Packets.VIP, 17, 33), segment),
                Checksum.ofSegment(memory, 0, 33, over4));
        assertEquals(
                Packets.checksum(Packets.pseudoHeader(Packets.CLIENT6, Packets.VIP6, 17, 33), segment),
                Checksum.ofSegment(memory, 0, 33, over6));
    }

    @Test
    void shouldTellAnIntactSegment() {
        byte[] datagram = Packets.udp(Packets.CLIENT, Packets.VIP, 1, 2, Packets.pattern(11));
        long addresses = Packets.get32(Packets.CLIENT, 0) << 32 | Packets.get32(Packets.VIP, 0);
        int pseudo = Checksum.pseudoHeader4(addresses, 17, datagram.length);

        assertTrue(Checksum.isIntact(MemorySegment.ofArray(datagram), 0, datagram.length, pseudo));
        byte[] damaged = Packets.with8(datagram, 12, 0x55);
        assertFalse(Checksum.isIntact(MemorySegment.ofArray(damaged), 0, damaged.length, pseudo));
    }
}
