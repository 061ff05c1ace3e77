package io.penstock.bench.traffic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import io.penstock.forwarder.port.MemoryPort;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LoadGeneratorTest {
    private static final int VIP = 0xc000_0201;

    @Test
    void shouldWriteFramesThatTheParserTakes() {
        FrameMix mix = mix(FrameMix.imix(), 100, 20);
        ParsedBatch parsed = new ParsedBatch(1);
        Set<Integer> lengths = new HashSet<>();
        int syns = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(2048);
            for (int i = 0; i < 1_000; i++) {
                int length = mix.write(memory, 0, i);
                PacketParser.parse(memory, 0, Math.abs(length), parsed, 0);
                assertEquals(PacketKind.FLOW4, parsed.kind(0), "frame " + i);
                assertEquals(VIP, parsed.destination4(0));
                assertEquals(length < 0 ? 80 : 53, parsed.destinationPort(0));
                assertEquals(length < 0 ? -1 : i, FrameMix.sentNs(memory, 0, Math.abs(length)));
                lengths.add(length);
                syns += length < 0 ? 1 : 0;
            }
        }
        assertEquals(Set.of(60, 566, 1514, -60), lengths);
        assertEquals(200, syns);
    }

    @Test
    void shouldSendAsManyFramesAsTheRateSays() {
        try (EchoPort port = new EchoPort(Integer.MAX_VALUE)) {
            LoadGenerator.Result result = new LoadGenerator(port, mix(new int[] {60}, 10, 0)).run(20_000, 200);
            assertEquals(4_000, result.sent());
            assertEquals(4_000, result.received());
            assertEquals(0, result.lossPercent());
            assertEquals(4_000, result.latencyNs().getTotalCount());
        }
    }

    @Test
    void shouldCountWhatDoesNotComeBack() {
        try (EchoPort port = new EchoPort(10)) {
            LoadGenerator.Result result = new LoadGenerator(port, mix(new int[] {60}, 10, 0)).run(20_000, 100);
            assertEquals(2_000, result.sent());
            assertEquals(10, result.lossPercent(), 0.01);
        }
    }

    @Test
    void shouldNotCountSynsAsLost() {
        try (EchoPort port = new EchoPort(Integer.MAX_VALUE)) {
            LoadGenerator.Result result = new LoadGenerator(port, mix(new int[] {60}, 10, 50)).run(20_000, 100);
            assertEquals(1_000, result.syns());
            assertEquals(1_000, result.sent());
            assertTrue(result.lossPercent() == 0, () -> "loss " + result.lossPercent());
        }
    }

    private static FrameMix mix(int[] lengths, int flows, int floodPercent) {
        return new FrameMix(0x0200_0000_0001L, 0x0200_0000_0002L, VIP, 53, lengths, flows, floodPercent, 1);
    }

    /// Receives what was sent, but for every so many-th frame.
    private static final class EchoPort implements FramePort {
        private final MemoryPort memory = new MemoryPort(256, 4096);
        private final int lostEvery;
        private int frames;

        EchoPort(int lostEvery) {
            this.lostEvery = lostEvery;
        }

        @Override
        public MemorySegment memory() {
            return memory.memory();
        }

        @Override
        public int receive(FrameBatch batch) {
            for (byte[] frame = memory.poll(); frame != null; frame = memory.poll()) {
                frames++;
                if (frames % lostEvery != 0) {
                    memory.offer(frame);
                }
            }
            return memory.receive(batch);
        }

        @Override
        public int transmit(FrameBatch batch) {
            return memory.transmit(batch);
        }

        @Override
        public long borrow() {
            return memory.borrow();
        }

        @Override
        public void giveBack(long offset) {
            memory.giveBack(offset);
        }

        @Override
        public int[] descriptors() {
            return new int[0];
        }

        @Override
        public String description() {
            return "echo";
        }

        @Override
        public void countLost(WorkerCounters counters) {}

        @Override
        public void close() {
            memory.close();
        }
    }
}
