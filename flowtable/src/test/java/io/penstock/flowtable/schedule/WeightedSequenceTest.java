package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WeightedSequenceTest {
    @Test
    void shouldSpreadTheTurnsOfACycle() {
        assertArrayEquals(new int[] {2, 1, 0, 2, 1, 2}, turns(new WeightedSequence(new int[] {1, 2, 3}), 6));
        assertArrayEquals(new int[] {0, 0, 1, 0, 0}, turns(new WeightedSequence(new int[] {400, 100}), 5));
    }

    @Test
    void shouldGoInOrderForEqualWeights() {
        assertArrayEquals(new int[] {0, 1, 2, 0, 1, 2}, turns(new WeightedSequence(new int[] {100, 100, 100}), 6));
    }

    @Test
    void shouldReduceWeightsToLowestTerms() {
        assertEquals(11, new WeightedSequence(new int[] {100, 1000}).cycle());
        assertEquals(65_536, new WeightedSequence(new int[] {65_535, 1}).cycle());
    }

    @Test
    void shouldBeExactOverACycleThatIsWrittenDown() {
        RandomGenerator random = Seeds.random("shouldBeExactOverACycleThatIsWrittenDown");
        for (int run = 0; run < 30; run++) {
            int[] weights = random.ints(1 + random.nextInt(60), 1, 1000).toArray();
            assertExact(weights, 2.0);
        }
    }

    @Test
    void shouldBeExactOverACycleThatIsComputed() {
        assertExact(new int[] {65_535, 65_534, 1}, 8.0);
        assertExact(new int[] {65_537, 1_000_000}, 8.0);
        RandomGenerator random = Seeds.random("shouldBeExactOverACycleThatIsComputed");
        for (int run = 0; run < 10; run++) {
            assertExact(random.ints(100 + random.nextInt(300), 1, 10_000).toArray(), 8.0);
        }
    }

    /// The heaviest pool there can be: its cycle is not walked, only sampled.
    @Test
    void shouldHoldTheHeaviestPool() {
        int[] weights = new int[Pool.SIZE_MAX];
        Arrays.fill(weights, Pool.WEIGHT_MAX);
        weights[7] = Pool.WEIGHT_MAX - 1; // No common divisor.
        WeightedSequence sequence = new WeightedSequence(weights);
        assertEquals(65_535L * 65_536 - 1, sequence.cycle());
        int[] turns = new int[weights.length];
        for (long ticket = sequence.cycle() - 10L * weights.length; ticket < sequence.cycle(); ticket++) {
            turns[sequence.at(ticket)]++;
        }
        assertTrue(Arrays.stream(turns).allMatch(count -> count >= 8 && count <= 12));
    }

    /// Exactly the weights over a cycle, and never further from the share on the way than `deviationMax` turns.
    private static void assertExact(int[] weights, double deviationMax) {
        WeightedSequence sequence = new WeightedSequence(weights);
        long sum = Arrays.stream(weights).asLongStream().sum();
        long[] turns = new long[weights.length];
        double deviation = 0;
        for (long ticket = 0; ticket < sequence.cycle(); ticket++) {
            int index = sequence.at(ticket);
            double share = (double) weights[index] / sum;
            deviation = Math.max(deviation, Math.abs(turns[index] - ticket * share));
            turns[index]++;
            deviation = Math.max(deviation, Math.abs(turns[index] - (ticket + 1) * share));
        }
        long divisor = sum / sequence.cycle();
        for (int i = 0; i < weights.length; i++) {
            assertEquals(weights[i], turns[i] * divisor);
        }
        assertTrue(
                deviation <= deviationMax,
                "deviation " + deviation + " of " + weights.length + " weights, cycle " + sequence.cycle());
    }

    private static int[] turns(WeightedSequence sequence, int count) {
        return IntStream.range(0, count).map(sequence::at).toArray();
    }
}
