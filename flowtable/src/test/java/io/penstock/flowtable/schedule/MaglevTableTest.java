package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.FlowHash;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.PriorityQueue;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Shows S2-41 to S2-43.
class MaglevTableTest {
    private static final int SIZE = 65_537;
    private static final int FLOWS = 1_000_000;

    @Test
    void shouldFillAsThePaperDoes() {
        int[] offsets = {3, 0, 3};
        int[] skips = {4, 2, 1};
        assertArrayEquals(new int[] {1, 0, 1, 0, 2, 2, 0}, MaglevTable.populate(7, offsets, skips));
    }

    @Test
    void shouldFillAsThePaperDoesWithoutTheMiddleBackend() {
        // The backend behind the removed one has index 1 now.
        int[] slots = MaglevTable.populate(7, new int[] {3, 3}, new int[] {4, 1});
        assertArrayEquals(new int[] {0, 0, 0, 0, 1, 1, 1}, slots);
    }

    @Test
    void shouldRefuseAnOffsetOrSkipOutsideTheTable() {
        assertThrows(IllegalArgumentException.class, () -> MaglevTable.populate(7, new int[] {7}, new int[] {1}));
        assertThrows(IllegalArgumentException.class, () -> MaglevTable.populate(7, new int[] {0}, new int[] {0}));
    }

    @ParameterizedTest(name = "{0} backends: {1} slots")
    @CsvSource({"0, 65537", "1, 65537", "655, 65537", "656, 655373", "4096, 655373", "6553, 655373", "65536, 6553621"})
    void shouldHaveAHundredSlotsForEachBackend(int backends, int slots) {
        assertEquals(slots, MaglevTable.sizeFor(backends));
        assertTrue(slots >= 100L * backends);
        assertTrue(IntStream.rangeClosed(2, (int) Math.sqrt(slots)).noneMatch(divisor -> slots % divisor == 0));
    }

    @Test
    void shouldBeWhatTheSlowAndPlainWayMakes() {
        RandomGenerator random = Seeds.random("shouldBeWhatTheSlowAndPlainWayMakes");
        MaglevBuilder builder = new MaglevBuilder();
        int[] primes = {2, 3, 7, 101, 1009, 10_007, SIZE};
        for (int run = 0; run < 300; run++) {
            int slots = primes[random.nextInt(primes.length)];
            int backends = 1 + random.nextInt(Math.min(slots, 300));
            int kinds = 1 + random.nextInt(5);
            int weightMax = random.nextBoolean() ? 10 : Pool.WEIGHT_MAX;
            int[] kindWeights = random.ints(kinds, 1, weightMax + 1).toArray();
            int[] weights = new int[backends];
            Arrays.setAll(weights, i -> kindWeights[random.nextInt(kinds)]);
            Pool pool = MaglevReport.pool(backends, weights, random.nextLong());
            assertArrayEquals(plain(pool, slots), slots(builder.build(pool, slots)), "run " + run);
        }
    }

    @Test
    void shouldNotDependOnTheOrderOfBackends() {
        RandomGenerator random = Seeds.random("shouldNotDependOnTheOrderOfBackends");
        for (int run = 0; run < 20; run++) {
            int[] weights = random.ints(1 + random.nextInt(200), 1, 5).toArray();
            Pool pool = MaglevReport.pool(weights.length, weights, random.nextLong());
            Pool shuffled = Pools.shuffled(pool, random);
            assertArrayEquals(rows(pool, SIZE), rows(shuffled, SIZE));
        }
    }

