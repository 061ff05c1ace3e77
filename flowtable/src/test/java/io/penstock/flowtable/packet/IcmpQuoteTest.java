package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.EncapsulatorTest.BACKEND;
import static io.penstock.flowtable.packet.EncapsulatorTest.BACKEND6;
import static io.penstock.flowtable.packet.EncapsulatorTest.US;
import static io.penstock.flowtable.packet.EncapsulatorTest.US6;
import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.extension;
import static io.penstock.flowtable.packet.Packets.fragmentHeader;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.get32;
import static io.penstock.flowtable.packet.Packets.get64;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp4;
import static io.penstock.flowtable.packet.Packets.icmp6;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.join;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.tcp4;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.udp;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class IcmpQuoteTest {
    private static final byte[] ROUTER = hex("c0000201");
    private static final byte[] ROUTER6 = hex("20010db8000000000000000000000099");
    private static final int KEY_PORTS = 40000 << 16 | 443;

    private final IcmpQuote quote = new IcmpQuote();

    private boolean parseFlow(byte[] packet) {
        FrameRoom room = new FrameRoom(frame(packet), 0);
        return quote.parseFlow(room.memory, room.offset, room.parsed, 0);
    }

    private boolean parseTunnel(byte[] packet) {
        FrameRoom room = new FrameRoom(frame(packet), 0);
        return quote.parseTunnel(room.memory, room.offset, room.parsed, 0);
    }

    private static byte[] answer4() {
        return ipv4(VIP, CLIENT, 6, tcp(VIP, CLIENT, 443, 40000, 0x12, zeros(0), pattern(50)));
    }

    private static byte[] answer6(byte[]... extensions) {
        byte[] segment = tcp(VIP6, CLIENT6, 443, 40000, 0x12, zeros(0), pattern(50));
        return ipv6(VIP6, CLIENT6, extensions.length == 0 ? 6 : 60, join(join(extensions), segment));
    }

    private static byte[] error4(byte[] to, int type, int code, long rest, byte[] quoted) {
        return ipv4(ROUTER, to, 1, icmp4(type, code, rest, quoted));
    }

    private static byte[] error6(byte[] to, int type, int code, long rest, byte[] quoted) {
        return ipv6(ROUTER6, to, 58, icmp6(ROUTER6, to, type, code, rest, quoted));
    }

    private void assertKey4() {
        assertFalse(quote.isKeyV6());
        assertEquals(get32(CLIENT, 0) << 32 | get32(VIP, 0), quote.keyAddresses());
        assertEquals(KEY_PORTS, quote.keyPorts());
        assertEquals(6, quote.keyProtocol());
        assertTrue(quote.hasPorts());
    }

    private void assertKey6() {
        assertTrue(quote.isKeyV6());
        assertEquals(get64(CLIENT6, 0), quote.keySourceHigh());
        assertEquals(get64(CLIENT6, 8), quote.keySourceLow());
        assertEquals(get64(VIP6, 0), quote.keyDestinationHigh());
        assertEquals(get64(VIP6, 8), quote.keyDestinationLow());
        assertEquals(KEY_PORTS, quote.keyPorts());
        assertEquals(6, quote.keyProtocol());
        assertTrue(quote.hasPorts());
    }

    @ParameterizedTest(name = "{0} bytes quoted: {1}")
    @CsvSource({"90, true", "28, true", "24, true", "23, false", "20, false", "19, false", "0, false"})
    void shouldNeedNoMoreThanThePorts(int quoted, boolean found) {
        byte[] error = error4(VIP, 3, 4, 1400, Arrays.copyOf(answer4(), quoted));

        assertEquals(found, parseFlow(error));

        if (found) {
            assertKey4();
            assertEquals(3, quote.type());
            assertEquals(4, quote.code());
            assertEquals(1400, quote.mtu());
            assertTrue(quote.isTooBig(false));
        }
    }

    @ParameterizedTest(name = "{0} bytes quoted: {1}")
    @CsvSource({"110, true", "48, true", "44, true", "43, false", "40, false", "39, false", "0, false"})
    void shouldNeedNoMoreThanThePortsOverIpv6(int quoted, boolean found) {
        byte[] error = error6(VIP6, 2, 0, 1280, Arrays.copyOf(answer6(), quoted));

        assertEquals(found, parseFlow(error));

        if (found) {
            assertKey6();
            assertEquals(1280, quote.mtu());
            assertTrue(quote.isTooBig(true));
        }
    }

    @Test
    void shouldWalkQuotedExtensions() {
        byte[] answer = answer6(extension(44, 2), fragmentHeader(6, 0, true, 9));

        assertTrue(parseFlow(error6(VIP6, 3, 0, 0, Arrays.copyOf(answer, 40 + 16 + 8 + 4))));
        assertKey6();
        assertEquals(0, quote.mtu());
        assertFalse(quote.isTooBig(true));

        assertFalse(parseFlow(error6(VIP6, 3, 0, 0, Arrays.copyOf(answer, 40 + 16 + 8 + 3))));
        assertFalse(parseFlow(error6(VIP6, 3, 0, 0, Arrays.copyOf(answer, 40 + 16 + 7))));
        assertFalse(parseFlow(error6(VIP6, 3, 0, 0, Arrays.copyOf(answer, 40 + 7))));
    }

    @ParameterizedTest(name = "type {0} code {1}: {2}")
    @CsvSource({
        "3, 0, true",
        "3, 13, true",
        "11, 0, true",
        "12, 0, true",
        "4, 0, false",
        "5, 1, false",
        "8, 0, false",
        "0, 0, false",
        "2, 0, false"
    })
    void shouldTakeErrorsOnly(int type, int code, boolean taken) {
        assertEquals(taken, parseFlow(error4(VIP, type, code, 0, answer4())));
        if (taken) {
            assertEquals(0, quote.mtu());
            assertFalse(quote.isTooBig(false));
        }
    }

    @ParameterizedTest(name = "type {0}: {1}")
    @CsvSource({"1, true", "2, true", "3, true", "4, true", "0, false", "5, false", "128, false", "137, false"})
    void shouldTakeErrorsOnlyOverIpv6(int type, boolean taken) {
        assertEquals(taken, parseFlow(error6(VIP6, type, 0, 1400, answer6())));
    }

    static Stream<Arguments> unusable() {
        byte[] later = ipv4(VIP, CLIENT, 6, pattern(24), 0, 64, 2, 1, zeros(0));
        byte[] shortHeader = with8(answer4(), 0, 0x44);
        byte[] good = error4(VIP, 3, 4, 1400, answer4());
        byte[] later6 = ipv6(VIP6, CLIENT6, 44, join(fragmentHeader(6, 16, false, 1), pattern(24)));
        return Stream.of(
                Arguments.of("a later fragment", error4(VIP, 3, 4, 1400, later)),
                Arguments.of("a later IPv6 fragment", error6(VIP6, 2, 0, 1400, later6)),
                Arguments.of("an echo reply", error4(VIP, 3, 1, 0, ipv4(VIP, CLIENT, 1, icmp4(0, 0, 1, zeros(8))))),
                Arguments.of("another family", error4(VIP, 3, 4, 1400, answer6())),
                Arguments.of("another family over IPv6", error6(VIP6, 2, 0, 1400, answer4())),
                Arguments.of("a header below 20 bytes", error4(VIP, 3, 4, 1400, shortHeader)),
                Arguments.of("damaged on the way", with8(good, good.length - 1, 0x55)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("unusable")
    void shouldFindNoFlow(String why, byte[] packet) {
        assertFalse(parseFlow(packet), why);
    }

    @Test
    void shouldSkipQuotedOptions() {
        byte[] segment = tcp(VIP, CLIENT, 443, 40000, 0x10, zeros(0), zeros(0));
        byte[] answer = ipv4(VIP, CLIENT, 6, segment, 0, 64, 0, 1, hex("94040000 01010101"));

        assertTrue(parseFlow(error4(VIP, 11, 0, 0, Arrays.copyOf(answer, 28 + 8))));
        assertKey4();
    }

    @ParameterizedTest(name = "a packet of {0} bytes: try {1}")
    @CsvSource({"1500, 1492", "1492, 1006", "9000, 8166", "576, 508", "60, 68", "65535, 32000"})
    void shouldGuessTheMtuOfAnOldRouter(int length, int mtu) {
        byte[] answer = Packets.with16(answer4(), 2, length);

        assertTrue(parseFlow(error4(VIP, 3, 4, 0, Arrays.copyOf(answer, 28))));

        assertEquals(mtu, quote.mtu());
    }

    static Stream<Arguments> tunnels() {
        Stream.Builder<Arguments> rows = Stream.builder();
        for (int tunnel = Encapsulator.IPIP; tunnel <= Encapsulator.GRE; tunnel++) {
            for (int i = 0; i < 4; i++) {
                rows.add(Arguments.of(tunnel, (i & 1) != 0, (i & 2) != 0));
            }
        }
        return rows.build();
    }

    private static byte[] outer(byte[] packet, int tunnel, boolean outerIsV6) {
        byte[] frame = EncapsulatorTest.expected(packet, tunnel, outerIsV6, -1, -1);
        return Arrays.copyOfRange(frame, 14, frame.length);
    }

    private static byte[] errorAboutOuter(byte[] quoted, boolean outerIsV6) {
        return outerIsV6 ? error6(US6, 2, 0, 1400, quoted) : error4(US, 3, 4, 1400, quoted);
    }

    @ParameterizedTest(name = "tunnel {0}, outer IPv6 {1}, inner IPv6 {2}")
    @MethodSource("tunnels")
    void shouldReadThroughOurOuterHeader(int tunnel, boolean outerIsV6, boolean innerIsV6) {
        byte[] packet = innerIsV6 ? tcp6(0x18, pattern(1000)) : tcp4(0x18, pattern(1000));
        byte[] sent = outer(packet, tunnel, outerIsV6);
        int overhead = Encapsulator.overhead(tunnel, outerIsV6);
        int header = innerIsV6 ? 40 : 20;
        for (int quoted = 0; quoted <= overhead + header + 30; quoted++) {
            FrameRoom room = new FrameRoom(frame(errorAboutOuter(Arrays.copyOf(sent, quoted), outerIsV6)), 0);
            int ip = outerIsV6 ? 40 : 20;
            boolean recognised = quote.parseTunnel(room.memory, room.offset, room.parsed, 0);

            assertEquals(quoted >= ip + (tunnel == Encapsulator.GUE ? 4 : 0), recognised, "quoted=" + quoted);
            assertEquals(quoted >= overhead + header, quote.hasInner(), "quoted=" + quoted);
            if (recognised) {
                assertEquals(1400, quote.mtu());
                assertEquals(tunnel, quote.tunnel());
                assertEquals(outerIsV6, quote.isOuterV6());
                if (outerIsV6) {
                    assertEquals(get64(US6, 0), quote.outerSourceHigh());
                    assertEquals(get64(US6, 8), quote.outerSourceLow());
                    assertEquals(get64(BACKEND6, 0), quote.outerDestinationHigh());
                    assertEquals(get64(BACKEND6, 8), quote.outerDestinationLow());
                } else {
                    assertEquals((int) get32(US, 0), quote.outerSource4());
                    assertEquals((int) get32(BACKEND, 0), quote.outerDestination4());
                }
            }
            assertEquals(quoted >= overhead + header + 4, recognised && quote.hasPorts(), "quoted=" + quoted);
            if (quote.hasInner()) {
                assertEquals(quoted - overhead, quote.innerLength());
                assertEquals(14 + (outerIsV6 ? 48 : 28) + overhead, quote.innerOffset());
            }
            if (quoted >= overhead + header + 4) {
                if (innerIsV6) {
                    assertKey6();
                } else {
                    assertKey4();
                }
            }
        }
    }

    @ParameterizedTest(name = "tunnel {0}, outer IPv6 {1}, inner IPv6 {2}")
    @MethodSource("tunnels")
    void shouldTurnAnErrorAboutUsIntoOneForTheClient(int tunnel, boolean outerIsV6, boolean innerIsV6) {
        byte[] packet = innerIsV6 ? tcp6(0x18, pattern(1000)) : tcp4(0x18, pattern(1000));
        byte[] quoted = Arrays.copyOf(outer(packet, tunnel, outerIsV6), 128);
        int overhead = Encapsulator.overhead(tunnel, outerIsV6);
        for (int tag = -1; tag < 1; tag++) {
            byte[] error = errorAboutOuter(quoted, outerIsV6);
            FrameRoom room = new FrameRoom(tag < 0 ? frame(error) : Packets.taggedFrame(tag, error), 0);
            assertTrue(quote.parseTunnel(room.memory, room.offset, room.parsed, 0));

            assertTrue(TooBigWriter.quote(
                    room.memory,
                    room.offset,
                    room.parsed.l3Offset(0),
                    quote.innerOffset(),
                    quote.innerLength(),
                    quote.mtu() - overhead,
                    room.reply));

            byte[] inner = Arrays.copyOf(packet, 128 - overhead);
            byte[] expected = innerIsV6
                    ? TooBigWriterTest.error6(inner, 1400 - overhead)
                    : TooBigWriterTest.error4(inner, 1400 - overhead, 0x1234);
            byte[] expectedFrame = tag < 0 ? frame(expected) : Packets.taggedFrame(tag, expected);
            assertArrayEquals(EchoWriterTest.back(expectedFrame), room.replyFrame());
        }
    }

    @Test
    void shouldCutRfc4884Extensions() {
        // An outer packet of 128 bytes quoted, length field 32 words, then an extension structure.
        byte[] packet = tcp4(0x18, pattern(1000));
        byte[] quoted = join(Arrays.copyOf(outer(packet, Encapsulator.IPIP, false), 128), hex("2000abcd00080101"));

        assertTrue(parseTunnel(error4(US, 11, 0, 32L << 16, quoted)));

        assertEquals(128 - 20, quote.innerLength());

        byte[] quoted6 = join(Arrays.copyOf(outer(packet, Encapsulator.IPIP, true), 128), hex("2000abcd00080101"));
        assertTrue(parseTunnel(error6(US6, 1, 0, 16L << 24, quoted6)));
        assertEquals(128 - 40, quote.innerLength());
    }

    static Stream<Arguments> notOurs() {
        byte[] packet = tcp4(0x10, zeros(0));
        return Stream.of(
                Arguments.of(
                        "TCP",
                        error4(US, 3, 4, 1400, ipv4(US, BACKEND, 6, tcp(US, BACKEND, 1, 2, 2, zeros(0), zeros(0))))),
                Arguments.of(
                        "UDP to another port",
                        error4(US, 3, 3, 0, ipv4(US, BACKEND, 17, udp(US, BACKEND, 49152, 6081, packet)))),
                Arguments.of(
                        "GRE with a key", error4(US, 3, 4, 1400, ipv4(US, BACKEND, 47, join(hex("20000800"), packet)))),
                Arguments.of(
                        "GRE for Ethernet",
                        error4(US, 3, 4, 1400, ipv4(US, BACKEND, 47, join(hex("00006558"), packet)))),
                Arguments.of("an echo", ipv4(ROUTER, US, 1, icmp4(8, 0, 0, packet))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("notOurs")
    void shouldNotTakeForOurs(String why, byte[] packet) {
        assertFalse(parseTunnel(packet), why);
        assertFalse(quote.hasInner());
    }

    @Test
    void shouldNotBelieveAnInnerOfAnotherVersion() {
        byte[] packet = tcp4(0x10, zeros(0));

        assertTrue(parseTunnel(error4(US, 3, 4, 1400, ipv4(US, BACKEND, 41, packet))));
        assertFalse(quote.hasInner());
        assertTrue(parseTunnel(
                error4(US, 3, 4, 1400, ipv4(US, BACKEND, 17, udp(US, BACKEND, 49152, 6080, zeros(40))))));
        assertFalse(quote.hasInner());
        assertFalse(quote.hasPorts());
    }

    @Test
    void shouldSurviveAnyQuote() {
        Random random = Seed.random("IcmpQuoteTest");
        int flows = 0;
        for (int round = 0; round < 100_000; round++) {
            byte[] inner = random.nextBoolean() ? RandomFrames.packet4(random) : RandomFrames.packet6(random);
            byte[] quoted = random.nextInt(3) == 0 ? outer(inner, 1 + random.nextInt(3), random.nextBoolean()) : inner;
            quoted = Arrays.copyOf(quoted, random.nextInt(quoted.length + 1));
            for (int i = random.nextInt(3); i > 0 && quoted.length > 0; i--) {
                quoted[random.nextInt(Math.min(quoted.length, 60))] = (byte) random.nextInt(256);
            }
            byte[] error = random.nextBoolean()
                    ? error4(VIP, random.nextInt(14), random.nextInt(6), random.nextInt(), quoted)
                    : error6(VIP6, random.nextInt(6), random.nextInt(3), random.nextInt(), quoted);
            FrameRoom room = new FrameRoom(frame(error), 48);
            if (quote.parseFlow(room.memory, room.offset, room.parsed, 0)) {
                flows++;
            }
            if (quote.parseTunnel(room.memory, room.offset, room.parsed, 0) && quote.hasInner()) {
                TooBigWriter.quote(
                        room.memory, room.offset, 14, quote.innerOffset(), quote.innerLength(), 1300, room.reply);
            }
        }
        assertTrue(flows > 1000, "flows=" + flows);
    }
}
