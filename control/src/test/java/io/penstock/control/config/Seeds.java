package io.penstock.control.config;

import java.util.Random;

/// Random numbers that can be had again: the seed is printed, and `-Dpenstock.seed=N` sets it.
public final class Seeds {
    private Seeds() {}

    /// {@return a source of random numbers for a test}
    public static Random random(String test) {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println(test + ": -Dpenstock.seed=" + seed);
        return new Random(seed);
    }
}
