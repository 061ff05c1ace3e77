package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MemoryPortTest extends FramePortContract {
    private final MemoryPort port = new MemoryPort(8, 4096);
    private final FrameBatch batch = new FrameBatch(8);

    private final MemoryPort wire = new MemoryPort(128);

    @Override
    FramePort port() {
        return wire;
    }

    @Override
    void deliver(byte[] frame) {
        assertTrue(wire.offer(frame));
    }

    @Override
    byte @Nullable [] takeSent(int timeoutMs) {
        return wire.poll();
    }

    @AfterEach
    void close() {
        port.close();
        wire.close();
    }

    @Test
    void shouldCountFramesThatFindNoChunk() {
        WorkerCounters counters = new WorkerCounters(MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]));
        for (int i = 0; i < 8; i++) {
            assertTrue(port.offer(new byte[60]));
        }
        assertFalse(port.offer(new byte[60]));

        port.countLost(counters);
        port.countLost(counters);

        assertEquals(1, counters.get(WorkerCounter.PORT_LOST));
    }

    @Test
    void shouldKeepPassedFramesApart() {
        port.offer(new byte[] {1});
        port.offer(new byte[] {2});
        port.receive(batch);
        batch.verdicts[0] = FrameBatch.PASS;
        batch.verdicts[1] = FrameBatch.SEND;

        assertEquals(1, port.transmit(batch));

        assertArrayEquals(new byte[] {1}, port.pollPassed());
        assertArrayEquals(new byte[] {2}, port.poll());
        assertNull(port.poll());
        assertEquals(8, port.freeChunks());
    }

    @Test
    void shouldDropWhatExceedsTheSendRoom() {
        port.limitSends(1);
        port.offer(new byte[] {1});
        port.offer(new byte[] {2});
        port.receive(batch);
        batch.verdicts[0] = FrameBatch.SEND;
        batch.verdicts[1] = FrameBatch.SEND;

        assertEquals(1, port.transmit(batch));

        assertArrayEquals(new byte[] {1}, port.poll());
        assertEquals(8, port.freeChunks());
    }
}
