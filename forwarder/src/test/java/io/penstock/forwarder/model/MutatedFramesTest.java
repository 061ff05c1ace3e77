package io.penstock.forwarder.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.Disposition;
import io.penstock.forwarder.path.TestPath;
import io.penstock.forwarder.port.FramePort;
import io.penstock.forwarder.port.MemoryPort;
import io.penstock.forwarder.replay.ReplayedPath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// A million damaged frames: none throws, each is counted once, and nothing beyond a frame's end has any influence.
///
/// Two paths get the same frames, but the memory around them is filled with 0x00 in the one and 0xff in the other
/// before each cycle. A read outside a frame that mattered would make them differ.
class MutatedFramesTest {
    private static final int FRAMES = Integer.getInteger("penstock.frames", 1_000_000);
    private static final int BATCH = 8;
    private static final int SAMPLES = 20_000;
    private static final int LONGEST = 2_000;

    private final PenstockConfig config = TestPath.config(ReplayModelTest.CONFIG);

    @Test
    @Tag("slow")
    void shouldCountEachFrameAndReadNothingAroundIt() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("MutatedFramesTest: -Dpenstock.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        List<byte[]> samples = samples(random);
        Set<Integer> outcomes = new HashSet<>();
        try (Poisoned zeros = new Poisoned(config, (byte) 0);
                Poisoned ones = new Poisoned(config, (byte) 0xff)) {
            long nowNs = 1L << 40;
            for (int done = 0; done < FRAMES; done += BATCH) {
                byte[][] frames = new byte[BATCH][];
                Arrays.setAll(frames, _ -> mutated(random, samples));
                nowNs += random.nextInt(1 << 24);
                zeros.run(frames, nowNs);
                ones.run(frames, nowNs);
                compare(frames, zeros, ones, outcomes);
            }
            zeros.finish(nowNs);
            ones.finish(nowNs);
            assertEquals(FRAMES, zeros.path.counters().get(WorkerCounter.RECEIVED));
            for (WorkerCounter counter : WorkerCounter.values()) {
                assertEquals(
                        zeros.path.counters().get(counter), ones.path.counters().get(counter), counter.label());
            }
            assertBalanced(zeros.path);
            assertTrue(outcomes.size() > 15, "ways in which frames ended: " + outcomes);
        }
    }

    private List<byte[]> samples(SplittableRandom random) {
        RandomTraffic traffic = new RandomTraffic(config, random.split());
        List<byte[]> samples = new ArrayList<>();
        while (samples.size() < SAMPLES) {
            byte[] frame = traffic.frame();
            if (frame.length > 0 && frame.length < LONGEST) {
                samples.add(frame);
            }
        }
        return samples;
    }

    private static void compare(byte[][] frames, Poisoned zeros, Poisoned ones, Set<Integer> outcomes) {
        Disposition first = zeros.path.path().disposition();
        Disposition second = ones.path.path().disposition();
        for (int i = 0; i < BATCH; i++) {
            assertEquals(first.outcome(i), second.outcome(i), () -> Bytes.hex(frames[0]));
            outcomes.add(first.outcome(i));
        }
        for (byte[] sent = zeros.port.poll(); sent != null; sent = zeros.port.poll()) {
            assertArrayEquals(sent, ones.port.poll());
        }
        assertEquals(null, ones.port.poll());
        zeros.port.discard();
        ones.port.discard();
    }

    private static byte[] mutated(SplittableRandom random, List<byte[]> samples) {
        byte[] frame = samples.get(random.nextInt(samples.size())).clone();
        switch (random.nextInt(5)) {
            case 0 -> frame = Arrays.copyOf(frame, random.nextInt(frame.length + 1)); // cut short
            case 1 -> lie(random, frame);
            case 2 -> {
                byte[] other = samples.get(random.nextInt(samples.size()));
                int at = random.nextInt(Math.min(frame.length, other.length));
                System.arraycopy(other, at, frame, at, Math.min(frame.length, other.length) - at); // spliced
            }
            default -> {
                for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
                    frame[random.nextInt(Math.min(frame.length, 100))] ^= (byte) (1 << random.nextInt(8));
                }
            }
        }
        if (frame.length >= 34 && frame[12] == 8 && frame[13] == 0 && random.nextInt(4) > 0) {
            mendHeader(frame);
        }
        return frame;
    }

    /// Puts a wrong value into a place where a length or an offset may be.
    private static void lie(SplittableRandom random, byte[] frame) {
        int[] places = {14, 16, 17, 18, 19, 20, 21, 38, 39, 46, 55, 58, 59, 66, 67};
        for (int i = 1 + random.nextInt(2); i > 0; i--) {
            int at = random.nextInt(3) == 0 ? random.nextInt(frame.length) : places[random.nextInt(places.length)];
            if (at < frame.length) {
                frame[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextInt(-2, 12));
            }
        }
    }

    /// Makes an IPv4 header's sum right again, so that the damage reaches what lies behind it.
    private static void mendHeader(byte[] frame) {
        int headerLength = Math.min(Math.max((frame[14] & 0xf) * 4, 20), frame.length - 14);
        long sum = 0;
        Bytes.put16(frame, 24, 0);
        for (int i = 0; i < headerLength; i++) {
            sum += (long) (frame[14 + i] & 0xff) << (i % 2 == 0 ? 8 : 0);
        }
        Bytes.put16(frame, 24, Bytes.checksum(sum));
    }

    private static void assertBalanced(ReplayedPath path) {
        long accounted = 0;
        for (WorkerCounter counter : WorkerCounter.values()) {
            boolean isPart = counter != WorkerCounter.RECEIVED && counter.kind() != WorkerCounter.Kind.NOTE;
            accounted += isPart ? path.counters().get(counter) : 0;
        }
        assertEquals(path.counters().get(WorkerCounter.RECEIVED), accounted);
    }

    /// A path whose memory is overwritten before each cycle.
    private static final class Poisoned implements AutoCloseable {
        final ReplayedPath path;
        final MemoryPort port;
        private final byte poison;

        Poisoned(PenstockConfig config, byte poison) {
            this.poison = poison;
            path = new ReplayedPath(config, 4_096, BATCH); // The table fills up: that is part of the test.
            port = path.port();
            path.setTime(1L << 40);
            path.apply(TestPath.snapshotOf(config, 1), 0);
        }

        void run(byte[][] frames, long nowNs) {
            path.setTime(nowNs);
            long chunks = port.memory().byteSize() / MemoryPort.CHUNK_BYTES;
            for (long chunk = 0; chunk < chunks; chunk++) {
                port.memory()
                        .asSlice(chunk * MemoryPort.CHUNK_BYTES, FramePort.HEADROOM + LONGEST + 64)
                        .fill(poison);
            }
            for (byte[] frame : frames) {
                assertTrue(port.offer(frame));
            }
            path.worker().doWork();
        }

        /// Lets the fragments go that wait.
        void finish(long nowNs) {
            path.setTime(nowNs + 3_600_000_000_000L);
            path.worker().doWork();
        }

        @Override
        public void close() {
            path.close();
        }
    }
}
