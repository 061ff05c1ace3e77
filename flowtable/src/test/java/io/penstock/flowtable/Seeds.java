package io.penstock.flowtable;

import java.util.SplittableRandom;

/// The seed of a random test: a new one at each run, printed, so that `-Dpenstock.seed=N` runs the same again.
final class Seeds {
    private Seeds() {}

    static SplittableRandom random(Class<?> test) {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println(test.getSimpleName() + ": -Dpenstock.seed=" + seed);
        return new SplittableRandom(seed);
    }
}
