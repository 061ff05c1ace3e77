package io.penstock.flowtable;

import static io.penstock.flowtable.FlowLayout.*;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/// Reads a flow table that another thread or process writes, without locks and without disturbing it.
///
/// A reader stands on one flow at a time: [#next] or find moves it, the accessors tell what it saw. Key, backend and
/// state of that flow belonged together at one moment; times and counts may be a few packets apart. A flow that comes
/// or goes during the walk may or may not be seen; one that stays is seen once.
///
/// One thread owns a reader; any number of readers may look at a table. Nothing is allocated after construction.
public final class FlowTableReader {
    /// A slot that changes under the reader's hands is read again so often, then counts as gone. A change takes the
    /// writer a few stores, so that even the second reading is rare.
    private static final int ATTEMPTS = 8;

    private final MemorySegment memory;
    private final Shape shape;
    private final long slots;
    private final long lineMask;
    private final long end;
    private long next = HEADER_LENGTH;

    private long meta;
    private long seen;
    private long counts;
    private long first;
    private long second;
    private long third;
    private long fourth;
    private int created;

    /// @param memory a table's memory; read-only is enough
    /// @throws IllegalArgumentException when the memory does not hold a flow table of this version
    public FlowTableReader(MemorySegment memory) {
        if (memory.byteSize() < HEADER_LENGTH || (long) WORDS.getAcquire(memory, MAGIC_OFFSET) != MAGIC) {
            throw new IllegalArgumentException("no flow table");
        }
        int entryLength = memory.get(HALF, ENTRY_LENGTH_OFFSET);
        shape = entryLength == Shape.IPV6.entryLength() ? Shape.IPV6 : Shape.IPV4;
        slots = memory.get(WORD, SLOTS_OFFSET);
        long lines = slots / shape.slotsPerLine();
        String mismatch = mismatch(shape, memory, lines);
        if (!mismatch.isEmpty() || Long.bitCount(lines) != 1 || memory.byteSize() < length(shape, lines)) {
            throw new IllegalArgumentException("flow table of " + slots + " slots in " + memory.byteSize()
                    + " bytes, entryLength=" + entryLength + ": " + mismatch);
        }
        this.memory = memory;
        lineMask = (lines << LINE_SHIFT) - 1;
        end = HEADER_LENGTH + (lines << LINE_SHIFT);
    }

    /// {@return which addresses the table holds}
    public Shape shape() {
        return shape;
    }

    /// {@return entries that the table has room for}
    public long slots() {
        return slots;
    }

    /// Starts a walk over all flows from the beginning.
    public void rewind() {
        next = HEADER_LENGTH;
    }

    /// Moves to the next flow of the walk.
    ///
    /// @return false at the end
    public boolean next() {
        while (next < end) {
            long entry = next;
            next += shape.entryLength();
            if (load(entry)) {
                return true;
            }
        }
        return false;
    }

    /// {@return the home line of a flow, as a byte offset}
    ///
    /// @param hash the flow's hash
    public long bucket(long hash) {
        return ((hash << LINE_SHIFT) & lineMask) + HEADER_LENGTH;
    }

    /// Moves to an IPv4 flow.
    ///
    /// @param bucket      from [#bucket] and the flow's hash
    /// @param addresses   source in the high half, destination in the low one
    /// @param ports       source port in the high half, destination port in the low one
    /// @param protocolBit [FlowTable#TCP] or [FlowTable#UDP]
    /// @return whether it is there
    public boolean find4(long bucket, long addresses, int ports, int protocolBit) {
        long key = key(ports, protocolBit);
        int reach = reach(bucket);
        for (int step = 0; step <= reach; step++) {
            long line = lineAt(bucket, step, lineMask);
            for (long entry = line; entry < line + LINE_LENGTH; entry += Shape.IPV4.entryLength()) {
                if (isKey((long) WORDS.getOpaque(memory, entry + META), key)
                        && load(entry)
                        && isKey(meta, key)
                        && first == addresses) {
                    return true;
                }
            }
        }
        return false;
    }

