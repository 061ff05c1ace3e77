package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Shows S2-45, S2-46, S2-47.
class RotationSchedulerTest {
    @Test
    void shouldGoThroughTheBackendsInTheirOrderWhateverTheWeights() {
        Scheduler scheduler = new RotationScheduler(Pools.of(1, 50, 3), null);
        assertArrayEquals(new int[] {0, 1, 2, 0, 1, 2, 0}, choose(scheduler, 7));
    }

    @Test
    void shouldSkipOneThatRefuses() {
        Scheduler scheduler = new RotationScheduler(Pools.equal(3), null);
        Admission admission = row -> row != Pools.FIRST_ROW + 1;
        int[] chosen = IntStream.range(0, 5)
                .map(i -> scheduler.choose(0, 0, admission))
                .toArray();
        assertArrayEquals(new int[] {0, 2, 0, 2, 0}, chosen);
    }

    @Test
    void shouldGoOnWithTheNextWhenABackendGoes() {
        Scheduler scheduler = new RotationScheduler(Pools.only(0, 1, 2, 3), null);
        choose(scheduler, 2);
        assertArrayEquals(new int[] {2, 3, 0}, backends(new RotationScheduler(Pools.only(0, 2, 3), scheduler), 3));
        assertArrayEquals(new int[] {3, 0, 1}, backends(new RotationScheduler(Pools.only(0, 1, 3), scheduler), 3));
    }

    @Test
    void shouldGoOnWithTheNextWhenABackendComes() {
        Scheduler scheduler = new RotationScheduler(Pools.only(0, 2), null);
        choose(scheduler, 1);
        assertArrayEquals(
                new int[] {2, 3, 0, 1}, backends(new RotationScheduler(Pools.only(0, 1, 2, 3), scheduler), 4));
    }

    @Test
    void shouldBeginAtTheFirstWhenNoBackendIsLeft() {
        Scheduler scheduler = new RotationScheduler(Pools.only(0, 1), null);
        choose(scheduler, 1);
        assertArrayEquals(new int[] {5, 6}, backends(new RotationScheduler(Pools.only(5, 6), scheduler), 2));
    }

    @Test
    void shouldShareTheRotationWhenOnlyWeightsChange() {
        Scheduler old = new RotationScheduler(Pools.of(1, 1, 1), null);
        Scheduler scheduler = new RotationScheduler(Pools.of(1, 2, 1), old);
        // A worker that has not seen the new one yet takes its turns from the same rotation.
        assertEquals(0, old.choose(0, 0, Admission.ALL));
        assertEquals(1, scheduler.choose(0, 0, Admission.ALL));
        assertEquals(2, old.choose(0, 0, Admission.ALL));
    }

    /// A plain model over pools that change at random: the next backend in configuration order, always.
    @Test
    void shouldBeAPlainRotationThroughAMillionOperations() {
        RandomGenerator random = Seeds.random("shouldBeAPlainRotationThroughAMillionOperations");
        int[] backends = {0, 1, 2};
        Scheduler scheduler = new RotationScheduler(Pools.only(backends), null);
        int next = 0; // index into backends
        for (int operation = 0; operation < 1_000_000; operation++) {
            if (random.nextInt(1000) == 0) {
                int[] before = backends;
                backends = IntStream.range(0, 12)
                        .filter(i -> random.nextInt(3) > 0)
                        .toArray();
                next = follow(before, next, backends);
                scheduler = new RotationScheduler(Pools.only(backends), scheduler);
            }
            int expected = backends.length == 0 ? Scheduler.EMPTY : next++ % backends.length;
            assertEquals(expected, scheduler.choose(operation, 0, Admission.ALL));
        }
    }

    /// Backends are in the order of their numbers in every pool, so the one behind is the next greater, or the first.
    private static int follow(int[] before, int next, int[] now) {
        for (int i = 0; i < before.length; i++) {
            int at = Arrays.binarySearch(now, before[(next + i) % before.length]);
            if (at >= 0) {
                return at;
            }
        }
        return 0;
    }

    private static int[] choose(Scheduler scheduler, int flows) {
        return IntStream.range(0, flows)
                .map(i -> scheduler.choose(i * 31L, i, Admission.ALL))
                .toArray();
    }

    private static int[] backends(Scheduler scheduler, int flows) {
        return Arrays.stream(choose(scheduler, flows))
                .map(index -> scheduler.pool().row(index) - Pools.FIRST_ROW)
                .toArray();
    }
}
