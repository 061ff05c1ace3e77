package io.penstock.forwarder.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.penstock.forwarder.path.IpKey;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Reads a trace file while workers write it. One thread.
public final class TraceReader {
    private final MemorySegment memory;
    private final int workers;
    private final int records;
    private final int keptMax;
    private final long wallOfMonotonicNs;
    private final long[] read;
    private long lost;

    TraceReader(MemorySegment memory) {
        this.memory = memory;
        workers = (int) memory.get(JAVA_LONG, TraceLayout.H_WORKERS);
        records = (int) memory.get(JAVA_LONG, TraceLayout.H_RECORDS);
        keptMax = (int) memory.get(JAVA_LONG, TraceLayout.H_KEPT_MAX);
        wallOfMonotonicNs =
                memory.get(JAVA_LONG, TraceLayout.H_WALL_NS) - memory.get(JAVA_LONG, TraceLayout.H_MONOTONIC_NS);
        read = new long[workers];
    }

    /// {@return which trace it is}
    public long id() {
        return memory.get(JAVA_LONG, TraceLayout.H_ID);
    }

    /// {@return the frames noted since the last call, in the order of their times}
    public List<TracedFrame> poll() {
        List<TracedFrame> frames = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            poll(worker, TraceLayout.ring(worker, records, keptMax), frames);
        }
        frames.sort(Comparator.comparingLong(TracedFrame::wallNs));
        return frames;
    }

    private void poll(int worker, long ring, List<TracedFrame> frames) {
        long written = written(ring);
        long first = Math.max(read[worker], written - records + 1); // The one before is being overwritten, perhaps.
        lost += first - read[worker];
        for (long number = first; number < written; number++) {
            TracedFrame frame = frame(
                    ring + TraceLayout.RECORDS + (number & (records - 1)) * (long) TraceLayout.recordBytes(keptMax));
            VarHandle.loadLoadFence(); // Pairs with the storeStoreFence of TraceRing.begin().
            if (number > written(ring) - records) {
                frames.add(frame);
            } else {
                lost++;
            }
        }
        read[worker] = written;
    }

    private long written(long ring) {
        // Acquire: pairs with the release of TraceRing.frame().
        return (long) TraceLayout.LONG.getAcquire(memory, ring + TraceLayout.WRITTEN);
    }

    private TracedFrame frame(long at) {
        byte kind = memory.get(JAVA_BYTE, at + TraceLayout.KIND);
        boolean isV6 = TracedFrame.isV6(kind);
        boolean hasAddresses = TracedFrame.hasAddresses(kind);
        byte[] frame = new byte[Math.clamp(memory.get(JAVA_INT, at + TraceLayout.KEPT), 0, keptMax)];
        MemorySegment.copy(memory, JAVA_BYTE, at + TraceLayout.FRAME, frame, 0, frame.length);
        return new TracedFrame(
                memory.get(JAVA_LONG, at + TraceLayout.TIME_NS) + wallOfMonotonicNs,
                memory.get(JAVA_INT, at + TraceLayout.OUTCOME),
                memory.get(JAVA_INT, at + TraceLayout.DETAIL),
                memory.get(JAVA_INT, at + TraceLayout.LENGTH),
                kind,
                memory.get(JAVA_BYTE, at + TraceLayout.PROTOCOL) & 0xff,
                memory.get(JAVA_BYTE, at + TraceLayout.TCP_FLAGS) & 0xff,
                memory.get(JAVA_INT, at + TraceLayout.PORTS),
                hasAddresses ? address(isV6, at + TraceLayout.SOURCE_HIGH) : null,
                hasAddresses ? address(isV6, at + TraceLayout.DESTINATION_HIGH) : null,
                frame);
    }

    private IpKey address(boolean isV6, long at) {
        return new IpKey(isV6, memory.get(JAVA_LONG, at), memory.get(JAVA_LONG, at + 8));
    }

    /// {@return records that were overwritten before they were read}
    public long lost() {
        return lost;
    }

    /// {@return frames that were looked at, over all workers}
    public long lookedAt() {
        return sum(TraceLayout.LOOKED_AT);
    }

    /// {@return frames that matched}
    public long matched() {
        return sum(TraceLayout.MATCHED);
    }

    /// {@return frames that matched, but were too many for the limit a second}
    public long heldBack() {
        return sum(TraceLayout.HELD_BACK);
    }

    private long sum(long column) {
        long sum = 0;
        for (int worker = 0; worker < workers; worker++) {
            sum += memory.get(JAVA_LONG, TraceLayout.ring(worker, records, keptMax) + column);
        }
        return sum;
    }
}
