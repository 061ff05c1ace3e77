package io.penstock.forwarder.trace;

import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.forwarder.path.Disposition;
import io.penstock.forwarder.path.PacketPath;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.port.FrameBatch;
import java.lang.foreign.MemorySegment;

/// What a worker does for a trace, twice a batch: it keeps the first bytes of the frames before they are rewritten, and
/// notes those that matched once it is known what became of them.
///
/// Costs a copy of those bytes and a few comparisons a frame, of one frame in `sampleEvery`, and nothing when there is
/// no trace: then a worker has no such object. Allocates nothing, waits for nobody. One worker's own.
public final class PacketTrace {
    private final MemorySegment memory;
    private final PacketPath path;
    private final ParsedBatch parsed;
    private final TraceFilter filter;
    private final TraceRing ring;
    private final RateLimiter limit;
    private final int sampleEvery;
    private final MemorySegment kept;
    private final int keptMax;
    private final int[] lengths;
    private int untilSample;
    private int first;

    /// @param memory      where the worker's frames lie
    /// @param path        the worker's
    /// @param limit       of records a second; all workers' together
    /// @param sampleEvery one received frame in so many is looked at
    /// @param kept        room for `keptMax` bytes of each frame of a batch
    /// @param batchFrames most frames of a batch
    public PacketTrace(
            MemorySegment memory,
            PacketPath path,
            TraceFilter filter,
            TraceRing ring,
            RateLimiter limit,
            int sampleEvery,
            MemorySegment kept,
            int batchFrames) {
        this.memory = memory;
        this.path = path;
        this.filter = filter;
        this.ring = ring;
        this.limit = limit;
        this.sampleEvery = sampleEvery;
        this.kept = kept;
        parsed = path.parsed();
        keptMax = (int) (kept.byteSize() / batchFrames);
        lengths = new int[batchFrames];
    }

    /// Keeps what came, before the packet path rewrites it where it lies.
    public void keep(FrameBatch batch) {
        first = untilSample;
        int i = first;
        for (; i < batch.received; i += sampleEvery) {
            lengths[i] = batch.lengths[i];
            int bytes = Math.min(keptMax, batch.lengths[i]);
            MemorySegment.copy(memory, batch.offsets[i], kept, (long) i * keptMax, bytes);
        }
        untilSample = i - batch.received;
    }

    /// Notes what became of it, when the batch is sent.
    ///
    /// @param nowNs the batch's time
    public void note(long nowNs) {
        Disposition disposition = path.disposition();
        int received = disposition.received();
        int lookedAt = 0;
        for (int i = first; i < received; i += sampleEvery) {
            lookedAt++;
            if (filter.matches(parsed, i, disposition)) {
                if (limit.tryAcquire(nowNs)) {
                    write(i, disposition, nowNs);
                } else {
                    ring.heldBack();
                }
            }
        }
        if (lookedAt > 0) {
            ring.lookedAt(lookedAt);
        }
    }

    private void write(int i, Disposition disposition, long nowNs) {
        byte kind = parsed.kind(i);
        boolean hasPorts = TracedFrame.hasPorts(kind);
        boolean isTcp = hasPorts && kind != PacketKind.ARP;
        ring.begin(nowNs, disposition.outcome(i), disposition.detail(i), lengths[i])
                .packet(
                        kind,
                        TracedFrame.hasAddresses(kind) ? (byte) parsed.protocol(i) : 0,
                        isTcp ? (byte) parsed.tcpFlags(i) : 0,
                        hasPorts ? parsed.ports(i) : 0);
        if (TracedFrame.isV6(kind)) {
            ring.addresses(
                    parsed.sourceHigh[i], parsed.sourceLow[i], parsed.destinationHigh[i], parsed.destinationLow[i]);
        } else {
            ring.addresses(0, parsed.source4(i) & 0xffff_ffffL, 0, parsed.destination4(i) & 0xffff_ffffL);
        }
        ring.end(kept, (long) i * keptMax, Math.min(keptMax, lengths[i]));
    }
}
