package io.penstock.forwarder.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.forwarder.path.TestPath;
import io.penstock.forwarder.replay.PcapReader;
import io.penstock.forwarder.replay.PcapWriter;
import io.penstock.forwarder.replay.Replay;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `replay` beside [ModelPath]: 100,000 random frames get the same verdicts and leave with the same bytes.
class ReplayModelTest {
    private static final int FRAMES = Integer.getInteger("penstock.frames", 100_000);

    static final String CONFIG = """
            forwarder.flows=32k
            listener.web.vip=203.0.113.10,2001:db8::10
            listener.web.protocol=tcp
            listener.web.ports=80,443,9000-9009
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            listener.web.backend.c=10.0.0.13
            listener.web.health=none
            listener.dns.vip=203.0.113.10,2001:db8::10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.scheduler=wrr
            listener.dns.idle-timeout=20s
            listener.dns.backend.a=10.0.0.11
            listener.dns.backend.b=10.0.0.12
            listener.dns.backend.c=10.0.0.15
            listener.dns.backend.z=10.0.0.16 weight=0
            listener.dns.health=none
            listener.six.vip=2001:db8::20
            listener.six.protocol=tcp
            listener.six.ports=all
            listener.six.forwarding=gue
            listener.six.backend.a=fd00::11
            listener.six.backend.b=10.0.0.14
            listener.six.backend.c=fd00::12 forwarding=gre weight=50
            listener.six.health=none
            listener.tun.vip=203.0.113.20
            listener.tun.protocol=tcp
            listener.tun.ports=1000-2000
            listener.tun.scheduler=lc
            listener.tun.forwarding=ipip
            listener.tun.midstream=drop
            listener.tun.mss-clamp=1200
            listener.tun.backend.a=10.0.0.21
            listener.tun.backend.b=10.0.0.22 forwarding=gre
            listener.tun.backend.c=fd00::21
            listener.tun.health=none
            listener.media.vip=203.0.113.20,2001:db8::20
            listener.media.protocol=udp
            listener.media.ports=all
            listener.media.scheduler=sh
            listener.media.forwarding=gre
            listener.media.persistence.prefix=24
            listener.media.backend.a=10.0.0.21
            listener.media.backend.b=fd00::21 forwarding=gue
            listener.media.backend.c=10.0.0.23 forwarding=gue
            listener.media.health=none
            listener.adopt.vip=203.0.113.20
            listener.adopt.protocol=tcp
            listener.adopt.ports=5000,5001
            listener.adopt.midstream=adopt
            listener.adopt.idle-timeout=30s
            listener.adopt.mss-clamp=off
            listener.adopt.forwarding=ipip
            listener.adopt.backend.a=10.0.0.31
            listener.adopt.backend.b=10.0.0.32
            listener.adopt.health=none
            listener.stick.vip=203.0.113.10
            listener.stick.protocol=tcp
            listener.stick.ports=8080
            listener.stick.scheduler=rr
            listener.stick.persistence=60s
            listener.stick.persistence.prefix=31
            listener.stick.backend.a=10.0.0.11
            listener.stick.backend.b=10.0.0.12
            listener.stick.backend.c=10.0.0.13
            listener.stick.health=none
            listener.smooth.vip=203.0.113.10
            listener.smooth.protocol=tcp
            listener.smooth.ports=7000
            listener.smooth.scheduler=swrr
            listener.smooth.backend.a=10.0.0.11 weight=1
            listener.smooth.backend.b=10.0.0.12 weight=5
            listener.smooth.health=none
            listener.off.vip=203.0.113.30
            listener.off.protocol=tcp
            listener.off.ports=25
            listener.off.enabled=false
            listener.off.backend.a=10.0.0.11
            listener.off.health=none
            listener.none.vip=203.0.113.30
            listener.none.protocol=tcp
            listener.none.ports=26
            listener.none.backend.a=10.0.0.11 weight=0
            listener.none.health=none
            replay.local-mac=02:00:00:00:00:01
            replay.next-hop-mac=02:00:00:00:00:fe
            replay.local-address=10.0.0.1
            replay.local-address6=fd00::1
            replay.mtu=1500
            replay.neighbours=10.0.0.11 02:00:00:00:00:0b, 10.0.0.12 02:00:00:00:00:0c, 10.0.0.21 02:00:00:00:00:15, fd00::11 02:00:00:00:00:1b
            """;

    @TempDir
    private Path folder;

