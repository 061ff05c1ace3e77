package io.penstock.forwarder.process;

import io.penstock.control.cli.ProductVersion;
import io.penstock.control.config.ForwarderConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.log.Log;
import io.penstock.control.runtime.AlreadyRunningException;
import io.penstock.control.runtime.HashKey;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.snapshot.SnapshotVersion;
import io.penstock.control.snapshot.Snapshots;
import io.penstock.control.status.BackendRows;
import io.penstock.control.status.LatencyHistogram;
import io.penstock.control.status.StatusFile;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTable.Shape;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.schedule.FlowCounts;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NeighbourWatch;
import io.penstock.forwarder.linux.Routes;
import io.penstock.forwarder.linux.SolicitedNodeGroups;
import io.penstock.forwarder.path.BackendCells;
import io.penstock.forwarder.path.BackendRecords;
import io.penstock.forwarder.path.FlowExplainer;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.ListenerCompiler;
import io.penstock.forwarder.path.LocalNetwork;
import io.penstock.forwarder.path.PacketPath;
import io.penstock.forwarder.path.PathContext;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FrameInterface;
import io.penstock.forwarder.port.FramePort;
import io.penstock.forwarder.port.MemoryPort;
import io.penstock.forwarder.worker.ForwardingWorker;
import io.penstock.forwarder.worker.StatusGauges;
import io.penstock.forwarder.worker.WorkerThread;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The data plane of one instance, from its runtime folder to its threads: opened in the order in which one part needs
/// another, closed in the opposite order. Set-up only; what happens to packets is in [PacketPath].
public final class Forwarder implements AutoCloseable {
    private static final long FRAGMENTED_DATAGRAMS = 1 << 16;
    private static final long EXPLAIN_FLOWS = 64;
    private static final int EXPLAIN_FRAMES = 8;

    private final Log log = new Log("forwarder");
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final PenstockConfig config;
    private final ForwarderConfig settings;
    private final Consumer<Throwable> onFailure;
    private final Arena arena = Arena.ofShared();
    private final List<WorkerThread> workers = new ArrayList<>();

    @SuppressWarnings("NullAway.Init") // Set by open(), which nobody sees half-done.
    private StatusFile status;

    private @Nullable Conductor conductor;

    private Forwarder(PenstockConfig config, Consumer<Throwable> onFailure) {
        this.config = config;
        this.onFailure = onFailure;
        settings = config.forwarder();
    }

    /// Starts an instance.
    ///
    /// @param interfaceName `forwarder.interface`, in the calling thread's network namespace
    /// @param base          where runtime folders are
    /// @param onFailure     told when only a new start helps: a worker died of a defect, the interface was replaced
    /// @throws AlreadyRunningException when the instance has a forwarder
    /// @throws io.penstock.forwarder.linux.LinuxException naming what the host lacks
    /// @throws IOException             when a file of the runtime folder cannot be made
    public static Forwarder start(PenstockConfig config, String interfaceName, Path base, Consumer<Throwable> onFailure)
            throws IOException, InterruptedException {
        Forwarder forwarder = new Forwarder(config, onFailure);
        boolean started = false;
        try {
            forwarder.open(interfaceName, base);
            started = true;
            return forwarder;
        } finally {
            if (!started) {
                forwarder.close();
            }
        }
    }

    private <T extends AutoCloseable> T opened(T part) {
        opened.push(part);
        return part;
    }

