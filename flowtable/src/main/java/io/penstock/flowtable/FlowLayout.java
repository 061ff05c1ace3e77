package io.penstock.flowtable;

import io.penstock.flowtable.FlowTable.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// The bytes of a flow table, as `FlowTable` writes and `FlowTableReader` reads them. Native byte order.
///
/// ```
///  header, 128 bytes
/// +---------------+---------------+---------------+---------------+
/// |   magic (8)   |  version (4)  | entry len. (4)|   slots (8)   |
/// +---------------+---------------+---------------+---------------+
/// | swept tick (4)|                 unused (100)                  |
/// +---------------+-----------------------------------------------+
///  lines of 64 bytes, a power of two of them: two IPv4 entries or one IPv6 entry each
///  IPv4 only: one 4-byte creation tick for each slot
///
///  an entry, words of 8 bytes
///  63                              31                  11      5 4   1 0
/// +-------------------------------+-------------------+-------+-+---+--+
/// | source port | destination port|    backend row    |  gen  |P| st|tu| 0 meta
/// +-------------------------------+-------------------+-------+-+---+--+
///  63                      39                                         0
/// +-----------------------+-------------------------------------------+
/// |    last seen tick     |                  packets                  | 1 seen
/// +-----------------------+-------------------------------------------+
///  63                                              15       7         0
/// +-----------------------------------------------+--------+----------+
/// |                    bytes                      |  step  |  reach   | 2 counts
/// +-----------------------------------------------+--------+----------+
/// |   IPv4: source address, destination address, 32 bits each         | 3
/// +-------------------------------------------------------------------+
/// |   IPv6: source high, source low, destination high, destination    | 3..6
/// |   low, 64 bits each; then 32 bits unused and the creation tick    | 7
/// +-------------------------------------------------------------------+
/// ```
///
/// `gen` is the generation of the backend row, `P` the protocol bit (0 TCP, 1 UDP), `st` the [FlowState], `tu` a turn
/// that rises modulo 4 with every flow that takes the slot, so that a reader notices a change under its hands.
///
/// An entry lies in its home line or some steps further; `step` says how many, so that its home is known without
/// hashing it again. `reach` belongs to the line, in its first slot whether that is free or not: the most steps that
/// any entry homed in this line took.
///
/// The constants that are public are for programs that read such a table by themselves, in other languages.
public final class FlowLayout {
    static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    static final ValueLayout.OfInt HALF = ValueLayout.JAVA_INT;
    static final VarHandle WORDS = WORD.varHandle();
    static final VarHandle HALVES = HALF.varHandle();

    static final long MAGIC = 0x574f4c464b4e5453L; // "STNKFLOW" in memory, little-endian
    static final int VERSION = 1;

    static final long MAGIC_OFFSET = 0;
    static final long VERSION_OFFSET = 8;
    static final long ENTRY_LENGTH_OFFSET = 12;
    static final long SLOTS_OFFSET = 16;
    static final long SWEPT_OFFSET = 24;
    /// Bytes before the first line.
    public static final long HEADER_LENGTH = 128;

    static final int LINE_SHIFT = 6;
    /// Bytes of a line.
    public static final long LINE_LENGTH = 1L << LINE_SHIFT;
    static final long ENTRY4_LENGTH = LINE_LENGTH / 2;
    static final long LINES_MIN = 8;
    static final long SLOTS_MAX = 1L << 30;

    /// Where in an entry its key, backend and state are.
    public static final long META = 0;
    /// Where its last packet's tick and the number of packets are.
    public static final long SEEN = 8;
    /// Where its bytes and, in the low 16 bits, the table's own steps are.
    public static final long COUNTS = 16;
    /// Where an IPv4 entry's addresses are.
    public static final long ADDRESSES = 24;
    static final long SOURCE_HIGH = 24;
    static final long SOURCE_LOW = 32;
    static final long DESTINATION_HIGH = 40;
    static final long DESTINATION_LOW = 48;
    static final long CREATED6 = 56;

    /// Lowest bit of the ports in the first word.
    public static final int PORTS_SHIFT = 32;
    /// Lowest bit of the backend row.
    public static final int ROW_SHIFT = 12;
    /// As many bits as a backend row has.
    public static final int ROW_MASK = (1 << 20) - 1;
    /// Lowest bit of the row's generation.
    public static final int GENERATION_SHIFT = 6;
    /// As many bits as a generation has.
    public static final int GENERATION_MASK = (1 << 6) - 1;
    /// The protocol bit.
    public static final int PROTOCOL_SHIFT = 5;
    /// Lowest bit of the state.
    public static final int STATE_SHIFT = 2;
    /// As many bits as a state has.
    public static final int STATE_MASK = 7;
    static final long STATE_BITS = (long) STATE_MASK << STATE_SHIFT;
    static final long TURN_BITS = 3;
    /// Those of the first word that belong to the key.
    public static final long KEY_BITS = (0xffff_ffffL << PORTS_SHIFT) | (1L << PROTOCOL_SHIFT);
    static final long BACKEND_BITS = ((long) ROW_MASK << ROW_SHIFT) | ((long) GENERATION_MASK << GENERATION_SHIFT);

