package io.penstock.sidecar.state;

import io.penstock.control.log.Log;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// What the sidecar counts, in a mapped file of the runtime folder: the counts go on where they were when the process
/// is killed and started again, as those of the forwarder do.
///
/// ```
/// +--------------------+   one row of 256 bytes for each backend that was ever checked; the first row, whose key is
/// | magic, layout      |   empty, is the process's own
/// +--------------------+
/// | counts  8 x 8      |   offset   0
/// | length of the key  |   offset  64
/// | key, UTF-8         |   offset  72
/// +--------------------+
/// ```
/// Each count has one writing thread; any thread reads. Where the disk is full, new rows live in memory alone, which is
/// said once.
public final class SidecarCounters implements AutoCloseable {
    /// What is counted for one backend of one listener.
    public enum OfBackend {
        /// Checks that found it working.
        OK(0),
        /// Checks that found it not working.
        FAILED(1),
        /// Checks that could not be made.
        FAULT(2),
        /// Changes between up and down.
        TRANSITIONS(3);

        private final int place; // in its row; never changes meaning

        OfBackend(int place) {
            this.place = place;
        }
    }

    /// What is counted for the process.
    public enum OfProcess {
        /// Snapshots published.
        PUBLISHED(0),
        /// Snapshots that could not be written, each attempt.
        PUBLISH_ERRORS(1),
        /// Times the file was read and taken over.
        RELOADS(2),
        /// Times the file was read and refused.
        RELOAD_ERRORS(3),
        /// Connections to the API that were closed because there were too many.
        API_REFUSED(4);

        private final int place; // in the first row; never changes meaning

        OfProcess(int place) {
            this.place = place;
        }
    }

    private static final long MAGIC = 0x31_52_43_53_4e_45_50L; // "PENSCR1"
    private static final int HEADER = 64;
    private static final int ROW = 256;
    private static final int KEY_LENGTH = 64;
    private static final int KEY = 72;
    private static final int ROWS_A_STEP = 1024;
    private static final int MAX_ROWS = 1 << 17;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Log log = new Log("metrics");
    private final Arena arena = Arena.ofShared();
    private final FileChannel file;
    private final List<MemorySegment> steps = new ArrayList<>();
    private final Map<String, Map<String, MemorySegment>> rows = new ConcurrentHashMap<>();
    private final MemorySegment process;
    private int used;
    private boolean full;

    /// Maps the file, made where it is not there; one of another layout starts anew.
    public SidecarCounters(Path path) throws IOException {
        file = FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        boolean ours = isOurs();
        if (!ours) {
            file.truncate(0);
        }
        while (steps.isEmpty() || (long) steps.size() * ROWS_A_STEP * ROW + HEADER < file.size()) {
            addStep();
        }
        if (!ours) {
            write(0, longBytes(MAGIC));
        }
        learnRows();
        process = rows.containsKey("") ? row("", "") : newRow("", "");
    }

    private boolean isOurs() throws IOException {
        ByteBuffer magic = ByteBuffer.allocate(8).order(java.nio.ByteOrder.nativeOrder());
        return file.read(magic, 0) == 8 && magic.getLong(0) == MAGIC;
    }

    private static byte[] longBytes(long value) {
        return ByteBuffer.allocate(8)
                .order(java.nio.ByteOrder.nativeOrder())
                .putLong(value)
                .array();
    }

    private void write(long at, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            file.write(buffer, at + buffer.position());
        }
    }

    // The blocks are written, not left as a hole: touching a mapped hole on a full disk would be a SIGBUS.
    private void addStep() throws IOException {
        long at = HEADER + (long) steps.size() * ROWS_A_STEP * ROW;
        long end = at + (long) ROWS_A_STEP * ROW;
        if (file.size() < end) {
            long from = file.size();
            write(from, new byte[(int) (end - from)]);
        }
        steps.add(file.map(FileChannel.MapMode.READ_WRITE, at, (long) ROWS_A_STEP * ROW, arena));
    }

    private void learnRows() {
        for (int i = 0; i < steps.size() * ROWS_A_STEP; i++) {
            MemorySegment row = slot(i);
            long length = (long) LONG.getAcquire(row, (long) KEY_LENGTH);
            if (length < 1 || length > ROW - KEY) {
                return; // Rows are used from the front, and the length is written last.
            }
            byte[] key = row.asSlice(KEY, length).toArray(ValueLayout.JAVA_BYTE);
            String[] names = new String(key, StandardCharsets.UTF_8).split("/", 2);
            if (names.length == 2) {
                rows.computeIfAbsent(names[0], _ -> new ConcurrentHashMap<>()).put(names[1], row);
            }
            used = i + 1;
        }
    }

    private MemorySegment slot(int index) {
        return steps.get(index / ROWS_A_STEP).asSlice((long) (index % ROWS_A_STEP) * ROW, ROW);
    }

    private MemorySegment row(String listener, String backend) {
        Map<String, MemorySegment> ofListener = rows.get(listener);
        MemorySegment row = ofListener == null ? null : ofListener.get(backend);
        return row == null ? newRow(listener, backend) : row;
    }

    private synchronized MemorySegment newRow(String listener, String backend) {
        Map<String, MemorySegment> ofListener = rows.computeIfAbsent(listener, _ -> new ConcurrentHashMap<>());
        MemorySegment there = ofListener.get(backend);
        if (there != null) {
            return there;
        }
        byte[] key = (listener + "/" + backend).getBytes(StandardCharsets.UTF_8);
        MemorySegment row = key.length <= ROW - KEY ? room() : arena.allocate(ROW, 8);
        row.asSlice(KEY, Math.min(key.length, ROW - KEY))
                .copyFrom(MemorySegment.ofArray(key).asSlice(0, Math.min(key.length, ROW - KEY)));
        LONG.setRelease(row, (long) KEY_LENGTH, (long) key.length);
        ofListener.put(backend, row);
        return row;
    }

    private MemorySegment room() {
        try {
            if (used == steps.size() * ROWS_A_STEP && used < MAX_ROWS && !full) {
                addStep();
            }
        } catch (IOException e) {
            full = true;
            log.error("counts of new backends will not survive a restart", e);
        }
        return used < steps.size() * ROWS_A_STEP ? slot(used++) : arena.allocate(ROW, 8);
    }

    /// Adds one to a count of a backend.
    public void count(String listener, String backend, OfBackend what) {
        add(row(listener, backend), what.place);
    }

    /// Adds one to a count of the process.
    public void count(OfProcess what) {
        add(process, what.place);
    }

    private static void add(MemorySegment row, int index) {
        long at = 8L * index;
        LONG.setRelease(row, at, (long) LONG.getAcquire(row, at) + 1);
    }

    /// {@return a count of a backend; 0 where there is none}
    public long get(String listener, String backend, OfBackend what) {
        Map<String, MemorySegment> ofListener = rows.get(listener);
        MemorySegment row = ofListener == null ? null : ofListener.get(backend);
        return row == null ? 0 : (long) LONG.getAcquire(row, 8L * what.place);
    }

    /// {@return a count of the process}
    public long get(OfProcess what) {
        return (long) LONG.getAcquire(process, 8L * what.place);
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            log.error("close", e);
        }
        arena.close();
    }
}