    private void open(String interfaceName, Path base) throws IOException, InterruptedException {
        LinuxInterface nic = LinuxInterface.read(interfaceName);
        RuntimeFolder folder = RuntimeFolder.create(base, config.instance());
        opened(folder.lock("forwarder"));
        SnapshotVersion versions = opened(new SnapshotVersion(folder.snapshotVersionFile()));
        long seenVersion = versions.get();
        Snapshot snapshot = firstSnapshot(folder);
        Set<InetAddress> vips = new HashSet<>();
        snapshot.listeners().forEach(listener -> vips.addAll(listener.config().vips()));
        Routes routes = opened(new Routes());
        LocalVips.refuse(routes, vips);
        keepOffWorkerCpus();
        WarmUp.run(config, snapshot);

        boolean isFresh = !Files.exists(folder.statusFile());
        StringBuilder setAside = new StringBuilder();
        status = opened(StatusFile.open(folder.statusFile(), settings.cpus().size(), message -> {
            setAside.append(message);
            log.warn(message);
        }));
        isFresh |= !setAside.isEmpty();
        HashKey key = folder.hashKey(settings.hashKey());
        int nowTicks = TickClock.ticks(System.nanoTime());
        FlowFiles files = opened(FlowFiles.open(folder, plan(vips, key, isFresh), nowTicks, log::warn));
        countFlows(files);

        FrameInterface frames = opened(PortChoice.open(settings, interfaceName, log::info));
        frames.notices().forEach(log::warn);
        SolicitedNodeGroups groups = opened(new SolicitedNodeGroups(interfaceName));
        List<InetAddress> sources = tunnelSources(routes, nic);
        Shared shared = new Shared(key, files, network(nic, sources), new BackendRecords(arena, BackendRows.CAPACITY));
        NeighbourRecords neighbours = opened(new NeighbourRecords(new NeighbourWatch(nic), shared.records, log));
        StatusRows rows = new StatusRows(status);
        rows.resume();
        ListenerCompiler compiler =
                new ListenerCompiler(rows, shared.records, neighbours, shared.flowCounts(), key.high(), key.low());
        for (int worker = 0; worker < settings.cpus().size(); worker++) {
            workers.add(worker(worker, frames.ports().get(worker), shared));
        }
        ControlSocket socket = opened(new ControlSocket(folder.forwarderSocket()));
        Conductor made = new Conductor(
                new Conductor.Parts(
                        folder,
                        status,
                        versions,
                        compiler,
                        rows,
                        neighbours,
                        frames.filter(),
                        groups,
                        routes,
                        new HashSet<>(sources),
                        settings.arp(),
                        List.copyOf(workers),
                        socket,
                        new Explanations(new FlowExplainer(explainContext(shared)), status.backends()),
                        new Traces(folder, List.copyOf(workers), status.backends()),
                        new InterfaceWatch(nic),
                        onFailure),
                seenVersion);
        status.transport(
                frames.kind(), frames.description(), settings.transport().text());
        status.flowCapacity(settings.flowCapacity());
        status.started(config.instance(), ProductVersion.text(), System.currentTimeMillis());
        made.begin(snapshot);
        neighbours.poll();
        for (WorkerThread worker : workers) {
            worker.start();
        }
        made.start();
        conductor = made;
        log.info("instance " + config.instance() + " forwards "
                + snapshot.listeners().size() + " listener(s) on "
                + interfaceName + ", " + workers.size() + " worker(s), "
                + settings.transport().text() + "; "
                + frames.description());
    }

    /// The last state that the sidecar wrote. Without a sidecar that watches over it, the file is newer: what stayed
    /// the same keeps its health and what was set by hand.
    private Snapshot firstSnapshot(RuntimeFolder folder) throws IOException {
        Optional<Snapshot> last = Optional.empty();
        try {
            last = SnapshotFile.read(folder);
        } catch (IOException damaged) {
            log.warn("starting from the configuration: " + damaged.getMessage());
        }
        if (last.isEmpty()) {
            return Snapshots.from(config, 1);
        }
        return hasSidecar(folder) ? last.get() : Snapshots.merge(last.get(), config, HostClock.nowMs());
    }

    private static boolean hasSidecar(RuntimeFolder folder) throws IOException {
        try {
            folder.lock("sidecar").close();
            return false;
        } catch (AlreadyRunningException running) {
            return true;
        }
    }

    /// The JVM's own threads and the conductor leave the workers' CPUs alone, where there are others.
    private void keepOffWorkerCpus() {
        BitSet others = CpuAffinity.available();
        settings.cpus().forEach(others::clear);
        if (!others.isEmpty()) {
            CpuAffinity.setAllThreads(others);
        }
    }

    private FlowFiles.Plan plan(Set<InetAddress> vips, HashKey key, boolean isFresh) {
        boolean hasV6 = vips.stream().anyMatch(Inet6Address.class::isInstance);
        boolean hasV4 = vips.stream().anyMatch(vip -> !(vip instanceof Inet6Address));
        return new FlowFiles.Plan(settings.cpus().size(), settings.flowCapacity(), hasV4, hasV6, key, isFresh);
    }

    /// What an earlier process counted may be a batch behind its tables: the gauges of flows are made from the tables.
    private void countFlows(FlowFiles files) {
        status.backends().zeroFlows();
        for (Shape shape : Shape.values()) {
            List<FlowTableReader> readers = files.readers(shape);
            for (int worker = 0; worker < readers.size(); worker++) {
                cells(worker).recount(readers.get(worker));
            }
        }
    }

    private BackendCells cells(int worker) {
        return new BackendCells(status.backends().cells(worker));
    }

