package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.HexFormat;
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
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, 1 << 17)) {
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
            try (var _ = net.enter(left);
                    FrameSink sink = net.inside(right, () -> new FrameSink("b0"));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, 1)) {
                for (int i = 0; i < 10; i++) { // Few enough for the receiver's ring of 256.
                    assertEquals(0, generator.send(100));
                    Thread.sleep(2);
                }
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
            try (var _ = net.enter(left);
                    FrameSink sink = net.inside(right, () -> new FrameSink("b0"));
                    TrafficGenerator generator =
                            new TrafficGenerator(LinuxInterface.read("a0").index(), FRAME, 1)) {
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

    private static int sum(byte[] frame) {
        int sum = 0;
        for (int i = 14; i < 34; i += 2) {
            sum += ((frame[i] & 0xff) << 8) | (frame[i + 1] & 0xff);
        }
        return (sum & 0xffff) + (sum >>> 16);
    }
}
