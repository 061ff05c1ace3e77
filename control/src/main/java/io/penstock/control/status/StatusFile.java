package io.penstock.control.status;

import static io.penstock.control.status.StatusLayout.get;
import static io.penstock.control.status.StatusLayout.set;

import io.penstock.control.runtime.AtomicFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.function.Consumer;
import org.agrona.concurrent.SystemEpochClock;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.errors.DistinctErrorLog;

/// The forwarder's side of the status file: counters, states and errors that other processes read without asking,
/// during its life and after it. Counters go on from what an earlier run left.
///
/// One forwarder at a time (it holds the runtime folder's lock). Header, rows and errors belong to the conductor; a
/// worker's region belongs to that worker once it runs.
public final class StatusFile implements AutoCloseable {
    private static final ByteBuffer PAGE_OF_ZEROS = ByteBuffer.allocateDirect(4096);

    private final Arena arena;
    private final FileChannel channel;
    private final MemorySegment base;
    private final MemorySegment[] regions;
    private final WorkerStatus[] workers;
    private final ListenerRows listeners;
    private final BackendRows backends;
    private final DistinctErrorLog errorLog;

    private StatusFile(Arena arena, FileChannel channel, int workerCount) throws IOException {
        this.arena = arena;
        this.channel = channel;
        long length = channel.size();
        if (length == 0) {
            // Before anything is mapped: on tmpfs even reading a hole takes a page.
            reserve(0, StatusLayout.LISTENERS);
        }
        base = channel.map(MapMode.READ_WRITE, 0, StatusLayout.WORKERS, arena);
        if (length == 0) {
            set(base, StatusLayout.H_VERSION, StatusLayout.VERSION);
        }
        int regionCount = Math.max(workerCount, (int) get(base, StatusLayout.H_WORKER_REGIONS));
        regions = new MemorySegment[regionCount];
        for (int i = 0; i < regionCount; i++) {
            long region = StatusLayout.worker(i);
            if (region + StatusLayout.WORKER_REGION > length) {
                // A sparse file's first touch of a page can find the disk full, which a mapping answers with a fault
                // and a channel with an IOException.
                long usedRows = get(base, StatusLayout.H_BACKEND_ROWS);
                reserve(region, StatusLayout.W_CELLS);
                reserve(region + StatusLayout.W_CELLS, usedRows * StatusLayout.CELL);
            }
            regions[i] = channel.map(MapMode.READ_WRITE, region, StatusLayout.WORKER_REGION, arena);
        }
        set(base, StatusLayout.H_WORKER_REGIONS, regionCount);
        workers = new WorkerStatus[workerCount];
        for (int i = 0; i < workerCount; i++) {
            workers[i] = new WorkerStatus(regions[i]);
        }
        listeners = new ListenerRows(this, base);
        backends = new BackendRows(this, base, regions, listeners);
        errorLog = openErrorLog();
    }