    /// Shows S0-02, S0-03, S0-14, S1-02, S1-08, S2-04, S2-13, S2-14, S2-16, S2-17, S2-19, S2-20, S2-21, S2-22, S2-24,
    /// S2-25, S2-26, S2-28, S2-29, S2-30, S2-31, S2-32, S2-33, S2-34, S2-72, S2-73, S2-75.
    @Test
    @Tag("slow")
    void shouldForwardAsTheModelDoes() throws IOException {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("ReplayModelTest: -Dpenstock.seed=" + seed);
        PenstockConfig config = TestPath.config(CONFIG);
        Path in = folder.resolve("in.pcap");
        Path out = folder.resolve("out.pcap");
        List<byte[]> frames = new ArrayList<>();
        List<Long> ticks = new ArrayList<>();
        write(in, new RandomTraffic(config, new SplittableRandom(seed)), frames, ticks);

        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        try (PcapReader reader = new PcapReader(in);
                PcapWriter writer = new PcapWriter(out, true);
                PrintStream stream = new PrintStream(lines, false, StandardCharsets.UTF_8)) {
            long replayed = new Replay(config, TestPath.snapshotOf(config, 1), stream).run(reader, writer);
            assertEquals(FRAMES, replayed);
        }

        Replayed seen = new Replayed(lines.toString(StandardCharsets.UTF_8), out);
        ModelPath model = new ModelPath(config, seen);
        for (int i = 0; i < FRAMES; i++) {
            try {
                model.frame(i + 1, ticks.get(i), frames.get(i));
            } catch (AssertionError e) {
                throw new AssertionError(
                        e.getMessage() + "\n  frame " + Bytes.hex(frames.get(i)) + " at tick " + ticks.get(i), e);
            }
            if (i % 1000 == 0) {
                model.purge();
            }
        }
        model.end();
        assertNull(seen.sent(0), "a frame that nobody can explain");
        System.out.println(seen.summary() + " flows at the end: " + model.flows());
        seen.assertSeen("forward", 20_000);
        for (String verdict : List.of(
                "pass",
                "reply rst",
                "reply echo",
                "reply arp",
                "reply nd",
                "reply too_big",
                "reply unreachable",
                "drop malformed",
                "drop no_listener",
                "drop listener_stopped",
                "drop no_backend",
                "drop midstream",
                "drop ttl",
                "drop bad_checksum",
                "drop bogon",
                "drop unsupported",
                "drop fragment_timeout",
                "drop icmp_unrelated",
                "drop too_big")) {
            seen.assertSeen(verdict, 1);
        }
    }

    private static void write(Path file, RandomTraffic traffic, List<byte[]> frames, List<Long> ticks)
            throws IOException {
        long tick = 1_000_000;
        try (PcapWriter writer = new PcapWriter(file, true)) {
            for (int i = 0; i < FRAMES; i++) {
                byte[] frame = traffic.frame();
                frames.add(frame);
                ticks.add(tick);
                writer.write(tick * ModelPath.TICK_NS, frame);
                tick += traffic.ticks();
            }
        }
    }

    /// What `replay` wrote.
    private static final class Replayed implements ModelOutput {
        private final List<String> verdicts;
        private final List<byte[]> sent = new ArrayList<>();
        private final Map<String, Integer> counts = new TreeMap<>();
        private int taken;

        Replayed(String lines, Path pcap) throws IOException {
            verdicts = lines.lines().toList();
            assertEquals(FRAMES, verdicts.size());
            try (PcapReader reader = new PcapReader(pcap)) {
                for (byte[] frame = reader.next(); frame != null; frame = reader.next()) {
                    sent.add(frame);
                }
            }
            for (int i = 0; i < FRAMES; i++) {
                String[] words = verdict(i + 1).split(" ");
                String key = words[0].equals("forward") || words.length < 2 ? words[0] : words[0] + " " + words[1];
                counts.merge(key, 1, Integer::sum);
            }
        }

        @Override
        public String verdict(long number) {
            String line = verdicts.get((int) number - 1);
            assertTrue(line.startsWith(number + " "), line);
            return line.substring(line.indexOf(' ') + 1);
        }

        @Override
        public byte @Nullable [] sent(int ahead) {
            return taken + ahead < sent.size() ? sent.get(taken + ahead) : null;
        }

        @Override
        public void take(int frames) {
            taken += frames;
        }

        String summary() {
            return counts + ", sent " + sent.size() + ";";
        }

        void assertSeen(String verdict, int atLeast) {
            assertTrue(counts.getOrDefault(verdict, 0) >= atLeast, verdict + ": " + counts);
        }
    }
}
