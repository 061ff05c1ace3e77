package io.penstock.bench.maglev;

import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.flowtable.schedule.BackendIdentity;
import io.penstock.flowtable.schedule.MaglevBuilder;
import io.penstock.flowtable.schedule.MaglevTable;
import io.penstock.flowtable.schedule.Pool;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// Builds tables over and over with one builder, as the conductor does: its scratch memory is warm.
final class MaglevBench {
    private static final double NS_PER_MS = 1e6;

    private final Random random;
    private final int runs;
    private final int warmups;
    private final MaglevBuilder builder = new MaglevBuilder();

    /// @param runs    builds that count
    /// @param warmups builds before them
    MaglevBench(long seed, int runs, int warmups) {
        random = new Random(seed);
        this.runs = runs;
        this.warmups = warmups;
    }

    /// Backends of one weight.
    void measure(Report report, Progress progress, int slots, int backends) {
        int[] weights = new int[backends];
        Arrays.fill(weights, 100);
        measure(report, progress, slots + "x" + backends, slots, weights);
    }

    /// Backends of random weights from 1 to 255.
    void measureWeighted(Report report, Progress progress, int slots, int backends) {
        int[] weights = random.ints(backends, 1, 256).toArray();
        measure(report, progress, slots + "x" + backends + " weighted", slots, weights);
    }

    private void measure(Report report, Progress progress, String name, int slots, int[] weights) {
        progress.begin("build " + name);
        Pool pool = pool(weights);
        for (int i = 0; i < warmups; i++) {
            builder.build(pool, slots);
        }
        List<Double> times = new ArrayList<>();
        for (int i = 0; i < runs; i++) {
            long startNs = System.nanoTime();
            builder.build(pool, slots);
            times.add((System.nanoTime() - startNs) / NS_PER_MS);
        }
        report.add("penstock", "build " + name, "", "", 0, "ms", times);
        MaglevTable table = builder.build(pool, slots);
        addShares(report, name, table, weights);
        addMoves(report, name, table, pool, slots);
        progress.end(times, "ms");
    }

    /// The share of each backend against the one that its weight asks for.
    private static void addShares(Report report, String name, MaglevTable table, int[] weights) {
        int[] shares = table.shares();
        long total = Arrays.stream(weights).asLongStream().sum();
        double least = Double.MAX_VALUE;
        double most = 0;
        for (int i = 0; i < shares.length; i++) {
            double share = 100.0 * shares[i] * total / ((double) table.size() * weights[i]);
            least = Math.min(least, share);
            most = Math.max(most, share);
        }
        report.add("penstock", "least share " + name, "", "", 0, "%", List.of(least));
        report.add("penstock", "greatest share " + name, "", "", 0, "%", List.of(most));
    }

    /// Slots that change their owner though that is still there, when one backend goes.
    private void addMoves(Report report, String name, MaglevTable before, Pool pool, int slots) {
        List<Double> moved = new ArrayList<>();
        for (int run = 0; run < Math.min(runs, pool.size()); run++) {
            int gone = random.nextInt(pool.size());
            MaglevTable after = builder.build(without(pool, gone), slots);
            int moves = 0;
            for (int slot = 0; slot < slots; slot++) {
                int owner = before.backend(slot);
                int row = after.pool().row(after.backend(slot));
                moves += owner != gone && row != pool.row(owner) ? 1 : 0;
            }
            moved.add(100.0 * moves / slots);
        }
        report.add("penstock", "moved without need " + name, "", "", 0, "%", moved);
    }

    private static Pool pool(int[] weights) {
        int[] rows = new int[weights.length];
        long[] identities = new long[weights.length];
        for (int i = 0; i < weights.length; i++) {
            rows[i] = i;
            identities[i] = BackendIdentity.of(new byte[] {10, 1, (byte) (i >>> 8), (byte) i}, 1, 2);
        }
        return Pool.of(rows, weights, identities);
    }

    private static Pool without(Pool pool, int gone) {
        int size = pool.size() - 1;
        int[] rows = new int[size];
        int[] weights = new int[size];
        long[] identities = new long[size];
        for (int i = 0, j = 0; i < pool.size(); i++) {
            if (i != gone) {
                rows[j] = pool.row(i);
                weights[j] = pool.weight(i);
                identities[j++] = pool.identity(i);
            }
        }
        return new Pool(rows, weights, identities, pool.configured());
    }
}
