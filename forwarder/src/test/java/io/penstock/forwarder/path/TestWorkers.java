package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.ReplayConfig;
import io.penstock.control.runtime.HashKey;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.MemoryPort;
import io.penstock.forwarder.worker.ForwardingWorker;
import io.penstock.forwarder.worker.WorkerGauges;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Several workers that share what the forwarder's workers share, all driven by the test's thread; what the forwarder
/// keeps in files is kept here when it [#restart()]s.
public final class TestWorkers implements AutoCloseable {
    private static final int ROWS = 4_096;
    private static final long SHARED_ENTRIES = 1 << 16;

    private final Arena arena = Arena.ofShared();
    private final PenstockConfig config;
    private final long flows;
    private final MemorySegment[] tables4;
    private final MemorySegment[] tables6;
    private final MemorySegment[] cellMemory;
    private final MemorySegment persistence;
    private final List<Row> rows = new ArrayList<>();
    private final List<Worker> workers = new ArrayList<>();
    private BackendRecords records;
    private ListenerCompiler compiler;
    private ListenerTable table = ListenerTable.EMPTY;
    private @Nullable FlowExplainer explainer;
    private Snapshot snapshot;
    private long nowNs = 1L << 40;
    private long nowMs = 1_700_000_000_000L;

    private static final class Row {
        final String listener;
        final String id;
        final InetAddress address;
        int generation;
        boolean isReleased;

        Row(String listener, String id, InetAddress address) {
            this.listener = listener;
            this.id = id;
            this.address = address;
        }
    }

    /// What belongs to one worker.
    ///
    /// @param cells its counts of each backend
    public record Worker(
            MemoryPort port, ForwardingWorker loop, PathContext context, PacketPath path, BackendCells cells) {}

    /// @param flows room for so many flows of each family and worker
    public TestWorkers(String properties, int workerCount, long flows) {
        this.flows = flows;
        config = TestPath.config(properties);
        tables4 = segments(workerCount, FlowTable.bytesFor(FlowTable.Shape.IPV4, flows));
        tables6 = segments(workerCount, FlowTable.bytesFor(FlowTable.Shape.IPV6, flows));
        cellMemory = segments(workerCount, (long) ROWS * BackendCells.CELL_LENGTH);
        persistence = arena.allocate(AffinityTable.bytesFor(SHARED_ENTRIES), 128);
        snapshot = TestPath.snapshotOf(config, 1);
        records = new BackendRecords(arena, ROWS);
        compiler = start(List.of());
        apply(snapshot);
    }

    private MemorySegment[] segments(int count, long bytes) {
        MemorySegment[] segments = new MemorySegment[count];
        for (int i = 0; i < count; i++) {
            segments[i] = arena.allocate(bytes, 128);
        }
        return segments;
    }

    private ListenerCompiler start(List<WorkerCounters> counters) {
        ReplayConfig network = config.replay();
        HashKey key = HashKey.ZERO;
        BackendCells[] cells = new BackendCells[tables4.length];
        for (int i = 0; i < cells.length; i++) {
            cells[i] = new BackendCells(cellMemory[i]);
        }
        AffinityTable affinity = new AffinityTable(persistence, SHARED_ENTRIES);
        AffinityTable fragments =
                new AffinityTable(arena.allocate(AffinityTable.bytesFor(SHARED_ENTRIES), 128), SHARED_ENTRIES);
        for (int i = 0; i < cells.length; i++) {
            FlowTable flows4 = new FlowTable(FlowTable.Shape.IPV4, tables4[i], flows);
            FlowTable flows6 = new FlowTable(FlowTable.Shape.IPV6, tables6[i], flows);
            flows4.resume(TickClock.ticks(nowNs));
            flows6.resume(TickClock.ticks(nowNs));
            MemoryPort port = new MemoryPort(64, 4_096);
            FrameBatch batch = new FrameBatch(8);
            WorkerCounters counted = counters.isEmpty()
                    ? new WorkerCounters(arena.allocate(8L * WorkerCounter.CAPACITY, 8))
                    : counters.get(i);
            PathContext context = new PathContext(
                    port,
                    batch,
                    counted,
                    cells[i],
                    BackendCells.sum(cells),
                    records,
                    new FlowHash(key.high(), key.low()),
                    new PathContext.WorkerTables(
                            flows4,
                            flows6,
                            readers(FlowTable.Shape.IPV4, tables4, i),
                            readers(FlowTable.Shape.IPV6, tables6, i)),
                    new PathContext.SharedTables(affinity, fragments),
                    new LocalNetwork(
                            network.localMac(),
                            IpKey.of(network.localAddress()),
                            IpKey.of(network.localAddress6()),
                            true));
            PacketPath path = new PacketPath(context);
            workers.add(new Worker(
                    port,
                    new ForwardingWorker(port, batch, path, counted, WorkerGauges.NONE, () -> nowNs),
                    context,
                    path,
                    cells[i]));
        }
        explainer = new FlowExplainer(explainContext(new PathContext.SharedTables(affinity, fragments), cells));
        return new ListenerCompiler(
                new Rows(), records, new NamedNeighbours(), BackendCells.sum(cells), key.high(), key.low());
    }