    @Test
    void shouldGiveEveryBackendItsShareToASlotForEqualWeights() {
        for (int backends : new int[] {1, 2, 3, 10, 100, 655}) {
            int[] shares = MaglevTable.build(Pools.equal(backends), SIZE).shares();
            for (int share : shares) {
                assertTrue(share == SIZE / backends || share == SIZE / backends + 1, backends + ": " + share);
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"1 10", "1 2 3", "65535 1", "100 100 50", "1 1 1 1 96", "65535 65534", "3 7 11 13 17", "1"})
    void shouldGiveSharesThatAreTheWeights(String text) {
        int[] weights =
                Arrays.stream(text.split(" ")).mapToInt(Integer::parseInt).toArray();
        double sum = Arrays.stream(weights).sum();
        int[] shares = MaglevTable.build(Pools.of(weights), SIZE).shares();
        for (int i = 0; i < weights.length; i++) {
            assertEquals(weights[i] * (SIZE / sum), shares[i], 1.5, "weight " + weights[i] + " of " + text);
        }
    }

    /// Flows, not slots: clients that follow each other and their ports, hashed as the packet path does.
    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"1 10", "1 2 3"})
    void shouldShareFlowsWithinHalfAPercentOfTheWeights(String text) {
        int[] weights =
                Arrays.stream(text.split(" ")).mapToInt(Integer::parseInt).toArray();
        double sum = Arrays.stream(weights).sum();
        MaglevTable table = MaglevTable.build(Pools.of(weights), SIZE);
        int[] flows = new int[weights.length];
        flows().forEach(hash -> flows[table.backend(table.slot(hash))]++);
        for (int i = 0; i < weights.length; i++) {
            double share = (double) flows[i] / FLOWS;
            System.out.printf(
                    Locale.ROOT,
                    "measured: weights %s: weight %d gets %.3f %% of %d flows (%.3f %% due)%n",
                    text,
                    weights[i],
                    100 * share,
                    FLOWS,
                    100 * weights[i] / sum);
            assertEquals(weights[i] / sum, share, 0.005, "weight " + weights[i] + " of " + text);
        }
    }

    private static LongStream flows() {
        FlowHash hash = new FlowHash(0x0123_4567_89ab_cdefL, 0x1122_3344_5566_7788L);
        return IntStream.range(0, FLOWS).mapToLong(i -> {
            long client = 0xc633_0000L + i / 16;
            return hash.hash4(client << 32 | 0xcb00_710aL, (long) (32_768 + i % 16) << 16 | 443, 6);
        });
    }

    /// The share of flows, not of slots, that goes elsewhere when one of many backends goes; what was its own has to.
    @ParameterizedTest(name = "one of {0} backends goes: at most {1} % beyond what must move")
    @CsvSource({"10, 0.5", "100, 0.8", "1000, 0.45"})
    void shouldMoveFewFlowsOfOthersWhenABackendGoes(int backends, double extraPercent) {
        int size = MaglevTable.sizeFor(backends);
        Pool before = Pools.equal(backends);
        int gone = backends / 2;
        MaglevTable old = MaglevTable.build(before, size);
        Pool after = MaglevReport.without(before, gone);
        MaglevTable now = MaglevTable.build(after, size);
        int[] forced = new int[1];
        int[] moved = new int[1];
        flows().forEach(hash -> {
            int row = before.row(old.backend(old.slot(hash)));
            forced[0] += row == before.row(gone) ? 1 : 0;
            moved[0] += row == after.row(now.backend(now.slot(hash))) ? 0 : 1;
        });
        double unavoidable = 100.0 * forced[0] / FLOWS;
        double all = 100.0 * moved[0] / FLOWS;
        System.out.printf(
                Locale.ROOT,
                "measured: one of %d backends goes: %.3f %% of %d flows move, %.3f %% had to%n",
                backends,
                all,
                FLOWS,
                unavoidable);
        assertEquals(100.0 / backends, unavoidable, 0.15);
        assertTrue(all - unavoidable < extraPercent, all + " % moved, " + unavoidable + " % had to");
    }

    @Test
    void shouldKeepToTheWeightsWhateverTheyAre() {
        RandomGenerator random = Seeds.random("shouldKeepToTheWeightsWhateverTheyAre");
        for (int run = 0; run < 50; run++) {
            int backends = 2 + random.nextInt(650);
            int[] weights =
                    random.ints(backends, 1, 1 + random.nextInt(1, 1000)).toArray();
            long sum = Arrays.stream(weights).asLongStream().sum();
            int[] shares = MaglevTable.build(MaglevReport.pool(backends, weights, random.nextLong()), SIZE)
                    .shares();
            for (int i = 0; i < backends; i++) {
                double wanted = (double) SIZE * weights[i] / sum;
                // One slot, and what the roundings of the others add up to: of the order of their number's root.
                double error = Math.max(1 + wanted * (2 + 2 * Math.sqrt(backends)) / SIZE, 1 - wanted);
                assertEquals(wanted, shares[i], error, "weight " + weights[i] + " of " + sum);
            }
        }
    }

    @Test
    void shouldGiveTheLightestASlotAndTheHeaviestItsShare() {
        int[] weights = new int[655];
        Arrays.fill(weights, 1);
        weights[300] = Pool.WEIGHT_MAX;
        int[] shares = MaglevTable.build(Pools.of(weights), SIZE).shares();
        assertEquals(SIZE - 654, shares[300], 330);
        assertTrue(Arrays.stream(shares).allMatch(share -> share >= 1));
    }

    /// 9.41 slots are due to each light one: that must be 9 for some and 10 for others, or the heavy one gets the rest.
    @Test
    void shouldRoundTheSharesOfLightBackendsBothWays() {
        int[] weights = new int[4096];
        Arrays.fill(weights, 1);
        weights[0] = Pool.WEIGHT_MAX;
        int[] shares = MaglevTable.build(Pools.of(weights), 655_373).shares();
        int light = Arrays.stream(shares).skip(1).sum();
        assertEquals(
                0.41, Arrays.stream(shares).skip(1).filter(share -> share == 10).count() / 4095.0, 0.03);
        assertEquals(655_373.0 * 4095 / (Pool.WEIGHT_MAX + 4095), light, 100);
    }

    @Test
    void shouldHoldLargePools() {
        int[] weights = new int[20_000];
        Arrays.setAll(weights, i -> 1 + i % 3);
        int size = MaglevTable.sizeFor(weights.length);
        int[] shares = MaglevTable.build(MaglevReport.pool(weights.length, weights, 5), size)
                .shares();
        double each = (double) size / Arrays.stream(weights).sum();
        for (int i = 0; i < weights.length; i++) {
            assertEquals(each * weights[i], shares[i], 2);
        }
    }

    @Test
    void shouldNotConfuseTwoBackends() {
        // Neighbouring addresses, an IPv4 one and an IPv6 one that begins like it: each pair shares few slots' order.
        byte[] six = new byte[16];
        six[0] = 10;
        long[] identities = {
            BackendIdentity.of(new byte[] {10, 0, 0, 0}, 1, 2),
            BackendIdentity.of(new byte[] {10, 0, 0, 1}, 1, 2),
            BackendIdentity.of(new byte[] {10, 0, 1, 0}, 1, 2),
            BackendIdentity.of(six, 1, 2)
        };
        for (int one = 0; one < identities.length; one++) {
            for (int other = 0; other < one; other++) {
                int[] weights = {1, 1};
                // Beside the same third backend, either one has slots of its own.
                Pool first = Pool.of(new int[] {1, 9}, weights, new long[] {identities[one], 77});
                Pool second = Pool.of(new int[] {1, 9}, weights, new long[] {identities[other], 77});
                int same = same(rows(first, SIZE), rows(second, SIZE));
                assertTrue(same < 0.7 * SIZE, same + " of " + SIZE + " slots agree"); // 2/3, those of the third
            }
        }
    }

    @Test
    void shouldServeBothOfTwoBackendsWithOneIdentity() {
        Pool pool = Pool.of(new int[] {1, 2, 3}, new int[] {5, 5, 5}, new long[] {7, 7, 8});
        for (int share : MaglevTable.build(pool, SIZE).shares()) {
            assertEquals(SIZE / 3.0, share, 1);
        }
    }

    @Test
    void shouldNotShareSlotsBetweenTheTablesOfABuilder() {
        MaglevBuilder builder = new MaglevBuilder();
        MaglevTable small = builder.build(Pools.equal(3), 1009);
        int[] before = slots(small);
        MaglevTable large = builder.build(Pools.of(1, 2, 3, 4), SIZE);
        MaglevTable again = builder.build(Pools.equal(3), 1009);
        assertArrayEquals(before, slots(small));
        assertArrayEquals(before, slots(again));
        assertArrayEquals(slots(MaglevTable.build(Pools.of(1, 2, 3, 4), SIZE)), slots(large));
    }

    @Test
    void shouldBeEmptyWithoutBackends() {
        assertTrue(MaglevTable.build(Pool.EMPTY, SIZE).isEmpty());
    }

    @Test
    void shouldMapHashesToAllSlotsEvenly() {
        MaglevTable table = MaglevTable.build(Pools.equal(2), 1009);
        assertEquals(0, table.slot(0));
        assertEquals(1008, table.slot(-1));
        int[] hits = new int[1009];
        RandomGenerator random = Seeds.of(3);
        for (int i = 0; i < 1_009_000; i++) {
            hits[table.slot(random.nextLong())]++;
        }
        for (int hit : hits) {
            assertEquals(1000, hit, 200, "six standard deviations"); // sqrt(1000) = 32
        }
    }

    /// The figures that docs/design/maglev.md and the decisions lean on, with room for other pools.
    @ParameterizedTest(name = "{1} backends, {0} slots: at most {2} % beyond what must move")
    @CsvSource({"65537, 10, 0.5", "65537, 100, 0.8", "65537, 1000, 0.8", "655373, 1000, 0.45"})
    void shouldMoveLittleMoreThanItMustWhenABackendGoes(int slots, int backends, double extraPercent) {
        MaglevReport.Disruption disruption = MaglevReport.removal(slots, backends, 5);
        assertEquals(100.0 / backends, 100 * disruption.forced(), 0.01);
        assertTrue(100 * disruption.extra() < extraPercent, disruption.toString());
    }

    @ParameterizedTest(name = "from 100 to {0}: at most {1} % beyond what must move")
    @CsvSource({"99, 0.12", "90, 0.45", "50, 0.6", "1, 0.8", "200, 0.8"})
    void shouldMoveLittleMoreThanItMustWhenAWeightChanges(int weight, double extraPercent) {
        MaglevReport.Disruption disruption = MaglevReport.weightChange(SIZE, 100, 100, weight, 5);
        assertTrue(100 * disruption.extra() < extraPercent, disruption.toString());
    }

    @Test
    void shouldNotMoveAnythingWhenAllWeightsAreScaled() {
        // The order of turns is the same but where two coincide to the last bit of time.
        int[] some = rows(Pools.of(1, 2, 3, 4), SIZE);
        int[] tenfold = rows(Pools.of(10, 20, 30, 40), SIZE);
        assertTrue(SIZE - same(some, tenfold) < 20, SIZE - same(some, tenfold) + " slots differ");
    }

    @Test
    void shouldDifferWithAnotherKey() {
        byte[] one = {10, 0, 0, 1};
        byte[] two = {10, 0, 0, 2};
        int[] weights = {1, 1};
        Pool pool = Pool.of(
                new int[] {1, 2}, weights, new long[] {BackendIdentity.of(one, 1, 2), BackendIdentity.of(two, 1, 2)});
        Pool other = Pool.of(
                new int[] {1, 2}, weights, new long[] {BackendIdentity.of(one, 3, 4), BackendIdentity.of(two, 3, 4)});
        assertNotEquals(0, SIZE - same(rows(pool, SIZE), rows(other, SIZE)));
    }

    /// Turn by turn with a queue, slot by slot: what [MaglevBuilder] must make, only slower.
    private static int[] plain(Pool pool, int slots) {
        int backends = pool.size();
        long[] at = new long[backends];
        long[] skips = new long[backends];
        for (int i = 0; i < backends; i++) {
            at[i] = Math.unsignedMultiplyHigh(BackendIdentity.mix(pool.identity(i) ^ 0x243f6a8885a308d3L), slots);
            skips[i] = 1
                    + Math.unsignedMultiplyHigh(
                            BackendIdentity.mix(pool.identity(i) ^ 0x13198a2e03707344L), slots - 1L);
        }
        Integer[] byWeight = IntStream.range(0, backends).boxed().toArray(Integer[]::new);
        Arrays.sort(
                byWeight, Comparator.<Integer>comparingInt(i -> -pool.weight(i)).thenComparingLong(pool::identity));
        int[] taken = new int[slots];
        Arrays.fill(taken, -1);
        int free = slots;
        record Turn(long time, int weight, int rank, int backend, int number) {}
        PriorityQueue<Turn> turns = new PriorityQueue<>(Comparator.comparingLong(Turn::time)
                .thenComparing(Turn::weight, Comparator.reverseOrder())
                .thenComparingInt(Turn::rank));
        for (int rank = 0; rank < backends; rank++) {
            turns.add(new Turn(-1, pool.weight(byWeight[rank]), rank, byWeight[rank], 0));
        }
        while (free > 0) {
            Turn turn = turns.remove();
            int backend = turn.backend();
            while (taken[(int) at[backend]] >= 0) {
                at[backend] = (at[backend] + skips[backend]) % slots;
            }
            taken[(int) at[backend]] = backend;
            free--;
            long number = turn.number() + 1L;
            // (number + phase) / weight in 2^-39, the phase being the identity's high half as an unsigned number
            // whose order is that of the signed identity.
            long phase = (pool.identity(backend) >> 32) + (1L << 31);
            long time = (((number << 32) + phase) << 7) / turn.weight();
            turns.add(new Turn(time, turn.weight(), turn.rank(), backend, (int) number));
        }
        return taken;
    }

    private static int[] slots(MaglevTable table) {
        return IntStream.range(0, table.size()).map(table::backend).toArray();
    }

    private static int[] rows(Pool pool, int size) {
        MaglevTable table = MaglevTable.build(pool, size);
        return IntStream.range(0, size)
                .map(slot -> pool.row(table.backend(slot)))
                .toArray();
    }

    private static int same(int[] one, int[] other) {
        return (int)
                IntStream.range(0, one.length).filter(i -> one[i] == other[i]).count();
    }
}
