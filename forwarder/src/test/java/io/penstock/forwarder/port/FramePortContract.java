package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// What every [FramePort] does, whatever carries its frames. A subclass makes the port in its `@BeforeEach` and says
/// how frames get to it and what it sent.
abstract class FramePortContract {
    /// Destination of all frames here: 192.0.2.1.
    static final int VIP = 0xc0000201;

    private static final int BATCH = 32;
    private static final int WAIT_MS = 2_000;

    private final FrameBatch batch = new FrameBatch(BATCH);

    /// {@return the port under test}
    abstract FramePort port();

    /// Puts a frame on the wire towards the port.
    abstract void deliver(byte[] frame);

    /// {@return the next frame to [#VIP] that the port sent, or null when none comes in time}
    abstract byte @Nullable [] takeSent(int timeoutMs);

    /// {@return an Ethernet frame with UDP to the VIP}
    ///
    /// @param length of the frame, at least 46
    /// @param number tells frames apart
    static byte[] frame(int length, int number) {
        ByteBuffer frame = ByteBuffer.allocate(length);
        frame.putShort((short) 0x0200)
                .putInt(1)
                .putShort((short) 0x0200)
                .putInt(10)
                .putShort((short) 0x0800);
        frame.putShort((short) 0x4500).putShort((short) (length - 14)).putInt(0);
        frame.put((byte) 64)
                .put((byte) 17)
                .putShort((short) 0)
                .putInt(0xc6336407)
                .putInt(VIP);
        frame.putShort((short) 1234)
                .putShort((short) 53)
                .putShort((short) (length - 34))
                .putShort((short) 0);
        frame.putInt(number);
        for (int i = frame.position(); i < length; i++) {
            frame.put(i, (byte) (i + number));
        }
        return frame.array();
    }

    /// {@return the number of a frame made by [#frame]}
    static int number(byte[] frame) {
        return ByteBuffer.wrap(frame).getInt(42);
    }

    @Test
    void shouldHaveNothingAtFirst() {
        assertEquals(0, port().receive(batch));
        assertEquals(0, batch.size);
        assertEquals(0, port().transmit(batch));
    }

    @Test
    void shouldGiveFramesAsTheyCame() {
        int[] lengths = {60, 61, 64, 1000, 1514};
        for (int length : lengths) {
            deliver(frame(length, length));
        }

        receive(lengths.length);

        for (int i = 0; i < lengths.length; i++) {
            assertArrayEquals(frame(lengths[i], lengths[i]), batch.bytes(port().memory(), i));
            assertEquals(FrameBatch.RELEASE, batch.verdicts[i]);
        }
        assertEquals(0, port().transmit(batch));
        assertEquals(0, batch.size, "transmit empties the batch");
        assertNull(takeSent(20), "released frames are not sent");
    }

    @Test
    void shouldSendWhatItIsToldAndNoMore() {
        for (int i = 0; i < 6; i++) {
            deliver(frame(100, i));
        }
        receive(6);
        for (int i = 0; i < 6; i += 2) {
            batch.verdicts[i] = FrameBatch.SEND;
        }

        assertEquals(3, port().transmit(batch));

        for (int i = 0; i < 6; i += 2) {
            assertArrayEquals(frame(100, i), takeSent(WAIT_MS));
        }
        assertNull(takeSent(20));
    }

    @Test
    void shouldSendAFrameThatGrewIntoTheHeadroom() {
        deliver(frame(1000, 1));
        receive(1);
        byte[] longer = frame(1000 + FramePort.HEADROOM, 2);
        batch.offsets[0] -= FramePort.HEADROOM;
        batch.lengths[0] += FramePort.HEADROOM;
        batch.verdicts[0] = FrameBatch.SEND;
        MemorySegment.copy(longer, 0, port().memory(), ValueLayout.JAVA_BYTE, batch.offsets[0], longer.length);

        assertEquals(1, port().transmit(batch));

        assertArrayEquals(longer, takeSent(WAIT_MS));
    }