    /// As the conductor's: flows are looked up in the tables of all workers.
    private PathContext explainContext(PathContext.SharedTables shared, BackendCells[] cells) {
        return new PathContext(
                new MemoryPort(1, 4_096),
                new FrameBatch(1),
                new WorkerCounters(arena.allocate(8L * WorkerCounter.CAPACITY, 8)),
                cells[0],
                BackendCells.sum(cells),
                records,
                new FlowHash(HashKey.ZERO.high(), HashKey.ZERO.low()),
                new PathContext.WorkerTables(
                        scratch(FlowTable.Shape.IPV4),
                        scratch(FlowTable.Shape.IPV6),
                        readers(FlowTable.Shape.IPV4, tables4, -1),
                        readers(FlowTable.Shape.IPV6, tables6, -1)),
                shared,
                workers.get(0).context.network);
    }

    private FlowTable scratch(FlowTable.Shape shape) {
        return new FlowTable(shape, arena.allocate(FlowTable.bytesFor(shape, 8), 64), 8);
    }

    private List<FlowTableReader> readers(FlowTable.Shape shape, MemorySegment[] tables, int own) {
        List<FlowTableReader> readers = new ArrayList<>();
        for (int i = 0; i < tables.length; i++) {
            if (i != own) {
                new FlowTable(shape, tables[i], flows); // formats it
                readers.add(new FlowTableReader(tables[i]));
            }
        }
        return readers;
    }

    /// Ends the process and starts another one over what it left.
    public void restart() {
        List<WorkerCounters> counters =
                workers.stream().map(worker -> worker.context.counters).toList();
        workers.forEach(worker -> worker.port.close());
        workers.clear();
        records = new BackendRecords(arena, ROWS);
        compiler = start(counters);
        apply(snapshot);
        for (int row = 0; row < rows.size(); row++) { // Backends that had left, with flows that go on.
            Row each = rows.get(row);
            if (!each.isReleased) {
                compiler.takeOver(row, each.listener, each.id, each.address, nowMs);
            }
        }
        apply(snapshot);
    }

    /// Puts a snapshot in force, for all workers.
    public void apply(Snapshot next) {
        snapshot = next;
        table = compiler.apply(next, nowMs, TickClock.ticks(nowNs));
        workers.forEach(worker -> worker.loop.publish(table));
    }

    /// {@return the snapshot in force}
    public Snapshot snapshot() {
        return snapshot;
    }

    /// Lets time pass, and the conductor do what is due.
    public void advanceMs(long ms) {
        nowNs += ms * 1_000_000;
        nowMs += ms;
        compiler.tidy();
        apply(snapshot);
    }

    /// Lets time pass for the workers alone: nobody sweeps meanwhile.
    public void letPassMs(long ms) {
        nowNs += ms * 1_000_000;
        nowMs += ms;
    }

    /// Lets all workers run without packets until they rest.
    public void rest() {
        for (Worker worker : workers) {
            int work;
            do {
                work = worker.loop.doWork();
            } while (work > 0);
            worker.port.discard();
        }
    }

    /// {@return time in ms as snapshots keep it}
    public long nowMs() {
        return nowMs;
    }

    /// {@return how many workers there are}
    public int count() {
        return workers.size();
    }

    /// {@return one of them}
    public Worker worker(int index) {
        return workers.get(index);
    }

    /// Runs one frame.
    ///
    /// @return the verdict as `replay` prints it
    public String verdict(int index, byte[] frame) {
        Worker worker = workers.get(index);
        worker.port.offer(frame);
        worker.loop.doWork();
        worker.port.discard();
        return verdict(index);
    }

    private String verdict(int index) {
        Disposition disposition = workers.get(index).path.disposition();
        int outcome = disposition.outcome(0);
        if (outcome == Disposition.HELD) {
            return "held";
        }
        WorkerCounter counter = WorkerCounter.of(outcome);
        return switch (counter) {
            case FORWARDED -> {
                Row row = rows.get(disposition.detail(0));
                yield "forward " + row.listener + " " + row.id;
            }
            case REPLIED -> "reply " + ReplyKind.of(disposition.detail(0)).text();
            case PASSED -> "pass";
            default -> "drop " + counter.label();
        };
    }

