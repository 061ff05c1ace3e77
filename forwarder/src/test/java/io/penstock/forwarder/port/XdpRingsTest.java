package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.forwarder.linux.RingMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The rings against a kernel played by the test, over plain memory; indexes also begin just below their wrap at 2^32.
class XdpRingsTest {
    private static final int ENTRIES = 8;
    private static final int PRODUCER = 0;
    private static final int CONSUMER = 64;
    private static final int FLAGS = 128;
    private static final int DESCRIPTORS = 192;

    private final MemorySegment map = Arena.ofAuto().allocate(DESCRIPTORS + 16L * ENTRIES, 64);
    private final RingMemory memory = new RingMemory(map, PRODUCER, CONSUMER, FLAGS, DESCRIPTORS, ENTRIES);

    @ParameterizedTest
    @ValueSource(ints = {0, -3, Integer.MAX_VALUE - 2})
    void shouldHandEveryDescriptorToTheKernelOnceAndInOrder(int start) {
        setIndexes(start);
        ProducerRing ring = new ProducerRing(memory);
        Random random = new Random(7);
        Deque<Long> model = new ArrayDeque<>();
        long next = 1;
        int taken = start;
        for (int round = 0; round < 10_000; round++) {
            int room = ring.room(ENTRIES);
            assertEquals(ENTRIES - model.size(), room);
            for (int i = random.nextInt(room + 1); i > 0; i--) {
                ring.put(next, 60);
                model.add(next++);
            }
            ring.publish();
            int produced = map.get(ValueLayout.JAVA_INT, PRODUCER);
            assertEquals(model.size(), produced - taken);
            for (int i = random.nextInt(model.size() + 1); i > 0; i--) {
                long at = DESCRIPTORS + 16L * (taken++ & (ENTRIES - 1));
                assertEquals(model.remove(), map.get(ValueLayout.JAVA_LONG, at));
                assertEquals(60, map.get(ValueLayout.JAVA_INT, at + 8));
                assertEquals(0, map.get(ValueLayout.JAVA_INT, at + 12));
            }
            map.set(ValueLayout.JAVA_INT, CONSUMER, taken);
            assertEquals(model.size(), ring.unconsumed());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -3, Integer.MAX_VALUE - 2})
    void shouldTakeEveryDescriptorOfTheKernelOnceAndInOrder(int start) {
        setIndexes(start);
        ConsumerRing ring = new ConsumerRing(memory);
        Random random = new Random(7);
        Deque<Long> model = new ArrayDeque<>();
        long next = 1;
        int produced = start;
        for (int round = 0; round < 10_000; round++) {
            for (int i = random.nextInt(ENTRIES - model.size() + 1); i > 0; i--) {
                long at = DESCRIPTORS + 16L * (produced++ & (ENTRIES - 1));
                map.set(ValueLayout.JAVA_LONG, at, next);
                map.set(ValueLayout.JAVA_INT, at + 8, (int) next + 1);
                model.add(next++);
            }
            map.set(ValueLayout.JAVA_INT, PRODUCER, produced);
            int limit = random.nextInt(ENTRIES + 1);
            int count = ring.available(limit);
            assertTrue(count <= limit && count <= model.size(), "count=" + count);
            if (limit == ENTRIES) {
                assertEquals(model.size(), count);
            }
            for (int i = 0; i < count; i++) {
                long expected = model.remove();
                assertEquals(expected, ring.address(i));
                assertEquals(expected + 1, ring.length(i));
            }
            ring.release(count);
            assertEquals(model.size(), produced - map.get(ValueLayout.JAVA_INT, CONSUMER));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldReadTheWakeupFlag(int flag) {
        setIndexes(0);
        ProducerRing ring = new ProducerRing(memory);
        assertFalse(ring.needsWakeup());

        map.set(ValueLayout.JAVA_INT, FLAGS, flag);

        assertEquals(flag == 1, ring.needsWakeup());
    }

    private void setIndexes(int start) {
        map.set(ValueLayout.JAVA_INT, PRODUCER, start);
        map.set(ValueLayout.JAVA_INT, CONSUMER, start);
    }
}
