package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Addresses;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusReader.BackendStatus;
import io.penstock.control.status.StatusReader.ListenerStatus;
import io.penstock.control.status.StatusReader.Totals;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Shows S2-80, S2-81.
class StatusFileTest {
    private static final InetAddress A = address("10.0.0.11");
    private static final InetAddress B = address("10.0.0.12");

    @TempDir
    Path folder;

    private final List<String> messages = new ArrayList<>();
    private Path path;
    private StatusFile file;

    @BeforeEach
    void open() throws IOException {
        path = folder.resolve("status.dat");
        reopen(2);
    }

    @AfterEach
    void close() throws IOException {
        file.close();
    }

    private void reopen(int workers) throws IOException {
        if (file != null) {
            file.close();
        }
        file = StatusFile.open(path, workers, messages::add);
        file.started("edge1", "1.2.3", System.currentTimeMillis());
    }

    @Test
    void shouldBeTinyAndPrivate() throws IOException {
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
        file.backends().allocate("web", "a", A);
        assertTrue(blocks() < 1 << 20, "bytes on disk: " + blocks());
    }

    private long blocks() throws IOException {
        Process du = new ProcessBuilder("du", "-B1", path.toString()).start();
        return Long.parseLong(new String(du.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.US_ASCII)
                .split("\t")[0]);
    }

    @Test
    void shouldTellReadersWhoRunsAndHow() throws IOException {
        file.transport("xdp", "native zero-copy", "epoll");
        file.flowCapacity(1 << 20);
        file.appliedSnapshot(7);
        file.worker(1).placed(3, 1);
        file.worker(1).flows(42);
        file.worker(1).busyPermille(250);
        file.worker(1).maxCycleNs(12_345);

        try (StatusReader reader = StatusReader.open(path)) {
            assertEquals("edge1", reader.instance());
            assertEquals("1.2.3", reader.productVersion());
            assertEquals(ProcessHandle.current().pid(), reader.pid());
            assertEquals("xdp", reader.port());
            assertEquals("native zero-copy", reader.portMode());
            assertEquals("epoll", reader.transport());
            assertEquals(1 << 20, reader.flowCapacity());
            assertEquals(7, reader.appliedSnapshot());
            assertEquals(2, reader.workerCount());
            assertEquals(3, reader.cpu(1));
            assertEquals(1, reader.queue(1));
            assertEquals(42, reader.flowsUsed());
            assertEquals(250, reader.busyPermille(1));
            assertEquals(12_345, reader.maxCycleNs(1));
            assertTrue(reader.isAlive());
        }
    }

    @Test
    void shouldCountOnAfterARestart() throws IOException {
        WorkerCounters counters = new WorkerCounters(file.worker(0).counters());
        counters.add(WorkerCounter.RECEIVED.id(), 5);
        counters.add(WorkerCounter.FORWARDED.id(), 5);
        counters.publish();
        int row = file.backends().allocate("web", "a", A);
        count(0, row, 1, 10, 100, 1_000);
        count(1, row, 2, 20, 200, 2_000);
        int generation = file.backends().generation(row);

        reopen(2);

        assertEquals(row, file.backends().allocate("web", "a", A));
        assertEquals(generation, file.backends().generation(row));
        assertEquals(3, file.backends().flows(row));
        file.backends().zeroFlows();
        counters = new WorkerCounters(file.worker(0).counters());
        counters.add(WorkerCounter.RECEIVED.id(), 1);
        counters.add(WorkerCounter.PASSED.id(), 1);
        counters.publish();
        try (StatusReader reader = StatusReader.open(path)) {
            assertEquals(6, reader.counters(0).get(WorkerCounter.RECEIVED));
            assertEquals(
                    new Totals(0, 30, 300, 3_000), backend(reader, "web", "a").totals());
        }
        assertEquals(List.of(), messages);
    }

    @Test
    void shouldKeepTheCountsOfWorkersThatRunNoMore() throws IOException {
        int row = file.backends().allocate("web", "a", A);
        count(1, row, 1, 10, 100, 1_000);
        WorkerCounters counters = new WorkerCounters(file.worker(1).counters());
        counters.add(WorkerCounter.RECEIVED.id(), 5);
        counters.publish();

        reopen(1);
        try (StatusReader reader = StatusReader.open(path)) {
            assertEquals(1, reader.workerCount());
            assertEquals(2, reader.workerRegions());
            assertEquals(10, backend(reader, "web", "a").totals().newFlows());
            assertEquals(5, reader.counters().get(WorkerCounter.RECEIVED));

            reopen(3);
            reader.refresh();
            assertEquals(3, reader.workerRegions());
            assertEquals(10, backend(reader, "web", "a").totals().newFlows());
        }
    }