    private List<InetAddress> tunnelSources(Routes routes, LinuxInterface nic) {
        List<InetAddress> sources = new ArrayList<>(settings.tunnelSources());
        boolean hasV4 = sources.stream().anyMatch(source -> !(source instanceof Inet6Address));
        boolean hasV6 = sources.stream().anyMatch(Inet6Address.class::isInstance);
        for (InetAddress own : routes.addressesOf(nic.index())) {
            boolean isV6 = own instanceof Inet6Address;
            if (!own.isLinkLocalAddress() && !(isV6 ? hasV6 : hasV4)) {
                sources.add(own);
                hasV6 |= isV6;
                hasV4 |= !isV6;
            }
        }
        return sources;
    }

    private LocalNetwork network(LinuxInterface nic, List<InetAddress> sources) {
        IpKey source4 = null;
        IpKey source6 = null;
        for (InetAddress source : sources) {
            if (source instanceof Inet6Address) {
                source6 = IpKey.of(source);
            } else {
                source4 = IpKey.of(source);
            }
        }
        return new LocalNetwork(nic.mac(), source4, source6, settings.arp());
    }

    /// What all workers have in common.
    private final class Shared {
        final HashKey key;
        final FlowFiles files;
        final LocalNetwork network;
        final BackendRecords records;
        final BackendCells[] cells;
        final PathContext.SharedTables tables;

        Shared(HashKey key, FlowFiles files, LocalNetwork network, BackendRecords records) {
            this.key = key;
            this.files = files;
            this.network = network;
            this.records = records;
            cells = new BackendCells[settings.cpus().size()];
            for (int worker = 0; worker < cells.length; worker++) {
                cells[worker] = cells(worker);
            }
            MemorySegment room = arena.allocate(AffinityTable.bytesFor(FRAGMENTED_DATAGRAMS), 128);
            tables = new PathContext.SharedTables(files.persistence(), new AffinityTable(room, FRAGMENTED_DATAGRAMS));
        }

        FlowCounts flowCounts() {
            return BackendCells.sum(cells);
        }

        FlowHash hash() {
            return new FlowHash(key.high(), key.low());
        }
    }

    private WorkerThread worker(int index, FramePort port, Shared shared) {
        FrameBatch batch = new FrameBatch(settings.batchFrames());
        WorkerCounters counters = new WorkerCounters(status.worker(index).counters());
        PathContext.WorkerTables tables = shared.files.tables(index);
        PathContext context = new PathContext(
                port,
                batch,
                counters,
                shared.cells[index],
                shared.flowCounts(),
                shared.records,
                shared.hash(),
                tables,
                shared.tables,
                shared.network);
        LatencyHistogram latency = settings.metricsLatency()
                ? new LatencyHistogram(status.worker(index).latency())
                : null;
        StatusGauges gauges = new StatusGauges(
                status.worker(index), counters, port, tables.flows4(), tables.flows6(), latency, System.nanoTime());
        ForwardingWorker worker =
                new ForwardingWorker(port, batch, new PacketPath(context), counters, gauges, System::nanoTime);
        int cpu = settings.cpus().get(index);
        status.worker(index).placed(cpu, index);
        return new WorkerThread(worker, index, cpu, settings.idle(), settings.transport(), failure -> {
            status.errorLog().record(failure);
            log.error("worker " + index + " on CPU " + cpu + " failed", failure);
            onFailure.accept(failure);
        });
    }

    /// A context that changes nothing: flows are looked up in the workers' tables, counts go nowhere.
    private PathContext explainContext(Shared shared) {
        return new PathContext(
                new MemoryPort(EXPLAIN_FRAMES),
                new FrameBatch(EXPLAIN_FRAMES),
                new WorkerCounters(arena.allocate(8L * WorkerCounter.CAPACITY, 8)),
                shared.cells[0],
                shared.flowCounts(),
                shared.records,
                shared.hash(),
                new PathContext.WorkerTables(
                        scratch(Shape.IPV4),
                        scratch(Shape.IPV6),
                        shared.files.readers(Shape.IPV4),
                        shared.files.readers(Shape.IPV6)),
                shared.tables,
                shared.network);
    }

    private FlowTable scratch(Shape shape) {
        return new FlowTable(shape, arena.allocate(FlowTable.bytesFor(shape, EXPLAIN_FLOWS), 64), EXPLAIN_FLOWS);
    }

    /// Stops the threads, then closes everything. The tables stay in the runtime folder.
    @Override
    public void close() {
        try {
            if (conductor != null) {
                conductor.stop();
            }
            for (WorkerThread worker : workers) {
                worker.stop();
            }
            if (conductor != null) {
                status.stopped(System.currentTimeMillis());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return; // Threads may still use what would be closed.
        }
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception failure) {
                log.error("closing", failure);
            }
        }
        arena.close();
    }
}
