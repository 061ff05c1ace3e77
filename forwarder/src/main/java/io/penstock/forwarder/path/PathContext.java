package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.NativeMemory;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.flowtable.schedule.FlowCounts;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// What the steps of one worker's packet path share: its memory, tables and counters, and the batch at hand.
/// One worker's own; only the tables named `shared` are anyone else's too.
public final class PathContext {
    final FramePort port;
    final MemorySegment memory;
    final long address; // of the memory
    final WorkerCounters counters;
    final BackendCells cells;
    final FlowCounts flowCounts;
    final BackendRecords records;
    final FlowHash hash;
    final FlowTable flows4;
    final FlowTable flows6;
    final FlowTableReader[] otherFlows4;
    final FlowTableReader[] otherFlows6;
    final AffinityTable sharedPersistence;
    final AffinityTable sharedFragments;
    final LocalNetwork network;
    final ParsedBatch parsed;
    final long[] hashes;
    final Disposition disposition;
    final FlowExpiry expiry;

    FrameBatch batch;
    ListenerTable listeners = ListenerTable.EMPTY;
    long nowNs;
    int nowTicks;
    /// Whether a frame of this batch has added or removed an entry, so that entries found before may be others' now.
    boolean tablesChanged;

    /// @param flowCounts active flows of each backend, over all workers
    /// @param tables   this worker's shards, and readers of everyone else's
    /// @param shared   tables of all workers
    /// @param network  our own addresses
    public PathContext(
            FramePort port,
            FrameBatch batch,
            WorkerCounters counters,
            BackendCells cells,
            FlowCounts flowCounts,
            BackendRecords records,
            FlowHash hash,
            WorkerTables tables,
            SharedTables shared,
            LocalNetwork network) {
        this.port = port;
        this.batch = batch;
        this.counters = counters;
        this.cells = cells;
        this.flowCounts = flowCounts;
        this.records = records;
        this.hash = hash;
        this.network = network;
        memory = port.memory();
        address = NativeMemory.addressOf(memory);
        flows4 = tables.flows4();
        flows6 = tables.flows6();
        otherFlows4 = tables.otherFlows4().toArray(FlowTableReader[]::new);
        otherFlows6 = tables.otherFlows6().toArray(FlowTableReader[]::new);
        sharedPersistence = shared.persistence();
        sharedFragments = shared.fragments();
        int frames = batch.offsets.length;
        parsed = new ParsedBatch(frames);
        hashes = new long[frames];
        disposition = new Disposition(this, frames);
        expiry = new FlowExpiry(this);
    }

    /// One worker's flow tables.
    ///
    /// @param flows4      IPv4 flows, written by this worker alone
    /// @param flows6      IPv6 flows, likewise
    /// @param otherFlows4 the IPv4 tables of the other workers, for flows whose packets changed their worker
    /// @param otherFlows6 the same for IPv6
    public record WorkerTables(
            FlowTable flows4, FlowTable flows6, List<FlowTableReader> otherFlows4, List<FlowTableReader> otherFlows6) {}

    /// Tables that all workers write.
    ///
    /// @param persistence session persistence, by client and listener
    /// @param fragments   where the fragments of a datagram go, by addresses, id and protocol
    public record SharedTables(AffinityTable persistence, AffinityTable fragments) {}

    void begin(FrameBatch batch, ListenerTable listeners, long nowNs) {
        this.batch = batch;
        this.listeners = listeners;
        this.nowNs = nowNs;
        tablesChanged = false;
        disposition.begin(batch.received);
        nowTicks = TickClock.ticks(nowNs);
    }

    /// {@return 1 for UDP, 0 for TCP}
    static int protocolBit(int protocol) {
        return protocol == IpProtocol.UDP ? 1 : 0;
    }

    boolean isV6(int i) {
        byte kind = parsed.kind(i);
        return kind == PacketKind.FLOW6
                || kind == PacketKind.FRAGMENT6
                || kind == PacketKind.ICMP6
                || kind == PacketKind.OTHER6
                || kind == PacketKind.MALFORMED6;
    }

    /// {@return the VIP that frame `i` is addressed to, or [ListenerTable#NONE]}
    int vipOf(int i) {
        return isV6(i)
                ? listeners.vip6(parsed.destinationHigh[i], parsed.destinationLow[i])
                : listeners.vip4(parsed.destination4(i));
    }

    /// {@return this worker's IPv4 flows}
    public FlowTable flows4() {
        return flows4;
    }

    /// {@return this worker's IPv6 flows}
    public FlowTable flows6() {
        return flows6;
    }
}