    @Test
    void shouldGiveTheSameBackendTheSameRow() throws IOException {
        BackendRows rows = file.backends();
        int a = rows.allocate("web", "a", A);
        int b = rows.allocate("web", "b", B);
        int other = rows.allocate("dns", "a", A);

        assertEquals(3, Stream.of(a, b, other).distinct().count());
        assertEquals(a, rows.allocate("web", "a", A));
        assertEquals("web", rows.listener(a));
        assertEquals("a", rows.id(a));
        assertEquals(A, rows.address(a));
        assertNotEquals(a, rows.allocate("web", "a", B), "another address is another backend");
    }

    @Test
    void shouldNeverCountBackwards() throws IOException {
        BackendRows rows = file.backends();
        int a = rows.allocate("web", "a", A);
        count(0, a, 0, 10, 100, 1_000);
        Totals before = totals("web");

        rows.release(a);
        assertEquals(before, totals("web"), "after the backend left");

        int again = rows.allocate("web", "a", A);
        assertEquals(a, again);
        count(0, again, 0, 1, 1, 1);
        assertEquals(new Totals(0, 11, 101, 1_001), totals("web"), "after it came back");
        rows.release(again);

        // So many others that the row is needed.
        int generation = rows.generation(a);
        for (int i = 0; i < BackendRows.RESTING + 10; i++) {
            rows.release(rows.allocate("dns", "b" + i, B));
        }
        assertNotEquals(generation, rows.generation(a), "the row has gone to another");
        assertEquals(new Totals(0, 11, 101, 1_001), totals("web"), "after its row was reused");
        assertEquals(new Totals(0, 0, 0, 0), totals("dns"), "and nothing of it is theirs");

        rows.allocate("web", "a", A);
        reopen(2);
        assertEquals(new Totals(0, 11, 101, 1_001), totals("web"), "after a restart");
    }

    @Test
    void shouldKeepTheCountsOfAnIdThatChangesItsAddress() throws IOException {
        BackendRows rows = file.backends();
        int a = rows.allocate("web", "a", A);
        count(0, a, 1, 10, 100, 1_000);
        rows.release(a);
        int b = rows.allocate("web", "a", B);
        count(0, b, 2, 1, 1, 1);
        rows.publish(b, Health.UP, Admin.DRAINING, 100, 0);

        try (StatusReader reader = StatusReader.open(path)) {
            BackendStatus status = backend(reader, "web", "a");
            assertEquals(new Totals(3, 11, 101, 1_001), status.totals());
            assertEquals(B, status.address());
            assertEquals(Health.UP, status.health());
            assertEquals(Admin.DRAINING, status.admin());
            assertTrue(status.inUse());
        }
    }

    @Test
    void shouldForgetAListenerOnlyWhenItsRowIsNeeded() throws IOException {
        BackendRows rows = file.backends();
        int a = rows.allocate("web", "a", A);
        count(0, a, 0, 10, 100, 1_000);
        rows.release(a);
        int listener = file.listeners().allocate("web");
        file.listeners().release(listener);
        assertFalse(Objects.requireNonNull(listeners().get("web")).inUse());

        assertEquals(listener, file.listeners().allocate("web"));
        assertEquals(10, totals("web").newFlows());
        file.listeners().release(listener);
        for (int i = 0; i < ListenerRows.CAPACITY - 1; i++) {
            file.listeners().allocate("l" + i);
        }
        assertTrue(listeners().containsKey("web"));
        assertEquals(listener, file.listeners().allocate("last"));
        assertFalse(listeners().containsKey("web"));
        assertEquals(Totals.ZERO, totals("last"));
        assertThrows(IOException.class, () -> file.listeners().allocate("one more"));
    }

    @Test
    void shouldTellWhomAFlowEntryMeans() throws IOException {
        int row = file.backends().allocate("web", "a", A);
        try (StatusReader reader = StatusReader.open(path)) {
            StatusReader.RowOwner owner = reader.owner(row);
            assertNotNull(owner);
            assertEquals("web", owner.listener());
            assertEquals("a", owner.id());
            assertEquals(A, owner.address());
            assertEquals(file.backends().generation(row), owner.generation());
            assertEquals(null, reader.owner(row + 1));
            assertEquals(null, reader.owner(-1));
        }
    }

