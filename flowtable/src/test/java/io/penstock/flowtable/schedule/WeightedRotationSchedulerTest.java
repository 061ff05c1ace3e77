package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WeightedRotationSchedulerTest {
    @Test
    void shouldGiveExactSharesOverACycle() {
        assertArrayEquals(new int[] {100, 200, 300}, shares(new int[] {1, 2, 3}, 600));
        assertArrayEquals(new int[] {100, 1000}, shares(new int[] {1, 10}, 1100));
        assertArrayEquals(new int[] {65_535, 1}, shares(new int[] {65_535, 1}, 65_536));
    }

    @Test
    void shouldSpreadTheTurnsOfAHeavyBackend() {
        Scheduler scheduler = new WeightedRotationScheduler(Pools.of(1, 5), null);
        int[] order = IntStream.range(0, 12)
                .map(i -> scheduler.choose(i, i, Admission.ALL))
                .toArray();
        assertArrayEquals(new int[] {1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1}, order);
    }

    @Test
    void shouldGoOnAtTheSamePointWhenABackendComesOrGoes() {
        // After a third of a cycle each backend's turns lie a third of its distance ahead, in the new order as well.
        Scheduler four = new WeightedRotationScheduler(Pools.only(0, 1, 2, 3), null);
        choose(four, 2);
        Scheduler two = new WeightedRotationScheduler(Pools.only(2, 3), four);
        assertEquals(3, two.pool().row(two.choose(0, 0, Admission.ALL)) - Pools.FIRST_ROW);
        Scheduler again = new WeightedRotationScheduler(Pools.only(0, 1, 2, 3), two);
        assertEquals(0, again.choose(0, 0, Admission.ALL));
    }

    @Test
    void shouldShareTheRotationWhenNothingChanges() {
        Scheduler old = new WeightedRotationScheduler(Pools.of(1, 2, 3), null);
        Scheduler scheduler = new WeightedRotationScheduler(Pools.of(1, 2, 3), old);
        assertEquals(2, old.choose(0, 0, Admission.ALL));
        assertEquals(1, scheduler.choose(0, 0, Admission.ALL));
        assertEquals(0, old.choose(0, 0, Admission.ALL));
    }

    /// A backend that flaps must not send every first turn after a rebuild to the same backend.
    @Test
    void shouldStayFairWhenThePoolChangesAllTheTime() {
        RandomGenerator random = Seeds.random("shouldStayFairWhenThePoolChangesAllTheTime");
        Scheduler scheduler = new WeightedRotationScheduler(Pools.only(0, 1, 2, 3), null);
        int[] flows = new int[4];
        for (int change = 0; change < 20_000; change++) {
            scheduler = new WeightedRotationScheduler(
                    change % 2 == 0 ? Pools.only(0, 1, 2, 3) : Pools.only(0, 1, 2), scheduler);
            for (int i = random.nextInt(3); i >= 0; i--) {
                int index = scheduler.choose(0, 0, Admission.ALL);
                flows[scheduler.pool().row(index) - Pools.FIRST_ROW]++;
            }
        }
        double mean = (flows[0] + flows[1] + flows[2]) / 3.0;
        for (int i = 0; i < 3; i++) {
            assertTrue(Math.abs(flows[i] - mean) < 0.1 * mean, flows[i] + " of " + mean);
        }
    }

    @Test
    void shouldShareAFullBackendsTurnsAmongTheOthers() {
        Scheduler scheduler = new WeightedRotationScheduler(Pools.of(60_000, 1, 1, 1), null);
        int[] flows = new int[4];
        for (int i = 0; i < 30_000; i++) {
            flows[scheduler.choose(i, i, row -> row != Pools.FIRST_ROW)]++;
        }
        assertEquals(0, flows[0]);
        for (int i = 1; i < 4; i++) {
            assertTrue(flows[i] > 7000, "backend " + i + ": " + flows[i]);
        }
    }

    private static int[] shares(int[] weights, int flows) {
        Scheduler scheduler = new WeightedRotationScheduler(Pools.of(weights), null);
        int[] shares = new int[weights.length];
        for (int index : choose(scheduler, flows)) {
            shares[index]++;
        }
        return shares;
    }

    private static int[] choose(Scheduler scheduler, int flows) {
        return IntStream.range(0, flows)
                .map(i -> scheduler.choose(i * 31L, i, Admission.ALL))
                .toArray();
    }
}
