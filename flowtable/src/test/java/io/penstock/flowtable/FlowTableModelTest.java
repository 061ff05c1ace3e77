package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// A million random operations against a `HashMap`, with time going on.
class FlowTableModelTest {
    private static final int OPERATIONS = 1_000_000;
    private static final int[] TIMEOUT_TICKS = {0, 200, 1000, 400, 50}; // by state

    /// What the map knows of a flow.
    private static final class Flow {
        int row;
        int generation;
        int state;
        int lastSeen;
        int created;
        long packets;
        long bytes;

        boolean isExpired(int nowTicks) {
            return nowTicks - lastSeen > TIMEOUT_TICKS[state];
        }
    }

    private enum Call {
        NONE,
        INSERT_HALF_OPEN,
        INSERT,
        SWEEP,
        REMOVE
    }

    private static final class World implements FlowTable.Owner {
        final TestFlows flows;
        final MemorySegment memory;
        final FlowTable table;
        final Map<Integer, Flow> model = new HashMap<>();
        final SplittableRandom random;
        final int ids;
        int nowTicks = TestFlows.START_TICKS;
        Call call = Call.NONE;
        long refused;
        long expired;
        long evicted;

        World(TestFlows flows, int limit, int ids, SplittableRandom random) {
            this.flows = flows;
            this.ids = ids;
            this.random = random;
            memory = flows.memory(limit);
            table = new FlowTable(flows.shape(), memory, limit);
            table.setOwner(this);
        }

        @Override
        public boolean isExpired(FlowTable asking, long entry, int askedTicks) {
            assertEquals(nowTicks, askedTicks);
            return TickClock.elapsed(askedTicks, asking.lastSeen(entry)) > TIMEOUT_TICKS[asking.state(entry)];
        }

        @Override
        public void removed(FlowTable asking, long entry) {
            Flow flow = model.remove(flows.id(asking, entry));
            assertNotNull(flow, "a flow that the model does not have");
            assertSame(entry, flow);
            if (flow.isExpired(nowTicks)) {
                expired++;
            } else if (call == Call.INSERT) {
                assertTrue(flow.state != FlowState.ESTABLISHED, "evicted although established");
                evicted++;
            } else {
                assertEquals(Call.REMOVE, call, "removed although alive");
            }
        }

        void step() {
            int id = random.nextInt(ids);
            @Nullable Flow flow = model.get(id);
            long entry = flows.find(table, id);
            if (flow == null) {
                assertEquals(FlowTable.NONE, entry, () -> "flow " + id);
                if (random.nextInt(4) != 0) {
                    insert(id);
                }
            } else {
                assertTrue(entry != FlowTable.NONE, () -> "flow " + id + " is lost");
                assertSame(entry, flow);
                change(entry, flow);
            }
            if (random.nextInt(8) == 0) {
                nowTicks += random.nextInt(8);
            }
            if (random.nextInt(16) == 0) {
                call = Call.SWEEP;
                table.sweep(random.nextInt(4), nowTicks);
                call = Call.NONE;
            }
            assertEquals(model.size(), table.size());
        }

        private void insert(int id) {
            Flow flow = new Flow();
            flow.row = random.nextInt(1 << 20);
            flow.generation = random.nextInt(1 << 6);
            flow.state = random.nextInt(FlowState.HALF_OPEN, FlowState.RESET + 1);
            flow.created = nowTicks;
            flow.lastSeen = nowTicks;
            call = flow.state == FlowState.HALF_OPEN ? Call.INSERT_HALF_OPEN : Call.INSERT;
            long sizeBefore = table.size();
            long entry = flows.insert(table, id, flow.row, flow.generation, flow.state, nowTicks);
            call = Call.NONE;
            if (entry == FlowTable.NONE) {
                refused++;
                assertTrue(
                        sizeBefore > 0.9 * table.slots() || sizeBefore == table.limit() || flows.homes() > 0,
                        "refused with room");
            } else {
                model.put(id, flow);
                assertSame(entry, flow);
            }
        }

        private void change(long entry, Flow flow) {
            switch (random.nextInt(16)) {
                case 0 -> {
                    call = Call.REMOVE;
                    table.remove(entry);
                    call = Call.NONE;
                }
                case 1 -> {
                    flow.state = random.nextInt(FlowState.HALF_OPEN, FlowState.RESET + 1);
                    table.setState(entry, flow.state);
                }
                case 2 -> {
                    flow.row = random.nextInt(1 << 20);
                    flow.generation = random.nextInt(1 << 6);
                    table.assign(entry, flow.row, flow.generation);
                }
                default -> {
                    int bytes = random.nextInt(40, 65536);
                    flow.lastSeen = nowTicks;
                    flow.packets++;
                    flow.bytes += bytes;
                    table.seen(entry, nowTicks, bytes);
                }
            }
        }

