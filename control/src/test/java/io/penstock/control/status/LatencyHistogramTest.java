package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Seeds;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LatencyHistogramTest {

    @Test
    void shouldPutEachDurationIntoABucketThatHoldsIt() {
        Random random = Seeds.random("LatencyHistogramTest");
        for (int round = 0; round < 100_000; round++) {
            long ns = random.nextLong() >>> (30 + random.nextInt(34));
            int bucket = LatencyHistogram.bucket(ns);
            if (bucket == LatencyHistogram.BUCKETS - 1) {
                continue;
            }
            assertTrue(ns <= LatencyHistogram.upperNs(bucket), () -> ns + " is above its bucket");
            assertTrue(bucket == 0 || ns > LatencyHistogram.upperNs(bucket - 1), () -> ns + " is below its bucket");
            assertTrue(LatencyHistogram.upperNs(bucket) - ns <= Math.max(0, ns / 16), () -> ns + " is off by more");
        }
        assertEquals(0, LatencyHistogram.bucket(-1));
        assertEquals(LatencyHistogram.BUCKETS - 1, LatencyHistogram.bucket(Long.MAX_VALUE));
    }

    @Test
    void shouldFindPercentiles() {
        LatencyHistogram histogram = new LatencyHistogram(Arena.ofAuto().allocate(8L * LatencyHistogram.BUCKETS, 8));
        for (int ns = 1; ns <= 1_000; ns++) {
            histogram.record(ns);
        }
        long[] counts = new long[LatencyHistogram.BUCKETS];
        for (int bucket = 0; bucket < counts.length; bucket++) {
            counts[bucket] = histogram.count(bucket);
        }

        assertTrue(Math.abs(LatencyHistogram.percentileNs(counts, 0.5) - 500) <= 32);
        assertTrue(Math.abs(LatencyHistogram.percentileNs(counts, 0.99) - 990) <= 62);
        assertEquals(0, LatencyHistogram.percentileNs(new long[4], 0.99));
    }
}
