package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one IPv6 header (RFC 8200 §3).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+---------------+---------------------------------------+
/// |Version| Traffic Class |              Flow Label               |
/// +-------+---------------+-------+---------------+---------------+
/// |        Payload Length         |  Next Header  |   Hop Limit   |
/// +-------------------------------+---------------+---------------+
/// |                   Source Address, 16 bytes                    |
/// +---------------------------------------------------------------+
/// |                 Destination Address, 16 bytes                 |
/// +---------------------------------------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class Ipv6View {
    /// Bytes of the fixed header.
    public static final int LENGTH = 40;

    static final int PAYLOAD_LENGTH = 4;
    static final int NEXT_HEADER = 6;
    static final int HOP_LIMIT = 7;
    static final int SOURCE = 8;
    static final int DESTINATION = 24;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public Ipv6View(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the header in the region
    /// @param length bytes readable from there
    /// @return this view
    public Ipv6View wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether version and length agree with the bytes there are}
    public boolean isValid() {
        return length >= LENGTH && Wire.u8(memory, offset) >>> 4 == 6 && LENGTH + payloadLength() <= length;
    }

    /// {@return DSCP and ECN}
    public int trafficClass() {
        return trafficClass(memory, offset);
    }

    /// {@return the flow label, 20 bits}
    public int flowLabel() {
        return Wire.u32(memory, offset) & 0xf_ffff;
    }

    /// {@return bytes behind the fixed header}
    public int payloadLength() {
        return Wire.u16(memory, offset + PAYLOAD_LENGTH);
    }

    /// {@return number of the header that follows}
    public int nextHeader() {
        return Wire.u8(memory, offset + NEXT_HEADER);
    }

    /// {@return the hop limit}
    public int hopLimit() {
        return Wire.u8(memory, offset + HOP_LIMIT);
    }

    /// {@return source, first 8 bytes}
    public long sourceHigh() {
        return Wire.u64(memory, offset + SOURCE);
    }

    /// {@return source, last 8 bytes}
    public long sourceLow() {
        return Wire.u64(memory, offset + SOURCE + 8);
    }

    /// {@return destination, first 8 bytes}
    public long destinationHigh() {
        return Wire.u64(memory, offset + DESTINATION);
    }

    /// {@return destination, last 8 bytes}
    public long destinationLow() {
        return Wire.u64(memory, offset + DESTINATION + 8);
    }

    static int trafficClass(MemorySegment memory, long offset) {
        return Wire.u16(memory, offset) >>> 4 & 0xff;
    }

    /// Writes a fixed header.
    static void put(
            MemorySegment memory,
            long offset,
            int trafficClass,
            int flowLabel,
            int payloadLength,
            int nextHeader,
            int hopLimit,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow) {
        Wire.put32(memory, offset, 6 << 28 | trafficClass << 20 | flowLabel);
        Wire.put32(memory, offset + PAYLOAD_LENGTH, payloadLength << 16 | nextHeader << 8 | hopLimit);
        Wire.put64(memory, offset + SOURCE, sourceHigh);
        Wire.put64(memory, offset + SOURCE + 8, sourceLow);
        Wire.put64(memory, offset + DESTINATION, destinationHigh);
        Wire.put64(memory, offset + DESTINATION + 8, destinationLow);
    }
}
