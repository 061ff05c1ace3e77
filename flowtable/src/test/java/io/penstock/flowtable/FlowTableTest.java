package io.penstock.flowtable;

import static io.penstock.flowtable.FlowState.CLOSING;
import static io.penstock.flowtable.FlowState.ESTABLISHED;
import static io.penstock.flowtable.FlowState.HALF_OPEN;
import static io.penstock.flowtable.FlowState.RESET;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Shows S2-10, S2-16, S2-23, S2-26, S2-38, S2-68.
class FlowTableTest {
    private static final int NOW = TestFlows.START_TICKS;
    private static final int TIMEOUT_TICKS = 100;

    /// Flows expire 100 ticks after their last packet; remembers which were removed.
    private static final class Listener implements FlowTable.Owner {
        final TestFlows flows;
        final List<Integer> removed = new ArrayList<>();

        Listener(TestFlows flows) {
            this.flows = flows;
        }

        @Override
        public boolean isExpired(FlowTable table, long entry, int nowTicks) {
            return TickClock.elapsed(nowTicks, table.lastSeen(entry)) > TIMEOUT_TICKS;
        }

        @Override
        public void removed(FlowTable table, long entry) {
            removed.add(flows.id(table, entry));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldFindAFlowThatWasInserted(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);

        long entry = flows.insert(table, 7, 0xfffff, 63, HALF_OPEN, NOW);

        assertEquals(entry, flows.find(table, 7));
        assertEquals(0xfffff, table.row(entry));
        assertEquals(63, table.generation(entry));
        assertEquals(HALF_OPEN, table.state(entry));
        assertEquals(7, flows.id(table, entry));
        assertEquals(NOW, table.created(entry));
        assertEquals(NOW & TickClock.MASK, table.lastSeen(entry));
        assertEquals(0, table.packets(entry));
        assertEquals(0, table.bytes(entry));
        assertEquals(1, table.size());
    }

    @ParameterizedTest
    @EnumSource
    void shouldTellFlowsApartThatDifferInOneField(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1); // all have the same home line
        FlowTable table = flows.table(256);
        for (int id = 0; id < 128; id++) {
            assertEquals(FlowTable.NONE, flows.find(table, id), () -> "before it was inserted");
            assertNotEquals(FlowTable.NONE, flows.insert(table, id, id, 0, ESTABLISHED, NOW));
        }
        for (int id = 0; id < 128; id++) {
            assertEquals(id, table.row(flows.find(table, id)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldCountPacketsAndBytes(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);
        long entry = flows.insert(table, 7, 1, 0, ESTABLISHED, NOW);

        table.seen(entry, NOW + 5, 60);
        table.seen(entry, NOW + 9, 1500);

        assertEquals(2, table.packets(entry));
        assertEquals(1560, table.bytes(entry));
        assertEquals((NOW + 9) & TickClock.MASK, table.lastSeen(entry));
        assertEquals(NOW, table.created(entry));
    }

    @ParameterizedTest
    @EnumSource
    void shouldLetCountersWrapWithoutHarm(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1);
        FlowTable table = flows.table(64);
        long first = flows.insert(table, 0, 1, 0, ESTABLISHED, NOW);
        long furthest = FlowTable.NONE;
        for (int id = 1; id < 10; id++) {
            furthest = flows.insert(table, id, id, 0, ESTABLISHED, NOW);
        }

        long total = 0;
        for (int i = 0; i < 140_000; i++) { // more than 2^48 bytes
            table.seen(first, NOW, Integer.MAX_VALUE);
            total += Integer.MAX_VALUE;
        }

        assertEquals(total & ((1L << 48) - 1), table.bytes(first));
        assertEquals(furthest, flows.find(table, 9), "the reach beside the bytes");
        assertEquals(1, table.row(first));
    }

    @ParameterizedTest
    @EnumSource
    void shouldChangeStateAndBackendInPlace(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);
        long entry = flows.insert(table, 7, 1, 2, HALF_OPEN, NOW);

        table.setState(entry, CLOSING);
        table.assign(entry, 0x12345, 42);

        assertEquals(entry, flows.find(table, 7));
        assertEquals(CLOSING, table.state(entry));
        assertEquals(0x12345, table.row(entry));
        assertEquals(42, table.generation(entry));
        assertEquals(7, flows.id(table, entry));
    }

