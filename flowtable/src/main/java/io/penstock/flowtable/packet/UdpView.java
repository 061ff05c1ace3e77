package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one UDP header (RFC 768).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          Source Port          |       Destination Port        |
/// +-------------------------------+-------------------------------+
/// |            Length             |    Checksum (0 = none)        |
/// +-------------------------------+-------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class UdpView {
    /// Bytes of the header.
    public static final int LENGTH = 8;

    static final int UDP_LENGTH = 4;
    static final int CHECKSUM = 6;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public UdpView(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the header in the region
    /// @param length bytes from there to the packet's end
    /// @return this view
    public UdpView wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether the length field covers the header and stays within the packet}
    public boolean isValid() {
        return length >= LENGTH && datagramLength() >= LENGTH && datagramLength() <= length;
    }

    /// {@return the source port}
    public int sourcePort() {
        return Wire.u16(memory, offset);
    }

    /// {@return the destination port}
    public int destinationPort() {
        return Wire.u16(memory, offset + 2);
    }

    /// {@return bytes of header and data, as the header says}
    public int datagramLength() {
        return Wire.u16(memory, offset + UDP_LENGTH);
    }

    /// {@return the checksum as it stands; 0 for none}
    public int checksum() {
        return Wire.u16(memory, offset + CHECKSUM);
    }
}
