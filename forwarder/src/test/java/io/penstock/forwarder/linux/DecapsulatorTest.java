package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Addresses;
import io.penstock.flowtable.packet.Encapsulator;
import io.penstock.flowtable.packet.FrameText;
import io.penstock.forwarder.linux.BpfProgram.Outcome;
import io.penstock.forwarder.linux.Decapsulator.Counter;
import io.penstock.forwarder.linux.Decapsulator.Maps;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernel's own verdict on one frame after another, by BPF_PROG_TEST_RUN, from both programs: that for frames in
/// several pieces and that for kernels before 5.18. The tunnels are made by the packet path's [Encapsulator].
@Tag("root")
class DecapsulatorTest {
    private static final long SEED = Long.getLong("penstock.seed", System.nanoTime());
    private static final long LOCAL_MAC = 0x02000000000bL;
    private static final long ROUTER_MAC = 0x0200000000feL;
    private static final int ETHERNET_LENGTH = 14;

    private static final InetAddress VIP4 = address("203.0.113.10");
    private static final InetAddress VIP6 = address("2001:db8::10");
    private static final InetAddress GRE_VIP = address("203.0.113.20");
    private static final InetAddress CLIENT4 = address("198.51.100.7");
    private static final InetAddress CLIENT6 = address("2001:db8:1::7");
    private static final InetAddress BALANCER4 = address("10.0.0.1");
    private static final InetAddress BALANCER6 = address("fd00::1");
    private static final InetAddress HOST4 = address("10.0.0.11");
    private static final InetAddress HOST6 = address("fd00::11");
    private static final InetAddress OTHER_HOST4 = address("10.0.0.12");

    private final List<Decapsulator> both = new ArrayList<>();

    @BeforeEach
    void load() {
        NetworkNamespaces.assumeRoot();
        Maps forJumbo = Decapsulator.createMaps();
        Maps forOldKernels = Decapsulator.createMaps();
        Path nowhere = Path.of("/nonexistent");
        both.add(new Decapsulator(nowhere, forJumbo, Objects.requireNonNull(Decapsulator.loadForJumbo(forJumbo))));
        both.add(new Decapsulator(nowhere, forOldKernels, Decapsulator.loadForOldKernels(forOldKernels)));
        update(Map.of(
                VIP4, EnumSet.allOf(Tunnel.class), VIP6, EnumSet.allOf(Tunnel.class), GRE_VIP, EnumSet.of(Tunnel.GRE)));
    }

    private void update(Map<InetAddress, Set<Tunnel>> vips) {
        both.forEach(each -> each.update(vips, Set.of(HOST4, HOST6)));
    }

    @AfterEach
    void close() {
        both.forEach(Decapsulator::close);
    }

    static List<Arguments> kinds() {
        List<Arguments> kinds = new ArrayList<>();
        for (Tunnel tunnel : Tunnel.values()) {
            for (boolean outer6 : new boolean[] {false, true}) {
                for (boolean inner6 : new boolean[] {false, true}) {
                    for (boolean tagged : new boolean[] {false, true}) {
                        kinds.add(Arguments.of(new Kind(tunnel, outer6, inner6, tagged)));
                    }
                }
            }
        }
        return kinds;
    }

    /// A kind of frame.
    record Kind(Tunnel tunnel, boolean outer6, boolean inner6, boolean tagged) {
        @Override
        public String toString() {
            return (inner6 ? "IPv6" : "IPv4") + " in " + tunnel + " in " + (outer6 ? "IPv6" : "IPv4")
                    + (tagged ? ", tagged" : "");
        }

        int overhead() {
            return Encapsulator.overhead(number(tunnel), outer6);
        }

        int l3Offset() {
            return tagged ? ETHERNET_LENGTH + 4 : ETHERNET_LENGTH;
        }