    /// Lowest bit of the tick of the last packet; the packets are below it.
    public static final int LAST_SEEN_SHIFT = 40;
    static final long PACKETS_BITS = (1L << LAST_SEEN_SHIFT) - 1;
    /// Lowest bit of the bytes.
    public static final int BYTES_SHIFT = 16;
    static final int STEP_SHIFT = 8;
    static final long STEP_BITS = 0xffL << STEP_SHIFT;
    /// How many steps from this line any of its flows is, in its first entry.
    public static final long REACH_BITS = 0xff;

    private FlowLayout() {}

    /// Lines with a slot for each of `limit` flows: a power of two.
    static long lines(Shape shape, long limit) {
        if (limit < 1 || limit > SLOTS_MAX) {
            throw new IllegalArgumentException("limit=" + limit + ": 1 to " + SLOTS_MAX + " expected");
        }
        long slots = Long.highestOneBit(2 * limit - 1);
        return Math.max(LINES_MIN, slots / shape.slotsPerLine());
    }

    /// As many lines as the memory has room for, if that is at least one slot for each of `limit` flows.
    static long lines(Shape shape, long limit, MemorySegment memory) {
        long lines = lines(shape, limit);
        if (memory.byteSize() < length(shape, lines)) {
            throw new IllegalArgumentException(
                    "memory=" + memory.byteSize() + " bytes: " + length(shape, lines) + " expected");
        }
        while (memory.byteSize() >= length(shape, 2 * lines)) {
            lines *= 2;
        }
        return lines;
    }

    static long length(Shape shape, long lines) {
        long created = shape == Shape.IPV4 ? lines * shape.slotsPerLine() * Integer.BYTES : 0;
        return HEADER_LENGTH + (lines << LINE_SHIFT) + created;
    }

    /// Why `memory` does not hold a table of this shape and size, or an empty string.
    static String mismatch(Shape shape, MemorySegment memory, long lines) {
        if (memory.get(WORD, MAGIC_OFFSET) != MAGIC) {
            return "no flow table: magic=" + Long.toHexString(memory.get(WORD, MAGIC_OFFSET));
        }
        int version = memory.get(HALF, VERSION_OFFSET);
        if (version != VERSION) {
            return "layout version=" + version + " (" + VERSION + " expected)";
        }
        if (memory.get(HALF, ENTRY_LENGTH_OFFSET) != shape.entryLength()) {
            return "entryLength=" + memory.get(HALF, ENTRY_LENGTH_OFFSET) + " (" + shape.entryLength() + " expected)";
        }
        long slots = memory.get(WORD, SLOTS_OFFSET);
        if (slots != lines * shape.slotsPerLine()) {
            return "slots=" + slots + " (" + lines * shape.slotsPerLine() + " expected)";
        }
        return "";
    }

    static long key(int ports, int protocolBit) {
        return ((long) ports << PORTS_SHIFT) | ((long) protocolBit << PROTOCOL_SHIFT);
    }

    /// @param transport ports in the low 32 bits, protocol 6 or 17 above them: bit 4 of the protocol tells which
    static long key(long transport) {
        return (transport << PORTS_SHIFT) | ((transport >>> 36 & 1) << PROTOCOL_SHIFT);
    }

    static boolean isLive(long meta) {
        return (meta & STATE_BITS) != 0;
    }

    static boolean isKey(long meta, long key) {
        return ((meta ^ key) & KEY_BITS) == 0 && isLive(meta);
    }

    static int row(long meta) {
        return (int) (meta >>> ROW_SHIFT) & ROW_MASK;
    }

    static int generation(long meta) {
        return (int) (meta >>> GENERATION_SHIFT) & GENERATION_MASK;
    }

    static int state(long meta) {
        return (int) (meta >>> STATE_SHIFT) & STATE_MASK;
    }

    static int protocolBit(long meta) {
        return (int) (meta >>> PROTOCOL_SHIFT) & 1;
    }

    static int step(long counts) {
        return (int) (counts >>> STEP_SHIFT) & 0xff;
    }

    static int reach(long counts) {
        return (int) (counts & REACH_BITS);
    }

    /// Where an entry's creation tick is.
    ///
    /// @param created4 where the IPv4 creation ticks begin: the end of the lines
    static long createdOffset(Shape shape, long entry, long created4) {
        return shape == Shape.IPV6
                ? entry + CREATED6
                : created4 + (entry - HEADER_LENGTH) / Shape.IPV4.entryLength() * Integer.BYTES;
    }

    /// The line that is so many steps from a home line: 1, 3, 6, 10 and so on lines further, round the end. This
    /// visits every line of a power of two once and lets no long runs of full lines grow together. Taking the
    /// other line of a 128-byte pair first was measured and gained nothing: 124 ns a find in place of 103 with 95
    /// % of the slots in use.
    static long lineAt(long home, int step, long lineMask) {
        long lines = (step * (step + 1L)) >>> 1;
        return ((home - HEADER_LENGTH + (lines << LINE_SHIFT)) & lineMask) + HEADER_LENGTH;
    }
}
