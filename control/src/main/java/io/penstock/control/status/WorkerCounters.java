package io.penstock.control.status;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// One worker's counters: counted in the worker's own memory, published to the status file once a batch.
///
/// Single writer; readers in other processes see each published value whole.
public final class WorkerCounters {
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment published;
    private final long[] totals = new long[WorkerCounter.CAPACITY];
    private final int[] ids;

    /// Goes on from the values that are there.
    ///
    /// @param published `8 * WorkerCounter.CAPACITY` bytes of the status file, or of the heap
    public WorkerCounters(MemorySegment published) {
        this.published = published.asSlice(0, 8L * WorkerCounter.CAPACITY);
        WorkerCounter[] all = WorkerCounter.values();
        ids = new int[all.length];
        for (int i = 0; i < all.length; i++) {
            ids[i] = all[i].id();
            totals[ids[i]] = published(all[i]);
        }
    }

    /// Counts, for the worker alone until [#publish()].
    ///
    /// @param id    [WorkerCounter#id()]
    /// @param count how many, not negative
    public void add(int id, long count) {
        totals[id] += count;
    }

    /// {@return what was counted so far, published or not}
    public long get(WorkerCounter counter) {
        return totals[counter.id()];
    }

    /// {@return the value that other processes see}
    public long published(WorkerCounter counter) {
        return (long) LONG.getAcquire(published, 8L * counter.id());
    }

    /// Makes everything counted so far visible to other processes. Called at the end of a batch.
    public void publish() {
        for (int id : ids) {
            // Release: pairs with the acquire of published(), also in another process.
            LONG.setRelease(published, 8L * id, totals[id]);
        }
    }
}
