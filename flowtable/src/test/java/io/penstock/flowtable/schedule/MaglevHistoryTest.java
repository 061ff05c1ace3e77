package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Shows S2-43 for connections without an entry in the flow table.
class MaglevHistoryTest {
    private static final int KEEP = 1000;
    private static final int HASHES = 2000;

    private final MaglevBuilder builder = new MaglevBuilder();
    private final long[] hashes = Seeds.of(9).longs(HASHES).toArray();

    @Test
    void shouldBeSettledWithOneGeneration() {
        MaglevHistory history = MaglevHistory.first(table(0, 1, 2), KEEP, 5);
        for (long hash : hashes) {
            assertTrue(history.isSettled(hash, 5));
            assertEquals(history.backendForNew(hash), history.backendForMidflow(hash, 5));
            assertEquals(row(history.table(), hash), history.backendForNew(hash));
        }
    }

    @Test
    void shouldKeepOldConnectionsWhereTheyAreWhenABackendComes() {
        MaglevTable before = table(0, 1, 2);
        MaglevTable after = table(0, 1, 2, 3);
        MaglevHistory history = MaglevHistory.first(before, KEEP, 5).next(after, MaglevHistoryTest::isServing, 10);
        int unsettled = 0;
        for (long hash : hashes) {
            assertEquals(row(after, hash), history.backendForNew(hash));
            assertEquals(row(before, hash), history.backendForMidflow(hash, 10 + KEEP - 1));
            assertEquals(row(after, hash), history.backendForMidflow(hash, 10 + KEEP), "after the window");
            assertEquals(row(before, hash) == row(after, hash), history.isSettled(hash, 11));
            unsettled += history.isSettled(hash, 11) ? 0 : 1;
        }
        assertEquals(0.25 * HASHES, unsettled, 0.05 * HASHES);
    }

    @Test
    void shouldBreakNoneOfTheOthersConnectionsWhenABackendGoes() {
        MaglevTable before = table(0, 1, 2, 3);
        MaglevTable after = table(0, 1, 2);
        MaglevHistory history = MaglevHistory.first(before, KEEP, 5).next(after, row -> row != row(3), 10);
        for (long hash : hashes) {
            int expected = row(before, hash) == row(3) ? row(after, hash) : row(before, hash);
            assertEquals(expected, history.backendForMidflow(hash, 11));
        }
    }

    @Test
    void shouldKeepTheConnectionsOfABackendThatDrains() {
        MaglevTable before = table(0, 1, 2, 3);
        MaglevHistory history =
                MaglevHistory.first(before, KEEP, 5).next(table(0, 1, 2), MaglevHistoryTest::isServing, 10);
        for (long hash : hashes) {
            assertEquals(row(before, hash), history.backendForMidflow(hash, 11));
            assertNotEquals(row(3), history.backendForNew(hash));
        }
        // The drain is over: the table stays as it is, but what drained serves no more.
        MaglevHistory over = history.next(history.table(), row -> row != row(3), 20);
        for (long hash : hashes) {
            assertNotEquals(row(3), over.backendForMidflow(hash, 21));
        }
    }

    @Test
    void shouldNotGiveABackendThatRecoversTheSlotsItLost() {
        MaglevTable all = table(0, 1, 2, 3);
        MaglevTable without = table(0, 1, 2);
        MaglevHistory history = MaglevHistory.first(all, KEEP, 5).next(without, row -> row != row(3), 10);
        MaglevHistory recovered = history.next(table(0, 1, 2, 3), MaglevHistoryTest::isServing, 20);
        for (long hash : hashes) {
            assertEquals(row(all, hash), recovered.backendForNew(hash));
            // Whoever connected while it was away is where the table of that time says.
            int expected = row(all, hash) == row(3) ? row(without, hash) : row(all, hash);
            assertEquals(expected, recovered.backendForMidflow(hash, 21));
        }
    }

    @Test
    void shouldNotConfuseBackendsThatHadTheSameRowOneAfterTheOther() {
        MaglevTable before = table(0, 1);
        Pool reused = Pool.of(
                new int[] {row(0), row(1)}, new int[] {1, 1}, new long[] {Pools.identity(0), Pools.identity(77)});
        MaglevHistory history = MaglevHistory.first(before, KEEP, 5)
                .next(builder.build(reused, 65_537), MaglevHistoryTest::isServing, 10);
        for (long hash : hashes) {
            int expected = row(before, hash) == row(1) ? row(history.table(), hash) : row(before, hash);
            assertEquals(expected, history.backendForMidflow(hash, 11));
        }
    }