        private void assertSame(long entry, Flow flow) {
            assertEquals(flow.row, table.row(entry));
            assertEquals(flow.generation, table.generation(entry));
            assertEquals(flow.state, table.state(entry));
            assertEquals(flow.lastSeen & TickClock.MASK, table.lastSeen(entry));
            assertEquals(flow.created, table.created(entry));
            assertEquals(flow.packets, table.packets(entry));
            assertEquals(flow.bytes, table.bytes(entry));
        }

        /// The whole table, as another thread or the next process sees it.
        void assertWalk() {
            FlowTable reopened = new FlowTable(flows.shape(), memory, table.limit());
            assertEquals(model.size(), reopened.size());
            FlowTableReader reader = new FlowTableReader(memory);
            int walked = 0;
            while (reader.next()) {
                walked++;
                Flow flow = model.get(flows.id(reader));
                assertNotNull(flow);
                assertEquals(flow.row, reader.row());
                assertEquals(flow.generation, reader.generation());
                assertEquals(flow.state, reader.state());
                assertEquals(flow.created, reader.created());
                assertEquals(flow.lastSeen & TickClock.MASK, reader.lastSeen());
                assertEquals(flow.packets, reader.packets());
                assertEquals(flow.bytes, reader.bytes());
            }
            assertEquals(model.size(), walked, "each flow once");
            for (int id = 0; id < ids; id++) {
                assertEquals(model.containsKey(id), flows.find(reader, id));
            }
        }
    }

    @ParameterizedTest(name = "{0}, {1} flows, {2} ids, {3} homes")
    @CsvSource({
        "IPV4, 512, 400, 0", // room for all
        "IPV6, 512, 400, 0",
        "IPV4, 512, 1200, 0", // full all the time
        "IPV6, 512, 1200, 0",
        "IPV4, 100, 300, 0", // fewer than there are slots
        "IPV4, 256, 300, 3", // in three home lines
        "IPV6, 256, 300, 3",
        "IPV4, 1, 5, 0",
    })
    void shouldDoWhatAMapDoes(Shape shape, int limit, int ids, int homes) {
        World world = new World(
                new TestFlows(shape, new FlowHash(3, 4), homes), limit, ids, Seeds.random(FlowTableModelTest.class));
        for (int i = 0; i < OPERATIONS; i++) {
            world.step();
            if (i % (OPERATIONS / 8) == 0) {
                world.assertWalk();
            }
        }
        world.assertWalk();
        if (limit > 1) {
            assertTrue(world.expired > 0, "flows expired");
        }
        if (ids > 2 * limit) {
            assertTrue(world.refused > 0 && world.evicted > 0, "flows refused and evicted");
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldBeCleanAfterAllFlowsExpired(Shape shape) {
        World world = new World(new TestFlows(shape), 512, 1200, Seeds.random(FlowTableModelTest.class));
        for (int i = 0; i < 50_000; i++) {
            world.step();
        }
        world.nowTicks += 2000;
        world.call = Call.SWEEP;
        world.table.sweep(1024, world.nowTicks); // twice round: flows first, then what reached them

        assertEquals(0, world.model.size());
        for (long line = FlowLayout.HEADER_LENGTH; line < FlowLayout.HEADER_LENGTH + 256 * 64; line += 64) {
            assertEquals(0, FlowLayout.reach(world.memory.get(FlowLayout.WORD, line + FlowLayout.COUNTS)));
        }
    }

    @Test
    void shouldFillToNineTenthsWithoutRefusing() {
        for (Shape shape : Shape.values()) {
            int limit = 1 << 20;
            TestFlows flows = new TestFlows(shape);
            FlowTable table = flows.table(limit);
            int wanted = limit / 10 * 9;
            for (int id = 0; id < wanted; id++) {
                assertTrue(flows.insert(table, id, id & 0xfffff, 0, FlowState.HALF_OPEN, 0) != FlowTable.NONE);
            }
            for (int id = 0; id < wanted; id++) {
                assertEquals(id & 0xfffff, table.row(flows.find(table, id)));
            }
            int id = wanted;
            while (flows.insert(table, id, 1, 0, FlowState.HALF_OPEN, 0) != FlowTable.NONE) {
                id++;
            }
            System.out.printf("%s: first refused at %.2f %% of %d%n", shape, 100.0 * id / limit, limit);
            assertTrue(id > 0.93 * limit);
        }
    }
}