    /// Asks what would become of a flow's next packet, as `explain` does.
    public FlowExplainer.Explanation explain(
            String source, int sourcePort, String destination, int destinationPort, boolean isUdp) {
        return Objects.requireNonNull(explainer)
                .explain(
                        table,
                        IpKey.of(InetAddress.ofLiteral(source)),
                        IpKey.of(InetAddress.ofLiteral(destination)),
                        sourcePort << 16 | destinationPort,
                        isUdp ? 1 : 0,
                        nowNs);
    }

    /// {@return the id of the backend that a row belongs to}
    public String backendOf(int row) {
        return rows.get(row).id;
    }

    /// {@return a counter, over all workers}
    public long counted(WorkerCounter counter) {
        return workers.stream()
                .mapToLong(worker -> worker.context.counters.get(counter))
                .sum();
    }

    /// {@return active flows on all backends, as the schedulers see them}
    public long activeFlows() {
        long flows = 0;
        for (Worker worker : workers) {
            for (int row = 0; row < rows.size(); row++) {
                flows += worker.cells.flows(row);
            }
        }
        return flows;
    }

    /// {@return active flows on one backend}
    public long activeFlows(String listener, String id) {
        long flows = 0;
        for (int row = 0; row < rows.size(); row++) {
            for (Worker worker : workers) {
                boolean isIt = rows.get(row).listener.equals(listener)
                        && rows.get(row).id.equals(id);
                flows += isIt ? worker.cells.flows(row) : 0;
            }
        }
        return flows;
    }

    /// {@return rows that are given to a backend}
    public long rowsInUse() {
        return rows.stream().filter(row -> !row.isReleased).count();
    }

    /// {@return entries in all tables}
    public long entries() {
        return workers.stream()
                .mapToLong(worker -> worker.context.flows4.size() + worker.context.flows6.size())
                .sum();
    }

    /// Checks that received = forwarded + replied + passed + the sum of all drops, for each worker, and that the active
    /// flows that are counted are those in the tables.
    public void assertBalanced() {
        for (Worker worker : workers) {
            long accounted = 0;
            for (WorkerCounter counter : WorkerCounter.values()) {
                boolean isPart = counter != WorkerCounter.RECEIVED && counter.kind() != WorkerCounter.Kind.NOTE;
                accounted += isPart ? worker.context.counters.get(counter) : 0;
            }
            assertEquals(worker.context.counters.get(WorkerCounter.RECEIVED), accounted, "sum of outcomes");
        }
        long[] active = new long[ROWS];
        for (MemorySegment[] tables : List.of(tables4, tables6)) {
            for (MemorySegment table : tables) {
                FlowTableReader reader = new FlowTableReader(table);
                reader.rewind();
                while (reader.next()) {
                    active[reader.row()] += FlowExpiry.isActive(reader.state()) ? 1 : 0;
                }
            }
        }
        for (int row = 0; row < rows.size(); row++) {
            long counted = 0;
            for (Worker worker : workers) {
                counted += worker.cells.flows(row);
            }
            assertEquals(active[row], counted, "active flows of " + rows.get(row).listener + " " + rows.get(row).id);
        }
    }

    @Override
    public void close() {
        workers.forEach(worker -> worker.port.close());
        arena.close();
    }

    /// Rows as the status file gives them: the same for the same backend, also after a restart.
    private final class Rows implements BackendRowSource {
        @Override
        public int allocate(String listener, String id, InetAddress address) {
            int free = -1;
            for (int row = 0; row < rows.size(); row++) {
                Row each = rows.get(row);
                if (each.listener.equals(listener) && each.id.equals(id) && each.address.equals(address)) {
                    each.isReleased = false;
                    return row;
                }
                free = each.isReleased && free < 0 ? row : free;
            }
            Row fresh = new Row(listener, id, address);
            if (free < 0) {
                rows.add(fresh);
                return rows.size() - 1;
            }
            fresh.generation = (rows.get(free).generation + 1) & 63;
            rows.set(free, fresh);
            return free;
        }

        @Override
        public int generation(int row) {
            return rows.get(row).generation;
        }

        @Override
        public void renew(int row) {
            rows.get(row).generation = (rows.get(row).generation + 1) & 63;
        }

        @Override
        public void release(int row) {
            assertEquals(false, rows.get(row).isReleased, "row " + row + " is released twice");
            rows.get(row).isReleased = true;
        }
    }

    private final class NamedNeighbours implements NextHops {
        @Override
        public void want(int row, InetAddress destination) {
            @Nullable Long mac = config.replay().neighbours().get(destination);
            records.reach(
                    row,
                    mac == null ? config.replay().nextHopMac() : mac,
                    config.replay().mtu());
        }

        @Override
        public void forget(int row) {}
    }
}
