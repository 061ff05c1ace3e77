package io.penstock.control.status;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/// One worker's counters: counted in the worker's own memory, published to the status file once a batch.
///
/// Single writer. Readers in other processes see each value whole; [#read] gives them all as of the end of one batch.
public final class WorkerCounters {
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    /// Odd while a batch is being published. No counter has this id.
    private static final int SEQUENCE = WorkerCounter.CAPACITY - 1;

    private static final int READ_ATTEMPTS = 1000;

    private final MemorySegment published;
    private final long[] totals = new long[WorkerCounter.CAPACITY];
    private final int[] ids;
    private long sequence;

    /// Goes on from the values that are there.
    ///
    /// @param published `8 * WorkerCounter.CAPACITY` bytes of the status file, or of the heap
    public WorkerCounters(MemorySegment published) {
        this.published = published.asSlice(0, 8L * WorkerCounter.CAPACITY);
        // The sum is published last: after a kill in between it is the one that lags, and can be mended upwards.
        ids = Arrays.stream(WorkerCounter.values())
                .filter(counter -> counter != WorkerCounter.RECEIVED)
                .mapToInt(WorkerCounter::id)
                .toArray();
        for (WorkerCounter counter : WorkerCounter.values()) {
            totals[counter.id()] = published(counter);
        }
        sequence = (long) LONG.getAcquire(this.published, 8L * SEQUENCE);
        if ((sequence & 1) == 1) {
            totals[WorkerCounter.RECEIVED.id()] = sum(totals);
            sequence--;
            publish();
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
        // Each release below keeps this store before it: a reader that sees a new value sees the odd number too.
        LONG.setOpaque(published, 8L * SEQUENCE, sequence + 1);
        for (int id : ids) {
            // Release: pairs with the acquire of published(), also in another process.
            LONG.setRelease(published, 8L * id, totals[id]);
        }
        LONG.setRelease(published, 8L * WorkerCounter.RECEIVED.id(), totals[WorkerCounter.RECEIVED.id()]);
        sequence += 2;
        LONG.setRelease(published, 8L * SEQUENCE, sequence);
    }

    /// Reads the counters of another thread or process as they were at the end of one batch, so that the sum holds.
    ///
    /// @param published as given to the writer
    /// @return every counter
    public static Map<WorkerCounter, Long> read(MemorySegment published) {
        long[] values = new long[WorkerCounter.CAPACITY];
        boolean still = false;
        for (int attempt = 0; attempt < READ_ATTEMPTS && !still; attempt++) {
            long before = (long) LONG.getAcquire(published, 8L * SEQUENCE);
            for (int id = 0; id < SEQUENCE; id++) {
                values[id] = (long) LONG.getAcquire(published, 8L * id);
            }
            // The loads above are acquires, so this one comes after them.
            still = before == (long) LONG.getAcquire(published, 8L * SEQUENCE) && (before & 1) == 0;
        }
        if (!still) {
            // A writer that publishes without pause, or was killed while it did: take the sum of what is there.
            values[WorkerCounter.RECEIVED.id()] = sum(values);
        }
        Map<WorkerCounter, Long> counters = new EnumMap<>(WorkerCounter.class);
        for (WorkerCounter counter : WorkerCounter.values()) {
            counters.put(counter, values[counter.id()]);
        }
        return counters;
    }

    /// {@return what the sum of the outcomes and drops says must have been received}
    private static long sum(long[] values) {
        long sum = 0;
        for (WorkerCounter counter : WorkerCounter.values()) {
            boolean part = counter != WorkerCounter.RECEIVED && counter.kind() != WorkerCounter.Kind.NOTE;
            sum += part ? values[counter.id()] : 0;
        }
        return sum;
    }
}
