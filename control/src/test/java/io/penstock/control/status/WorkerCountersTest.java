package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WorkerCountersTest {

    @Test
    void shouldHaveAnIdForEachCounterAndNoneTwice() {
        Set<Integer> ids = new HashSet<>();
        Set<String> labels = new HashSet<>();
        for (WorkerCounter counter : WorkerCounter.values()) {
            assertTrue(ids.add(counter.id()), counter.name());
            assertTrue(labels.add(counter.label()), counter.name());
            assertTrue(counter.id() >= 0 && counter.id() < WorkerCounter.CAPACITY - 1, "127 is the sequence");
            assertTrue(counter.label().matches("[a-z][a-z0-9_]*"), counter.label());
            boolean drop = counter.kind() == WorkerCounter.Kind.DROP;
            assertTrue(!drop || !counter.action().isEmpty(), counter + " says what to do");
        }
    }

    @Test
    void shouldShowNothingBeforeTheEndOfTheBatch() {
        WorkerCounters counters = new WorkerCounters(memory(Arena.ofAuto()));
        counters.add(WorkerCounter.RECEIVED.id(), 3);

        assertEquals(0, counters.published(WorkerCounter.RECEIVED));
        assertEquals(3, counters.get(WorkerCounter.RECEIVED));
        counters.publish();
        assertEquals(3, counters.published(WorkerCounter.RECEIVED));
    }

    /// A kill can come between any two stores of a publication.
    @Test
    void shouldMendTheSumAfterAKillInTheMiddle() {
        int stores = WorkerCounter.values().length + 2;
        for (int done = 0; done <= stores; done++) {
            MemorySegment memory = memory(Arena.ofAuto());
            WorkerCounters counters = new WorkerCounters(memory);
            count(counters, 1);
            counters.publish();
            MemorySegment before = copy(memory);
            count(counters, 1);
            counters.publish();

            MemorySegment killed = partly(before, memory, done);
            long seen = WorkerCounters.read(killed).getOrDefault(WorkerCounter.RECEIVED, -1L);
            WorkerCounters next = new WorkerCounters(killed);

            assertSumHolds(WorkerCounters.read(killed), "after " + done + " stores");
            assertTrue(next.published(WorkerCounter.RECEIVED) >= seen, "never back");
            count(next, 1);
            next.publish();
            assertSumHolds(WorkerCounters.read(killed), "and on after " + done + " stores");
        }
    }

    /// The stores of publish() in their order: the sequence, all but the sum, the sum, the sequence.
    private static MemorySegment partly(MemorySegment before, MemorySegment after, int stores) {
        MemorySegment memory = copy(before);
        int left = stores;
        if (left-- > 0) {
            memory.setAtIndex(ValueLayout.JAVA_LONG, 127, before.getAtIndex(ValueLayout.JAVA_LONG, 127) + 1);
        }
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter != WorkerCounter.RECEIVED && left-- > 0) {
                long value = after.getAtIndex(ValueLayout.JAVA_LONG, counter.id());
                memory.setAtIndex(ValueLayout.JAVA_LONG, counter.id(), value);
            }
        }
        if (left-- > 0) {
            memory.setAtIndex(ValueLayout.JAVA_LONG, 0, after.getAtIndex(ValueLayout.JAVA_LONG, 0));
        }
        if (left > 0) {
            memory.setAtIndex(ValueLayout.JAVA_LONG, 127, after.getAtIndex(ValueLayout.JAVA_LONG, 127));
        }
        return memory;
    }

    @Test
    void shouldBeReadAsOfTheEndOfOneBatch() throws InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = memory(arena);
            WorkerCounters counters = new WorkerCounters(memory);
            Thread worker = Thread.ofPlatform().start(() -> {
                for (int batch = 0; batch < 200_000; batch++) {
                    count(counters, 1 + batch % 3);
                    counters.publish();
                }
            });
            long last = 0;
            while (worker.isAlive()) {
                Map<WorkerCounter, Long> values = WorkerCounters.read(memory);
                assertSumHolds(values, "while it counts");
                long received = values.getOrDefault(WorkerCounter.RECEIVED, -1L);
                assertTrue(received >= last, received + " after " + last);
                last = received;
            }
            worker.join();
        }
    }

    @Test
    void shouldNotAllocate() {
        WorkerCounters counters = new WorkerCounters(memory(Arena.ofAuto()));
        LatencyHistogram histogram = new LatencyHistogram(Arena.ofAuto().allocate(8L * LatencyHistogram.BUCKETS, 8));
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
            long before = thread.getCurrentThreadAllocatedBytes();
            for (int batch = 0; batch < 10_000; batch++) {
                counters.add(WorkerCounter.RECEIVED.id(), 1);
                counters.add(WorkerCounter.FORWARDED.id(), 1);
                histogram.record(batch);
                counters.publish();
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, "bytes allocated by 10,000 batches");
    }

    private static void count(WorkerCounters counters, long each) {
        for (WorkerCounter counter : WorkerCounter.values()) {
            boolean part = counter.kind() != WorkerCounter.Kind.NOTE && counter != WorkerCounter.RECEIVED;
            if (part) {
                counters.add(counter.id(), each);
                counters.add(WorkerCounter.RECEIVED.id(), each);
            }
        }
    }

    private static void assertSumHolds(Map<WorkerCounter, Long> values, String when) {
        long sum = 0;
        for (Map.Entry<WorkerCounter, Long> value : values.entrySet()) {
            boolean part = value.getKey().kind() != WorkerCounter.Kind.NOTE;
            sum += part && value.getKey() != WorkerCounter.RECEIVED ? value.getValue() : 0;
        }
        assertEquals(values.get(WorkerCounter.RECEIVED), sum, when);
    }

    private static MemorySegment memory(Arena arena) {
        return arena.allocate(8L * WorkerCounter.CAPACITY, 8);
    }

    private static MemorySegment copy(MemorySegment memory) {
        MemorySegment copy = memory(Arena.ofAuto());
        copy.copyFrom(memory);
        return copy;
    }
}