    @Test
    void shouldSetAsideAnotherLayoutAndNeverMisreadIt() throws IOException {
        file.backends().allocate("web", "a", A);
        file.close();
        try (RandomAccessFile raw = new RandomAccessFile(path.toFile(), "rw")) {
            raw.seek(8);
            raw.write(99); // The first byte of a little-endian 99.
        }

        IOException unread = assertThrows(IOException.class, () -> StatusReader.open(path));
        assertTrue(String.valueOf(unread.getMessage()).contains("layout v99"), unread.getMessage());
        reopen(1);

        assertEquals(1, messages.size());
        assertTrue(
                messages.getFirst()
                        .startsWith(
                                "status.dat has layout v99, this program writes v1: set aside as" + " status.dat.v99-"),
                messages.getFirst());
        assertEquals(Map.of(), listeners());
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(
                    1,
                    files.filter(each -> each.getFileName().toString().startsWith("status.dat.v99-"))
                            .count());
        }
    }

    @Test
    void shouldSetAsideWhatIsNoStatusFile() throws IOException {
        file.close();
        Files.writeString(path, "something else, and longer than a header");

        reopen(1);

        assertTrue(messages.getFirst().contains("layout unknown"), messages.getFirst());
    }

    @Test
    void shouldMakeAFileAgainWhoseMakingWasCutShort() throws IOException {
        file.close();
        Files.write(path, new byte[100]);
        assertThrows(NoSuchFileException.class, () -> StatusReader.open(path));

        reopen(1);

        assertEquals(List.of(), messages);
    }

    @Test
    void shouldSayThatNothingRanYet() {
        assertThrows(NoSuchFileException.class, () -> StatusReader.open(folder.resolve("none")));
    }

    @Test
    void shouldSayWhetherTheForwarderLives() throws IOException {
        try (StatusReader reader = StatusReader.open(path)) {
            assertTrue(reader.isAlive());
            file.heartbeat(System.currentTimeMillis() - StatusReader.HEARTBEAT_MAX_AGE_MS - 1);
            assertFalse(reader.isAlive(), "without a heartbeat");
            file.heartbeat(System.currentTimeMillis());
            file.stopped(System.currentTimeMillis());
            assertFalse(reader.isAlive(), "after its end");
        }
    }

    @Test
    void shouldNoticeThatTheFileWasReplaced() throws IOException {
        try (StatusReader reader = StatusReader.open(path)) {
            file.close();
            Files.delete(path);
            file = StatusFile.open(path, 1, messages::add);
            file.started("edge2", "1.2.4", 0);
            assertEquals("edge1", reader.instance());
            reader.refresh();
            assertEquals("edge2", reader.instance());
        }
    }

    @Test
    void shouldKeepErrorsOverARestart() throws IOException {
        file.errorLog().record(new IllegalStateException("the first"));
        file.errorLog().record(new IllegalStateException("the first"));
        reopen(1);
        file.errorLog().record(new IllegalArgumentException("the second"));

        List<String> errors = new ArrayList<>();
        try (StatusReader reader = StatusReader.open(path)) {
            reader.errors((count, first, last, text) ->
                    errors.add(text.lines().findFirst().orElse("")));
        }

        assertTrue(errors.getFirst().contains("the first"), errors::toString);
        assertTrue(errors.getLast().contains("the second"), errors::toString);
        for (int i = 0; i < 1_000; i++) {
            reopen(1);
            file.errorLog().record(new IllegalArgumentException("one of many " + i));
        }
    }

    /// A reader in another thread sees sums that never fall while rows are given out, taken back and reused.
    @Test
    void shouldBeReadWhileItIsWritten() throws Exception {
        BackendRows rows = file.backends();
        Thread writer = Thread.ofPlatform().start(() -> {
            try {
                for (int i = 0; i < 12_000; i++) {
                    int row = rows.allocate("web", "b" + i % 7, address("10.0." + i / 250 % 250 + "." + (1 + i % 250)));
                    count(0, row, 0, 1, 1, 1);
                    rows.release(row);
                    if (i % 50 == 0) {
                        Thread.sleep(1); // A conductor pauses between changes too.
                    }
                }
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        long last = 0;
        int reads = 0;
        try (StatusReader reader = StatusReader.open(path)) {
            while (writer.isAlive()) {
                ListenerStatus web = reader.listeners().get("web");
                long now = web == null ? 0 : web.totals().newFlows();
                assertTrue(now >= last, "from " + last + " to " + now + " after " + reads + " reads");
                last = now;
                reads++;
            }
        }
        writer.join();
        assertEquals(12_000, totals("web").newFlows());
        System.out.println("StatusFileTest: " + reads + " reads beside 12,000 changes");
    }

    private void count(int worker, int row, long flows, long newFlows, long packets, long bytes) {
        MemorySegment cells = file.backends().cells(worker);
        long cell = BackendRows.cell(row);
        add(cells, cell + BackendRows.FLOWS, flows);
        add(cells, cell + BackendRows.NEW_FLOWS, newFlows);
        add(cells, cell + BackendRows.PACKETS, packets);
        add(cells, cell + BackendRows.BYTES, bytes);
    }

    private static void add(MemorySegment cells, long offset, long count) {
        cells.set(ValueLayout.JAVA_LONG, offset, cells.get(ValueLayout.JAVA_LONG, offset) + count);
    }

    private Totals totals(String listener) throws IOException {
        return Objects.requireNonNull(listeners().get(listener)).totals();
    }

    private Map<String, ListenerStatus> listeners() throws IOException {
        try (StatusReader reader = StatusReader.open(path)) {
            return reader.listeners();
        }
    }

    private static BackendStatus backend(StatusReader reader, String listener, String id) {
        ListenerStatus status = Objects.requireNonNull(reader.listeners().get(listener));
        return Objects.requireNonNull(status.backends().get(id));
    }

    private static InetAddress address(String text) {
        return Objects.requireNonNull(Addresses.parse(text));
    }
}
