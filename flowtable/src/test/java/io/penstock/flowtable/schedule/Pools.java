package io.penstock.flowtable.schedule;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// Pools for tests. Backend `i` of `weights` has the row `100 + i` and an identity that depends on `i` alone.
final class Pools {
    static final int FIRST_ROW = 100;

    private Pools() {}

    static Pool of(int... weights) {
        return pick(IntStream.range(0, weights.length).toArray(), weights);
    }

    static Pool equal(int backends) {
        int[] weights = new int[backends];
        Arrays.fill(weights, 100);
        return of(weights);
    }

    /// The backends with these numbers, all of weight 100.
    static Pool only(int... backends) {
        int[] weights = new int[backends.length];
        Arrays.fill(weights, 100);
        return pick(backends, weights);
    }

    /// The backends with these numbers, `weights[i]` for `backends[i]`.
    static Pool pick(int[] backends, int[] weights) {
        return new Pool(
                Arrays.stream(backends).map(backend -> FIRST_ROW + backend).toArray(),
                weights,
                Arrays.stream(backends).mapToLong(Pools::identity).toArray(),
                Math.max(backends.length, 16));
    }

    static long identity(int backend) {
        return BackendIdentity.of(new byte[] {10, 0, (byte) (backend >> 8), (byte) backend}, 1, 2);
    }

    static Pool shuffled(Pool pool, RandomGenerator random) {
        int[] order = IntStream.range(0, pool.size()).toArray();
        for (int i = order.length - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int swapped = order[i];
            order[i] = order[other];
            order[other] = swapped;
        }
        return new Pool(
                Arrays.stream(order).map(pool::row).toArray(),
                Arrays.stream(order).map(pool::weight).toArray(),
                Arrays.stream(order).mapToLong(pool::identity).toArray(),
                pool.configured());
    }
}
