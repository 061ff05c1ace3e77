package io.penstock.control.status;

import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;

/// Where everything lies in the status file. All numbers are 8-byte words in the machine's order.
///
/// ```
/// 0                header: what the file is, whose, and how alive
/// 4 KiB            distinct errors, 256 KiB (Agrona's DistinctErrorLog)
/// LISTENERS        65,536 rows of 256 bytes
/// BACKENDS         524,288 rows of 256 bytes
/// WORKERS          for each worker 8 KiB of counters, and a cell of 32 bytes for each backend row
/// ```
///
/// The file is sparse: only rows that were used take memory. A change of any of this raises [#VERSION].
final class StatusLayout {
    /// "PENSTOCK" in ASCII. Written last, so a file that has it is complete.
    static final long MAGIC = 0x4b434f54534e4550L;
    static final long VERSION = 1;

    static final int MAX_WORKERS = 1024;

    // Header.
    static final long H_MAGIC = 0;
    static final long H_VERSION = 8;
    static final long H_PID = 16;
    static final long H_START_MS = 24;
    static final long H_HEARTBEAT_MS = 32;
    static final long H_STOPPED_MS = 40;
    static final long H_APPLIED_SNAPSHOT = 48;
    static final long H_WORKERS = 56;
    /// Worker regions that the file ever had; those beyond [#H_WORKERS] keep their counts.
    static final long H_WORKER_REGIONS = 64;
    static final long H_FLOW_CAPACITY = 72;
    /// Rises when a row got another identity: names that were read before may be old.
    static final long H_ROWS_EPOCH = 80;
    /// Rows below it may have been used.
    static final long H_BACKEND_ROWS = 88;
    static final long H_LISTENER_ROWS = 96;
    /// Odd while counts move from a row to its listener's retired sums: who adds them up now must do it again.
    static final long H_MOVES_EPOCH = 104;
    // Texts: a length, then UTF-8.
    static final long H_INSTANCE = 256;
    static final long H_PRODUCT_VERSION = 512;
    static final long H_PORT = 768;
    static final long H_TRANSPORT = 1024;
    static final long H_PORT_MODE = 1280;
    static final int SHORT_TEXT = 256;
    static final int LONG_TEXT = 1024;

    static final long ERRORS = 4096;
    static final int ERRORS_LENGTH = 256 << 10;

    static final long LISTENERS = ERRORS + ERRORS_LENGTH;
    static final int LISTENER_ROWS = 1 << 16;
    static final int LISTENER_ROW = 256;
    static final long L_USE = 0;
    static final long L_STATE = 8;
    /// Three words: new flows, packets, bytes of backends whose rows were given to others.
    static final long L_RETIRED = 16;
    static final long L_NAME = 64;

    static final long BACKENDS = LISTENERS + (long) LISTENER_ROWS * LISTENER_ROW;
    static final int BACKEND_ROWS = 1 << 19;
    static final int BACKEND_ROW = 256;
    /// Bits 0-7 use, 8-15 generation, 16-23 health, 24-31 admin.
    static final long B_WORD = 0;
    static final long B_LISTENER = 8;
    static final long B_WEIGHT = 16;
    static final long B_EFFECTIVE_WEIGHT = 24;
    /// Three words: what the cells held when this identity got the row.
    static final long B_BASE = 32;
    /// Three words: what the old listener's retired sums become, while [#MOVING].
    static final long B_RETIRE = 56;
    static final long B_ADDRESS = 88;
    static final long B_ID = 128;
    static final int NAME_BYTES = 72;

    static final long WORKERS = BACKENDS + (long) BACKEND_ROWS * BACKEND_ROW;
    static final long W_CPU = 0;
    static final long W_QUEUE = 8;
    static final long W_FLOWS = 64;
    static final long W_BUSY_PERMILLE = 72;
    static final long W_MAX_CYCLE_NS = 80;
    static final long W_COUNTERS = 1024;
    static final long W_LATENCY = 4096;
    static final int CELL = 32;
    static final long W_CELLS = 8192;
    static final long WORKER_REGION = W_CELLS + (long) BACKEND_ROWS * CELL;

