package io.penstock.bench.kernel;

import io.penstock.flowtable.FlowLayout;
import io.penstock.flowtable.FlowTable;
import io.penstock.forwarder.linux.BpfMap;
import io.penstock.forwarder.path.BackendRecords;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The memory of an IPv4 flow table and of its backends' records, in BPF arrays: a worker works on it as on any other
/// memory, and an XDP program finds it by index. An element of the flow array is 64 bytes, so that the table's header
/// is the first two, and each line is one; the creation ticks behind the lines are of no interest to a packet.
///
/// What the program counts of each backend is apart: frames and bytes, for each CPU.
public final class KernelTables implements AutoCloseable {
    /// Elements before the first line.
    static final int HEADER_ELEMENTS = (int) (FlowLayout.HEADER_LENGTH / FlowLayout.LINE_LENGTH);
    /// Where in a cell the frames and the bytes are.
    static final int CELL_PACKETS = 0;
    static final int CELL_BYTES = 8;
    private static final int CELL_LENGTH = 16;
    private static final int INDEX_LENGTH = 4;

    private final Arena arena = Arena.ofShared();
    private final BpfMap flowMap;
    private final BpfMap recordMap;
    private final BpfMap cellMap;
    private final MemorySegment flows;
    private final MemorySegment records;

    /// @param limit most flows
    /// @param rows  of backends
    public KernelTables(long limit, int rows) {
        int elements = Math.toIntExact(FlowTable.bytesFor(FlowTable.Shape.IPV4, limit) / FlowLayout.LINE_LENGTH);
        flowMap = BpfMap.create(
                BpfMap.Kind.ARRAY_MAPPED, "ps_flows", INDEX_LENGTH, (int) FlowLayout.LINE_LENGTH, elements);
        recordMap = BpfMap.create(
                BpfMap.Kind.ARRAY_MAPPED, "ps_backends", INDEX_LENGTH, BackendRecords.RECORD_LENGTH, rows);
        cellMap = BpfMap.create(BpfMap.Kind.ARRAY_PER_CPU, "ps_cells", INDEX_LENGTH, CELL_LENGTH, rows);
        flows = flowMap.map(arena);
        records = recordMap.map(arena);
    }

    /// {@return zeros at first, as long as a flow table for `limit` flows}
    public MemorySegment flows() {
        return flows;
    }

    /// {@return zeros at first, a record for each backend row}
    public MemorySegment records() {
        return records;
    }

    /// {@return what programs sent to each backend: frames to row 0, bytes of their packets, frames to row 1, and so
    /// on}
    ///
    /// @param rows how many
    public long[] cells(int rows) {
        return cellMap.sums(rows);
    }

    /// {@return frames that programs sent to the backends of the first rows}
    public long packets(int rows) {
        long[] cells = cells(rows);
        long packets = 0;
        for (int i = 0; i < cells.length; i += CELL_LENGTH / Long.BYTES) {
            packets += cells[i];
        }
        return packets;
    }

    BpfMap flowMap() {
        return flowMap;
    }

    BpfMap recordMap() {
        return recordMap;
    }

    BpfMap cellMap() {
        return cellMap;
    }

    @Override
    public void close() {
        arena.close();
        flowMap.close();
        recordMap.close();
        cellMap.close();
    }
}