    /// Opens the file of an instance, or makes it.
    ///
    /// @param path     of the runtime folder's `status.dat`
    /// @param workers  how many will run, 1..1024
    /// @param messages gets a line when a file of another layout was set aside
    public static StatusFile open(Path path, int workers, Consumer<String> messages) throws IOException {
        if (workers < 1 || workers > StatusLayout.MAX_WORKERS) {
            throw new IllegalArgumentException("workers=" + workers + ": 1.." + StatusLayout.MAX_WORKERS + " expected");
        }
        setAside(path, messages);
        Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(AtomicFile.PRIVATE));
        boolean opened = false;
        try {
            StatusFile file = new StatusFile(arena, channel, workers);
            opened = true;
            return file;
        } finally {
            if (!opened) {
                arena.close();
                channel.close();
            }
        }
    }

    /// Renames a file that this version cannot read, so that its counts are neither misread nor lost.
    private static void setAside(Path path, Consumer<String> messages) throws IOException {
        if (!Files.exists(path)) {
            return;
        }
        ByteBuffer header = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.read(header, 0);
        }
        long magic = header.getLong(0);
        long version = header.getLong(8);
        if (magic == StatusLayout.MAGIC && version == StatusLayout.VERSION) {
            return;
        }
        if (magic == 0) {
            Files.delete(path); // Its making was cut short.
            return;
        }
        String known = magic == StatusLayout.MAGIC ? "v" + version : "unknown";
        Path aside = path.resolveSibling(path.getFileName() + "." + known + "-" + System.currentTimeMillis());
        Files.move(path, aside);
        messages.accept(path.getFileName() + " has layout " + known + ", this program writes v" + StatusLayout.VERSION
                + ": set aside as " + aside.getFileName() + ", counters start at 0");
    }

    /// Makes sure that the pages of a part of the file exist. Only for parts that nothing was written to.
    ///
    /// @throws IOException when the disk is full
    void reserve(long offset, long length) throws IOException {
        for (long at = offset; at < offset + length; at += 4096) {
            ByteBuffer zeros = PAGE_OF_ZEROS.duplicate();
            zeros.limit((int) Math.min(4096, offset + length - at));
            while (zeros.hasRemaining()) {
                channel.write(zeros, at + zeros.position());
            }
        }
    }

    /// Errors of an earlier run stay readable: new ones are written behind them while half of the room is left.
    private DistinctErrorLog openErrorLog() throws IOException {
        UnsafeBuffer all =
                new UnsafeBuffer(channel.map(MapMode.READ_WRITE, StatusLayout.ERRORS, StatusLayout.ERRORS_LENGTH));
        int used = 0;
        while (used < StatusLayout.ERRORS_LENGTH) {
            int length = all.getInt(used + DistinctErrorLog.LENGTH_OFFSET);
            if (length <= 0) {
                break;
            }
            used += (length + DistinctErrorLog.RECORD_ALIGNMENT - 1) & -DistinctErrorLog.RECORD_ALIGNMENT;
        }
        if (used > StatusLayout.ERRORS_LENGTH / 2) {
            all.setMemory(0, StatusLayout.ERRORS_LENGTH, (byte) 0);
            used = 0;
        }
        return new DistinctErrorLog(
                new UnsafeBuffer(all, used, StatusLayout.ERRORS_LENGTH - used), SystemEpochClock.INSTANCE);
    }

    /// Says who runs now, and that it lives. Readers take the file seriously from here on.
    ///
    /// @param instance       name of the instance
    /// @param productVersion of this program
    /// @param nowMs          wall-clock time
    public void started(String instance, String productVersion, long nowMs) {
        StatusLayout.setText(base, StatusLayout.H_INSTANCE, instance, StatusLayout.SHORT_TEXT);
        StatusLayout.setText(base, StatusLayout.H_PRODUCT_VERSION, productVersion, StatusLayout.SHORT_TEXT);
        set(base, StatusLayout.H_PID, ProcessHandle.current().pid());
        set(base, StatusLayout.H_START_MS, nowMs);
        set(base, StatusLayout.H_STOPPED_MS, 0);
        set(base, StatusLayout.H_APPLIED_SNAPSHOT, 0);
        set(base, StatusLayout.H_WORKERS, workers.length);
        heartbeat(nowMs);
        set(base, StatusLayout.H_MAGIC, StatusLayout.MAGIC);
    }

    /// Says how frames are taken.
    ///
    /// @param port      `xdp`, `packet` or `memory`
    /// @param mode      what was really obtained, for people: zero-copy or copy, ring version
    /// @param transport `epoll` or `io_uring`
    public void transport(String port, String mode, String transport) {
        StatusLayout.setText(base, StatusLayout.H_PORT, port, StatusLayout.SHORT_TEXT);
        StatusLayout.setText(base, StatusLayout.H_PORT_MODE, mode, StatusLayout.LONG_TEXT);
        StatusLayout.setText(base, StatusLayout.H_TRANSPORT, transport, StatusLayout.SHORT_TEXT);
    }

    /// Says how many flows the tables hold, over all workers.
    public void flowCapacity(long flows) {
        set(base, StatusLayout.H_FLOW_CAPACITY, flows);
    }

    /// Says that the process lives; at least once a second.
    public void heartbeat(long nowMs) {
        set(base, StatusLayout.H_HEARTBEAT_MS, nowMs);
    }

    /// Says which desired state the data plane works by.
    public void appliedSnapshot(long version) {
        set(base, StatusLayout.H_APPLIED_SNAPSHOT, version);
    }

    /// Says that the process ends as it should.
    public void stopped(long nowMs) {
        set(base, StatusLayout.H_STOPPED_MS, nowMs);
    }

    /// {@return how many workers this run has}
    public int workerCount() {
        return workers.length;
    }

    /// {@return what a worker publishes}
    public WorkerStatus worker(int index) {
        return workers[index];
    }

    /// {@return a row for each listener}
    public ListenerRows listeners() {
        return listeners;
    }

    /// {@return a row for each backend of each listener, and the workers' cells}
    public BackendRows backends() {
        return backends;
    }

    /// {@return where errors go; each kind once, with a count. Any thread may record.}
    public DistinctErrorLog errorLog() {
        return errorLog;
    }

    @Override
    public void close() throws IOException {
        if (arena.scope().isAlive()) {
            arena.close();
        }
        channel.close();
    }
}
