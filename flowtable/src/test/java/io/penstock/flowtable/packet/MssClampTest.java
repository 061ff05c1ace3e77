package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MssClampTest {
    private static byte[] syn4(byte[] options) {
        return frame(ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 40000, 443, 2, options, zeros(0))));
    }

    private static byte[] syn6(byte[] options) {
        return frame(ipv6(CLIENT6, VIP6, 6, tcp(CLIENT6, VIP6, 40000, 443, 2, options, zeros(0))));
    }

    private static boolean clamp(FrameRoom room, int mss) {
        return MssClamp.clamp(room.memory, room.offset + room.parsed.l4Offset(0), mss);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "alone,                         020405b4,                         02040578",
        "as Linux sends it,             020405b40402080a0102030400000000010303 07, "
                + "020405780402080a010203040000000001030307",
        "behind a no-operation,         01020405b4010101,                 0102040578010101",
        "at an odd place after SACK,    010402 01 01020405b4010000,       010402010102040578010000",
        "behind an unknown option,      fd0301 020405b400,                fd03010204057800",
        "the largest,                   0204ffff,                         02040578",
        "one above,                     02040579,                         02040578",
    })
    void shouldLowerTheOption(String why, String before, String after) {
        for (boolean isV6 : new boolean[] {false, true}) {
            byte[] options = hex(before);
            FrameRoom room = new FrameRoom(isV6 ? syn6(options) : syn4(options));

            assertEquals(true, clamp(room, 1400), why);

            byte[] expected = isV6 ? syn6(hex(after)) : syn4(hex(after));
            assertEquals(HexFormat.of().formatHex(expected), HexFormat.of().formatHex(room.frame()), why);
        }
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "equal,                    02040578",
        "lower,                    02040218",
        "zero,                     02040000",
        "none,                     04020000",
        "behind the end of list,   00000000020405b4",
        "of length 3,              020305b4",
        "of length 0,              020005b4",
        "cut short,                01010204",
        "an option of length 0,    fd00020405b40000",
        "an option of length 1,    fd01020405b40000",
        "an option beyond the end, fd08020405b40000",
        "one byte left,            010101fd",
    })
    void shouldLeaveTheRestAlone(String why, String options) {
        FrameRoom room = new FrameRoom(syn4(hex(options)));

        assertEquals(false, clamp(room, 1400), why);

        assertArrayEquals(syn4(hex(options)), room.frame(), why);
    }

    @Test
    void shouldTakeASegmentWithoutOptions() {
        assertEquals(false, clamp(new FrameRoom(syn4(zeros(0))), 1400));
    }

    @Test
    void shouldKeepTheChecksumRightWhateverTheOptions() {
        Random random = Seed.random("MssClampTest");
        for (int round = 0; round < 50_000; round++) {
            byte[] options = new byte[4 * random.nextInt(11)];
            for (int i = 0; i < options.length; i++) {
                options[i] = (byte) (random.nextBoolean() ? random.nextInt(6) : random.nextInt(256));
            }
            FrameRoom room = new FrameRoom(syn4(options));
            int mss = 500 + random.nextInt(1000);
            TcpView tcp = new TcpView(room.memory).wrap(room.offset + 34, room.length - 34);
            int before = tcp.mss();

            boolean changed = clamp(room, mss);

            assertEquals(before > mss, changed);
            assertEquals(changed ? mss : before, tcp.mss());
            byte[] frame = room.frame();
            byte[] segment = java.util.Arrays.copyOfRange(frame, 34, frame.length);
            assertEquals(0, Packets.checksum(Packets.pseudoHeader(CLIENT, VIP, 6, segment.length), segment));
        }
    }
}