        byte[] inner(int payloadLength) {
            return inner6
                    ? frame(tagged, ip6(CLIENT6, VIP6, 6, payloadLength))
                    : frame(tagged, ip4(CLIENT4, VIP4, 6, payloadLength));
        }
    }

    /// Shows S2-72, S2-76 for the tunnels: the stack gets what the client sent, byte by byte.
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldHandTheInnerPacketToTheStack(Kind kind) {
        Random random = new Random(SEED);
        for (int round = 0; round < 50; round++) {
            byte[] inner = kind.inner(random.nextInt(1_400));
            byte[] padding = new byte[random.nextInt(3) == 0 ? random.nextInt(20) : 0];
            byte[] outer = encapsulate(kind, inner, random.nextLong());

            assertPasses(concat(inner, padding), concat(outer, padding), kind + ", seed " + SEED);
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldDropWhatIsCutShort(Kind kind) {
        byte[] outer = encapsulate(kind, kind.inner(8), 1);
        // A UDP packet is a tunnel's only by its port; others by their IP header alone.
        int recognised = kind.l3Offset() + (kind.outer6 ? 40 : 20) + (kind.tunnel == Tunnel.GUE ? 4 : 0);
        for (int length = ETHERNET_LENGTH; length < outer.length; length++) {
            byte[] cut = Arrays.copyOf(outer, length);
            if (length < recognised) {
                assertUntouched(cut, "cut to " + length);
            } else {
                assertDropped(Counter.MALFORMED, cut, "cut to " + length);
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldDropAnInnerPacketToAnotherAddress(Kind kind) {
        byte[] inner = kind.inner(32);
        inner[kind.l3Offset() + (kind.inner6 ? 39 : 19)] ^= 1;

        assertDropped(Counter.NOT_A_VIP, encapsulate(kind, inner, 1), kind.toString());
    }

    @Test
    void shouldDropAVipsPacketFromATunnelThatItDoesNotGet() {
        byte[] inner = frame(false, ip4(CLIENT4, GRE_VIP, 6, 32));

        assertPasses(inner, encapsulate(new Kind(Tunnel.GRE, false, false, false), inner, 1), "gre");
        for (Tunnel tunnel : EnumSet.of(Tunnel.IPIP, Tunnel.GUE)) {
            byte[] outer = encapsulate(new Kind(tunnel, false, false, false), inner, 1);
            assertDropped(Counter.NOT_A_VIP, outer, tunnel.toString());
        }
    }

    /// The host's own tunnels, and those it routes for others, are none of ours.
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldLeaveTunnelsOfOthersAlone(Kind kind) {
        byte[] toUs = encapsulate(kind, kind.inner(32), 1);
        byte[] toOther = toUs.clone();
        toOther[kind.l3Offset() + (kind.outer6 ? 39 : 19)] ^= 2;
        assertUntouched(toOther, "to another host");

        EnumSet<Tunnel> otherKinds = EnumSet.complementOf(EnumSet.of(kind.tunnel));
        update(Map.of(VIP4, otherKinds, VIP6, otherKinds));
        assertUntouched(toUs, "of a kind that is not installed");
    }

    static List<Arguments> others() {
        byte[] arp = new byte[60];
        arp[12] = 0x08;
        arp[13] = 0x06;
        byte[] laterFragment = udp4(HOST4, 5000, 6080);
        laterFragment[ETHERNET_LENGTH + 7] = 1;
        byte[] twoTags = concat(Arrays.copyOf(frame(true, new byte[0]), 16), frame(true, ip4(CLIENT4, HOST4, 4, 40)));
        twoTags[16] = (byte) 0x81;
        twoTags[17] = 0;
        return List.of(
                Arguments.of("ARP", arp),
                Arguments.of("TCP to the host", frame(false, ip4(CLIENT4, HOST4, 6, 40))),
                Arguments.of("TCP to a VIP", frame(false, ip4(CLIENT4, VIP4, 6, 40))),
                Arguments.of("TCP to a VIP, tagged", frame(true, ip4(CLIENT4, VIP4, 6, 40))),
                Arguments.of("UDP to another port", udp4(HOST4, 6080, 53)),
                Arguments.of("a later fragment of UDP", laterFragment),
                Arguments.of("ICMPv6", frame(false, ip6(CLIENT6, HOST6, 58, 40))),
                Arguments.of("IPv6 with a hop-by-hop header", frame(false, ip6(CLIENT6, HOST6, 0, 40))),
                Arguments.of("a tunnel behind two tags", twoTags),
                Arguments.of("a tunnel to a VIP", frame(false, ip4(CLIENT4, VIP4, 4, 40))),
                Arguments.of("no more than Ethernet", new byte[ETHERNET_LENGTH]));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("others")
    void shouldLeaveOtherTrafficAlone(String what, byte[] frame) {
        assertUntouched(frame, what);
    }

    /// Each writes octets into a sound frame, behind its 14 bytes of Ethernet.
    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({
        "IPIP 4 4, outer options,                       0, 46",
        "IPIP 4 4, outer header shorter than 20,        0, 44",
        "IPIP 4 4, outer version,                       0, 65",
        "IPIP 4 4, outer checksum,                      10, 0000",
        "IPIP 4 4, outer length below its header,       2, 0013",
        "IPIP 4 4, outer length beyond the frame,       2, 05dc",
        "IPIP 4 4, inner version,                       20, 65",
        "IPIP 4 4, inner header shorter than 20,        20, 44",
        "IPIP 4 4, inner header beyond the packet,      20, 4f",
        "IPIP 4 4, inner length below its header,       22, 0010",
        "IPIP 4 4, inner length beyond the outer,       22, 0035",
        "IPIP 4 6, inner version,                       20, 45",
        "IPIP 4 6, inner length beyond the outer,       24, 0021",
        "IPIP 6 4, outer version,                       0, 40",
        "IPIP 6 4, outer length beyond the frame,       4, 0500",
        "IPIP 6 4, outer length below the inner header, 4, 0010",
        "GRE 4 4,  checksum flag,                       20, 80",
        "GRE 4 4,  key flag,                            20, 20",
        "GRE 4 4,  version,                             21, 01",
        "GRE 4 4,  bridged Ethernet,                    22, 6558",
        "GRE 4 4,  the other family,                    22, 86dd",
        "GUE 4 4,  variant 0,                           28, 00",
        "GUE 4 4,  variant 2,                           28, 85",
        "GUE 4 4,  UDP length below its header,         24, 0007",
        "GUE 4 4,  UDP length beyond the packet,        24, 0400",
        "GUE 4 4,  UDP length without room for it all,  24, 0030",
        "GUE 6 6,  inner length beyond UDP's,           52, 00ff",
    })
    void shouldDropHeadersThatContradict(String kind, String what, int at, String octets) {
        String[] words = kind.split(" +");
        Kind meant = new Kind(Tunnel.valueOf(words[0]), words[1].equals("6"), words[2].equals("6"), false);
        byte[] outer = encapsulate(meant, meant.inner(32), 1);
        byte[] changes = HexFormat.of().parseHex(octets);
        System.arraycopy(changes, 0, outer, ETHERNET_LENGTH + at, changes.length);
        if (at != 10 && !meant.outer6) {
            mendHeaderChecksum(outer, ETHERNET_LENGTH);
        }

        assertDropped(Counter.MALFORMED, outer, what);
    }

    @ParameterizedTest(name = "{0} with {1}")
    @CsvSource({"IPIP, 2000", "IPIP, 00b9", "GRE, 2001", "GUE, 2000"})
    void shouldDropFragmentsOfTunnels(Tunnel tunnel, String flagsAndOffset) {
        Kind kind = new Kind(tunnel, false, false, false);
        byte[] outer = encapsulate(kind, kind.inner(32), 1);
        System.arraycopy(HexFormat.of().parseHex(flagsAndOffset), 0, outer, ETHERNET_LENGTH + 6, 2);
        mendHeaderChecksum(outer, ETHERNET_LENGTH);

        assertDropped(Counter.OUTER_FRAGMENT, outer, tunnel.toString());
    }

    /// RFC 6040 §4.2, figure 4.
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldCarryCongestionMarksIn(Kind kind) {
        for (int innerMark = 0; innerMark < 4; innerMark++) {
            byte[] inner = marked(kind.inner(32), kind.l3Offset(), kind.inner6, innerMark);
            byte[] outer = encapsulate(kind, inner, 1);
            for (int outerMark = 0; outerMark < 3; outerMark++) {
                byte[] unchanged = marked(outer, kind.l3Offset(), kind.outer6, outerMark);
                assertPasses(inner, unchanged, kind + ", marks " + outerMark + " " + innerMark);
            }
            byte[] congested = marked(outer, kind.l3Offset(), kind.outer6, 3);
            if (innerMark == 0) {
                assertDropped(Counter.CONGESTION, congested, kind.toString());
            } else {
                assertPasses(marked(inner, kind.l3Offset(), kind.inner6, 3), congested, kind + ", mark " + innerMark);
            }
        }
    }

    /// Whatever comes, a frame is left as it is, dropped, or loses an outer header and nothing else.
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void shouldDoNothingElseToMutatedFrames(Kind kind) {
        Random random = new Random(SEED + kind.hashCode());
        for (int round = 0; round < 1_500; round++) {
            byte[] frame = encapsulate(kind, kind.inner(random.nextInt(64)), random.nextLong());
            for (int change = random.nextInt(4); change >= 0; change--) {
                frame[12 + random.nextInt(Math.min(frame.length - 12, 110))] = (byte) random.nextInt(256);
            }
            if (!kind.outer6 && random.nextBoolean()) {
                mendHeaderChecksum(frame, kind.l3Offset());
            }
            frame = Arrays.copyOf(frame, frame.length - random.nextInt(3) * random.nextInt(16));
            Outcome[] outcomes = {
                both.get(0).program().run(frame), both.get(1).program().run(frame)
            };
            String why = "seed " + SEED + ", round " + round + "\n" + text(frame);
            assertEquals(outcomes[0].verdict(), outcomes[1].verdict(), why);
            assertArrayEquals(outcomes[0].frame(), outcomes[1].frame(), why);
            assertSound(frame, outcomes[0], why);
        }
    }

    private static void assertSound(byte[] before, Outcome outcome, String why) {
        byte[] after = outcome.frame();
        if (outcome.verdict() == BpfProgram.XDP_DROP) {
            assertArrayEquals(before, after, why);
            return;
        }
        assertEquals(BpfProgram.XDP_PASS, outcome.verdict(), why);
        int taken = before.length - after.length;
        if (taken == 0) {
            assertArrayEquals(before, after, why);
            return;
        }
        assertTrue(Set.of(20, 24, 28, 40, 44, 48).contains(taken), why);
        assertArrayEquals(Arrays.copyOf(before, 12), Arrays.copyOf(after, 12), why);
        int l3Offset = before[12] == (byte) 0x81 && before[13] == 0 ? 18 : 14;
        boolean inner6 = after[l3Offset - 2] == (byte) 0x86;
        byte[] vip = (inner6 ? VIP6 : VIP4).getAddress();
        int destination = l3Offset + (inner6 ? 24 : 16);
        byte[] found = Arrays.copyOfRange(after, destination, destination + vip.length);
        assertTrue(Arrays.equals(vip, found) || Arrays.equals(GRE_VIP.getAddress(), found), why);
        int rest = l3Offset + (inner6 ? 8 : 12); // behind the traffic class and the checksum
        assertArrayEquals(
                Arrays.copyOfRange(before, rest + taken, before.length),
                Arrays.copyOfRange(after, rest, after.length),
                why);
    }

    @Test
    void shouldSayWhatItKnows() {
        for (Decapsulator each : both) {
            assertEquals(EnumSet.of(Tunnel.GRE), each.tunnelsOfVip(GRE_VIP));
            assertEquals(Set.of(), each.tunnelsOfVip(HOST4));
            assertEquals(EnumSet.allOf(Tunnel.class), each.tunnelsToOuter(HOST6));
            assertEquals(Set.of(), each.tunnelsToOuter(OTHER_HOST4));
            assertEquals(Set.of(), each.tunnelsToOuter(VIP4));

            each.update(Map.of(GRE_VIP, EnumSet.of(Tunnel.GRE)), Set.of(HOST4));

            assertEquals(Set.of(), each.tunnelsOfVip(VIP4));
            assertEquals(Set.of(), each.tunnelsOfVip(VIP6));
            assertEquals(EnumSet.of(Tunnel.GRE), each.tunnelsToOuter(HOST4));
            assertEquals(Set.of(), each.tunnelsToOuter(HOST6));
        }
    }

    // What is expected of a frame

    private void assertPasses(byte[] expected, byte[] frame, String why) {
        for (Decapsulator each : both) {
            long before = Objects.requireNonNull(each.counters().get(Counter.DECAPSULATED));
            Outcome outcome = each.program().run(frame);
            assertEquals(BpfProgram.XDP_PASS, outcome.verdict(), () -> why + "\n" + text(frame));
            if (!Arrays.equals(expected, outcome.frame())) {
                assertEquals(text(expected), text(outcome.frame()), why);
                assertArrayEquals(expected, outcome.frame(), why);
            }
            assertEquals(before + 1, each.counters().get(Counter.DECAPSULATED), why);
        }
    }

    private void assertUntouched(byte[] frame, String why) {
        for (Decapsulator each : both) {
            Map<Counter, Long> before = each.counters();
            Outcome outcome = each.program().run(frame);
            assertEquals(BpfProgram.XDP_PASS, outcome.verdict(), () -> why + "\n" + text(frame));
            assertArrayEquals(frame, outcome.frame(), why);
            assertEquals(before, each.counters(), why);
        }
    }

    private void assertDropped(Counter reason, byte[] frame, String why) {
        for (Decapsulator each : both) {
            Map<Counter, Long> before = each.counters();
            assertEquals(BpfProgram.XDP_DROP, each.program().run(frame).verdict(), () -> why + "\n" + text(frame));
            before.merge(reason, 1L, Long::sum);
            assertEquals(before, each.counters(), why);
        }
    }

    private static String text(byte[] frame) {
        return FrameText.describe(MemorySegment.ofArray(frame), 0, frame.length);
    }

    // Frames

    private static int number(Tunnel tunnel) {
        return switch (tunnel) {
            case IPIP -> Encapsulator.IPIP;
            case GUE -> Encapsulator.GUE;
            case GRE -> Encapsulator.GRE;
        };
    }

    private static byte[] encapsulate(Kind kind, byte[] inner, long flowHash) {
        int headroom = Encapsulator.OVERHEAD_MAX;
        MemorySegment memory = MemorySegment.ofArray(new byte[headroom + inner.length]);
        MemorySegment.copy(inner, 0, memory, ValueLayout.JAVA_BYTE, headroom, inner.length);
        int packetLength = inner.length - kind.l3Offset();
        int number = number(kind.tunnel);
        long start = kind.outer6
                ? Encapsulator.encapsulate6(
                        memory,
                        headroom,
                        kind.l3Offset(),
                        packetLength,
                        number,
                        ByteBuffer.wrap(BALANCER6.getAddress()).getLong(0),
                        ByteBuffer.wrap(BALANCER6.getAddress()).getLong(8),
                        ByteBuffer.wrap(HOST6.getAddress()).getLong(0),
                        ByteBuffer.wrap(HOST6.getAddress()).getLong(8),
                        flowHash,
                        LOCAL_MAC,
                        ROUTER_MAC)
                : Encapsulator.encapsulate4(
                        memory,
                        headroom,
                        kind.l3Offset(),
                        packetLength,
                        number,
                        ((long) ByteBuffer.wrap(BALANCER4.getAddress()).getInt() << 32)
                                | (ByteBuffer.wrap(HOST4.getAddress()).getInt() & 0xffffffffL),
                        flowHash,
                        LOCAL_MAC,
                        ROUTER_MAC);
        return memory.asSlice(start, inner.length + kind.overhead()).toArray(ValueLayout.JAVA_BYTE);
    }

    /// {@return an Ethernet frame around a packet}
    private static byte[] frame(boolean tagged, byte[] packet) {
        ByteBuffer frame = ByteBuffer.allocate(ETHERNET_LENGTH + (tagged ? 4 : 0) + packet.length);
        frame.putShort((short) (LOCAL_MAC >> 32)).putInt((int) LOCAL_MAC);
        frame.putShort((short) (ROUTER_MAC >> 32)).putInt((int) ROUTER_MAC);
        if (tagged) {
            frame.putInt(0x81006064);
        }
        boolean is6 = packet.length > 0 && packet[0] >> 4 == 6;
        return frame.putShort((short) (is6 ? 0x86dd : 0x0800)).put(packet).array();
    }

    private static byte[] ip4(InetAddress source, InetAddress destination, int protocol, int payloadLength) {
        byte[] payload = payload(payloadLength);
        byte[] packet = ByteBuffer.allocate(20 + payloadLength)
                .putInt(0x45000000 | (20 + payloadLength))
                .putInt(0x12340000)
                .putInt(0x40000000 | protocol << 16)
                .put(source.getAddress())
                .put(destination.getAddress())
                .put(payload)
                .array();
        mendHeaderChecksum(packet, 0);
        return packet;
    }

    private static byte[] ip6(InetAddress source, InetAddress destination, int nextHeader, int payloadLength) {
        return ByteBuffer.allocate(40 + payloadLength)
                .putInt(0x60012345)
                .putInt(payloadLength << 16 | nextHeader << 8 | 64)
                .put(source.getAddress())
                .put(destination.getAddress())
                .put(payload(payloadLength))
                .array();
    }

    private static byte[] udp4(InetAddress destination, int sourcePort, int destinationPort) {
        byte[] packet = ip4(CLIENT4, destination, 17, 40);
        ByteBuffer.wrap(packet, 20, 8)
                .putInt(sourcePort << 16 | destinationPort)
                .putInt(40 << 16);
        return frame(false, packet);
    }

    private static byte[] payload(int length) {
        byte[] payload = new byte[length];
        new Random(length).nextBytes(payload);
        return payload;
    }

    private static byte[] marked(byte[] frame, int l3Offset, boolean is6, int mark) {
        byte[] marked = frame.clone();
        if (is6) {
            marked[l3Offset + 1] = (byte) ((marked[l3Offset + 1] & 0xcf) | (mark << 4));
        } else {
            marked[l3Offset + 1] = (byte) ((marked[l3Offset + 1] & 0xfc) | mark);
            mendHeaderChecksum(marked, l3Offset);
        }
        return marked;
    }

    private static void mendHeaderChecksum(byte[] bytes, int offset) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        buffer.putShort(offset + 10, (short) 0);
        int sum = 0;
        for (int at = 0; at < 20; at += 2) {
            sum += buffer.getShort(offset + at) & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = (sum & 0xffff) + (sum >>> 16);
        buffer.putShort(offset + 10, (short) ~sum);
    }

    private static byte[] concat(byte[] first, byte[] second) {
        byte[] all = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    private static InetAddress address(String text) {
        return Objects.requireNonNull(Addresses.parse(text), text);
    }
}
