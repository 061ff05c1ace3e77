package io.penstock.flowtable.schedule;

/// `mh` and `sh`: the backend that owns the hash's slot in a Maglev table; the hash of the 5-tuple for `mh`, of the
/// client's address for `sh`. The same hash gets the same backend as long as the pool stays as it is, on every
/// machine that has the same hash key.
///
/// A backend that may not take another flow (`max-flows`) is passed over: the hash is mixed again a few times, which
/// spreads its flows over the others by weight, then the pool is searched. Such a flow is not where its slot says, so
/// it needs an entry in the flow table.
public final class MaglevScheduler implements Scheduler {
    // With half of the weight refusing, eight looks miss once in 256; the search that follows finds whoever is left.
    private static final int FURTHER_LOOKS = 8;
    private static final long STEP = 0x9e3779b97f4a7c15L; // 2^64 / golden ratio: far-apart inputs for the mix.

    private final MaglevTable table;
    private final Pool pool;
    private final boolean isByClient;

    /// @param table      of the pool to choose from
    /// @param isByClient true for `sh`
    public MaglevScheduler(MaglevTable table, boolean isByClient) {
        this.table = table;
        this.isByClient = isByClient;
        pool = table.pool();
    }

    /// {@return the table that decides}
    public MaglevTable table() {
        return table;
    }

    /// {@return whether the client's address alone decides}
    public boolean isByClient() {
        return isByClient;
    }

    /// {@return which of the two hashes decides here}
    public long hashOf(long flowHash, long clientHash) {
        return isByClient ? clientHash : flowHash;
    }

    @Override
    public int choose(long flowHash, long clientHash, Admission admission) {
        if (table.isEmpty()) {
            return EMPTY;
        }
        long hash = isByClient ? clientHash : flowHash;
        int index = table.backend(table.slot(hash));
        return admission.admits(pool.rows[index]) ? index : chooseAnother(hash, index, admission);
    }

    @Override
    public int peek(long flowHash, long clientHash, Admission admission) {
        return choose(flowHash, clientHash, admission);
    }

    private int chooseAnother(long hash, int refused, Admission admission) {
        for (int look = 1; look <= FURTHER_LOOKS; look++) {
            int index = table.backend(table.slot(BackendIdentity.mix(hash + look * STEP)));
            if (admission.admits(pool.rows[index])) {
                return index;
            }
        }
        return pool.firstAdmitted(refused, admission);
    }

    @Override
    public Pool pool() {
        return pool;
    }
}
