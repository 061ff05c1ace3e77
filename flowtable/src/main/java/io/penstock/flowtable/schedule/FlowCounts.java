package io.penstock.flowtable.schedule;

/// The live flows of each backend, summed over all workers. Called by every worker, must not allocate or block.
///
/// A worker must find a flow that it has just placed in the sum before it chooses again: its own batch is then
/// spread exactly. What other workers place may show later; until it does, `lc` and `wlc` may give a backend as
/// many flows too many as those workers have placed unseen (one each, when they count with a release store at
/// once).
@FunctionalInterface
public interface FlowCounts {
    /// {@return live flows of the backend in this row of the table of all backends}
    long flows(int row);
}
