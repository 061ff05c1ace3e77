package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FlowTableReaderTest {
    private static final int STEADY = 8; // flows 0..7 are never removed
    private static final int IDS = 64;

    /// A backend that fits its flow at any generation, and no other flow.
    private static int row(int id, int generation) {
        return (id * 8191 + generation * 131) & 0xfffff;
    }

    @Test
    void shouldRefuseMemoryWithoutATable() {
        assertThrows(
                IllegalArgumentException.class,
                () -> new FlowTableReader(Arena.ofAuto().allocate(4096)));
        assertThrows(
                IllegalArgumentException.class,
                () -> new FlowTableReader(Arena.ofAuto().allocate(8)));
    }

    @Test
    void shouldRefuseATableThatIsCutShort() {
        MemorySegment memory = new TestFlows(Shape.IPV4).memory(64);
        new FlowTable(Shape.IPV4, memory, 64);
        assertThrows(
                IllegalArgumentException.class, () -> new FlowTableReader(memory.asSlice(0, memory.byteSize() - 64)));
    }

    @ParameterizedTest
    @EnumSource
    void shouldReadATableItMayNotWrite(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        MemorySegment memory = flows.memory(64);
        FlowTable table = new FlowTable(shape, memory, 64);
        long entry = flows.insert(table, 21, 4, 2, FlowState.CLOSING, 7);
        table.seen(entry, 9, 1400);
        FlowTableReader reader = new FlowTableReader(memory.asReadOnly());

        assertFalse(flows.find(reader, 22));
        assertTrue(flows.find(reader, 21));
        assertEquals(4, reader.row());
        assertEquals(2, reader.generation());
        assertEquals(FlowState.CLOSING, reader.state());
        assertEquals(1, reader.packets());
        assertEquals(1400, reader.bytes());
        assertEquals(9, reader.lastSeen());
        assertEquals(7, reader.created());

        assertTrue(reader.next());
        assertEquals(21, flows.id(reader));
        assertFalse(reader.next());
        reader.rewind();
        assertTrue(reader.next());
    }

    /// A writer inserts, moves and removes as fast as it can; the reader never sees a flow with another one's backend,
    /// never misses one that stays, and never sees one twice in a walk.
    @ParameterizedTest
    @EnumSource
    void shouldNeverMixFlowsUpWhileTheyChange(Shape shape) throws Exception {
        TestFlows flows = new TestFlows(shape, new FlowHash(7, 8), 4);
        MemorySegment memory = flows.memory(32);
        FlowTable table = new FlowTable(shape, memory, 32);
        for (int id = 0; id < STEADY; id++) {
            flows.insert(table, id, row(id, 0), 0, FlowState.ESTABLISHED, 0);
        }
        SplittableRandom random = Seeds.random(FlowTableReaderTest.class);
        AtomicBoolean stop = new AtomicBoolean();
        CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
            while (!stop.get()) {
                change(flows, table, random);
            }
        });

        try {
            FlowTableReader reader = new FlowTableReader(memory);
            SplittableRandom looking = random.split();
            long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(700);
            long found = 0;
            long walked = 0;
            while (System.nanoTime() < until) {
                int id = looking.nextInt(IDS);
                if (flows.find(reader, id)) {
                    found++;
                    assertRight(flows, reader, id);
                } else {
                    assertTrue(id >= STEADY, () -> "flow " + id + " was not found");
                }
                walked += walk(flows, reader);
            }
            assertTrue(found > 1000 && walked > 1000, "found " + found + ", walked " + walked);
        } finally {
            stop.set(true);
            writer.get(10, TimeUnit.SECONDS);
        }
    }

    private static void change(TestFlows flows, FlowTable table, SplittableRandom random) {
        int id = random.nextInt(IDS);
        int generation = random.nextInt(64);
        long entry = flows.find(table, id);
        if (entry == FlowTable.NONE) {
            flows.insert(table, id, row(id, generation), generation, FlowState.ESTABLISHED, id);
        } else if (id >= STEADY && random.nextInt(3) != 0) {
            table.remove(entry);
        } else {
            table.assign(entry, row(id, generation), generation);
            table.seen(entry, id, 100);
        }
        if (random.nextInt(16) == 0) {
            table.sweep(4, 0);
        }
    }

    private static int walk(TestFlows flows, FlowTableReader reader) {
        boolean[] seen = new boolean[STEADY];
        int walked = 0;
        reader.rewind();
        while (reader.next()) {
            walked++;
            int id = flows.id(reader);
            assertRight(flows, reader, id);
            if (id < STEADY) {
                assertFalse(seen[id], () -> "flow " + id + " twice");
                seen[id] = true;
            }
        }
        for (int id = 0; id < STEADY; id++) {
            assertTrue(seen[id], "flow " + id + " was not seen");
        }
        return walked;
    }

    private static void assertRight(TestFlows flows, FlowTableReader reader, int id) {
        assertEquals(id, flows.id(reader));
        assertEquals(row(id, reader.generation()), reader.row(), () -> "backend of flow " + id);
    }
}
