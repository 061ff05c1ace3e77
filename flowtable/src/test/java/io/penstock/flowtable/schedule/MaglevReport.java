package io.penstock.flowtable.schedule;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Formatter;
import java.util.Locale;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// Measures evenness, disruption and build time of [MaglevTable] and prints the tables of docs/design/maglev.md. Run
/// its `main`; `MaglevTableTest` holds the figures it depends on.
final class MaglevReport {
    private static final long SEED = 1;
    private static final Formatter OUT = new Formatter(System.out, Locale.ROOT);

    private MaglevReport() {}

    /// A backend's share of what changed.
    ///
    /// @param changed share of all slots whose backend changed
    /// @param forced  share that had to change: slots that a backend had to give up for the new shares
    record Disruption(double changed, double forced) {
        double extra() {
            return changed - forced;
        }
    }

    public static void main(String[] arguments) {
        OUT.format("seed %d%n%nevenness, equal weights%n", SEED);
        OUT.format("%8s %8s %8s %8s %9s%n", "slots", "backends", "min/avg", "max/avg", "CoV");
        for (int[] shape :
                new int[][] {{65_537, 10}, {65_537, 100}, {65_537, 1000}, {655_373, 1000}, {655_373, 4096}}) {
            printEvenness(shape[0], shape[1]);
        }
        OUT.format(
                "%none backend of many goes (mean of 20)%n%8s %8s %9s %9s %9s%n",
                "slots", "backends", "changed", "forced", "extra");
        for (int[] shape :
                new int[][] {{65_537, 10}, {65_537, 100}, {65_537, 1000}, {655_373, 1000}, {655_373, 4096}}) {
            printRow(shape[0], shape[1], removal(shape[0], shape[1], 20));
        }
        OUT.format(
                "%nweight of one in 100 changes from 100 (mean of 20), 65537 slots%n%8s %9s %9s %9s%n",
                "to", "changed", "forced", "extra");
        for (int weight : new int[] {99, 101, 90, 80, 60, 50, 40, 20, 1, 200}) {
            Disruption disruption = weightChange(65_537, 100, 100, weight, 20);
            OUT.format(
                    "%8d %8.3f%% %8.3f%% %8.3f%%%n",
                    weight, 100 * disruption.changed(), 100 * disruption.forced(), 100 * disruption.extra());
        }
        OUT.format(
                "%nslow start of one in 100, sum over all steps (mean of 20), 65537 slots%n%8s %9s%n",
                "steps", "changed");
        for (int steps : new int[] {1, 2, 3, 4, 5, 10, 20, 50, 100}) {
            double sum = arrival(65_537, 100, 100 / steps, 20).changed();
            for (int step = 1; step < steps; step++) {
                sum += weightChange(65_537, 100, 100 * step / steps, 100 * (step + 1) / steps, 20)
                        .changed();
            }
            OUT.format("%8d %8.3f%%%n", steps, 100 * sum);
        }
        OUT.format(
                "%nbuild, CPU time once warm (median of 41)%n%8s %8s %10s %10s%n",
                "slots", "backends", "weights", "ms");
        for (int[] shape :
                new int[][] {{65_537, 10}, {65_537, 100}, {65_537, 1000}, {655_373, 1000}, {655_373, 4096}}) {
            for (Weights weights : Weights.values()) {
                OUT.format(
                        "%8d %8d %10s %10.2f%n",
                        shape[0],
                        shape[1],
                        weights.name().toLowerCase(Locale.ROOT),
                        buildMs(shape[0], shape[1], weights));
            }
        }
    }

    /// How weights are spread in a measurement.
    enum Weights {
        EQUAL,
        MIXED,
        DISTINCT,
        EXTREME;

        int of(int backend) {
            return switch (this) {
                case EQUAL -> 100;
                case MIXED -> 100 * (1 + backend % 4);
                case DISTINCT -> 1 + backend % Pool.WEIGHT_MAX;
                case EXTREME -> backend == 0 ? Pool.WEIGHT_MAX : 1;
            };
        }
    }

    private static double buildMs(int slots, int backends, Weights weights) {
        int[] all = new int[backends];
        Arrays.setAll(all, weights::of);
        // CPU time, so that what else runs on the machine counts less.
        var thread = ManagementFactory.getThreadMXBean();
        MaglevBuilder builder = new MaglevBuilder();
        double[] times = new double[41];
        for (int warmUp = 0; warmUp < 2; warmUp++) {
            for (int run = 0; run < times.length; run++) {
                Pool pool = pool(backends, all, run);
                long start = thread.getCurrentThreadCpuTime();
                builder.build(pool, slots);
                times[run] = (thread.getCurrentThreadCpuTime() - start) / 1e6;
            }
        }
        Arrays.sort(times);
        return times[times.length / 2];
    }

