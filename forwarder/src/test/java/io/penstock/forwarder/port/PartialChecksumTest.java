package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Frames as a sender's kernel leaves them to its NIC: the sum of the pseudo header in the checksum's place.
class PartialChecksumTest {
    private static final int MARGIN = 64;

    @ParameterizedTest(name = "IPv{0}, protocol {1}, {2} bytes of payload, tagged {3}, {4} bytes of options")
    @CsvSource({
        "4,  6,    0, false, 0",
        "4,  6,    1, false, 0",
        "4,  6, 1447, true,  12",
        "4, 17,    0, false, 0",
        "4, 17,  101, true,  40",
        "6,  6,  100, false, 0",
        "6,  6,  777, true,  8",
        "6, 17,    1, false, 16",
        "6, 17, 1000, true,  0",
    })
    void shouldCompleteIt(int version, int protocol, int payload, boolean tagged, int options) {
        for (int seed = 0; seed < 50; seed++) {
            byte[] untagged = frame(new Random(seed), version, protocol, payload, options);
            byte[] frame = tagged ? TestFrames.tagged(untagged, 42) : untagged;

            byte[] done = complete(frame);

            byte[] check = tagged ? withoutTag(done) : done;
            int field = segment(version, options) + (protocol == 6 ? 16 : 6);
            for (int i = 0; i < check.length; i++) {
                assertTrue(i == field || i == field + 1 || check[i] == untagged[i], "byte " + i + " changed");
            }
            assertEquals(0xffff, sumWithPseudoHeader(check, version, protocol, options), "seed " + seed);
            assertTrue(protocol == 6 || check[field] != 0 || check[field + 1] != 0, "UDP's 0 says that there is none");
        }
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "a fragment,                  4, 20, 20",
        "a later fragment,            4, 21, 01",
        "a length beyond the frame,   4, 16, ff",
        "a header length of 4,        4, 14, 44",
        "another protocol,            4, 23, 2f",
        "a length beyond the frame 6, 6, 18, ff",
        "a fragment header,           6, 20, 2c",
        "another next header,         6, 20, 84",
        "neither IPv4 nor IPv6,       4, 12, 88",
    })
    void shouldLeaveOthersAlone(String why, int version, int at, String octet) {
        byte[] frame = frame(new Random(1), version, 6, 100, 0);
        frame[at] = (byte) Integer.parseInt(octet, 16);

        assertArrayEquals(frame, complete(frame), why);
    }

    /// Lengths that lie, cut and scrambled frames: at worst a wrong checksum, and never a byte beyond the frame.
    @Test
    void shouldStayInsideTheFrame() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("penstock.seed=" + seed);
        Random random = new Random(seed);
        for (int i = 0; i < 200_000; i++) {
            int options = random.nextInt(3) * 8;
            byte[] frame = frame(
                    random, random.nextBoolean() ? 4 : 6, random.nextBoolean() ? 6 : 17, random.nextInt(60), options);
            if (random.nextInt(4) == 0) {
                frame = TestFrames.tagged(frame, 1);
            }
            for (int k = random.nextInt(4); k > 0; k--) {
                frame[12 + random.nextInt(Math.min(frame.length - 12, 60))] = (byte) random.nextInt();
            }
            complete(java.util.Arrays.copyOf(frame, 14 + random.nextInt(frame.length - 13)));
        }
    }

    /// Completes a copy that lies between guards; a read beyond the memory would throw, a write into the guards fails.
    private static byte[] complete(byte[] frame) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(MARGIN + (long) frame.length);
            memory.asSlice(0, MARGIN).fill((byte) 0x5a);
            MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, MARGIN, frame.length);

            PartialChecksum.complete(memory, MARGIN, frame.length);

            for (int i = 0; i < MARGIN; i++) {
                assertEquals(0x5a, memory.get(ValueLayout.JAVA_BYTE, i));
            }
            return memory.asSlice(MARGIN, frame.length).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static byte[] frame(Random random, int version, int protocol, int payload, int options) {
        int header = protocol == 6 ? 20 : 8;
        int segment = segment(version, options);
        ByteBuffer frame = ByteBuffer.allocate(segment + header + payload);
        random.nextBytes(frame.array());
        if (version == 4) {
            frame.putShort(12, (short) 0x0800);
            frame.put(14, (byte) (0x40 | (20 + options) / 4));
            frame.putShort(16, (short) (20 + options + header + payload));
            frame.putShort(20, (short) 0x4000);
            frame.put(23, (byte) protocol);
        } else {
            frame.putShort(12, (short) 0x86dd);
            frame.put(14, (byte) 0x60);
            frame.putShort(18, (short) (options + header + payload));
            frame.put(20, (byte) (options == 0 ? protocol : 60));
            for (int at = 0; at < options; at += 8) { // Destination options, eight bytes each.
                frame.put(54 + at, (byte) (at + 8 == options ? protocol : 60)).put(55 + at, (byte) 0);
            }
        }
        int field = segment + (protocol == 6 ? 16 : 6);
        frame.putShort(field, (short) pseudoHeader(frame.array(), version, protocol, header + payload));
        return frame.array();
    }

    private static int segment(int version, int options) {
        return (version == 4 ? 34 : 54) + options;
    }

    private static int pseudoHeader(byte[] frame, int version, int protocol, int length) {
        int from = version == 4 ? 26 : 22;
        return sum(frame, from, version == 4 ? 8 : 32, protocol + length);
    }

    private static int sumWithPseudoHeader(byte[] frame, int version, int protocol, int options) {
        int segment = segment(version, options);
        int length = frame.length - segment;
        return sum(frame, segment, length, pseudoHeader(frame, version, protocol, length));
    }

    private static int sum(byte[] frame, int offset, int length, int start) {
        int total = start;
        for (int i = 0; i < length; i++) {
            int octet = frame[offset + i] & 0xff;
            total += (i & 1) == 0 ? octet << 8 : octet;
        }
        while (total >>> 16 != 0) {
            total = (total & 0xffff) + (total >>> 16);
        }
        return total;
    }

    private static byte[] withoutTag(byte[] tagged) {
        return ByteBuffer.allocate(tagged.length - 4)
                .put(tagged, 0, 12)
                .put(tagged, 16, tagged.length - 16)
                .array();
    }
}
