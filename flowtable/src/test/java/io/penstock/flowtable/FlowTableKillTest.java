package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// SIGKILL between any two stores: each change is recorded store by store, and every prefix is replayed on a copy of
/// the memory, which is then opened as the next process would.
class FlowTableKillTest {
    private static final int NOW = TestFlows.START_TICKS;
    private static final int LIMIT = 16;

    private record Store(long offset, long value, int length) {
        void replay(MemorySegment memory) {
            if (length == Long.BYTES) {
                memory.set(ValueLayout.JAVA_LONG, offset, value);
            } else {
                memory.set(ValueLayout.JAVA_INT, offset, (int) value);
            }
        }
    }

    /// A table of 16 slots with ten flows of two home lines, so that changes reach into foreign lines.
    private static final class Stage {
        final TestFlows flows;
        final MemorySegment memory;
        final FlowTable table;

        Stage(Shape shape) {
            flows = new TestFlows(shape, new FlowHash(5, 6), 2);
            memory = flows.memory(LIMIT);
            table = new FlowTable(shape, memory, LIMIT);
            for (int id = 0; id < 10; id++) {
                flows.insert(table, id, backend(id), id, id % 4 + 1, NOW - 100 + id);
            }
        }

        void expireFlow(int expired) {
            table.setOwner(new FlowTable.Owner() {
                @Override
                public boolean isExpired(FlowTable asking, long entry, int nowTicks) {
                    return flows.id(asking, entry) == expired;
                }

                @Override
                public void removed(FlowTable asking, long entry) {}
            });
        }

        void fill() {
            for (int id = 10; table.size() < LIMIT; id++) {
                flows.insert(table, id, backend(id), id, FlowState.ESTABLISHED, NOW);
            }
        }
    }