    @ParameterizedTest
    @EnumSource
    void shouldForgetARemovedFlowAndTellItsOwner(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);
        Listener listener = new Listener(flows);
        table.setOwner(listener);
        long entry = flows.insert(table, 7, 1, 0, ESTABLISHED, NOW);

        table.remove(entry);

        assertEquals(FlowTable.NONE, flows.find(table, 7));
        assertEquals(List.of(7), listener.removed);
        assertEquals(0, table.size());
    }

    @ParameterizedTest
    @EnumSource
    void shouldForgetAFlowAfterItsIdleTime(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);
        Listener listener = new Listener(flows);
        table.setOwner(listener);
        flows.insert(table, 7, 1, 0, ESTABLISHED, NOW);
        long busy = flows.insert(table, 8, 1, 0, ESTABLISHED, NOW);
        table.seen(busy, NOW + 1, 60);

        assertEquals(0, table.sweep(64, NOW + TIMEOUT_TICKS));
        assertEquals(1, table.sweep(64, NOW + TIMEOUT_TICKS + 1));

        assertEquals(List.of(7), listener.removed);
        assertEquals(FlowTable.NONE, flows.find(table, 7));
        assertEquals(busy, flows.find(table, 8));
    }

    @ParameterizedTest
    @EnumSource
    void shouldSweepALineAtATimeRoundAndRound(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(64);
        table.setOwner(new Listener(flows));
        int lines = shape.entryLength(); // of 64 bytes, for 64 entries
        for (int round = 0; round < 3; round++) {
            for (int id = 0; id < 40; id++) {
                flows.insert(table, id, 1, 0, ESTABLISHED, NOW);
            }
            int most = 0;
            for (int line = 0; line < lines; line++) {
                most = Math.max(most, table.sweep(1, NOW + TIMEOUT_TICKS + 1));
            }
            assertEquals(0, table.size());
            assertTrue(most <= 64 / shape.entryLength(), "forgotten by a sweep of one line: " + most);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldReplaceAnExpiredFlowWhenThereIsNoRoom(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1);
        FlowTable table = flows.table(4);
        Listener listener = new Listener(flows);
        table.setOwner(listener);
        for (int id = 0; id < 4; id++) {
            table.seen(flows.insert(table, id, 1, 0, ESTABLISHED, NOW), NOW + id, 60);
        }
        assertEquals(FlowTable.NONE, flows.insert(table, 4, 1, 0, ESTABLISHED, NOW + TIMEOUT_TICKS));

        assertNotEquals(FlowTable.NONE, flows.insert(table, 4, 1, 0, HALF_OPEN, NOW + TIMEOUT_TICKS + 1));

        assertEquals(List.of(0), listener.removed);
        assertEquals(4, table.size());
    }

    /// Established flows are never evicted for half-open ones.
    @ParameterizedTest
    @EnumSource
    void shouldNotEvictAnythingAliveForAHalfOpenFlow(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        FlowTable table = flows.table(4);
        int[] states = {HALF_OPEN, ESTABLISHED, CLOSING, RESET};
        for (int id = 0; id < 4; id++) {
            flows.insert(table, id, 1, 0, states[id], NOW);
        }

        for (int id = 4; id < 1000; id++) {
            assertEquals(FlowTable.NONE, flows.insert(table, id, 1, 0, HALF_OPEN, NOW));
        }
        for (int id = 0; id < 4; id++) {
            assertEquals(states[id], table.state(flows.find(table, id)));
        }
    }

    /// Notes in which lines it was asked about flows, and says that those named have expired.
    private static final class Witness implements FlowTable.Owner {
        final TestFlows flows;
        final Set<Long> lines = new HashSet<>();
        final Set<Integer> expired = new HashSet<>();
        final List<Integer> removed = new ArrayList<>();

        Witness(TestFlows flows) {
            this.flows = flows;
        }

        @Override
        public boolean isExpired(FlowTable table, long entry, int nowTicks) {
            lines.add(lineOf(entry));
            return expired.contains(flows.id(table, entry));
        }

        @Override
        public void removed(FlowTable table, long entry) {
            removed.add(flows.id(table, entry));
        }

        /// {@return the lines that it was asked about while this flow was turned away}
        Set<Long> linesOfARefusal(FlowTable table, int id, int state, int nowTicks) {
            lines.clear();
            assertEquals(FlowTable.NONE, flows.insert(table, id, 1, 0, state, nowTicks), () -> "flow " + id);
            return Set.copyOf(lines);
        }
    }

    private static final int LIMIT = 64;

    /// {@return a table in which every slot holds an established flow, with its number as its row}
    private static FlowTable full(TestFlows flows, FlowTable.Owner owner) {
        FlowTable table = flows.table(LIMIT);
        table.setOwner(owner);
        for (int id = 0; id < LIMIT; id++) {
            assertNotEquals(FlowTable.NONE, flows.insert(table, id, id, 0, ESTABLISHED, NOW));
        }
        return table;
    }

    private static void assertHoldsAll(TestFlows flows, FlowTable table) {
        assertEquals(LIMIT, table.size());
        for (int id = 0; id < LIMIT; id++) {
            long entry = flows.find(table, id);
            assertNotEquals(FlowTable.NONE, entry, "a known flow is found");
            assertEquals(id, table.row(entry));
            assertEquals(ESTABLISHED, table.state(entry));
        }
    }

    private static long lineOf(long entry) {
        return entry & -FlowLayout.LINE_LENGTH; // The header is whole lines.
    }

    /// {@return so many lines from a flow's home on}
    private static Set<Long> linesFromHome(TestFlows flows, FlowTable table, int id, int count) {
        long mask = (table.lineCount() << FlowLayout.LINE_SHIFT) - 1;
        Set<Long> lines = new HashSet<>();
        for (int step = 0; step < count; step++) {
            lines.add(FlowLayout.lineAt(table.bucket(flows.hash(id)), step, mask));
        }
        return lines;
    }

    /// A flood at a full table: the first SYN of a tick asks in all lines where it might replace somebody, those after
    /// it in one.
    @ParameterizedTest
    @EnumSource
    void shouldAskInOneLineAfterAHalfOpenFlowFoundNoPlaceInTheTick(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        Witness witness = new Witness(flows);
        FlowTable table = full(flows, witness);
        int id = 100;
        for (int tick = 0; tick < 3; tick++) {
            assertEquals(
                    linesFromHome(flows, table, id, 1 + FlowTable.REPLACE_STEPS),
                    witness.linesOfARefusal(table, id, HALF_OPEN, NOW + tick),
                    "the first in tick " + tick);
            for (int later = 0; later < 100; later++) {
                id++;
                assertEquals(
                        linesFromHome(flows, table, id, 1),
                        witness.linesOfARefusal(table, id, HALF_OPEN, NOW + tick),
                        "later in tick " + tick);
            }
            id++;
            assertHoldsAll(flows, table);
        }
        assertEquals(List.of(), witness.removed);
    }

    @ParameterizedTest
    @EnumSource
    void shouldAskInAllLinesForTheFirstWhateverTheTick(Shape shape) {
        for (int tick : new int[] {0, -1, 1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            TestFlows flows = new TestFlows(shape);
            Witness witness = new Witness(flows);
            FlowTable table = full(flows, witness);
            assertEquals(
                    linesFromHome(flows, table, 100, 1 + FlowTable.REPLACE_STEPS),
                    witness.linesOfARefusal(table, 100, HALF_OPEN, tick),
                    () -> "in tick " + tick);
        }
    }

    /// An established flow is worth the search, and its failure says nothing about half-open ones.
    @ParameterizedTest
    @EnumSource
    void shouldAskInAllLinesForAnEstablishedFlow(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        Witness witness = new Witness(flows);
        FlowTable table = full(flows, witness);
        for (int id = 100; id < 110; id++) {
            assertEquals(
                    linesFromHome(flows, table, id, 1 + FlowTable.REPLACE_STEPS),
                    witness.linesOfARefusal(table, id, ESTABLISHED, NOW));
        }
        assertEquals(
                linesFromHome(flows, table, 110, 1 + FlowTable.REPLACE_STEPS),
                witness.linesOfARefusal(table, 110, HALF_OPEN, NOW),
                "the first half-open one");
        assertEquals(
                linesFromHome(flows, table, 111, 1 + FlowTable.REPLACE_STEPS),
                witness.linesOfARefusal(table, 111, ESTABLISHED, NOW),
                "after it");
        assertHoldsAll(flows, table);

        for (int id = 0; id < LIMIT; id++) {
            table.setState(flows.find(table, id), HALF_OPEN);
        }
        assertNotEquals(FlowTable.NONE, flows.insert(table, 112, 1, 0, ESTABLISHED, NOW), "it may displace");
        assertEquals(1, witness.removed.size());
    }

    /// Within the tick an expired flow gives its place in the home line alone; in the next one it does so in any of
    /// the eight.
    @ParameterizedTest
    @EnumSource
    void shouldReplaceExpiredFlowsWithinTheTickAtHomeAlone(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1); // all have the same home line
        Witness witness = new Witness(flows);
        FlowTable table = full(flows, witness);
        long home = table.bucket(0);
        long away = FlowLayout.lineAt(home, 3, (table.lineCount() << FlowLayout.LINE_SHIFT) - 1);
        int atHome = flows.id(table, home);
        int further = flows.id(table, away);
        witness.linesOfARefusal(table, 100, HALF_OPEN, NOW);

        witness.expired.add(further);
        witness.linesOfARefusal(table, 101, HALF_OPEN, NOW);
        witness.expired.add(atHome);
        assertEquals(home, flows.insert(table, 102, 1, 0, HALF_OPEN, NOW));
        assertEquals(List.of(atHome), witness.removed);
        witness.linesOfARefusal(table, 103, HALF_OPEN, NOW);

        long entry = flows.insert(table, 104, 1, 0, HALF_OPEN, NOW + 1);
        assertEquals(away, entry);
        assertEquals(List.of(atHome, further), witness.removed);
        assertEquals(entry, flows.find(table, 104));
    }

    /// Below its limit the table has room for a half-open flow in whichever line it is, in the same tick too.
    @ParameterizedTest
    @EnumSource
    void shouldFindRoomInAnyLineWithinTheTick(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1);
        Witness witness = new Witness(flows);
        FlowTable table = full(flows, witness);
        long furthest = flows.find(table, LIMIT - 1);
        assertFalse(linesFromHome(flows, table, 0, 1 + FlowTable.REPLACE_STEPS).contains(lineOf(furthest)));
        witness.linesOfARefusal(table, 100, HALF_OPEN, NOW);
        witness.linesOfARefusal(table, 101, HALF_OPEN, NOW);

        table.remove(furthest);

        assertEquals(furthest, flows.insert(table, 102, 1, 0, HALF_OPEN, NOW));
        assertEquals(furthest, flows.find(table, 102));
        assertEquals(LIMIT, table.size());
        for (int id = 0; id < LIMIT - 1; id++) {
            assertEquals(id, table.row(flows.find(table, id)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldEvictTheWeakestForAnEstablishedFlow(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1);
        FlowTable table = flows.table(5);
        Listener listener = new Listener(flows);
        table.setOwner(listener);
        int[] states = {HALF_OPEN, ESTABLISHED, CLOSING, RESET, HALF_OPEN};
        for (int id = 0; id < 5; id++) {
            table.seen(flows.insert(table, id, 1, 0, states[id], NOW), NOW + 50 - id, 60);
        }

        for (int id = 10; id < 14; id++) {
            assertNotEquals(FlowTable.NONE, flows.insert(table, id, 1, 0, ESTABLISHED, NOW + 60));
        }
        assertEquals(List.of(3, 2, 4, 0), listener.removed, "reset, closing, then half-open by idle time");
        assertEquals(FlowTable.NONE, flows.insert(table, 14, 1, 0, ESTABLISHED, NOW + 60), "only established left");
        assertEquals(5, table.size());
    }

    @ParameterizedTest
    @EnumSource
    void shouldShortenItsReachAgain(Shape shape) {
        TestFlows flows = new TestFlows(shape, new FlowHash(0, 0), 1);
        MemorySegment memory = flows.memory(256);
        FlowTable table = new FlowTable(shape, memory, 256);
        table.setOwner(new Listener(flows));
        for (int id = 0; id < 100; id++) {
            flows.insert(table, id, 1, 0, ESTABLISHED, NOW);
        }
        long home = table.bucket(0);
        assertEquals(100 * shape.entryLength() / 64 - 1, reach(memory, home), "as far as the flows lie");

        table.remove(flows.find(table, 99));
        table.remove(flows.find(table, 98));
        table.sweep(256, NOW);
        assertEquals(98 * shape.entryLength() / 64 - 1, reach(memory, home), "after the furthest went");

        table.sweep(256, NOW + TIMEOUT_TICKS + 1);
        table.sweep(256, NOW + TIMEOUT_TICKS + 1);
        assertEquals(0, reach(memory, home), "after all went");
    }

    private static int reach(MemorySegment memory, long line) {
        return FlowLayout.reach(memory.get(ValueLayout.JAVA_LONG, line + FlowLayout.COUNTS));
    }

    @ParameterizedTest
    @EnumSource
    void shouldGoOnWithWhatIsInItsMemory(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        MemorySegment memory = flows.memory(64);
        FlowTable before = new FlowTable(shape, memory, 64);
        for (int id = 0; id < 50; id++) {
            before.seen(flows.insert(before, id, id, 3, ESTABLISHED, NOW), NOW + 1, 100 + id);
        }

        FlowTable after = new FlowTable(shape, memory, 64);

        assertEquals(50, after.size());
        for (int id = 0; id < 50; id++) {
            long entry = flows.find(after, id);
            assertEquals(id, after.row(entry));
            assertEquals(100 + id, after.bytes(entry));
            assertEquals(NOW, after.created(entry));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldForgetAllAfterADayAlone(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        MemorySegment memory = flows.memory(64);
        int day = TickClock.ticksOfMs(TickClock.LONGEST_MS);
        FlowTable table = new FlowTable(shape, memory, 64);
        table.resume(NOW);
        flows.insert(table, 1, 1, 0, ESTABLISHED, NOW);

        FlowTable within = new FlowTable(shape, memory, 64);
        within.resume(NOW + day);
        assertEquals(1, within.size());

        FlowTable beyond = new FlowTable(shape, memory, 64);
        beyond.resume(NOW + 2 * day + 1);
        assertEquals(0, beyond.size());
    }

    @ParameterizedTest
    @EnumSource
    void shouldCountFlowsAsSeenNowWhenTheClockWentBack(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        MemorySegment memory = flows.memory(64);
        int uptime = 1_000_000;
        FlowTable table = new FlowTable(shape, memory, 64);
        table.resume(uptime);
        flows.insert(table, 1, 9, 0, ESTABLISHED, uptime);

        FlowTable restarted = new FlowTable(shape, memory, 64);
        restarted.resume(50);

        long entry = flows.find(restarted, 1);
        assertEquals(50, restarted.lastSeen(entry));
        assertEquals(50, restarted.created(entry));
        assertEquals(9, restarted.row(entry));
    }

    @Test
    void shouldRefuseWhatItCannotOpen() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(FlowTable.bytesFor(Shape.IPV6, 1024), 64);
            new FlowTable(Shape.IPV6, memory, 1024);

            assertTrue(FlowTable.canOpen(Shape.IPV6, memory, 1000), "another limit with the same slots");
            assertFalse(
                    FlowTable.canOpen(Shape.IPV6, memory.asSlice(0, FlowTable.bytesFor(Shape.IPV6, 512)), 512),
                    "fewer slots");
            assertFalse(FlowTable.canOpen(Shape.IPV4, memory, 1024), "the other shape");
            assertFalse(FlowTable.canOpen(Shape.IPV6, memory, 2048), "too short");
            assertThrows(IllegalArgumentException.class, () -> new FlowTable(Shape.IPV4, memory, 1024));
            assertThrows(IllegalArgumentException.class, () -> new FlowTable(Shape.IPV6, memory, 2048));

            memory.set(ValueLayout.JAVA_INT, FlowLayout.VERSION_OFFSET, FlowLayout.VERSION + 1);
            var refusal = assertThrows(IllegalArgumentException.class, () -> new FlowTable(Shape.IPV6, memory, 1024));
            assertEquals("layout version=2 (1 expected); set the old table aside", refusal.getMessage());
            assertThrows(IllegalArgumentException.class, () -> new FlowTableReader(memory));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldUseAllTheMemoryItGets(Shape shape) {
        MemorySegment memory = new TestFlows(shape).memory(256);
        FlowTable table = new FlowTable(shape, memory, 100);
        assertEquals(256, table.slots());
        assertEquals(100, table.limit());
        assertEquals(256, new FlowTable(shape, memory, 256).slots());
        assertEquals(256, new FlowTableReader(memory).slots());
        assertFalse(FlowTable.canOpen(shape, memory, 257));
    }

    @Test
    void shouldRefuseALimitOutOfRange() {
        assertThrows(IllegalArgumentException.class, () -> FlowTable.bytesFor(Shape.IPV4, 0));
        assertThrows(IllegalArgumentException.class, () -> FlowTable.bytesFor(Shape.IPV4, (1L << 30) + 1));
    }

    @Test
    void shouldTakeAtMost64BytesAnEntry() {
        for (long limit = 1 << 10; limit <= 1 << 26; limit <<= 1) {
            assertEquals(128 + 36 * limit, FlowTable.bytesFor(Shape.IPV4, limit));
            assertEquals(128 + 64 * limit, FlowTable.bytesFor(Shape.IPV6, limit));
        }
        assertEquals(
                FlowTable.bytesFor(Shape.IPV4, 1024), FlowTable.bytesFor(Shape.IPV4, 513), "slots: a power of two");
        assertEquals(32, Shape.IPV4.entryLength());
        assertEquals(64, Shape.IPV6.entryLength());
    }

    @ParameterizedTest
    @EnumSource
    void shouldNotAllocate(Shape shape) {
        TestFlows flows = new TestFlows(shape);
        MemorySegment memory = flows.memory(512);
        FlowTable table = new FlowTable(shape, memory, 512);
        FlowTableReader reader = new FlowTableReader(memory);
        table.setOwner(new FlowTable.Owner() {
            @Override
            public boolean isExpired(FlowTable asking, long entry, int nowTicks) {
                return TickClock.elapsed(nowTicks, asking.lastSeen(entry)) > TIMEOUT_TICKS;
            }

            @Override
            public void removed(FlowTable asking, long entry) {}
        });
        int[] clock = {NOW};
        Allocation.assertNone("insert, find, seen, sweep, read", () -> {
            for (int id = 0; id < 2000; id++) {
                int now = clock[0]++;
                long entry = flows.find(table, id);
                if (entry == FlowTable.NONE) {
                    entry = flows.insert(table, id, id, 0, id % 4 + 1, now);
                }
                if (entry != FlowTable.NONE) {
                    table.seen(entry, now, 60);
                    table.setState(entry, ESTABLISHED);
                    table.assign(entry, id, 1);
                }
                table.sweep(2, now);
                flows.find(reader, id);
            }
            reader.rewind();
            while (reader.next()) {
                clock[0] += reader.packets() == 0 ? 1 : 0;
            }
        });
    }
}
