package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one TCP header (RFC 9293 §3.1).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          Source Port          |       Destination Port        |
/// +-------------------------------+-------------------------------+
/// |                        Sequence Number                        |
/// +---------------------------------------------------------------+
/// |                     Acknowledgment Number                     |
/// +-------+-------+---------------+-------------------------------+
/// |Offset | Rsrvd |CEUAPRSF flags |            Window             |
/// +-------+-------+---------------+-------------------------------+
/// |           Checksum            |        Urgent Pointer         |
/// +-------------------------------+-------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class TcpView {
    /// Bytes of a header without options.
    public static final int LENGTH = 20;
    /// No more data from the sender.
    public static final int FIN = 0x01;
    /// Synchronise sequence numbers.
    public static final int SYN = 0x02;
    /// Reset the connection.
    public static final int RST = 0x04;
    /// Push.
    public static final int PSH = 0x08;
    /// The acknowledgment number counts.
    public static final int ACK = 0x10;

    static final int SEQUENCE = 4;
    static final int ACKNOWLEDGMENT = 8;
    static final int OFFSET_AND_FLAGS = 12;
    static final int WINDOW = 14;
    static final int CHECKSUM = 16;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public TcpView(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the header in the region
    /// @param length bytes of the segment
    /// @return this view
    public TcpView wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether the header lies within the segment}
    public boolean isValid() {
        return length >= LENGTH && headerLength() >= LENGTH && headerLength() <= length;
    }

    /// {@return the source port}
    public int sourcePort() {
        return Wire.u16(memory, offset);
    }

    /// {@return the destination port}
    public int destinationPort() {
        return Wire.u16(memory, offset + 2);
    }

    /// {@return the sequence number, 32 bits}
    public int sequence() {
        return Wire.u32(memory, offset + SEQUENCE);
    }

    /// {@return the acknowledgment number, 32 bits}
    public int acknowledgment() {
        return Wire.u32(memory, offset + ACKNOWLEDGMENT);
    }

    /// {@return bytes of the header, options included}
    public int headerLength() {
        return headerLength(memory, offset);
    }

    /// {@return the low 8 flag bits}
    public int flags() {
        return Wire.u8(memory, offset + OFFSET_AND_FLAGS + 1);
    }

    /// {@return the window, not scaled}
    public int window() {
        return Wire.u16(memory, offset + WINDOW);
    }

    /// {@return the checksum as it stands}
    public int checksum() {
        return Wire.u16(memory, offset + CHECKSUM);
    }

    /// {@return the MSS option, or -1 without one}
    public int mss() {
        long at = MssClamp.find(memory, offset, headerLength());
        return at < 0 ? -1 : Wire.u16(memory, at);
    }

    static int headerLength(MemorySegment memory, long offset) {
        return (Wire.u8(memory, offset + OFFSET_AND_FLAGS) >>> 4) * 4;
    }
}
