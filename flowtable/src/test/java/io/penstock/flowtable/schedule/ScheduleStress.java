package io.penstock.flowtable.schedule;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/// What workers see of schedulers and tables while the conductor changes them, and of each other's turns.
public final class ScheduleStress {
    private static final int SLOTS = 7;
    private static final int KEEP_TICKS = 100;
    private static final int HASH = 12_345;

    private ScheduleStress() {}

    private static Pool pool(int... rows) {
        int[] weights = new int[rows.length];
        long[] identities = new long[rows.length];
        for (int i = 0; i < rows.length; i++) {
            weights[i] = 1;
            identities[i] = rows[i];
        }
        return Pool.of(rows, weights, identities);
    }

    /// A table and its history are published by a plain store, the weakest there is: still, a worker that sees them
    /// sees them whole.
    @JCStressTest
    @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "before the change")
    @Outcome(id = "2, 1, 0", expect = ACCEPTABLE, desc = "after it: new flows move, old ones stay")
    @Outcome(expect = FORBIDDEN, desc = "half of it")
    @State
    public static class PublishHistory {
        private MaglevHistory history = MaglevHistory.first(MaglevTable.build(pool(1), SLOTS), KEEP_TICKS, 0);

        /// The conductor: backend 1 drains, 2 comes.
        @Actor
        public void conductor() {
            history = history.next(MaglevTable.build(pool(2), SLOTS), row -> true, 10);
        }

        /// A worker.
        @Actor
        public void worker(III_Result result) {
            MaglevHistory seen = history;
            result.r1 = seen.backendForNew(HASH);
            result.r2 = seen.backendForMidflow(HASH, 11);
            result.r3 = seen.isSettled(HASH, 11) ? 1 : 0;
        }
    }

    /// A scheduler is published by a plain store.
    @JCStressTest
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "the old pool")
    @Outcome(id = "2", expect = ACCEPTABLE, desc = "the new pool")
    @Outcome(expect = FORBIDDEN, desc = "half of it")
    @State
    public static class PublishScheduler {
        private Scheduler scheduler = new LeastFlowsScheduler(pool(1), true, row -> 0, null);

        /// The conductor.
        @Actor
        public void conductor() {
            scheduler = new WeightedRotationScheduler(pool(2), scheduler);
        }

        /// A worker.
        @Actor
        public void worker(I_Result result) {
            Scheduler seen = scheduler;
            result.r1 = seen.pool().row(seen.choose(1, 2, Admission.ALL));
        }
    }

    /// Two workers take their turns at once.
    @JCStressTest
    @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "one after the other")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "one after the other")
    @Outcome(expect = FORBIDDEN, desc = "a turn given twice, or left out")
    @State
    public static class TakeTurns {
        private final Scheduler scheduler = new RotationScheduler(pool(1, 2), null);

        /// A worker.
        @Actor
        public void first(II_Result result) {
            result.r1 = scheduler.choose(1, 2, Admission.ALL);
        }

        /// A worker.
        @Actor
        public void second(II_Result result) {
            result.r2 = scheduler.choose(1, 2, Admission.ALL);
        }
    }

    /// Two workers find at once that both newcomers have caught up.
    @JCStressTest
    @Outcome(id = "0", expect = ACCEPTABLE, desc = "both are counted down once")
    @Outcome(expect = FORBIDDEN, desc = "one is counted down twice, or never")
    @State
    public static class EndTheGuard {
        private long level;
        private final LeastFlowsScheduler scheduler;

        /// Two newcomers beside one with ten flows, which then have as many.
        public EndTheGuard() {
            FlowCounts counts = row -> row == 1 ? 10 : level;
            scheduler = new LeastFlowsScheduler(
                    pool(1, 2, 3), false, counts, new LeastFlowsScheduler(pool(1), false, counts, null));
            level = 10;
        }

        /// A worker.
        @Actor
        public void first() {
            chooseThroughACycle();
        }

        /// A worker.
        @Actor
        public void second() {
            chooseThroughACycle();
        }

        private void chooseThroughACycle() {
            for (int i = 0; i < 5; i++) { // 2 + 2 + 1 turns
                scheduler.choose(1, 2, Admission.ALL);
            }
        }

        /// Comes later.
        @Arbiter
        public void later(I_Result result) {
            result.r1 = scheduler.newcomersLeft();
        }
    }
}