    /// Moves to an IPv6 flow.
    ///
    /// @param bucket          from [#bucket] and the flow's hash
    /// @param sourceHigh      first eight bytes of the source address, big-endian
    /// @param sourceLow       last eight bytes
    /// @param destinationHigh first eight bytes of the destination address
    /// @param destinationLow  last eight bytes
    /// @param ports           source port in the high half, destination port in the low one
    /// @param protocolBit     [FlowTable#TCP] or [FlowTable#UDP]
    /// @return whether it is there
    public boolean find6(
            long bucket,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int ports,
            int protocolBit) {
        long key = key(ports, protocolBit);
        int reach = reach(bucket);
        for (int step = 0; step <= reach; step++) {
            long entry = lineAt(bucket, step, lineMask);
            if (isKey((long) WORDS.getOpaque(memory, entry + META), key)
                    && load(entry)
                    && isKey(meta, key)
                    && first == sourceHigh
                    && second == sourceLow
                    && third == destinationHigh
                    && fourth == destinationLow) {
                return true;
            }
        }
        return false;
    }

    /// {@return the backend row}
    public int row() {
        return FlowLayout.row(meta);
    }

    /// {@return the generation of the backend row when the flow got it}
    public int generation() {
        return FlowLayout.generation(meta);
    }

    /// {@return one of [FlowState]}
    public int state() {
        return FlowLayout.state(meta);
    }

    /// {@return [FlowTable#TCP] or [FlowTable#UDP]}
    public int protocolBit() {
        return FlowLayout.protocolBit(meta);
    }

    /// {@return source port in the high half, destination port in the low one}
    public int ports() {
        return (int) (meta >>> PORTS_SHIFT);
    }

    /// {@return the low 24 bits of the tick of the last packet, for [TickClock#elapsed]}
    public int lastSeen() {
        return (int) (seen >>> LAST_SEEN_SHIFT);
    }

    /// {@return packets so far, modulo 2^40}
    public long packets() {
        return seen & PACKETS_BITS;
    }

    /// {@return bytes so far, modulo 2^48}
    public long bytes() {
        return counts >>> BYTES_SHIFT;
    }

    /// {@return the tick in which the flow was added, all 32 bits}
    public int created() {
        return created;
    }

    /// {@return an IPv4 flow's source in the high half, destination in the low one}
    public long addresses4() {
        return first;
    }

    /// {@return the first eight bytes of an IPv6 flow's source}
    public long sourceHigh() {
        return first;
    }

    /// {@return the last eight bytes of an IPv6 flow's source}
    public long sourceLow() {
        return second;
    }

    /// {@return the first eight bytes of an IPv6 flow's destination}
    public long destinationHigh() {
        return third;
    }

    /// {@return the last eight bytes of an IPv6 flow's destination}
    public long destinationLow() {
        return fourth;
    }

    private int reach(long bucket) {
        return FlowLayout.reach((long) WORDS.getOpaque(memory, bucket + COUNTS));
    }

    private boolean load(long entry) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            // Acquire: pairs with the release of FlowTable.publish, so that the words below are the
            // flow's own.
            meta = (long) WORDS.getAcquire(memory, entry + META);
            if (!isLive(meta)) {
                return false;
            }
            loadWords(entry);
            // The words must be read before the first one is read again.
            VarHandle.loadLoadFence();
            if ((long) WORDS.getOpaque(memory, entry + META) == meta) {
                return true;
            }
        }
        return false;
    }

    private void loadWords(long entry) {
        seen = (long) WORDS.getOpaque(memory, entry + SEEN);
        counts = (long) WORDS.getOpaque(memory, entry + COUNTS);
        first = (long) WORDS.getOpaque(memory, entry + ADDRESSES);
        if (shape == Shape.IPV6) {
            second = (long) WORDS.getOpaque(memory, entry + SOURCE_LOW);
            third = (long) WORDS.getOpaque(memory, entry + DESTINATION_HIGH);
            fourth = (long) WORDS.getOpaque(memory, entry + DESTINATION_LOW);
        }
        created = (int) HALVES.getOpaque(memory, createdOffset(shape, entry, end));
    }
}
