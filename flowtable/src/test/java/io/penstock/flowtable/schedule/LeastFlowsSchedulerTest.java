package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Shows S2-49, S2-51, S2-52, S2-56.
class LeastFlowsSchedulerTest {
    private static final boolean LC = false;
    private static final boolean WLC = true;

    private final long[] flows = new long[Pools.FIRST_ROW + 64];
    private final FlowCounts counts = row -> flows[row];

    @Test
    void shouldTakeTheOneWithTheFewestFlows() {
        setFlows(5, 3, 4);
        Scheduler scheduler = scheduler(LC, Pools.of(1, 1, 9), null);
        assertEquals(1, scheduler.choose(0, 0, Admission.ALL));
    }

    @Test
    void shouldTakeTheOneWithTheFewestFlowsForItsWeight() {
        setFlows(1, 2, 19);
        assertEquals(2, scheduler(WLC, Pools.of(1, 2, 20), null).choose(0, 0, Admission.ALL));
        setFlows(1, 2, 20);
        setFlows(Integer.MAX_VALUE, Integer.MAX_VALUE - 1, Integer.MAX_VALUE);
        assertEquals(1, scheduler(WLC, Pools.of(65_535, 65_535, 65_535), null).choose(0, 0, Admission.ALL));
    }

    @Test
    void shouldPassOverOneThatRefuses() {
        setFlows(5, 3, 4);
        assertEquals(2, scheduler(LC, Pools.of(1, 1, 1), null).choose(0, 0, row -> row != Pools.FIRST_ROW + 1));
    }

    /// Flows that end before the next begins: all tie, always.
    @Test
    void shouldSpreadTiesEvenlyOrByWeight() {
        assertShares(LC, new int[] {1, 2, 3, 4}, 0.25, 0.25, 0.25, 0.25);
        assertShares(WLC, new int[] {1, 2, 3, 4}, 0.1, 0.2, 0.3, 0.4);
    }

    private void assertShares(boolean isWeighted, int[] weights, double... shares) {
        Scheduler scheduler = scheduler(isWeighted, Pools.of(weights), null);
        int[] chosen = new int[weights.length];
        for (int i = 0; i < 10_000; i++) {
            chosen[scheduler.choose(i, i, Admission.ALL)]++;
        }
        for (int i = 0; i < weights.length; i++) {
            assertEquals(10_000 * shares[i], chosen[i], 1);
        }
    }

    @Test
    void shouldSpreadTiesEvenlyAmongSome() {
        setFlows(9, 0, 0, 9, 9, 0, 9, 9, 9, 9, 9, 9);
        Scheduler scheduler = scheduler(LC, Pools.equal(12), null);
        int[] chosen = new int[12];
        for (int i = 0; i < 3000; i++) {
            chosen[scheduler.choose(i, i, Admission.ALL)]++;
        }
        for (int i : new int[] {1, 2, 5}) {
            assertEquals(1000, chosen[i], 350, Arrays.toString(chosen));
        }
    }

    /// A model: whatever is chosen had the fewest flows for its weight at that moment.
    @ParameterizedTest
    @ValueSource(booleans = {LC, WLC})
    void shouldAlwaysTakeOneWithTheFewestInSteadyState(boolean isWeighted) {
        RandomGenerator random = Seeds.random("shouldAlwaysTakeOneWithTheFewestInSteadyState");
        int backends = 20;
        int[] weights = random.ints(backends, 1, 6).toArray();
        Scheduler scheduler = scheduler(isWeighted, Pools.of(weights), null);
        if (!isWeighted) {
            Arrays.fill(weights, 1);
        }
        for (int operation = 0; operation < 1_000_000; operation++) {
            int index = scheduler.choose(random.nextLong(), 0, Admission.ALL);
            long chosen = flows[Pools.FIRST_ROW + index];
            for (int i = 0; i < backends; i++) {
                assertTrue(chosen * weights[i] <= flows[Pools.FIRST_ROW + i] * weights[index]);
            }
            flows[Pools.FIRST_ROW + index]++;
            int ended = Pools.FIRST_ROW + random.nextInt(backends);
            flows[ended] = Math.max(0, flows[ended] - random.nextInt(3));
        }
    }

    /// The herd that the guard is there for: one backend of `backends` equal ones comes to 10,000 flows each, and no
    /// flow ends.
    @ParameterizedTest(name = "{0} backends: 2 of every {1} flows")
    @CsvSource({"2, 3", "10, 11", "50, 51"})
    void shouldGiveANewcomerLessThanTwiceItsShareUntilItHasCaughtUp(int backends, int of) {
        int newcomer = Pools.FIRST_ROW + backends - 1;
        Arrays.fill(flows, Pools.FIRST_ROW, newcomer, 10_000);
        Scheduler scheduler = scheduler(LC, Pools.equal(backends), scheduler(LC, Pools.equal(backends - 1), null));
        // It gets two for each one of the others, so it is level at 20,000.
        for (int turn = 0; turn < 10_000; turn++) {
            for (int i = 0; i < of; i++) {
                flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
            }
            assertEquals(2L * (turn + 1), flows[newcomer]);
        }
        for (int i = 0; i < backends; i++) {
            assertEquals(20_000, (double) flows[Pools.FIRST_ROW + i], 1);
        }
        for (int i = 0; i < 100 * backends; i++) {
            flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
        }
        for (int i = 0; i < backends; i++) {
            assertEquals(20_100, (double) flows[Pools.FIRST_ROW + i], 1, "exactly the fewest from now on");
        }
    }

