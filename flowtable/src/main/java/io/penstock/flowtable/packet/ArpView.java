package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one ARP packet for IPv4 over Ethernet (RFC 826).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |       Hardware type = 1       |    Protocol type = 0x0800     |
/// +---------------+---------------+-------------------------------+
/// |       6       |       4       |           Operation           |
/// +---------------+---------------+-------------------------------+
/// |                      Sender MAC, 6 bytes                      |
/// +                               +-------------------------------+
/// |                               |        Sender address         |
/// +-------------------------------+-------------------------------+
/// |                               |                               |
/// +-------------------------------+                               +
/// |                      Target MAC, 6 bytes                      |
/// +---------------------------------------------------------------+
/// |                        Target address                         |
/// +---------------------------------------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class ArpView {
    /// Bytes of the packet.
    public static final int LENGTH = 28;
    /// Operation: who has the target address?
    public static final int REQUEST = 1;
    /// Operation: the sender has it.
    public static final int REPLY = 2;

    /// The first 6 bytes of every packet that we read: hardware type 1, protocol 0x0800, lengths 6 and 4.
    static final long PREAMBLE = 0x0001_0800_0604L;

    static final int OPERATION = 6;
    static final int SENDER_MAC = 8;
    static final int SENDER = 14;
    static final int TARGET_MAC = 18;
    static final int TARGET = 24;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public ArpView(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the packet in the region
    /// @param length bytes readable from there
    /// @return this view
    public ArpView wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether it is ARP for IPv4 over Ethernet, and whole}
    public boolean isValid() {
        return length >= LENGTH && Wire.u48(memory, offset) == PREAMBLE;
    }

    /// {@return [#REQUEST], [#REPLY] or another operation}
    public int operation() {
        return Wire.u16(memory, offset + OPERATION);
    }

    /// {@return the sender's MAC address}
    public long senderMac() {
        return Wire.u48(memory, offset + SENDER_MAC);
    }

    /// {@return the sender's IPv4 address; 0 in a probe (RFC 5227 §1.1)}
    public int sender() {
        return Wire.u32(memory, offset + SENDER);
    }

    /// {@return the target's MAC address}
    public long targetMac() {
        return Wire.u48(memory, offset + TARGET_MAC);
    }

    /// {@return the target's IPv4 address}
    public int target() {
        return Wire.u32(memory, offset + TARGET);
    }

    /// Writes a whole packet.
    static void put(
            MemorySegment memory, long offset, int operation, long senderMac, int sender, long targetMac, int target) {
        Wire.put48(memory, offset, PREAMBLE);
        Wire.put16(memory, offset + OPERATION, operation);
        Wire.put48(memory, offset + SENDER_MAC, senderMac);
        Wire.put32(memory, offset + SENDER, sender);
        Wire.put48(memory, offset + TARGET_MAC, targetMac);
        Wire.put32(memory, offset + TARGET, target);
    }
}