    private static void printEvenness(int slots, int backends) {
        int[] shares =
                MaglevTable.build(pool(backends, equal(backends), SEED), slots).shares();
        double mean = (double) slots / backends;
        double squares = Arrays.stream(shares)
                .mapToDouble(share -> (share - mean) * (share - mean))
                .sum();
        OUT.format(
                "%8d %8d %8.4f %8.4f %8.3f%%%n",
                slots,
                backends,
                Arrays.stream(shares).min().orElseThrow() / mean,
                Arrays.stream(shares).max().orElseThrow() / mean,
                100 * Math.sqrt(squares / backends) / mean);
    }

    private static void printRow(int slots, int backends, Disruption disruption) {
        OUT.format(
                "%8d %8d %8.3f%% %8.3f%% %8.3f%%%n",
                slots, backends, 100 * disruption.changed(), 100 * disruption.forced(), 100 * disruption.extra());
    }

    /// One backend of `backends` equal ones goes: the mean of `runs` different pools.
    static Disruption removal(int slots, int backends, int runs) {
        Disruption[] all = new Disruption[runs];
        for (int run = 0; run < runs; run++) {
            Pool pool = pool(backends, equal(backends), SEED + run);
            all[run] = between(pool, without(pool, run % backends), slots);
        }
        return mean(all);
    }

    /// One backend comes to `backends - 1` of weight 100.
    static Disruption arrival(int slots, int backends, int weight, int runs) {
        Disruption[] all = new Disruption[runs];
        for (int run = 0; run < runs; run++) {
            int[] weights = equal(backends);
            weights[run % backends] = weight;
            Pool pool = pool(backends, weights, SEED + run);
            all[run] = between(without(pool, run % backends), pool, slots);
        }
        return mean(all);
    }

    /// The weight of one of `backends` changes; all others have 100.
    static Disruption weightChange(int slots, int backends, int from, int to, int runs) {
        Disruption[] all = new Disruption[runs];
        for (int run = 0; run < runs; run++) {
            int[] before = equal(backends);
            before[run % backends] = from;
            int[] after = equal(backends);
            after[run % backends] = to;
            all[run] = between(pool(backends, before, SEED + run), pool(backends, after, SEED + run), slots);
        }
        return mean(all);
    }

    private static Disruption mean(Disruption[] all) {
        return new Disruption(
                Arrays.stream(all).mapToDouble(Disruption::changed).average().orElseThrow(),
                Arrays.stream(all).mapToDouble(Disruption::forced).average().orElseThrow());
    }

    /// Compares two tables by the rows that their slots lead to.
    static Disruption between(Pool before, Pool after, int slots) {
        MaglevBuilder builder = new MaglevBuilder();
        MaglevTable old = builder.build(before, slots);
        MaglevTable now = builder.build(after, slots);
        int changed = 0;
        for (int slot = 0; slot < slots; slot++) {
            changed += before.row(old.backend(slot)) == after.row(now.backend(slot)) ? 0 : 1;
        }
        int[] shares = now.shares();
        int given = 0;
        int[] oldShares = old.shares();
        for (int i = 0; i < before.size(); i++) {
            int index = after.indexOfRow(before.row(i));
            given += Math.max(0, oldShares[i] - (index < 0 ? 0 : shares[index]));
        }
        return new Disruption((double) changed / slots, (double) given / slots);
    }

    static Pool without(Pool pool, int removed) {
        int size = pool.size() - 1;
        int[] rows = new int[size];
        int[] weights = new int[size];
        long[] identities = new long[size];
        for (int i = 0; i < size; i++) {
            int from = i < removed ? i : i + 1;
            rows[i] = pool.row(from);
            weights[i] = pool.weight(from);
            identities[i] = pool.identity(from);
        }
        return new Pool(rows, weights, identities, pool.configured());
    }

    static int[] equal(int backends) {
        int[] weights = new int[backends];
        Arrays.fill(weights, 100);
        return weights;
    }

    static Pool pool(int backends, int[] weights, long seed) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        int[] rows = new int[backends];
        Arrays.setAll(rows, i -> i);
        long[] identities = random.longs(backends).toArray();
        return Pool.of(rows, weights, identities);
    }
}