    @Test
    void shouldGoByTheOldestGenerationThatIsKept() {
        MaglevTable first = table(0, 1);
        MaglevTable second = table(0, 1, 2);
        MaglevTable third = table(0, 1, 2, 3);
        MaglevHistory history = MaglevHistory.first(first, KEEP, 0)
                .next(second, MaglevHistoryTest::isServing, 100)
                .next(third, MaglevHistoryTest::isServing, 200);
        for (long hash : hashes) {
            assertEquals(row(first, hash), history.backendForMidflow(hash, 100 + KEEP - 1));
            assertEquals(row(second, hash), history.backendForMidflow(hash, 100 + KEEP));
            assertEquals(row(third, hash), history.backendForMidflow(hash, 200 + KEEP));
        }
        assertEquals(3, history.generations());
        assertEquals(2, history.pruned(100 + KEEP).generations());
        assertEquals(1, history.pruned(200 + KEEP).generations());
        assertSame(history, history.pruned(100 + KEEP - 1));
    }

    @Test
    void shouldTakeAnotherWindow() {
        MaglevTable before = table(0, 1);
        MaglevHistory history =
                MaglevHistory.first(before, KEEP, 0).next(table(0, 1, 2), MaglevHistoryTest::isServing, 100);
        MaglevHistory longer = history.withKeepTicks(2 * KEEP);
        for (long hash : hashes) {
            assertEquals(row(before, hash), longer.backendForMidflow(hash, 100 + 2 * KEEP - 1));
            assertEquals(row(longer.table(), hash), longer.backendForMidflow(hash, 100 + 2 * KEEP));
        }
        assertSame(history, history.withKeepTicks(KEEP));
        assertThrows(IllegalArgumentException.class, () -> history.withKeepTicks(-1));
    }

    @Test
    void shouldDropTheShortestGenerationWhenThereAreTooMany() {
        MaglevTable longest = table(0, 1);
        MaglevTable brief = table(0, 1, 2);
        MaglevTable third = table(0, 1, 2, 3);
        MaglevHistory history = MaglevHistory.first(longest, KEEP, 0)
                .next(brief, MaglevHistoryTest::isServing, 500)
                .next(third, MaglevHistoryTest::isServing, 501)
                .next(table(0, 1, 2, 3, 4), MaglevHistoryTest::isServing, 600)
                .next(table(0, 1, 2, 3, 4, 5), MaglevHistoryTest::isServing, 700);
        assertEquals(MaglevHistory.GENERATIONS_MAX, history.generations());
        for (long hash : hashes) {
            assertEquals(row(longest, hash), history.backendForMidflow(hash, 701));
        }
        // The one after the longest is gone, so the next in time decides.
        for (long hash : hashes) {
            assertEquals(row(third, hash), history.backendForMidflow(hash, 500 + KEEP));
        }
    }

    @Test
    void shouldTakeAGenerationForLongThatLivedLongerThanTicksCanSay() {
        MaglevTable old = table(0, 1);
        MaglevHistory history = MaglevHistory.first(old, KEEP, 0);
        int nowTicks = 0;
        for (int days = 0; days < 30; days++) {
            nowTicks += 1 << 21; // ten hours
            history = history.pruned(nowTicks);
        }
        // Modulo 2^24 the first generation seems to have lived for a moment: the least of all.
        nowTicks = (1 << 26) + 1;
        MaglevHistory full = history.next(table(0, 1, 2), MaglevHistoryTest::isServing, nowTicks)
                .next(table(0, 1, 2, 3), MaglevHistoryTest::isServing, nowTicks + 10)
                .next(table(0, 1, 2, 3, 4), MaglevHistoryTest::isServing, nowTicks + 20)
                .next(table(0, 1, 2, 3, 4, 5), MaglevHistoryTest::isServing, nowTicks + 30);
        for (long hash : hashes) {
            assertEquals(row(old, hash), full.backendForMidflow(hash, nowTicks + 40));
        }
    }

    @Test
    void shouldCountAWorkersOlderClockReadingAsTheMomentOfTheChange() {
        MaglevTable before = table(0, 1);
        MaglevHistory history =
                MaglevHistory.first(before, KEEP, 0).next(table(0, 1, 2), MaglevHistoryTest::isServing, 100);
        for (long hash : hashes) {
            assertEquals(row(before, hash), history.backendForMidflow(hash, 99));
        }
    }

