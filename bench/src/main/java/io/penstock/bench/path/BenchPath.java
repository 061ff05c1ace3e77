package io.penstock.bench.path;

import io.penstock.bench.kernel.KernelTables;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.ReplayConfig;
import io.penstock.control.runtime.HashKey;
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
import io.penstock.forwarder.path.LocalNetwork;
import io.penstock.forwarder.path.NextHops;
import io.penstock.forwarder.path.PacketPath;
import io.penstock.forwarder.path.PathContext;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.trace.PacketTrace;
import io.penstock.forwarder.trace.TraceFile;
import io.penstock.forwarder.trace.TraceFilter;
import io.penstock.forwarder.worker.ForwardingWorker;
import io.penstock.forwarder.worker.WorkerGauges;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// One worker of the forwarder, whole, over a [LoopPort]: the duty cycle that runs is the forwarder's own. Its IPv4
/// flow table lies in a file, so that the loop in C can map the very same table. One thread's own.
public final class BenchPath implements AutoCloseable {
    /// Backends behind the one listener, unless the caller says otherwise.
    public static final int BACKENDS = 64;
    /// Frames of a batch.
    public static final int BATCH_FRAMES = 64;

    /// Rows of backends there are.
    public static final int ROWS = 1024;

    private static final int TRACE_BYTES = 128; // The command's default.
    private static final long SHARED_ENTRIES = 1 << 16;
    private static final long IPV6_FLOWS = 1 << 10;
    private static final long NS_PER_TICK = 1L << TickClock.SHIFT;

    private final Arena arena = Arena.ofShared();
    private final @Nullable Path file;
    private final FlowFrames frames;
    private final LoopPort port;
    private final WorkerCounters counters;
    private final long mac;
    private final BackendRecords records;
    private final FlowTable flows;
    private final FlowHash hash = new FlowHash(HashKey.ZERO.high(), HashKey.ZERO.low());
    private final ForwardingWorker worker;
    private long nowNs;

    /// @param forwarding `dr`, `ipip`, `gue` or `gre`
    /// @param limit      most flows
    /// @param folder     where the table's file is made; memory, such as `/dev/shm`
    public BenchPath(String forwarding, long limit, Path folder) throws IOException {
        this(forwarding, limit, folder, new Pools(1, BACKENDS));
    }

    /// @param pools flows go to the listeners in turn
    BenchPath(String forwarding, long limit, Path folder, Pools pools) throws IOException {
        this(forwarding, limit, Files.createTempFile(folder, "penstock-bench", ".flows"), null, pools);
    }

    /// A worker that measures nothing: the compiler is to see the packet path before another one is
    /// measured.
    static BenchPath toWarmUp(long limit) throws IOException {
        return new BenchPath("dr", limit, null, null, new Pools(1, BACKENDS));
    }

    /// So many listeners with so many backends each.
    record Pools(int listeners, int backends) {}

    /// A worker whose table and backend records an XDP program can look into. It goes by the real time, as that does.
    ///
    /// @param forwarding `dr`, `ipip`, `gue` or `gre`
    /// @param limit      most flows
    /// @param tables     of as many flows, and of [#ROWS] backends
    public BenchPath(String forwarding, long limit, KernelTables tables) throws IOException {
        this(forwarding, limit, null, tables, new Pools(1, BACKENDS));
        nowNs = System.nanoTime();
    }

    private BenchPath(String forwarding, long limit, @Nullable Path file, @Nullable KernelTables tables, Pools pools)
            throws IOException {
        this.file = file;
        frames = new FlowFrames(arena, pools.listeners);
        port = new LoopPort(frames);
        int rows = Math.max(ROWS, pools.listeners * pools.backends);
        nowNs = NS_PER_TICK << 10;
        PenstockConfig config = config(forwarding, pools);
        mac = config.replay().localMac();
        FrameBatch batch = new FrameBatch(BATCH_FRAMES);
        counters = new WorkerCounters(arena.allocate(8L * WorkerCounter.CAPACITY, 64));
        BackendCells cells = new BackendCells(arena.allocate((long) rows * BackendCells.CELL_LENGTH, 64));
        records = tables == null ? new BackendRecords(arena, rows) : new BackendRecords(tables.records());
        ListenerCompiler compiler = new ListenerCompiler(
                new Rows(),
                records,
                new OneHop(records, config.replay()),
                BackendCells.sum(cells),
                HashKey.ZERO.high(),
                HashKey.ZERO.low());
        flows = new FlowTable(FlowTable.Shape.IPV4, tables == null ? table(limit) : tables.flows(), limit);
        MemorySegment room6 = arena.allocate(FlowTable.bytesFor(FlowTable.Shape.IPV6, IPV6_FLOWS), 64);
        PathContext context = new PathContext(
                port,
                batch,
                counters,
                cells,
                BackendCells.sum(cells),
                records,
                hash,
                new PathContext.WorkerTables(
                        flows, new FlowTable(FlowTable.Shape.IPV6, room6, IPV6_FLOWS), List.of(), List.of()),
                new PathContext.SharedTables(affinity(), affinity()),
                new LocalNetwork(
                        mac,
                        IpKey.of(config.replay().localAddress()),
                        IpKey.of(config.replay().localAddress6()),
                        false));
        worker = new ForwardingWorker(port, batch, new PacketPath(context), counters, WorkerGauges.NONE, () -> nowNs);
        worker.publish(compiler.apply(everyBackendUp(config), 0, TickClock.ticks(nowNs)));
    }

