package io.penstock.sidecar.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.penstock.control.snapshot.Snapshot.Health;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RiseFallTest {
    @ParameterizedTest(name = "from {0}, rise 2, fall 3: {1} gives {2}")
    @CsvSource({
        "UP,      ff,       UP",
        "UP,      fff,      DOWN",
        "UP,      ffsff,    UP",
        "UP,      ffsfff,   DOWN",
        "DOWN,    s,        DOWN",
        "DOWN,    ss,       UP",
        "DOWN,    sfs,      DOWN",
        "DOWN,    sfss,     UP",
        "UNKNOWN, ff,       UNKNOWN",
        "UNKNOWN, fff,      DOWN",
        "UNKNOWN, s,        UNKNOWN",
        "UNKNOWN, ss,       UP",
        "UNKNOWN, ffsff,    UNKNOWN",
        "UNKNOWN, sfs,      UNKNOWN",
        "UP,      fffss,    UP",
    })
    void shouldCountOnlyConsecutiveResults(Health from, String results, Health expected) {
        RiseFall state = new RiseFall(2, 3, from);
        results.chars().forEach(result -> state.record(result == 's'));
        assertEquals(expected, state.health());
    }

    @Test
    void shouldNotFlapWithScatteredFailures() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("RiseFallTest seed " + seed);
        Random random = new Random(seed);
        RiseFall state = new RiseFall(2, 2, Health.UP);
        boolean failedBefore = false;
        for (int i = 0; i < 100_000; i++) {
            boolean fails = !failedBefore && random.nextInt(3) == 0; // never two in a row
            assertFalse(state.record(!fails), "changed at result " + i);
            failedBefore = fails;
        }
    }
}
