package io.penstock.control.status;

import static io.penstock.control.status.StatusLayout.get;

import io.penstock.control.config.Addresses;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.errors.ErrorConsumer;
import org.agrona.concurrent.errors.ErrorLogReader;
import org.jspecify.annotations.Nullable;

/// Reads the status file of a forwarder that runs, or ran. Takes no lock and asks nobody; the writer may be dead.
///
/// Not thread-safe: one for each thread that reads.
public final class StatusReader implements AutoCloseable {
    /// A heartbeat that is older belongs to a process that hangs or is gone.
    public static final long HEARTBEAT_MAX_AGE_MS = 5_000;

    /// How long sums are tried again that the writer keeps changing.
    private static final long PATIENCE_NS = 100_000_000;

    /// Counts of a backend or listener.
    ///
    /// @param flows    that live now
    /// @param newFlows that ever began
    /// @param packets  ever forwarded
    /// @param bytes    ever forwarded
    public record Totals(long flows, long newFlows, long packets, long bytes) {
        /// Nothing.
        public static final Totals ZERO = new Totals(0, 0, 0, 0);

        /// {@return the sums of both}
        public Totals plus(Totals other) {
            return new Totals(
                    flows + other.flows, newFlows + other.newFlows, packets + other.packets, bytes + other.bytes);
        }
    }

    /// A backend as the data plane has it.
    ///
    /// @param inUse           false when it left the configuration and has no flows any more
    /// @param address         the latest one
    /// @param weight          the configured one
    /// @param effectiveWeight what the scheduler uses; 0 for one that takes no new flows
    /// @param totals          of all addresses that the id had
    public record BackendStatus(
            String id,
            boolean inUse,
            InetAddress address,
            Health health,
            Admin admin,
            int weight,
            int effectiveWeight,
            Totals totals) {}

    /// A listener as the data plane has it.
    ///
    /// @param inUse    false when it left the configuration
    /// @param totals   of its backends, those that are gone included
    /// @param backends by id
    public record ListenerStatus(
            String name, boolean inUse, ListenerRows.State state, Totals totals, Map<String, BackendStatus> backends) {}

    private final Path path;
    private Mapping mapping;

    private StatusReader(Path path, Mapping mapping) {
        this.path = path;
        this.mapping = mapping;
    }

    /// Opens a status file.
    ///
    /// @throws NoSuchFileException when no forwarder of the instance ever ran, or it is just starting
    /// @throws IOException         when the file has another layout, or cannot be read
    public static StatusReader open(Path path) throws IOException {
        return new StatusReader(path, new Mapping(path));
    }

    /// Looks whether the file was replaced, or has become longer, and then reads the new one.
    ///
    /// @throws IOException as [#open]
    public void refresh() throws IOException {
        Object key = Files.readAttributes(path, java.nio.file.attribute.BasicFileAttributes.class)
                .fileKey();
        if (!Objects.equals(key, mapping.key)
                || get(mapping.base, StatusLayout.H_WORKER_REGIONS) != mapping.regions.length) {
            Mapping now = new Mapping(path);
            mapping.close();
            mapping = now;
        }
    }

    /// {@return whether the process exists and gave a sign of life within [#HEARTBEAT_MAX_AGE_MS]}
    public boolean isAlive() {
        long ageMs = System.currentTimeMillis() - heartbeatMs();
        return stoppedMs() == 0
                && ageMs <= HEARTBEAT_MAX_AGE_MS
                && ProcessHandle.of(pid()).isPresent();
    }

    /// {@return the instance's name}
    public String instance() {
        return StatusLayout.text(mapping.base, StatusLayout.H_INSTANCE, StatusLayout.SHORT_TEXT);
    }

    /// {@return the version of the program that wrote the file}
    public String productVersion() {
        return StatusLayout.text(mapping.base, StatusLayout.H_PRODUCT_VERSION, StatusLayout.SHORT_TEXT);
    }

    /// {@return the forwarder's process}
    public long pid() {
        return get(mapping.base, StatusLayout.H_PID);
    }

    /// {@return when it started, ms since 1970}
    public long startMs() {
        return get(mapping.base, StatusLayout.H_START_MS);
    }

    /// {@return its last sign of life, ms since 1970}
    public long heartbeatMs() {
        return get(mapping.base, StatusLayout.H_HEARTBEAT_MS);
    }

