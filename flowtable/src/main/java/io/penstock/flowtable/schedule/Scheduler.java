package io.penstock.flowtable.schedule;

/// Who gets a new flow. One instance serves all workers at once; nothing here allocates, blocks or locks.
///
/// An instance belongs to one [Pool]. When the pool changes the conductor makes the next instance with
/// [Schedulers#create(Schedulers.Kind, Pool, FlowCounts, Scheduler)] and publishes it; workers that still hold the
/// old one may go on with it until they see the new one.
public interface Scheduler {
    /// The pool is empty.
    int EMPTY = -1;

    /// Every backend refused.
    int FULL = -2;

    /// Chooses a backend and counts the choice where the scheduler has a rotation.
    ///
    /// @param flowHash   keyed hash of the 5-tuple
    /// @param clientHash keyed hash of the client's address
    /// @param admission  which backends may take one more flow
    /// @return an index into [#pool()], [#EMPTY] or [#FULL]
    int choose(long flowHash, long clientHash, Admission admission);

    /// What [#choose(long, long, Admission)] would return now, without taking the turn; for `explain`.
    ///
    /// @param flowHash   keyed hash of the 5-tuple
    /// @param clientHash keyed hash of the client's address
    /// @param admission  which backends may take one more flow
    /// @return an index into [#pool()], [#EMPTY] or [#FULL]
    int peek(long flowHash, long clientHash, Admission admission);

    /// {@return the backends that are chosen from}
    Pool pool();
}
