package io.penstock.bench.micro;

import io.penstock.flowtable.schedule.Admission;
import io.penstock.flowtable.schedule.BackendIdentity;
import io.penstock.flowtable.schedule.MaglevBuilder;
import io.penstock.flowtable.schedule.MaglevTable;
import io.penstock.flowtable.schedule.Pool;
import io.penstock.flowtable.schedule.Scheduler;
import io.penstock.flowtable.schedule.Schedulers;
import java.util.Arrays;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/// Choosing a backend of 64 for a new flow.
public class SchedulerBenchmark {
    private static final long GOLDEN = 0x9e3779b97f4a7c15L;

    /// A scheduler of each kind.
    @State(Scope.Thread)
    public static class Kinds {
        /// Which.
        @Param({"MH", "SH", "WRR", "SWRR", "LC", "WLC"})
        public Schedulers.Kind kind = Schedulers.Kind.MH;

        final long[] flows = new long[64];
        Scheduler scheduler = Schedulers.create(kind, Pool.EMPTY, _ -> 0, null);
        long hash;

        /// Makes the scheduler.
        @Setup
        public void create() {
            scheduler = Schedulers.create(kind, pool(64), row -> flows[row], null);
        }
    }

    /// A table and the memory to build it.
    @State(Scope.Thread)
    public static class Maglev {
        final MaglevBuilder builder = new MaglevBuilder();
        final Pool pool = pool(1_000);
        final MaglevTable table = builder.build(pool, 65_537);
        long hash;
    }

    /// One new flow; what it adds to its backend counts for the next one.
    @Benchmark
    public int choose(Kinds state) {
        state.hash += GOLDEN;
        int index = state.scheduler.choose(state.hash, state.hash, Admission.ALL);
        state.flows[index]++;
        return index;
    }

    /// A look at the table alone.
    @Benchmark
    public int maglevLookUp(Maglev state) {
        state.hash += GOLDEN;
        return state.table.backend(state.table.slot(state.hash));
    }

    /// 65,537 slots for 1,000 backends.
    @Benchmark
    public MaglevTable maglevBuild(Maglev state) {
        return state.builder.build(state.pool, 65_537);
    }

    private static Pool pool(int backends) {
        int[] rows = new int[backends];
        int[] weights = new int[backends];
        long[] identities = new long[backends];
        Arrays.fill(weights, 100);
        for (int i = 0; i < backends; i++) {
            rows[i] = i;
            identities[i] = BackendIdentity.of(new byte[] {10, 1, (byte) (i >>> 8), (byte) i}, 1, 2);
        }
        return Pool.of(rows, weights, identities);
    }
}
