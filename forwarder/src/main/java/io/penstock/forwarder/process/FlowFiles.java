package io.penstock.forwarder.process;

import io.penstock.control.runtime.AtomicFile;
import io.penstock.control.runtime.HashKey;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTable.Shape;
import io.penstock.flowtable.FlowTableReader;
import io.penstock.forwarder.path.PathContext.WorkerTables;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/// The tables in the runtime folder that outlive a forwarder: flows of each worker and family, session persistence.
///
/// A table that fits is gone on with. When the number of workers, the room or the hash key changed, the flows of the
/// old tables are put into new ones. A file of another layout is set aside, not misread.
final class FlowFiles implements AutoCloseable {
    /// A family without a VIP gets this part of the room: enough to begin with when a VIP comes at run time.
    private static final int IDLE_FAMILY_SHARE = 16;

    private static final long LEAST_FLOWS = 1024;
    private static final String LEFT_OVER = ".left-over";
    private static final String SET_ASIDE = ".set-aside";

    private final Arena arena = Arena.ofShared();
    private final RuntimeFolder folder;
    private final Consumer<String> log;
    private final FlowHash hash;
    private final int nowTicks;
    private final List<FlowTable> flows4 = new ArrayList<>();
    private final List<FlowTable> flows6 = new ArrayList<>();
    private final List<MemorySegment> memory4 = new ArrayList<>();
    private final List<MemorySegment> memory6 = new ArrayList<>();

    @SuppressWarnings("NullAway.Init") // Set by openAll(), which nobody sees half-done.
    private AffinityTable persistence;

    /// What the tables are to be like.
    ///
    /// @param workers how many shards
    /// @param flows   room over all workers, for each family
    /// @param hasV4   whether a VIP is IPv4
    /// @param hasV6   whether a VIP is IPv6
    /// @param key     of the hash
    /// @param isFresh whether backend rows were numbered anew, so that old entries name nothing
    record Plan(int workers, long flows, boolean hasV4, boolean hasV6, HashKey key, boolean isFresh) {
        private long limit(boolean used) {
            long share = (flows + workers - 1) / workers;
            return Math.max(LEAST_FLOWS, used ? share : share / IDLE_FAMILY_SHARE);
        }
    }

    private FlowFiles(RuntimeFolder folder, HashKey key, int nowTicks, Consumer<String> log) {
        this.folder = folder;
        this.nowTicks = nowTicks;
        this.log = log;
        hash = new FlowHash(key.high(), key.low());
    }

    /// Opens or makes the tables.
    ///
    /// @param log gets a line for everything that was not simply gone on with
    /// @throws IOException when there is no room
    static FlowFiles open(RuntimeFolder folder, Plan plan, int nowTicks, Consumer<String> log) throws IOException {
        FlowFiles files = new FlowFiles(folder, plan.key, nowTicks, log);
        boolean opened = false;
        try {
            files.openAll(plan);
            opened = true;
            return files;
        } finally {
            if (!opened) {
                files.close();
            }
        }
    }

    private void openAll(Plan plan) throws IOException {
        if (plan.isFresh) {
            deleteAll("flows?-*.dat");
            deleteAll("flows?-*" + LEFT_OVER);
            Files.deleteIfExists(folder.persistenceFile());
        } else if (!isKey(plan.key)) {
            leaveOverAll();
            setAside(folder.persistenceFile(), "its clients were told apart by another hash key");
        }
        leaveOverBeyond(plan.workers);
        for (int worker = 0; worker < plan.workers; worker++) {
            openTable(folder.flowTable4(worker), Shape.IPV4, plan.limit(plan.hasV4), flows4, memory4);
            openTable(folder.flowTable6(worker), Shape.IPV6, plan.limit(plan.hasV6), flows6, memory6);
        }
        persistence = openPersistence(Math.max(LEAST_FLOWS, plan.flows / 4));
        AtomicFile.write(folder.tablesKeyFile(), plan.key.text().getBytes(StandardCharsets.US_ASCII));
        carryOver();
        flows4.forEach(table -> table.resume(nowTicks));
        flows6.forEach(table -> table.resume(nowTicks));
    }

    private boolean isKey(HashKey key) throws IOException {
        try {
            return Files.readString(folder.tablesKeyFile()).strip().equals(key.text());
        } catch (NoSuchFileException none) {
            return true;
        }
    }

    private void openTable(Path path, Shape shape, long limit, List<FlowTable> tables, List<MemorySegment> memories)
            throws IOException {
        long bytes = FlowTable.bytesFor(shape, limit);
        MemorySegment memory = Files.exists(path) ? mapIfItFits(path, shape, limit, bytes) : null;
        if (memory == null) {
            memory = MappedFiles.make(path, bytes, arena);
        }
        memories.add(memory);
        tables.add(new FlowTable(shape, memory, limit));
    }

    private @org.jspecify.annotations.Nullable MemorySegment mapIfItFits(Path path, Shape shape, long limit, long bytes)
            throws IOException {
        if (Files.size(path) == bytes) {
            MemorySegment memory = MappedFiles.map(path, arena);
            if (FlowTable.canOpen(shape, memory, limit)) {
                return memory;
            }
        }
        leaveOver(path);
        return null;
    }