    /// {@return when it ended as it should, or 0}
    public long stoppedMs() {
        return get(mapping.base, StatusLayout.H_STOPPED_MS);
    }

    /// {@return the kind of port: `xdp`, `packet` or `memory`}
    public String port() {
        return StatusLayout.text(mapping.base, StatusLayout.H_PORT, StatusLayout.SHORT_TEXT);
    }

    /// {@return what was really obtained, for people}
    public String portMode() {
        return StatusLayout.text(mapping.base, StatusLayout.H_PORT_MODE, StatusLayout.LONG_TEXT);
    }

    /// {@return `epoll` or `io_uring`}
    public String transport() {
        return StatusLayout.text(mapping.base, StatusLayout.H_TRANSPORT, StatusLayout.SHORT_TEXT);
    }

    /// {@return the desired state that the data plane works by, or 0}
    public long appliedSnapshot() {
        return get(mapping.base, StatusLayout.H_APPLIED_SNAPSHOT);
    }

    /// {@return flows that the tables hold}
    public long flowCapacity() {
        return get(mapping.base, StatusLayout.H_FLOW_CAPACITY);
    }

    /// {@return flow entries that live, over all workers}
    public long flowsUsed() {
        long flows = 0;
        for (int worker = 0; worker < workerCount(); worker++) {
            flows += flows(worker);
        }
        return flows;
    }

    /// {@return workers of the present, or last, run: `0..workerCount-1`}
    public int workerCount() {
        return (int) Math.min(get(mapping.base, StatusLayout.H_WORKERS), mapping.regions.length);
    }

    /// {@return workers that ever ran: those of an earlier, wider run keep their counts}
    public int workerRegions() {
        return mapping.regions.length;
    }

    /// {@return the counters of one worker as of the end of one batch, so that the sum holds}
    public Map<WorkerCounter, Long> counters(int worker) {
        return WorkerCounters.read(
                mapping.regions[worker].asSlice(StatusLayout.W_COUNTERS, 8L * WorkerCounter.CAPACITY));
    }

    /// {@return the counters of all workers that ever ran, summed}
    public Map<WorkerCounter, Long> counters() {
        Map<WorkerCounter, Long> sums = new EnumMap<>(WorkerCounter.class);
        for (int worker = 0; worker < workerRegions(); worker++) {
            counters(worker).forEach((counter, count) -> sums.merge(counter, count, Long::sum));
        }
        return sums;
    }

    /// {@return the CPU that a worker is pinned to}
    public int cpu(int worker) {
        return (int) get(mapping.regions[worker], StatusLayout.W_CPU);
    }

    /// {@return the NIC queue of a worker}
    public int queue(int worker) {
        return (int) get(mapping.regions[worker], StatusLayout.W_QUEUE);
    }

    /// {@return flow entries of a worker that live}
    public long flows(int worker) {
        return get(mapping.regions[worker], StatusLayout.W_FLOWS);
    }

    /// {@return share of a worker's cycles that found work, in thousandths}
    public long busyPermille(int worker) {
        return get(mapping.regions[worker], StatusLayout.W_BUSY_PERMILLE);
    }

    /// {@return the longest duty cycle of a worker}
    public long maxCycleNs(int worker) {
        return get(mapping.regions[worker], StatusLayout.W_MAX_CYCLE_NS);
    }

    /// {@return packet times of a worker, by bucket of [LatencyHistogram]}
    public long[] latency(int worker) {
        long[] counts = new long[LatencyHistogram.BUCKETS];
        for (int bucket = 0; bucket < counts.length; bucket++) {
            counts[bucket] = get(mapping.regions[worker], StatusLayout.W_LATENCY + 8L * bucket);
        }
        return counts;
    }

    /// {@return every listener that has or had a row, by name, with its backends}
    public Map<String, ListenerStatus> listeners() {
        long deadlineNs = System.nanoTime() + PATIENCE_NS;
        while (true) {
            long before = get(mapping.base, StatusLayout.H_MOVES_EPOCH);
            Map<String, ListenerStatus> listeners = readListeners();
            boolean still = before == get(mapping.base, StatusLayout.H_MOVES_EPOCH) && (before & 1) == 0;
            // A writer that was killed in the middle leaves the number odd: then what is there is what there is.
            if (still || System.nanoTime() - deadlineNs > 0) {
                return listeners;
            }
            Thread.onSpinWait();
        }
    }