    /// Opens `count` flows that follow each other, SYN and first ACK each: they are established then.
    ///
    /// @param first number of the first one
    public void open(int first, int count) {
        for (boolean isSyn : new boolean[] {true, false}) {
            for (int flow = first; flow < first + count; flow += FlowFrames.COUNT) {
                for (int i = 0; i < FlowFrames.COUNT; i++) {
                    frames.stamp(i, Math.min(flow + i, first + count - 1), isSyn);
                }
                forward();
            }
        }
    }

    /// Forwards all frames as they are stamped, by the worker's duty cycle.
    public void forward() {
        for (int i = 0; i < FlowFrames.COUNT; i += BATCH_FRAMES) {
            worker.doWork();
        }
    }

    /// {@return what makes the worker note frames as `penstock trace` does, once it is given to [#trace]}
    ///
    /// @param filter      which frames
    /// @param rate        of frames a second of the worker's clock, at most
    /// @param sampleEvery one frame in so many is looked at
    PacketTrace newTrace(TraceFilter filter, int rate, int sampleEvery) {
        MemorySegment room = arena.allocate(TraceFile.bytesFor(1, TRACE_BYTES), 64);
        return new PacketTrace(
                port.memory(),
                worker.path(),
                filter,
                new TraceFile(room, 1, 1, TRACE_BYTES, 0, 0).ring(0),
                new RateLimiter(rate),
                sampleEvery,
                arena.allocate((long) TRACE_BYTES * BATCH_FRAMES),
                BATCH_FRAMES);
    }

    /// Begins a trace, or ends it with null.
    void trace(@Nullable PacketTrace trace) {
        worker.trace(trace);
    }

    /// Lets the worker's clock go on.
    public void advance(long ns) {
        nowNs += ns;
    }

    /// {@return the worker's time in ticks}
    public int nowTicks() {
        return TickClock.ticks(nowNs);
    }

    /// {@return the frames that the worker receives}
    public FlowFrames frames() {
        return frames;
    }

    /// {@return the flow table}
    public FlowTable flows() {
        return flows;
    }

    /// {@return the hash of its flows}
    public FlowHash hash() {
        return hash;
    }

    /// {@return where the flow table lies}
    public Path file() {
        return Objects.requireNonNull(file);
    }

    /// {@return the backends' records}
    public BackendRecords records() {
        return records;
    }

    /// {@return the worker's MAC address}
    public long mac() {
        return mac;
    }

    /// {@return frames sent to backends so far}
    public long forwarded() {
        return counters.get(WorkerCounter.FORWARDED);
    }

    /// {@return frames received so far}
    public long received() {
        return counters.get(WorkerCounter.RECEIVED);
    }

    @Override
    public void close() {
        arena.close();
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private MemorySegment table(long limit) throws IOException {
        long length = FlowTable.bytesFor(FlowTable.Shape.IPV4, limit);
        if (file == null) {
            return arena.allocate(length, 128);
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            // Written once: the forwarder's files have all their pages too before the first packet comes.
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, length, arena).fill((byte) 0);
        }
    }

    private AffinityTable affinity() {
        return new AffinityTable(arena.allocate(AffinityTable.bytesFor(SHARED_ENTRIES), 128), SHARED_ENTRIES);
    }

    private static PenstockConfig config(String forwarding, Pools pools) throws IOException {
        StringBuilder text = new StringBuilder("forwarder.interface = none\n");
        for (int listener = 0; listener < pools.listeners; listener++) {
            String key = "listener.web" + listener + ".";
            text.append(key + "vip = 192.0.2.1\n" + key + "protocol = tcp\n" + key + "scheduler = mh\n");
            text.append(key + "ports = " + (FlowFrames.FIRST_PORT + listener) + "\n");
            text.append(key + "forwarding = " + forwarding + "\n");
            for (int i = 1; i <= pools.backends; i++) {
                text.append(key + "backend.b%d = 10.200.%d.%d%n".formatted(i, i >>> 8, i & 0xff));
            }
        }
        Path file = Files.createTempFile("penstock-bench", ".properties");
        try {
            Files.writeString(file, text);
            return ConfigLoader.load(file).config();
        } catch (ConfigException e) {
            throw new IllegalStateException(e.problems().toString(), e);
        } finally {
            Files.delete(file);
        }
    }

    private static Snapshot everyBackendUp(PenstockConfig config) {
        List<Snapshot.Listener> listeners = config.listeners().stream()
                .map(listener -> new Snapshot.Listener(
                        listener,
                        true,
                        listener.backends().stream()
                                .map(backend ->
                                        new Snapshot.Backend(backend, Snapshot.Health.UP, Snapshot.Admin.IN, 0, 0))
                                .toList()))
                .toList();
        return new Snapshot(1, listeners);
    }

    /// Rows in the order of the configuration.
    private static final class Rows implements BackendRowSource {
        private int next;

        @Override
        public int allocate(String listener, String id, InetAddress address) {
            return next++;
        }

        @Override
        public int generation(int row) {
            return 1;
        }

        @Override
        public void renew(int row) {}

        @Override
        public void release(int row) {}
    }

    /// Every backend is behind one router.
    private record OneHop(BackendRecords records, ReplayConfig replay) implements NextHops {
        @Override
        public void want(int row, InetAddress destination) {
            records.reach(row, replay.nextHopMac(), replay.mtu());
        }

        @Override
        public void forget(int row) {}
    }
}
