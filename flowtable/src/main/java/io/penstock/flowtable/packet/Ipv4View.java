package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one IPv4 header (RFC 791 §3.1). Reusable: [#wrap] moves it, nothing is copied.
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+-------+---------------+-------------------------------+
/// |Version|  IHL  | Traffic class |         Total Length          |
/// +-------+-------+---------------+-+-+-+-------------------------+
/// |        Identification         |0|D|M|     Fragment Offset     |
/// +---------------+---------------+-+-+-+-------------------------+
/// |      TTL      |   Protocol    |        Header Checksum        |
/// +---------------+---------------+-------------------------------+
/// |                        Source Address                         |
/// +---------------------------------------------------------------+
/// |                      Destination Address                      |
/// +---------------------------------------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class Ipv4View {
    /// Bytes of a header without options.
    public static final int LENGTH = 20;

    static final int TRAFFIC_CLASS = 1;
    static final int TOTAL_LENGTH = 2;
    static final int IDENTIFICATION = 4;
    static final int FLAGS_AND_OFFSET = 6;
    static final int TTL = 8;
    static final int PROTOCOL = 9;
    static final int CHECKSUM = 10;
    static final int SOURCE = 12;
    static final int DESTINATION = 16;

    static final int DF = 0x4000;
    static final int MF = 0x2000;
    static final int OFFSET_MASK = 0x1fff;
    /// The MF bit and the offset; DF makes no fragment.
    static final int FRAGMENT_MASK = MF | OFFSET_MASK;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public Ipv4View(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the header in the region
    /// @param length bytes readable from there
    /// @return this view
    public Ipv4View wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether version and lengths agree with each other and with the bytes there are}
    public boolean isValid() {
        return length >= LENGTH
                && Wire.u8(memory, offset) >>> 4 == 4
                && headerLength() >= LENGTH
                && headerLength() <= totalLength()
                && totalLength() <= length;
    }

    /// {@return bytes of the header, options included}
    public int headerLength() {
        return (Wire.u8(memory, offset) & 0xf) * 4;
    }

    /// {@return DSCP and ECN}
    public int trafficClass() {
        return Wire.u8(memory, offset + TRAFFIC_CLASS);
    }

    /// {@return bytes of the packet, header included}
    public int totalLength() {
        return Wire.u16(memory, offset + TOTAL_LENGTH);
    }

    /// {@return the identification}
    public int identification() {
        return Wire.u16(memory, offset + IDENTIFICATION);
    }

    /// {@return whether routers may not fragment it}
    public boolean isDontFragment() {
        return (Wire.u16(memory, offset + FLAGS_AND_OFFSET) & DF) != 0;
    }

    /// {@return whether more fragments follow}
    public boolean hasMoreFragments() {
        return (Wire.u16(memory, offset + FLAGS_AND_OFFSET) & MF) != 0;
    }

    /// {@return where a fragment's data belongs, in bytes}
    public int fragmentOffset() {
        return (Wire.u16(memory, offset + FLAGS_AND_OFFSET) & OFFSET_MASK) * 8;
    }

    /// {@return the time to live}
    public int ttl() {
        return Wire.u8(memory, offset + TTL);
    }

    /// {@return the protocol number}
    public int protocol() {
        return Wire.u8(memory, offset + PROTOCOL);
    }

    /// {@return the header checksum as it stands}
    public int checksum() {
        return Wire.u16(memory, offset + CHECKSUM);
    }

    /// {@return whether the header checksum is right}
    public boolean isChecksumRight() {
        return Checksum.sum(memory, offset, headerLength()) == 0xffff;
    }

    /// {@return the source address}
    public int source() {
        return Wire.u32(memory, offset + SOURCE);
    }

    /// {@return the destination address}
    public int destination() {
        return Wire.u32(memory, offset + DESTINATION);
    }

    /// Writes a header without options, checksum included.
    ///
    /// @param flagsAndOffset such as [#DF]
    static void put(
            MemorySegment memory,
            long offset,
            int trafficClass,
            int totalLength,
            int identification,
            int flagsAndOffset,
            int ttl,
            int protocol,
            long addresses) {
        int first = 0x4500 << 16 | trafficClass << 16 | totalLength;
        int second = identification << 16 | flagsAndOffset;
        int third = ttl << 24 | protocol << 16;
        int sum = Checksum.fold((first & 0xffff_ffffL)
                + (second & 0xffff_ffffL)
                + (third & 0xffff_ffffL)
                + (addresses >>> 32)
                + (addresses & 0xffff_ffffL));
        Wire.put32(memory, offset, first);
        Wire.put32(memory, offset + IDENTIFICATION, second);
        Wire.put32(memory, offset + TTL, third | (~sum & 0xffff));
        Wire.put64(memory, offset + SOURCE, addresses);
    }
}