    @Test
    void shouldSendAFrameThatShrank() {
        deliver(frame(1000, 1));
        receive(1);
        byte[] shorter = frame(60, 2);
        batch.offsets[0] += 50;
        batch.lengths[0] = shorter.length;
        batch.verdicts[0] = FrameBatch.SEND;
        MemorySegment.copy(shorter, 0, port().memory(), ValueLayout.JAVA_BYTE, batch.offsets[0], shorter.length);

        assertEquals(1, port().transmit(batch));

        assertArrayEquals(shorter, takeSent(WAIT_MS));
    }

    @Test
    void shouldSendFramesOfOurOwnAfterThoseReceived() {
        deliver(frame(60, 1));
        receive(1);
        batch.verdicts[0] = FrameBatch.SEND;
        byte[] own = frame(1514, 2);
        long offset = port().borrow();
        assertNotEquals(-1, offset);
        assertTrue(offset >= FramePort.HEADROOM, "headroom before " + offset);
        MemorySegment.copy(own, 0, port().memory(), ValueLayout.JAVA_BYTE, offset, own.length);
        assertTrue(batch.addOriginated(offset, own.length));

        assertEquals(2, port().transmit(batch));

        assertArrayEquals(frame(60, 1), takeSent(WAIT_MS));
        assertArrayEquals(own, takeSent(WAIT_MS));
    }

    @Test
    void shouldSendFramesOfOurOwnWhenNothingCame() {
        byte[] own = frame(60, 7);
        long offset = port().borrow();
        MemorySegment.copy(own, 0, port().memory(), ValueLayout.JAVA_BYTE, offset, own.length);
        assertTrue(batch.addOriginated(offset, own.length));

        assertEquals(1, port().transmit(batch));

        assertArrayEquals(own, takeSent(WAIT_MS));
    }

    @Test
    void shouldTakeAtMostABatch() {
        for (int i = 0; i < BATCH + 5; i++) {
            deliver(frame(60, i));
        }
        int seen = 0;
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (seen < BATCH + 5 && System.nanoTime() - deadlineNs < 0) {
            int got = port().receive(batch);
            assertTrue(got <= BATCH, "frames at once: " + got);
            for (int i = 0; i < got; i++) {
                assertEquals(seen++, number(batch.bytes(port().memory(), i)));
            }
            port().transmit(batch);
        }
        assertEquals(BATCH + 5, seen);
    }

    @Test
    void shouldLendEachPlaceOnceAndTakeItBack() {
        List<Long> lent = new ArrayList<>();
        for (long offset = port().borrow(); offset >= 0; offset = port().borrow()) {
            assertFalse(lent.contains(offset), "lent twice: " + offset);
            lent.add(offset);
            assertTrue(lent.size() < 100_000);
        }
        assertTrue(lent.size() >= BATCH, "places: " + lent.size());

        lent.forEach(port()::giveBack);

        int again = 0;
        for (long offset = port().borrow(); offset >= 0; offset = port().borrow()) {
            again++;
        }
        assertEquals(lent.size(), again);
    }

