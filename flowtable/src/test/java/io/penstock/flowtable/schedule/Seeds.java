package io.penstock.flowtable.schedule;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// Random numbers whose seed is printed and replays with `-Dpenstock.seed=N`.
final class Seeds {
    private Seeds() {}

    static RandomGenerator random(String test) {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println(test + ": -Dpenstock.seed=" + seed);
        return of(seed);
    }

    static RandomGenerator of(long seed) {
        return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    }
}
