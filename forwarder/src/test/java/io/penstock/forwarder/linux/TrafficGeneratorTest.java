package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R9;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.TrafficGenerator.Options;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("root")
class TrafficGeneratorTest {
    // UDP 198.51.100.7:1234 > 192.0.2.1:53 without a UDP checksum.
    private static final byte[] FRAME = HexFormat.of()
            .parseHex("02000000000102000000000a08004500002e000000004011" + "0000" + "c6336407c0000201"
                    + "04d20035001a0000" + "00".repeat(18));

    @Test
    void shouldVaryTheSourceAndKeepTheChecksum() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            net.in(right, "ethtool -K b0 gro on"); // gives it a NAPI, without which it takes no XDP frames
            Set<String> sources = new HashSet<>();
            try (var _ = net.enter(left);
                    RawSocket there = net.inside(right, () -> new RawSocket("b0"));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.flood(1 << 17))) {
                assertEquals(0, generator.send(100));
                for (int i = 0; i < 100; i++) {
                    byte[] frame = there.receiveTo(0xc0000201, 2_000);
                    assertNotNull(frame, "frame " + i);
                    assertEquals(0xffff, sum(frame), "header checksum");
                    sources.add(HexFormat.of().formatHex(frame, 26, 30) + ":"
                            + HexFormat.of().formatHex(frame, 34, 36));
                }
            }
            assertEquals(100, sources.size(), "different sources");
        }
    }

    @Test
    void shouldBeCountedByASink() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            net.in(right, "ethtool -K b0 gro on");
            try (var _ = net.enter(left);
                    FrameSink sink = net.inside(right, () -> new FrameSink("b0", FrameSink.Place.TC));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.flood(1))) {
                for (int i = 0; i < 10; i++) { // Few enough for the receiver's ring of 256.
                    assertEquals(0, generator.send(100));
                    Thread.sleep(2);
                }
                assertEquals(1000, generator.sent());
                assertEquals(1000, sink.frames());
                assertEquals(1000L * FRAME.length, sink.bytes());
            }
        }
    }

    @Test
    void shouldHoldAPace() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            net.in(right, "ethtool -K b0 gro on");
            try (var _ = net.enter(left);
                    FrameSink sink = net.inside(right, () -> new FrameSink("b0", FrameSink.Place.XDP));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.flood(1))) {
                generator.pace(20_000);
                long startNs = System.nanoTime();
                while (System.nanoTime() - startNs < 200_000_000) {
                    assertEquals(0, generator.send(100_000));
                }
                double perSecond = sink.frames() * 1e9 / (System.nanoTime() - startNs);
                assertTrue(perSecond > 2_000 && perSecond < 21_000, "frames a second: " + perSecond);
            }
        }
    }

    /// The far end writes over MAC addresses, TTL and checksum of each frame, as forwarding in place does, and leaves a
    /// mark in the payload, by which it knows memory that it has had before.
    @Test
    void shouldRestoreAHeaderThatCameBackChanged() throws Exception {
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            net.in(right, "ethtool -K b0 gro on");
            try (BpfMap counts = BpfMap.create(BpfMap.Kind.ARRAY, "ps_spoiled", 4, 24, 1);
                    BpfLink _ = net.inside(right, () -> attach("b0", spoil(counts)));
                    var _ = net.enter(left);
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, Options.flood(1))) {
                assertEquals(0, generator.send(2_000));
                Thread.sleep(20);
                MemorySegment seen = MemorySegment.ofArray(counts.get(BpfMap.intBytes(0)));
                long frames = seen.get(Memory.U64, 0);
                long usedAgain = seen.get(Memory.U64, 8);
                assertTrue(frames > 500, "frames: " + frames);
                assertTrue(usedAgain > 100, "frames in memory used again: " + usedAgain);
                assertEquals(0, seen.get(Memory.U64, 16), "frames with a header that was not restored");
            }
        }
    }

    @Test
    void shouldMixSizesAndSynsWithRightLengthsAndChecksums() throws Exception {
        byte[] longest = Arrays.copyOf(FRAME, TrafficGenerator.MIX_LENGTH_MAX);
        int frames = 1_200;
        try (NetworkNamespaces net = NetworkNamespaces.open()) {
            String left = net.add("left");
            String right = net.add("right");
            net.veth(left, "a0", right, "b0", 1);
            net.in(right, "ethtool -K b0 gro on");
            Map<Integer, Integer> lengths = new HashMap<>();
            Set<String> synSources = new HashSet<>();
            try (var _ = net.enter(left);
                    RawSocket there = net.inside(right, () -> new RawSocket("b0"));
                    TrafficGenerator generator = new TrafficGenerator(
                            LinuxInterface.read("a0").index(),
                            longest,
                            Options.timed(64).withMix(true).withSyns(25))) {
                for (int i = 0; i < frames; i += 100) {
                    assertEquals(0, generator.send(100));
                }
                assertEquals(frames, generator.sent());
                assertEquals(frames / 4, generator.syns());
                for (int i = 0; i < frames; i++) {
                    byte[] frame = there.receiveTo(0xc0000201, 2_000);
                    assertNotNull(frame, "frame " + i);
                    assertEquals(0xffff, sum(frame), "header checksum");
                    if (frame[23] == 6) {
                        assertSyn(frame);
                        synSources.add(HexFormat.of().formatHex(frame, 26, 30)
                                + HexFormat.of().formatHex(frame, 34, 36));
                    } else {
                        assertEquals(17, frame[23]);
                        assertEquals(frame.length - 14, u16(frame, 16), "IPv4 total length");
                        assertEquals(frame.length - 34, u16(frame, 38), "UDP length");
                        assertEquals(53, u16(frame, 36), "port");
                        assertEquals(0, u16(frame, 40), "UDP checksum: none");
                        lengths.merge(frame.length, 1, Integer::sum);
                    }
                }
            }
            assertEquals(Map.of(60, 525, 566, 300, 1514, 75), lengths);
            assertEquals(frames / 4, synSources.size(), "different sources of SYNs");
        }
    }

    private static void assertSyn(byte[] frame) {
        assertEquals(60, frame.length);
        assertEquals(40, u16(frame, 16), "IPv4 total length");
        assertEquals(TrafficGenerator.SYN_PORT, u16(frame, 36));
        assertEquals(0x5002, u16(frame, 46), "header length and flags");
        int pseudoHeader = sum(frame, 26, 34) + 6 + 20;
        assertEquals(0xffff, fold(pseudoHeader + sum(frame, 34, 54)), "TCP checksum");
        assertArrayEquals(new byte[6], Arrays.copyOfRange(frame, 54, 60), "padding");
    }

    private static BpfLink attach(String link, BpfAssembler assembler) {
        try (BpfProgram program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_spoil", assembler)) {
            LinuxInterface nic = LinuxInterface.read(link);
            return BpfLink.attachXdp(program, nic.name(), nic.index());
        }
    }

    /// Counts IPv4 frames, those of them with the mark, and those with another header than was sent.
    private static BpfAssembler spoil(BpfMap counts) {
        int mark = 0x5a;
        MemorySegment wanted = MemorySegment.ofArray(FRAME);
        BpfAssembler assembler = new BpfAssembler();
        Label pass = new Label();
        Label wrong = new Label();
        Label right = new Label();
        Label fresh = new Label();
        assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
        assembler.move(R1, R6).compute(ADD, R1, 60).jumpIf(ABOVE, R1, R7, pass);
        assembler.load(HALF, R2, R6, 12).jumpIf32(NOT_EQUAL, R2, networkOrder16(0x0800), pass);
        assembler.store(WORD, R10, -4, 0).loadMap(R1, counts).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, pass).move(R9, R0).move(R8, 1);
        assembler.atomicAdd(R9, 0, R8);
        assembler.load(BYTE, R2, R6, 59).jumpIf(NOT_EQUAL, R2, mark, fresh);
        assembler.atomicAdd(R9, 8, R8);
        assembler.bind(fresh);
        for (int at : new int[] {0, 4, 8}) {
            assembler.load(WORD, R2, R6, at).jumpIf32(NOT_EQUAL, R2, wanted.get(Memory.U32, at), wrong);
        }
        assembler.load(BYTE, R2, R6, 22).jumpIf(NOT_EQUAL, R2, FRAME[22], wrong);
        // The generator gives the frame another source, and with it another checksum.
        assembler.load(HALF, R2, R6, 24).jumpIf32(EQUAL, R2, networkOrder16(checksum()), right);
        assembler.bind(wrong);
        assembler.atomicAdd(R9, 16, R8);
        assembler.bind(right);
        for (int at : new int[] {0, 4, 8}) {
            assembler.store(WORD, R6, at, 0x7e7e7e7e);
        }
        assembler.store(BYTE, R6, 22, 1).store(HALF, R6, 24, 0x1234).store(BYTE, R6, 59, mark);
        assembler.move(R0, BpfProgram.XDP_DROP).exit();
        assembler.bind(pass);
        assembler.move(R0, BpfProgram.XDP_PASS).exit();
        return assembler;
    }

    private static int checksum() {
        byte[] header = Arrays.copyOfRange(FRAME, 14, 34);
        header[10] = 0;
        header[11] = 0;
        System.arraycopy(new byte[] {10, 0, (byte) 245, (byte) 255}, 0, header, 12, 4);
        return ~fold(sum(header, 0, 20)) & 0xffff;
    }

    private static int sum(byte[] frame) {
        return fold(sum(frame, 14, 34));
    }

    private static int sum(byte[] bytes, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i += 2) {
            sum += u16(bytes, i);
        }
        return sum;
    }

    private static int fold(int sum) {
        int folded = (sum & 0xffff) + (sum >>> 16);
        return folded + (folded >>> 16) & 0xffff;
    }

    private static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
    }
}