    private Map<String, ListenerStatus> readListeners() {
        Mapping file = mapping;
        file.learnNames();
        int listenerRows = file.listenerNames.length;
        Totals[] totals = new Totals[listenerRows];
        @SuppressWarnings({"unchecked", "rawtypes"}) // Java has no arrays of generic types.
        Map<String, BackendStatus>[] backends = new Map[listenerRows];
        for (int row = 0; row < listenerRows; row++) {
            long at = StatusLayout.listenerRow(row) + StatusLayout.L_RETIRED;
            totals[row] = new Totals(0, get(file.base, at), get(file.base, at + 8), get(file.base, at + 16));
            backends[row] = new LinkedHashMap<>();
        }
        for (int row = 0; row < file.backends.length; row++) {
            BackendName name = file.backends[row];
            if (name == null || name.listener >= listenerRows) {
                continue;
            }
            BackendStatus status = backend(row, name);
            totals[name.listener] = totals[name.listener].plus(status.totals);
            backends[name.listener].merge(name.id, status, StatusReader::sameId);
        }
        Map<String, ListenerStatus> listeners = new LinkedHashMap<>();
        for (int row = 0; row < listenerRows; row++) {
            String name = file.listenerNames[row];
            if (name != null) {
                long at = StatusLayout.listenerRow(row);
                boolean inUse = get(file.base, at + StatusLayout.L_USE) == StatusLayout.IN_USE;
                ListenerRows.State state = StatusLayout.state(get(file.base, at + StatusLayout.L_STATE));
                listeners.put(name, new ListenerStatus(name, inUse, state, totals[row], backends[row]));
            }
        }
        return listeners;
    }

    /// An id keeps its counts when its address changes; what else is shown is the one in use.
    private static BackendStatus sameId(BackendStatus one, BackendStatus other) {
        BackendStatus shown = one.inUse && !other.inUse ? one : other;
        return new BackendStatus(
                shown.id,
                shown.inUse,
                shown.address,
                shown.health,
                shown.admin,
                shown.weight,
                shown.effectiveWeight,
                one.totals.plus(other.totals));
    }

    private BackendStatus backend(int row, BackendName name) {
        long at = StatusLayout.backendRow(row);
        long word = get(mapping.base, at + StatusLayout.B_WORD);
        long[] sums = new long[4];
        for (MemorySegment region : mapping.regions) {
            long cell = StatusLayout.W_CELLS + BackendRows.cell(row);
            for (int i = 0; i < 4; i++) {
                sums[i] += get(region, cell + 8L * i);
            }
        }
        for (int i = 1; i < 4; i++) {
            sums[i] -= get(mapping.base, at + StatusLayout.B_BASE + 8L * (i - 1));
        }
        return new BackendStatus(
                name.id,
                StatusLayout.use(word) == StatusLayout.IN_USE,
                name.address,
                StatusLayout.health(mapping.base, at),
                StatusLayout.admin(mapping.base, at),
                (int) get(mapping.base, at + StatusLayout.B_WEIGHT),
                (int) get(mapping.base, at + StatusLayout.B_EFFECTIVE_WEIGHT),
                new Totals(sums[0], sums[1], sums[2], sums[3]));
    }

    /// {@return who has or had a backend row, or null}
    ///
    /// @param row as flow entries name it
    public @Nullable RowOwner owner(int row) {
        Mapping file = mapping;
        file.learnNames();
        BackendName name = row < 0 || row >= file.backends.length ? null : file.backends[row];
        String listener =
                name == null || name.listener >= file.listenerNames.length ? null : file.listenerNames[name.listener];
        return name == null || listener == null ? null : new RowOwner(listener, name.id, name.address, name.generation);
    }

    /// The backend that has or had a row.
    ///
    /// @param generation a flow entry with another one belongs to somebody before
    public record RowOwner(String listener, String id, InetAddress address, int generation) {}

    /// Reads the distinct errors, oldest first.
    ///
    /// @return how many kinds there are
    public int errors(ErrorConsumer consumer) throws IOException {
        return errors(consumer, 0);
    }

    /// Reads the distinct errors that were seen since some time, oldest first.
    ///
    /// @param sinceMs wall-clock time, ms since 1970
    /// @return how many kinds there are
    public int errors(ErrorConsumer consumer, long sinceMs) throws IOException {
        UnsafeBuffer buffer = new UnsafeBuffer(mapping.errors());
        return ErrorLogReader.read(buffer, consumer, sinceMs);
    }

