package io.penstock.flowtable.packet;

import java.util.Random;

/// Random numbers for tests, from `-Dpenstock.seed` or a new seed, which is printed.
final class Seed {
    private Seed() {}

    static Random random(String test) {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println(test + ": -Dpenstock.seed=" + seed);
        return new Random(seed);
    }
}