    @Test
    void shouldNeverRunOutOfRoom() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("penstock.seed=" + seed);
        Random random = new Random(seed);
        int delivered = 0;
        int expected = 0;
        int taken = 0;
        for (int round = 0; round < 1_500; round++) { // many times the chunks that there are
            int burst = 1 + random.nextInt(BATCH);
            for (int i = 0; i < burst; i++) {
                deliver(frame(60 + random.nextInt(1400), delivered++));
            }
            receive(burst);
            for (int i = 0; i < burst; i++) {
                batch.verdicts[i] = random.nextBoolean() ? FrameBatch.SEND : FrameBatch.RELEASE;
                expected += batch.verdicts[i] == FrameBatch.SEND ? 1 : 0;
            }
            for (int i = random.nextInt(4); i > 0; i--) {
                long offset = port().borrow();
                assertNotEquals(-1, offset, "round " + round);
                if (random.nextBoolean()) {
                    byte[] own = frame(60, -1);
                    MemorySegment.copy(own, 0, port().memory(), ValueLayout.JAVA_BYTE, offset, own.length);
                    assertTrue(batch.addOriginated(offset, own.length));
                    expected++;
                } else {
                    port().giveBack(offset);
                }
            }
            port().transmit(batch);
            while (taken < expected) {
                assertNotNull(takeSent(WAIT_MS), "round " + round + ": sent " + taken + " of " + expected);
                taken++;
            }
        }
    }

    @Test
    void shouldBecomeReadableWhenAFrameWaits() {
        int[] descriptors = port().descriptors();
        if (descriptors.length == 0) {
            return; // Nothing to wait on.
        }
        Arena arena = Arena.ofAuto();
        Libc libc = new Libc(arena);
        MemorySegment pollfds = arena.allocate(8L * descriptors.length, 8);
        for (int i = 0; i < descriptors.length; i++) {
            pollfds.set(ValueLayout.JAVA_INT, 8L * i, descriptors[i]);
            pollfds.set(ValueLayout.JAVA_SHORT, 8L * i + 4, (short) 1); // POLLIN
        }
        port().receive(batch);
        port().transmit(batch);
        assertEquals(0, libc.poll(pollfds.address(), descriptors.length, 0), "readable with nothing there");

        deliver(frame(60, 1));

        assertEquals(1, libc.poll(pollfds.address(), descriptors.length, WAIT_MS));
        receive(1);
        port().transmit(batch);
        assertEquals(0, libc.poll(pollfds.address(), descriptors.length, 0), "readable after all was taken");
    }

    @Test
    void shouldCountNothingLostWhenNothingWas() {
        WorkerCounters counters = new WorkerCounters(MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]));
        deliver(frame(60, 1));
        receive(1);
        port().transmit(batch);

        port().countLost(counters);

        assertEquals(0, counters.get(WorkerCounter.PORT_LOST));
    }

    @Test
    void shouldNotAllocateInSteadyState() {
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        byte[] frame = frame(60, 1);
        long fewest = Long.MAX_VALUE;
        // Native calls allocate until they are compiled, and the JIT may in any one round; not in all of them.
        for (int round = 0; round < 300 && fewest > 0; round++) {
            long allocated = 0;
            for (int cycle = 0; cycle < 100; cycle++) {
                deliver(frame);
                long before = thread.getCurrentThreadAllocatedBytes();
                cycleUntilOneIsSent();
                allocated += thread.getCurrentThreadAllocatedBytes() - before;
                assertNotNull(takeSent(WAIT_MS));
            }
            fewest = Math.min(fewest, allocated);
        }
        assertEquals(0, fewest, "bytes allocated by 100 cycles of one frame, and idle ones between");
    }

    @Test
    void shouldBearASecondClose() {
        port().close();
        port().close();
    }

    /// Receives until so many frames are in the batch. Ports may give a burst in parts: these are put together.
    private void receive(int count) {
        batch.clear();
        FrameBatch part = new FrameBatch(BATCH);
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (batch.size < count && System.nanoTime() - deadlineNs < 0) {
            int got = port().receive(part);
            for (int i = 0; i < got; i++) {
                batch.addReceived(part.offsets[i], part.lengths[i], part.tokens[i]);
            }
            part.clear();
        }
        assertEquals(count, batch.size, "frames received");
    }

    private void cycleUntilOneIsSent() {
        for (int i = 0; i < 1_000_000; i++) {
            int received = port().receive(batch);
            for (int j = 0; j < received; j++) {
                batch.verdicts[j] = FrameBatch.SEND;
            }
            if (port().transmit(batch) > 0) {
                return;
            }
        }
        throw new AssertionError("nothing came");
    }
}
