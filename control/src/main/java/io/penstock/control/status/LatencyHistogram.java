package io.penstock.control.status;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// Counts of durations by size, in memory that other processes read: 16 buckets for each doubling, so a bucket's bounds
/// differ by at most 1/16. From 0 to 2^35 ns (34 s); longer ones fall into the last bucket.
///
/// Single writer; readers see each count whole.
public final class LatencyHistogram {
    /// How many counts there are.
    public static final int BUCKETS = 512;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final int SUB_BITS = 4;

    private final MemorySegment counts;

    /// @param counts `8 * BUCKETS` bytes; what they hold is added to
    public LatencyHistogram(MemorySegment counts) {
        this.counts = counts.asSlice(0, 8L * BUCKETS);
    }

    /// Counts one duration. Allocates nothing.
    public void record(long ns) {
        long offset = 8L * bucket(ns);
        // One writer, so a plain read of its own last store and an opaque store are enough.
        LONG.setOpaque(counts, offset, (long) LONG.get(counts, offset) + 1);
    }

    /// {@return the bucket of a duration, `0..BUCKETS-1`}
    public static int bucket(long ns) {
        if (ns < 1 << SUB_BITS) {
            return (int) Math.max(0, ns);
        }
        int exponent = 63 - Long.numberOfLeadingZeros(ns);
        int sub = (int) (ns >>> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
        return Math.min(BUCKETS - 1, ((exponent - SUB_BITS + 1) << SUB_BITS) + sub);
    }

    /// {@return the greatest duration in ns that falls into a bucket}
    public static long upperNs(int bucket) {
        if (bucket < 1 << SUB_BITS) {
            return bucket;
        }
        int exponent = (bucket >> SUB_BITS) + SUB_BITS - 1;
        long sub = bucket & ((1 << SUB_BITS) - 1);
        return (1L << exponent) + ((sub + 1) << (exponent - SUB_BITS)) - 1;
    }

    /// {@return the count of a bucket}
    public long count(int bucket) {
        return (long) LONG.getOpaque(counts, 8L * bucket);
    }

    /// Finds the duration that a share of all does not exceed.
    ///
    /// @param counts by bucket
    /// @param share  0..1, such as 0.99
    /// @return upper bound of the bucket in ns; 0 when nothing was counted
    public static long percentileNs(long[] counts, double share) {
        long total = 0;
        for (long count : counts) {
            total += count;
        }
        if (total == 0) {
            return 0;
        }
        long rank = Math.max(1, (long) Math.ceil(share * total));
        long seen = 0;
        for (int bucket = 0; bucket < counts.length; bucket++) {
            seen += counts[bucket];
            if (seen >= rank) {
                return upperNs(bucket);
            }
        }
        return upperNs(counts.length - 1);
    }
}
