package io.penstock.forwarder.path;

import io.penstock.flowtable.FlowTableReader;
import io.penstock.flowtable.NativeMemory;
import io.penstock.flowtable.schedule.FlowCounts;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/// What one worker counts of each backend: a cell of four longs a row, in the status file. The worker alone writes its
/// cells; schedulers, tools and the sidecar read them.
///
/// ```
///  0        8        16       24       32
/// +--------+--------+--------+--------+
/// | flows  | new    | packets| bytes  |
/// +--------+--------+--------+--------+
/// ```
public final class BackendCells {
    /// Bytes of a cell.
    public static final int CELL_LENGTH = 32;

    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();
    private static final int FLOWS = 0;
    private static final int NEW_FLOWS = 8;
    private static final int PACKETS = 16;
    private static final int BYTES = 24;

    private final MemorySegment cells;
    private final long address; // of the cells
    private final int rows;

    /// @param cells the worker's region; row `r` lies at `32 * r`
    public BackendCells(MemorySegment cells) {
        this.cells = cells;
        address = NativeMemory.addressOf(cells);
        rows = (int) (cells.byteSize() / CELL_LENGTH);
    }

    /// {@return the address of a row's cell} One check for all its fields.
    private long cell(int row) {
        return address + (long) Objects.checkIndex(row, rows) * CELL_LENGTH;
    }

    private static void add(long field, long count) {
        // A plain store of an aligned long: whole on every 64-bit JVM; nothing else depends on it.
        NativeMemory.putWord(field, NativeMemory.word(field) + count);
    }

    void packet(int row, int bytes) {
        long cell = cell(row);
        add(cell + PACKETS, 1);
        add(cell + BYTES, bytes);
    }

    void flowBegan(int row) {
        long cell = cell(row);
        add(cell + FLOWS, 1);
        add(cell + NEW_FLOWS, 1);
    }

    void flowArrived(int row) {
        add(cell(row) + FLOWS, 1);
    }

    void flowEnded(int row) {
        add(cell(row) + FLOWS, -1);
    }

    /// Counts the active flows of a table, before its worker runs.
    public void recount(FlowTableReader table) {
        table.rewind();
        while (table.next()) {
            if (FlowExpiry.isActive(table.state())) {
                flowArrived(table.row());
            }
        }
    }

    /// {@return active flows of this worker on a backend}
    public long flows(int row) {
        return (long) LONG.getOpaque(cells, (long) row * CELL_LENGTH + FLOWS);
    }

    /// {@return packets of this worker to a backend}
    public long packets(int row) {
        return (long) LONG.getOpaque(cells, (long) row * CELL_LENGTH + PACKETS);
    }

    /// {@return active flows on a backend, summed over workers}
    public static FlowCounts sum(BackendCells... workers) {
        BackendCells[] all = workers.clone();
        return row -> {
            long flows = 0;
            for (BackendCells worker : all) {
                flows += worker.flows(row);
            }
            return flows;
        };
    }
}
