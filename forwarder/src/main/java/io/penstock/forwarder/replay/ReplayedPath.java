package io.penstock.forwarder.replay;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.ReplayConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.path.BackendCells;
import io.penstock.forwarder.path.BackendRecords;
import io.penstock.forwarder.path.BackendRowSource;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.ListenerCompiler;
import io.penstock.forwarder.path.ListenerTable;
import io.penstock.forwarder.path.LocalNetwork;
import io.penstock.forwarder.path.NextHops;
import io.penstock.forwarder.path.PacketPath;
import io.penstock.forwarder.path.PathContext;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.MemoryPort;
import io.penstock.forwarder.worker.ForwardingWorker;
import io.penstock.forwarder.worker.WorkerGauges;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;

/// One worker with everything it needs, in memory: the very packet path of the forwarder without a network, a process
/// or a clock of its own. For `replay`, tests and benchmarks. One thread only.
public final class ReplayedPath implements AutoCloseable {
    private static final long SHARED_ENTRIES = 1 << 16;

    private final Arena arena = Arena.ofShared();
    private final List<String> rowListeners = new ArrayList<>();
    private final List<String> rowBackends = new ArrayList<>();
    private final List<InetAddress> rowAddresses = new ArrayList<>();
    private final MemoryPort port;
    private final FrameBatch batch;
    private final WorkerCounters counters;
    private final BackendCells cells;
    private final BackendRecords records;
    private final ListenerCompiler compiler;
    private final PathContext context;
    private final PacketPath path;
    private final ForwardingWorker worker;
    private ListenerTable listeners = ListenerTable.EMPTY;
    private long nowNs;

    /// @param config      whose `replay.*` keys name the network; listeners come by [#apply]
    /// @param flows       flow-table room for each family
    /// @param batchFrames most frames in a cycle
    public ReplayedPath(PenstockConfig config, long flows, int batchFrames) {
        ReplayConfig replay = config.replay();
        int backends = config.listeners().stream()
                .mapToInt(listener -> listener.backends().size())
                .sum();
        int rowCount = Math.max(1024, 4 * backends);
        port = new MemoryPort(Integer.highestOneBit(8 * batchFrames));
        batch = new FrameBatch(batchFrames);
        counters = new WorkerCounters(arena.allocate(8L * WorkerCounter.CAPACITY, 8));
        cells = new BackendCells(arena.allocate((long) rowCount * BackendCells.CELL_LENGTH, 64));
        records = new BackendRecords(arena, rowCount);
        var key = config.forwarder().hashKey() == null
                ? io.penstock.control.runtime.HashKey.ZERO
                : config.forwarder().hashKey();
        compiler = new ListenerCompiler(
                new Rows(), records, new NamedNeighbours(replay), BackendCells.sum(cells), key.high(), key.low());
        context = new PathContext(
                port,
                batch,
                counters,
                cells,
                BackendCells.sum(cells),
                records,
                new FlowHash(key.high(), key.low()),
                new PathContext.WorkerTables(
                        new FlowTable(
                                FlowTable.Shape.IPV4, room(FlowTable.bytesFor(FlowTable.Shape.IPV4, flows)), flows),
                        new FlowTable(
                                FlowTable.Shape.IPV6, room(FlowTable.bytesFor(FlowTable.Shape.IPV6, flows)), flows),
                        List.of(),
                        List.of()),
                new PathContext.SharedTables(affinity(), affinity()),
                new LocalNetwork(
                        replay.localMac(),
                        IpKey.of(replay.localAddress()),
                        IpKey.of(replay.localAddress6()),
                        config.forwarder().arp()));
        path = new PacketPath(context);
        worker = new ForwardingWorker(port, batch, path, counters, WorkerGauges.NONE, () -> nowNs);
    }

    private MemorySegment room(long bytes) {
        return arena.allocate(bytes, 64);
    }

    private AffinityTable affinity() {
        return new AffinityTable(arena.allocate(AffinityTable.bytesFor(SHARED_ENTRIES), 128), SHARED_ENTRIES);
    }

    /// Puts a snapshot in force.
    ///
    /// @param nowMs its clock
    public void apply(Snapshot snapshot, long nowMs) {
        listeners = compiler.apply(snapshot, nowMs, TickClock.ticks(nowNs));
        worker.publish(listeners);
    }

    /// Lets time pass for what the conductor does now and then: retired backends, drains, slow starts.
    public void tick(long nowMs) {
        compiler.tidy();
        apply(compiler.applied(), nowMs);
    }

    /// {@return the worker; its duty cycle moves frames from [#port()] to it}
    public ForwardingWorker worker() {
        return worker;
    }

    /// {@return where frames go in and come out}
    public MemoryPort port() {
        return port;
    }

    /// {@return how the frames of the last cycle ended}
    public PacketPath path() {
        return path;
    }

    /// {@return what was counted}
    public WorkerCounters counters() {
        return counters;
    }

    /// {@return flows and packets of each backend}
    public BackendCells cells() {
        return cells;
    }

    /// {@return the IPv4 flows}
    public FlowTable flows4() {
        return context.flows4();
    }

    /// {@return the IPv6 flows}
    public FlowTable flows6() {
        return context.flows6();
    }

    /// Sets the time of the following cycles.
    ///
    /// @param nowNs monotonic
    public void setTime(long nowNs) {
        this.nowNs = nowNs;
    }

    /// {@return the row of a backend, the latest one if its address has changed, or -1}
    public int rowOf(String listener, String id) {
        for (int row = rowListeners.size() - 1; row >= 0; row--) {
            if (rowListeners.get(row).equals(listener) && rowBackends.get(row).equals(id)) {
                return row;
            }
        }
        return -1;
    }

    /// {@return the listener that a row belongs to}
    public String listenerOf(int row) {
        return rowListeners.get(row);
    }

    /// {@return the backend that has a row}
    public String backendOf(int row) {
        return rowBackends.get(row);
    }

    @Override
    public void close() {
        port.close();
        arena.close();
    }

    /// Rows in the order in which backends were first seen; never given to another one.
    private final class Rows implements BackendRowSource {
        private final List<Integer> generations = new ArrayList<>();

        @Override
        public int allocate(String listener, String id, InetAddress address) {
            for (int row = 0; row < rowListeners.size(); row++) {
                if (rowListeners.get(row).equals(listener)
                        && rowBackends.get(row).equals(id)
                        && rowAddresses.get(row).equals(address)) {
                    return row;
                }
            }
            rowListeners.add(listener);
            rowBackends.add(id);
            rowAddresses.add(address);
            generations.add(1);
            return rowListeners.size() - 1;
        }

        @Override
        public int generation(int row) {
            return generations.get(row);
        }

        @Override
        public void renew(int row) {
            generations.set(row, (generations.get(row) + 1) & 63);
        }

        @Override
        public void release(int row) {}
    }

    /// The neighbours that the `replay.*` keys name; everything else is behind the next hop.
    private final class NamedNeighbours implements NextHops {
        private final ReplayConfig replay;

        NamedNeighbours(ReplayConfig replay) {
            this.replay = replay;
        }

        @Override
        public void want(int row, InetAddress destination) {
            records.reach(row, replay.neighbours().getOrDefault(destination, replay.nextHopMac()), replay.mtu());
        }

        @Override
        public void forget(int row) {}
    }
}