    @Override
    public void close() {
        mapping.close();
    }

    private record BackendName(int listener, String id, InetAddress address, int generation) {}

    /// One file as it was mapped, and the names in it, which are read again only when rows changed hands.
    private static final class Mapping {
        private final Arena arena = Arena.ofShared();
        private final MemorySegment base;
        private final MemorySegment[] regions;
        private final @Nullable Object key;
        private final Path path;
        private long namesEpoch = -1;
        private @Nullable String[] listenerNames = new String[0];
        private @Nullable BackendName[] backends = new BackendName[0];

        Mapping(Path path) throws IOException {
            this.path = path;
            boolean mapped = false;
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                key = Files.readAttributes(path, java.nio.file.attribute.BasicFileAttributes.class)
                        .fileKey();
                long length = channel.size();
                if (length < StatusLayout.worker(1)) {
                    throw new NoSuchFileException(path.toString(), null, "the forwarder is just starting");
                }
                base = channel.map(MapMode.READ_ONLY, 0, StatusLayout.WORKERS, arena);
                check(path, base);
                long possible = (length - StatusLayout.WORKERS) / StatusLayout.WORKER_REGION;
                int count = (int) Math.min(get(base, StatusLayout.H_WORKER_REGIONS), possible);
                regions = new MemorySegment[count];
                for (int i = 0; i < count; i++) {
                    regions[i] =
                            channel.map(MapMode.READ_ONLY, StatusLayout.worker(i), StatusLayout.WORKER_REGION, arena);
                }
                mapped = true;
            } finally {
                if (!mapped) {
                    arena.close();
                }
            }
        }

        private static void check(Path path, MemorySegment base) throws IOException {
            long magic = get(base, StatusLayout.H_MAGIC);
            if (magic == 0) {
                throw new NoSuchFileException(path.toString(), null, "the forwarder is just starting");
            }
            if (magic != StatusLayout.MAGIC) {
                throw new IOException(path + " is not a status file");
            }
            long version = get(base, StatusLayout.H_VERSION);
            if (version != StatusLayout.VERSION) {
                throw new IOException(path + " has layout v" + version + ", this program reads v" + StatusLayout.VERSION
                        + ": use the tools of the forwarder's version, or restart it with this one");
            }
        }

        /// A mapping of its own that the garbage collector ends, since Agrona keeps the address.
        java.nio.ByteBuffer errors() throws IOException {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                return channel.map(MapMode.READ_ONLY, StatusLayout.ERRORS, StatusLayout.ERRORS_LENGTH);
            }
        }

        void learnNames() {
            long epoch = get(base, StatusLayout.H_ROWS_EPOCH);
            if (epoch == namesEpoch) {
                return;
            }
            int listenerRows = Math.clamp(get(base, StatusLayout.H_LISTENER_ROWS), 0, ListenerRows.CAPACITY);
            listenerNames = new String[listenerRows];
            for (int row = 0; row < listenerRows; row++) {
                long at = StatusLayout.listenerRow(row);
                if (get(base, at + StatusLayout.L_USE) != StatusLayout.EMPTY) {
                    listenerNames[row] = StatusLayout.text(base, at + StatusLayout.L_NAME, StatusLayout.NAME_BYTES);
                }
            }
            int backendRows = Math.clamp(get(base, StatusLayout.H_BACKEND_ROWS), 0, BackendRows.CAPACITY);
            backends = new BackendName[backendRows];
            for (int row = 0; row < backendRows; row++) {
                backends[row] = backendName(StatusLayout.backendRow(row));
            }
            namesEpoch = epoch;
        }

        private @Nullable BackendName backendName(long at) {
            long word = get(base, at + StatusLayout.B_WORD);
            int use = StatusLayout.use(word);
            if (use != StatusLayout.IN_USE && use != StatusLayout.RELEASED) {
                return null;
            }
            byte[] address = StatusLayout.bytes(base, at + StatusLayout.B_ADDRESS, 24);
            if (address.length != 4 && address.length != 16) {
                return null;
            }
            return new BackendName(
                    (int) get(base, at + StatusLayout.B_LISTENER),
                    StatusLayout.text(base, at + StatusLayout.B_ID, StatusLayout.NAME_BYTES),
                    Addresses.of(address),
                    StatusLayout.generation(word));
        }

        void close() {
            arena.close();
        }
    }
}
