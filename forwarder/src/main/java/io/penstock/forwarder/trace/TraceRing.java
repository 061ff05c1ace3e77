package io.penstock.forwarder.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/// A worker's ring of records in the trace file. The worker never waits: who reads too slowly loses the oldest.
public final class TraceRing {
    private final MemorySegment memory;
    private final long base;
    private final int recordBytes;
    private final int mask;
    private long written;
    private long lookedAt;
    private long matched;
    private long heldBack;
    private long record;

    TraceRing(MemorySegment memory, long base, int keptMax) {
        this.memory = memory;
        this.base = base;
        recordBytes = TraceLayout.recordBytes(keptMax);
        mask = TraceLayout.records(keptMax) - 1;
    }

    /// Begins a record; [#end] makes it visible.
    TraceRing begin(long timeNs, int outcome, int detail, int length) {
        record = base + TraceLayout.RECORDS + (written & mask) * recordBytes;
        // The bytes below give up an old record: a reader that sees them sees the count of the last one, too, by which
        // it knows. Pairs with the loadLoadFence of TraceReader.poll().
        VarHandle.storeStoreFence();
        memory.set(JAVA_LONG, record + TraceLayout.TIME_NS, timeNs);
        memory.set(JAVA_INT, record + TraceLayout.OUTCOME, outcome);
        memory.set(JAVA_INT, record + TraceLayout.DETAIL, detail);
        memory.set(JAVA_INT, record + TraceLayout.LENGTH, length);
        return this;
    }

    TraceRing packet(byte kind, byte protocol, byte tcpFlags, int ports) {
        memory.set(JAVA_BYTE, record + TraceLayout.KIND, kind);
        memory.set(JAVA_BYTE, record + TraceLayout.PROTOCOL, protocol);
        memory.set(JAVA_BYTE, record + TraceLayout.TCP_FLAGS, tcpFlags);
        memory.set(JAVA_INT, record + TraceLayout.PORTS, ports);
        return this;
    }

    TraceRing addresses(long sourceHigh, long sourceLow, long destinationHigh, long destinationLow) {
        memory.set(JAVA_LONG, record + TraceLayout.SOURCE_HIGH, sourceHigh);
        memory.set(JAVA_LONG, record + TraceLayout.SOURCE_LOW, sourceLow);
        memory.set(JAVA_LONG, record + TraceLayout.DESTINATION_HIGH, destinationHigh);
        memory.set(JAVA_LONG, record + TraceLayout.DESTINATION_LOW, destinationLow);
        return this;
    }

    /// Ends a record: it can be read.
    ///
    /// @param kept bytes of the frame at `offset`
    void end(MemorySegment from, long offset, int kept) {
        memory.set(JAVA_INT, record + TraceLayout.KEPT, kept);
        MemorySegment.copy(from, offset, memory, record + TraceLayout.FRAME, kept);
        matched++;
        written++;
        // Release: pairs with the acquire of TraceReader.written(); the records below the count are whole.
        TraceLayout.LONG.setRelease(memory, base + TraceLayout.WRITTEN, written);
    }

    /// A frame matched, but too many have in this second.
    void heldBack() {
        matched++;
        heldBack++;
    }

    /// Tells how much was looked at. Once a batch; readers may see it a little late.
    void lookedAt(int frames) {
        lookedAt += frames;
        memory.set(JAVA_LONG, base + TraceLayout.LOOKED_AT, lookedAt);
        memory.set(JAVA_LONG, base + TraceLayout.MATCHED, matched);
        memory.set(JAVA_LONG, base + TraceLayout.HELD_BACK, heldBack);
    }
}