    private AffinityTable openPersistence(long capacity) throws IOException {
        Path path = folder.persistenceFile();
        long bytes = AffinityTable.bytesFor(capacity);
        if (Files.exists(path)) {
            if (Files.size(path) == bytes) {
                MemorySegment memory = MappedFiles.map(path, arena);
                if (AffinityTable.canOpen(memory, capacity)) {
                    return new AffinityTable(memory, capacity);
                }
            }
            setAside(path, "it has another size or layout");
        }
        return new AffinityTable(MappedFiles.make(path, bytes, arena), capacity);
    }

    /// Puts the flows of left-over tables into the present ones, over all workers in turn. A worker finds a flow in any
    /// worker's table.
    private void carryOver() throws IOException {
        for (Path path : matching("flows?-*" + LEFT_OVER)) {
            try (Arena old = Arena.ofShared()) {
                carryOver(path, MappedFiles.map(path, old));
            }
        }
    }

    private void carryOver(Path path, MemorySegment memory) throws IOException {
        FlowTableReader reader;
        try {
            reader = new FlowTableReader(memory);
        } catch (IllegalArgumentException otherLayout) {
            setAside(path, "it has another layout (" + otherLayout.getMessage() + ")");
            return;
        }
        long carried = 0;
        long dropped = 0;
        while (reader.next()) {
            int worker = (int) ((carried + dropped) % flows4.size());
            boolean found = reader.shape() == Shape.IPV4
                    ? carry4(reader, flows4.get(worker))
                    : carry6(reader, flows6.get(worker));
            carried += found ? 1 : 0;
            dropped += found ? 0 : 1;
        }
        Files.delete(path);
        if (carried + dropped > 0) {
            log.accept(path.getFileName() + ": " + carried + " flows taken over"
                    + (dropped > 0 ? ", " + dropped + " found no room" : ""));
        }
    }

    private boolean carry4(FlowTableReader flow, FlowTable table) {
        int protocol = flow.protocolBit() == FlowTable.TCP ? 6 : 17;
        long bucket = table.bucket(hash.hash4(flow.addresses4(), flow.ports(), protocol));
        long known = table.find4(bucket, flow.addresses4(), flow.ports(), flow.protocolBit());
        return known != FlowTable.NONE
                || table.insert4(
                                bucket,
                                flow.addresses4(),
                                flow.ports(),
                                flow.protocolBit(),
                                flow.row(),
                                flow.generation(),
                                flow.state(),
                                nowTicks)
                        != FlowTable.NONE;
    }

    private boolean carry6(FlowTableReader flow, FlowTable table) {
        int protocol = flow.protocolBit() == FlowTable.TCP ? 6 : 17;
        long bucket = table.bucket(hash.hash6(
                flow.sourceHigh(),
                flow.sourceLow(),
                flow.destinationHigh(),
                flow.destinationLow(),
                flow.ports(),
                protocol));
        long known = table.find6(
                bucket,
                flow.sourceHigh(),
                flow.sourceLow(),
                flow.destinationHigh(),
                flow.destinationLow(),
                flow.ports(),
                flow.protocolBit());
        return known != FlowTable.NONE
                || table.insert6(
                                bucket,
                                flow.sourceHigh(),
                                flow.sourceLow(),
                                flow.destinationHigh(),
                                flow.destinationLow(),
                                flow.ports(),
                                flow.protocolBit(),
                                flow.row(),
                                flow.generation(),
                                flow.state(),
                                nowTicks)
                        != FlowTable.NONE;
    }

    private void leaveOverAll() throws IOException {
        for (Path path : matching("flows?-*.dat")) {
            leaveOver(path);
        }
    }

    private void leaveOverBeyond(int workers) throws IOException {
        for (Path path : matching("flows?-*.dat")) {
            String name = path.getFileName().toString();
            String number = name.substring(name.indexOf('-') + 1, name.length() - ".dat".length());
            if (!number.matches("[0-9]{1,4}") || Integer.parseInt(number) >= workers) {
                leaveOver(path);
            }
        }
    }

    private static void leaveOver(Path path) throws IOException {
        Files.move(path, path.resolveSibling(path.getFileName() + LEFT_OVER), StandardCopyOption.REPLACE_EXISTING);
    }

    private void setAside(Path path, String why) throws IOException {
        if (Files.exists(path)) {
            Path aside = path.resolveSibling(path.getFileName() + SET_ASIDE);
            Files.move(path, aside, StandardCopyOption.REPLACE_EXISTING);
            log.accept(path.getFileName() + " is set aside as " + aside.getFileName() + ": " + why);
        }
    }

    private void deleteAll(String glob) throws IOException {
        for (Path path : matching(glob)) {
            Files.delete(path);
        }
    }

    private List<Path> matching(String glob) throws IOException {
        List<Path> paths = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(folder.path(), glob)) {
            found.forEach(paths::add);
        }
        return paths;
    }

    /// {@return the tables of a worker, and readers of everyone else's}
    WorkerTables tables(int worker) {
        return new WorkerTables(
                flows4.get(worker), flows6.get(worker), others(memory4, worker), others(memory6, worker));
    }

    /// {@return readers of all tables of a family}
    List<FlowTableReader> readers(Shape shape) {
        return others(shape == Shape.IPV4 ? memory4 : memory6, -1);
    }

    private static List<FlowTableReader> others(List<MemorySegment> memories, int worker) {
        List<FlowTableReader> readers = new ArrayList<>();
        for (int other = 0; other < memories.size(); other++) {
            if (other != worker) {
                readers.add(new FlowTableReader(memories.get(other)));
            }
        }
        return readers;
    }

    AffinityTable persistence() {
        return persistence;
    }

    @Override
    public void close() {
        arena.close();
    }
}