    private static int backend(int id) {
        return 1000 + id;
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringInsert(Shape shape) {
        for (int id = 10; id < 40; id++) {
            int inserted = id;
            assertEveryPrefix(shape, stage -> {}, stage -> {
                assertNotEquals(
                        FlowTable.NONE,
                        stage.flows.insert(stage.table, inserted, backend(inserted), 1, FlowState.HALF_OPEN, NOW));
            });
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringInsertIntoAUsedSlot(Shape shape) {
        for (int id = 0; id < 10; id++) {
            int gone = id;
            assertEveryPrefix(
                    shape,
                    stage -> stage.table.remove(stage.flows.find(stage.table, gone)),
                    stage -> stage.flows.insert(stage.table, 77, 3, 1, FlowState.ESTABLISHED, NOW));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringReplacementOfAnExpiredFlow(Shape shape) {
        for (int id = 0; id < LIMIT; id++) {
            int expired = id;
            assertEveryPrefix(
                    shape,
                    stage -> {
                        stage.fill();
                        stage.expireFlow(expired);
                    },
                    stage -> stage.flows.insert(stage.table, 77, 3, 1, FlowState.HALF_OPEN, NOW));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringEviction(Shape shape) {
        assertEveryPrefix(
                shape,
                Stage::fill,
                stage -> assertNotEquals(
                        FlowTable.NONE, stage.flows.insert(stage.table, 77, 3, 1, FlowState.ESTABLISHED, NOW)));
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringRemoveAndSweep(Shape shape) {
        for (int id = 0; id < 10; id++) {
            int gone = id;
            assertEveryPrefix(shape, stage -> {}, stage -> stage.table.remove(stage.flows.find(stage.table, gone)));
            assertEveryPrefix(shape, stage -> stage.expireFlow(gone), stage -> stage.table.sweep(32, NOW));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillDuringReassignment(Shape shape) {
        for (int id = 0; id < 10; id++) {
            int moved = id;
            assertEveryPrefix(
                    shape, stage -> {}, stage -> stage.table.assign(stage.flows.find(stage.table, moved), 5, 6));
            assertEveryPrefix(
                    shape,
                    stage -> {},
                    stage -> stage.table.setState(stage.flows.find(stage.table, moved), FlowState.CLOSING));
        }
    }

    /// A flow that ends and comes back at another backend, many times over, in a crowded table.
    @ParameterizedTest
    @EnumSource
    void shouldSurviveAKillAnywhereInALongRun(Shape shape) {
        SplittableRandom random = Seeds.random(FlowTableKillTest.class);
        for (int run = 0; run < 20; run++) {
            long seed = random.nextLong();
            SplittableRandom changes = new SplittableRandom(seed);
            for (int change = 0; change < 30; change++) {
                long runSeed = seed;
                int before = change;
                assertEveryPrefix(
                        shape, stage -> changeAtRandom(stage, new SplittableRandom(runSeed), before), stage -> {
                            SplittableRandom again = new SplittableRandom(runSeed ^ before);
                            changeAtRandom(stage, again, 1);
                        });
            }
            assertNotEquals(0, changes.nextLong());
        }
    }

    private static void changeAtRandom(Stage stage, SplittableRandom random, int changes) {
        for (int i = 0; i < changes; i++) {
            int id = random.nextInt(24);
            long entry = stage.flows.find(stage.table, id);
            if (entry == FlowTable.NONE) {
                stage.flows.insert(
                        stage.table, id, random.nextInt(1 << 20), random.nextInt(64), random.nextInt(1, 5), NOW);
            } else if (random.nextBoolean()) {
                stage.table.remove(entry);
            } else {
                stage.table.assign(entry, random.nextInt(1 << 20), random.nextInt(64));
            }
        }
    }

    private static void assertEveryPrefix(Shape shape, Consumer<Stage> prepare, Consumer<Stage> change) {
        Stage stage = new Stage(shape);
        prepare.accept(stage);
        byte[] image = stage.memory.toArray(ValueLayout.JAVA_BYTE);
        Map<Integer, Long> before = walk(stage.flows, stage.memory);
        List<Store> stores = new ArrayList<>();
        stage.table.observe((offset, value, length) -> stores.add(new Store(offset, value, length)));
        change.accept(stage);
        Map<Integer, Long> after = walk(stage.flows, stage.memory);

        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(image.length, 64);
            MemorySegment.copy(image, 0, copy, ValueLayout.JAVA_BYTE, 0, image.length);
            assertConsistent(stage.flows, copy, before, after);
            for (Store store : stores) {
                store.replay(copy);
                assertConsistent(stage.flows, copy, before, after);
            }
            assertEquals(-1, differs(copy, stage.memory), "the stores are all that was written, but for the header");
        }
    }

    private static long differs(MemorySegment a, MemorySegment b) {
        return a.asSlice(FlowLayout.HEADER_LENGTH).mismatch(b.asSlice(FlowLayout.HEADER_LENGTH));
    }

    /// Every flow has the backend of before or after; one that the change is not about is there.
    private static void assertConsistent(
            TestFlows flows, MemorySegment memory, Map<Integer, Long> before, Map<Integer, Long> after) {
        Map<Integer, Long> seen = walk(flows, memory);
        FlowTable next = new FlowTable(flows.shape(), memory, LIMIT);
        assertEquals(seen.size(), next.size());
        Set<Integer> ids = new HashSet<>(before.keySet());
        ids.addAll(after.keySet());
        assertTrue(ids.containsAll(seen.keySet()), "a flow that nobody inserted");
        for (int id : ids) {
            long entry = flows.find(next, id);
            if (entry == FlowTable.NONE) {
                assertFalse(seen.containsKey(id), () -> "flow " + id + " is beyond the reach of its home");
                assertFalse(
                        before.equals(after) || before.getOrDefault(id, -1L).equals(after.get(id)),
                        () -> "flow " + id + " is lost");
            } else {
                long backend = value(next.row(entry), next.generation(entry));
                assertEquals(seen.get(id), backend);
                assertTrue(
                        before.getOrDefault(id, -1L) == backend || after.getOrDefault(id, -1L) == backend,
                        () -> "flow " + id + " has a wrong backend");
            }
        }
    }

    private static Map<Integer, Long> walk(TestFlows flows, MemorySegment memory) {
        Map<Integer, Long> backends = new HashMap<>();
        FlowTableReader reader = new FlowTableReader(memory);
        while (reader.next()) {
            Long doubled = backends.put(flows.id(reader), value(reader.row(), reader.generation()));
            assertEquals(null, doubled, "a flow twice");
        }
        return backends;
    }

    private static long value(int row, int generation) {
        return ((long) generation << 32) | row;
    }
}