    /// With flows that end, the newcomer catches up in less than one mean life of a flow.
    @Test
    void shouldCatchUpWithinAMeanLifeOfAFlow() {
        RandomGenerator random = Seeds.random("shouldCatchUpWithinAMeanLifeOfAFlow");
        int backends = 10;
        int all = 9000;
        Arrays.fill(flows, Pools.FIRST_ROW, Pools.FIRST_ROW + 9, all / 9);
        Scheduler scheduler = scheduler(LC, Pools.equal(backends), scheduler(LC, Pools.equal(9), null));
        int[] owner = new int[all];
        Arrays.setAll(owner, i -> i % 9);
        // Each step ends a flow at random and begins one: the mean life is as many steps as there are flows.
        int caughtUpAt = -1;
        for (int step = 0; step < 5 * all; step++) {
            int ended = random.nextInt(all);
            flows[Pools.FIRST_ROW + owner[ended]]--;
            owner[ended] = scheduler.choose(step, 0, Admission.ALL);
            flows[Pools.FIRST_ROW + owner[ended]]++;
            if (caughtUpAt < 0 && flows[Pools.FIRST_ROW + 9] >= all / backends - 30) {
                caughtUpAt = step;
            }
        }
        // 2/11 of the flows begin there: N = 9000 * 2/11 * (1 - e^(-t/T)) is 870 at t = 0.76 T.
        assertEquals(0.76, (double) caughtUpAt / all, 0.1);
        assertEquals(1.0 * all / backends, (double) flows[Pools.FIRST_ROW + 9], 20);
    }

    @Test
    void shouldLetSeveralNewcomersGrowSideBySide() {
        Scheduler old = scheduler(LC, Pools.only(0), null);
        flows[Pools.FIRST_ROW] = 50_000;
        Scheduler scheduler = scheduler(LC, Pools.equal(10), old);
        for (int i = 0; i < 19_000; i++) {
            flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
        }
        assertEquals(51_000, flows[Pools.FIRST_ROW]);
        for (int i = 1; i < 10; i++) {
            assertEquals(2000, flows[Pools.FIRST_ROW + i]);
        }
    }

    @Test
    void shouldPaceANewcomerByItsWeight() {
        Scheduler old = scheduler(WLC, Pools.of(100, 100), null);
        setFlows(10_000, 10_000);
        Scheduler scheduler = scheduler(WLC, Pools.of(100, 100, 50), old);
        for (int i = 0; i < 3000; i++) {
            flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
        }
        assertEquals(1000, flows[Pools.FIRST_ROW + 2]); // 2 * 50 of 250 + 50
    }

    @Test
    void shouldTakeABackendWhoseWeightRoseForANewcomer() {
        Scheduler old = scheduler(WLC, Pools.of(100, 100, 1), null);
        setFlows(10_000, 10_000, 100);
        Scheduler scheduler = scheduler(WLC, Pools.of(100, 100, 100), old);
        for (int i = 0; i < 4000; i++) {
            flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
        }
        assertEquals(100 + 2000, flows[Pools.FIRST_ROW + 2]); // 2 of 4
    }

    @Test
    void shouldKeepTheGuardWhenThePoolIsBuiltAgain() {
        Scheduler scheduler = scheduler(LC, Pools.equal(2), null);
        setFlows(10_000, 10_000);
        for (int build = 0; build < 100; build++) {
            scheduler =
                    scheduler(LC, Pools.pick(new int[] {0, 1, 2}, new int[] {100, 100 + build % 2, 100}), scheduler);
            for (int i = 0; i < 40; i++) {
                flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
            }
        }
        assertEquals(2000, flows[Pools.FIRST_ROW + 2]); // 2 of 4
    }

    /// A newcomer whose flows end at once never has as many as the others: the guard ends with what it was given.
    @Test
    void shouldEndTheGuardWhenTheNewcomerHasBeenGivenMoreThanTheOthersHave() {
        Scheduler old = scheduler(LC, Pools.equal(3), null);
        setFlows(1000, 1000, 1000);
        Scheduler scheduler = scheduler(LC, Pools.equal(4), old);
        int given = 0;
        for (int i = 0; i < 4375; i++) { // 2 of 5 until it was given 1750
            given += scheduler.choose(i, 0, Admission.ALL) == 3 ? 1 : 0;
        }
        assertEquals(1750, given);
        for (int i = 0; i < 5; i++) { // Until its next turn, which ends it.
            scheduler.choose(i, 0, Admission.ALL);
        }
        for (int i = 0; i < 100; i++) {
            assertEquals(3, scheduler.choose(i, 0, Admission.ALL), "exactly fewest flows from now on");
        }
    }

    @Test
    void shouldNotGuardABackendThatComesBackWithItsFlows() {
        Scheduler old = scheduler(LC, Pools.only(0, 1), null);
        setFlows(100, 100, 99);
        Scheduler scheduler = scheduler(LC, Pools.only(0, 1, 2), old);
        for (int i = 0; i < 300; i++) {
            flows[Pools.FIRST_ROW + scheduler.choose(i, 0, Admission.ALL)]++;
        }
        for (int i = 0; i < 3; i++) {
            assertEquals(200, (double) flows[Pools.FIRST_ROW + i], 1);
        }
    }

    @Test
    void shouldUseANewcomerWhenTheOthersRefuse() {
        Scheduler old = scheduler(LC, Pools.equal(1), null);
        setFlows(1000);
        Scheduler scheduler = scheduler(LC, Pools.equal(2), old);
        for (int i = 0; i < 100; i++) {
            assertEquals(1, scheduler.choose(i, 0, row -> row == Pools.FIRST_ROW + 1));
        }
    }

    private Scheduler scheduler(boolean isWeighted, Pool pool, @Nullable Scheduler previous) {
        return new LeastFlowsScheduler(pool, isWeighted, counts, previous);
    }

    private void setFlows(long... all) {
        System.arraycopy(all, 0, flows, Pools.FIRST_ROW, all.length);
    }
}