    // Use of a row.
    static final int EMPTY = 0;
    static final int IN_USE = 1;
    /// Given back, but its identity and its counts stay until another identity needs the row.
    static final int RELEASED = 2;
    /// The counts are being added to the listener's retired sums; finished at the next start if it was cut short.
    static final int MOVING = 3;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private StatusLayout() {}

    /// {@return where a worker's region begins}
    static long worker(int index) {
        return WORKERS + index * WORKER_REGION;
    }

    static long listenerRow(int row) {
        return LISTENERS + (long) row * LISTENER_ROW;
    }

    static long backendRow(int row) {
        return BACKENDS + (long) row * BACKEND_ROW;
    }

    static long get(MemorySegment file, long offset) {
        return (long) LONG.getAcquire(file, offset);
    }

    static void set(MemorySegment file, long offset, long value) {
        LONG.setRelease(file, offset, value);
    }

    /// Makes readers read the names again. Called when they are there.
    static void namesChanged(MemorySegment file) {
        set(file, H_ROWS_EPOCH, get(file, H_ROWS_EPOCH) + 1);
    }

    static int use(long word) {
        return (int) (word & 255);
    }

    static Health health(MemorySegment file, long row) {
        return health((get(file, row + B_WORD) >> 16) & 255);
    }

    static Admin admin(MemorySegment file, long row) {
        return admin((get(file, row + B_WORD) >> 24) & 255);
    }

    static int generation(long word) {
        return (int) ((word >> 8) & 255);
    }

    static long word(int use, int generation, Health health, Admin admin) {
        return use | ((long) generation << 8) | ((long) code(health) << 16) | ((long) code(admin) << 24);
    }

    // Codes in the file do not follow the order of constants in the source.

    static int code(Health health) {
        return switch (health) {
            case UNKNOWN -> 0;
            case UP -> 1;
            case DOWN -> 2;
            case OFF -> 3;
        };
    }

    static Health health(long code) {
        return switch ((int) code) {
            case 1 -> Health.UP;
            case 2 -> Health.DOWN;
            case 3 -> Health.OFF;
            default -> Health.UNKNOWN;
        };
    }

    static int code(Admin admin) {
        return switch (admin) {
            case IN -> 0;
            case DRAINING -> 1;
            case OUT -> 2;
        };
    }

    static Admin admin(long code) {
        return switch ((int) code) {
            case 1 -> Admin.DRAINING;
            case 2 -> Admin.OUT;
            default -> Admin.IN;
        };
    }

    static int code(ListenerRows.State state) {
        return switch (state) {
            case RUNNING -> 0;
            case STOPPED -> 1;
            case DRAINING -> 2;
        };
    }

    static ListenerRows.State state(long code) {
        return switch ((int) code) {
            case 1 -> ListenerRows.State.STOPPED;
            case 2 -> ListenerRows.State.DRAINING;
            default -> ListenerRows.State.RUNNING;
        };
    }

    /// Writes a length and that many bytes; what does not fit is cut.
    static void setBytes(MemorySegment file, long offset, byte[] bytes, int room) {
        int length = Math.min(bytes.length, room - 8);
        MemorySegment.copy(bytes, 0, file, ValueLayout.JAVA_BYTE, offset + 8, length);
        set(file, offset, length);
    }

    static void setText(MemorySegment file, long offset, String text, int room) {
        setBytes(file, offset, text.getBytes(StandardCharsets.UTF_8), room);
    }

    static byte[] bytes(MemorySegment file, long offset, int room) {
        int length = Math.clamp(get(file, offset), 0, room - 8);
        byte[] bytes = new byte[length];
        MemorySegment.copy(file, ValueLayout.JAVA_BYTE, offset + 8, bytes, 0, length);
        return bytes;
    }

    static String text(MemorySegment file, long offset, int room) {
        return new String(bytes(file, offset, room), StandardCharsets.UTF_8);
    }
}