    @Test
    void shouldLeadNowhereWithoutBackends() {
        MaglevHistory history =
                MaglevHistory.first(table(0, 1), KEEP, 0).next(builder.build(Pool.EMPTY, 65_537), row -> false, 10);
        assertEquals(MaglevHistory.NONE, history.backendForNew(1));
        assertEquals(MaglevHistory.NONE, history.backendForMidflow(1, 11));
        assertTrue(history.isSettled(1, 11));
    }

    @Test
    void shouldRefuseAWindowThatTicksCannotHold() {
        assertThrows(IllegalArgumentException.class, () -> MaglevHistory.first(table(0), 1 << 24, 0));
        assertThrows(IllegalArgumentException.class, () -> MaglevHistory.first(table(0), -1, 0));
    }

    /// A simulation with backends that come, go, fail, recover and drain. A connection whose slot is settled when it
    /// begins has no entry; the others have one and do not matter here. Hardly any may move while its backend
    /// serves and it is younger than half the window: only when more changes than are kept fall into the window.
    @Test
    void shouldKeepEntrylessConnectionsThroughRandomChanges() {
        RandomGenerator random = Seeds.random("shouldKeepEntrylessConnectionsThroughRandomChanges");
        int moved = 0;
        int packets = 0;
        for (int run = 0; run < 20; run++) {
            boolean[] serving = new boolean[12];
            boolean[] draining = new boolean[12];
            int[] failures = new int[12];
            Arrays.fill(serving, true);
            int nowTicks = random.nextInt();
            MaglevHistory history = MaglevHistory.first(build(serving, draining), KEEP, nowTicks);
            Map<Long, Connection> connections = new HashMap<>();
            for (int step = 0; step < 20_000; step++) {
                nowTicks += 1;
                if (random.nextInt(400) == 0) { // Two and a half changes in a window.
                    int backend = random.nextInt(12);
                    if (random.nextBoolean()) {
                        serving[backend] = !serving[backend];
                        failures[backend] += serving[backend] ? 0 : 1;
                    } else {
                        draining[backend] = !draining[backend];
                    }
                    history = history.next(build(serving, draining), row -> serving[row - Pools.FIRST_ROW], nowTicks);
                }
                long hash = hashes[random.nextInt(HASHES)];
                Connection connection = connections.get(hash);
                if (connection != null
                        && nowTicks - connection.sinceTick() < KEEP / 2
                        && connection.failures() == failures[connection.row() - Pools.FIRST_ROW]) {
                    packets++;
                    moved += history.backendForMidflow(hash, nowTicks) == connection.row() ? 0 : 1;
                } else if (history.isSettled(hash, nowTicks) && history.backendForNew(hash) != MaglevHistory.NONE) {
                    int row = history.backendForNew(hash);
                    connections.put(hash, new Connection(row, nowTicks, failures[row - Pools.FIRST_ROW]));
                } else {
                    connections.remove(hash);
                }
            }
        }
        System.out.println("moved " + moved + " of " + packets);
        assertTrue(packets > 10_000);
        assertTrue(moved < packets / 500, moved + " of " + packets);
    }

    /// @param failures how often its backend had failed when it began
    private record Connection(int row, int sinceTick, int failures) {}

    private MaglevTable build(boolean[] serving, boolean[] draining) {
        return table(IntStream.range(0, serving.length)
                .filter(i -> serving[i] && !draining[i])
                .toArray());
    }

    @Test
    void shouldNotAllocate() {
        MaglevHistory history = MaglevHistory.first(table(0, 1), KEEP, 0)
                .next(table(0, 1, 2), MaglevHistoryTest::isServing, 1)
                .next(table(0, 1, 2, 3), MaglevHistoryTest::isServing, 2);
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        long sum = 0;
        for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
            long before = thread.getCurrentThreadAllocatedBytes();
            for (long hash : hashes) {
                sum += history.backendForNew(hash) + history.backendForMidflow(hash, 3);
                sum += history.isSettled(hash, 3) ? 1 : 0;
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, "bytes allocated");
        assertFalse(sum == 0);
    }

    private static boolean isServing(int row) {
        return row >= Pools.FIRST_ROW;
    }

    private MaglevTable table(int... backends) {
        return builder.build(Pools.only(backends), 65_537);
    }

    private static int row(MaglevTable table, long hash) {
        return table.pool().row(table.backend(table.slot(hash)));
    }

    private static int row(int backend) {
        return Pools.FIRST_ROW + backend;
    }
}
