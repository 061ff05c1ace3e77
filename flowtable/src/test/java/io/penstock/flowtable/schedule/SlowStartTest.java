package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SlowStartTest {
    @ParameterizedTest(name = "{0} ms of 40 s: weight {1} of 100")
    @CsvSource({"0, 20", "9999, 20", "10000, 40", "20000, 60", "30000, 80", "39999, 80", "40000, 100", "99999, 100"})
    void shouldGrowInFewSteps(long sinceMs, int weight) {
        assertEquals(weight, SlowStart.weight(100, 5000, 5000 + sinceMs, 40_000));
    }

    @Test
    void shouldBeAtLeastOne() {
        assertEquals(1, SlowStart.weight(1, 5000, 5000, 40_000));
        assertEquals(1, SlowStart.weight(4, 5000, 5000, 40_000));
        assertEquals(13_107, SlowStart.weight(65_535, 5000, 5000, 40_000));
    }

    @Test
    void shouldLeaveAWeightOfZero() {
        assertEquals(0, SlowStart.weight(0, 5000, 5000, 40_000));
    }

    @Test
    void shouldDoNothingWithoutASlowStart() {
        assertEquals(100, SlowStart.weight(100, 5000, 5000, 0));
        assertEquals(100, SlowStart.weight(100, 0, 5000, 40_000));
        assertEquals(Long.MAX_VALUE, SlowStart.nextChangeMs(5000, 5000, 0));
        assertEquals(Long.MAX_VALUE, SlowStart.nextChangeMs(0, 5000, 40_000));
    }

    @Test
    void shouldTakeAClockThatWentBackForTheStart() {
        assertEquals(20, SlowStart.weight(100, 5000, 1000, 40_000));
    }

    @ParameterizedTest(name = "slow start of {0} ms")
    @CsvSource({"40000", "1", "3", "999", "1001", "1200000"})
    void shouldForetellEveryChange(long slowStartMs) {
        long nowMs = 5000;
        int weight = SlowStart.weight(100, 5000, nowMs, slowStartMs);
        int changes = 0;
        for (long next = SlowStart.nextChangeMs(5000, nowMs, slowStartMs);
                next != Long.MAX_VALUE;
                next = SlowStart.nextChangeMs(5000, next, slowStartMs)) {
            assertEquals(weight, SlowStart.weight(100, 5000, next - 1, slowStartMs), "just before " + next);
            weight = SlowStart.weight(100, 5000, next, slowStartMs);
            changes++;
        }
        assertEquals(100, weight);
        assertEquals(Math.min(4, slowStartMs), changes);
    }
}
