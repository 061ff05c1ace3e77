package io.penstock.flowtable.schedule;

import org.jspecify.annotations.Nullable;

/// Makes the scheduler of a listener. Called by the conductor, off the packet path.
public final class Schedulers {
    private Schedulers() {}

    /// The kinds of scheduler; `rr` is [#WRR].
    public enum Kind {
        /// Maglev hash of the 5-tuple: [MaglevScheduler].
        MH,
        /// Rotation that ignores weights: [RotationScheduler].
        WRR,
        /// Smooth weighted rotation: [WeightedRotationScheduler].
        SWRR,
        /// Fewest flows: [LeastFlowsScheduler].
        LC,
        /// Fewest flows for the weight: [LeastFlowsScheduler].
        WLC,
        /// Maglev hash of the client's address: [MaglevScheduler].
        SH
    }

    /// Makes a scheduler with scratch memory of its own.
    ///
    /// @see #create(Kind, Pool, FlowCounts, Scheduler, MaglevBuilder)
    public static Scheduler create(Kind kind, Pool pool, FlowCounts counts, @Nullable Scheduler previous) {
        return create(kind, pool, counts, previous, new MaglevBuilder());
    }

    /// Makes a scheduler.
    ///
    /// @param counts   live flows, for `lc` and `wlc`
    /// @param previous the listener's scheduler until now, whose rotation goes on; null for a new listener
    /// @param builder  scratch memory that is used again and again
    public static Scheduler create(
            Kind kind, Pool pool, FlowCounts counts, @Nullable Scheduler previous, MaglevBuilder builder) {
        return switch (kind) {
            case MH, SH -> {
                boolean byClient = kind == Kind.SH;
                MaglevTable table = previous instanceof MaglevScheduler maglev
                                && maglev.pool().isSame(pool)
                        ? maglev.table()
                        : builder.build(pool, MaglevTable.sizeFor(pool.configured()));
                yield new MaglevScheduler(table, byClient);
            }
            case WRR -> new RotationScheduler(pool, previous);
            case SWRR -> new WeightedRotationScheduler(pool, previous);
            case LC -> new LeastFlowsScheduler(pool, false, counts, previous);
            case WLC -> new LeastFlowsScheduler(pool, true, counts, previous);
        };
    }
}
