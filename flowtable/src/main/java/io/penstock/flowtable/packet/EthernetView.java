package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// A window onto one Ethernet header, with at most one 802.1Q tag (IEEE 802.3 §3.1.1, 802.1Q §9.6).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------------------------------------------------------+
/// |                        Destination MAC                        |
/// +-------------------------------+-------------------------------+
/// |                               |          Source MAC           |
/// +-------------------------------+-------------------------------+
/// |                                                               |
/// +-------------------------------+-----+-+-----------------------+
/// |    EtherType, or 0x8100       | PCP |D|       VLAN id         |  the tag, when there is one
/// +-------------------------------+-----+-+-----------------------+
/// |    EtherType behind the tag   |
/// +-------------------------------+
/// ```
///
/// Owned by one thread. Accessors trust that `isValid()` was checked first.
public final class EthernetView {
    /// Bytes without a tag.
    public static final int LENGTH = 14;
    /// Bytes with one tag.
    public static final int TAGGED_LENGTH = 18;
    /// EtherType of IPv4.
    public static final int IPV4 = 0x0800;
    /// EtherType of ARP.
    public static final int ARP = 0x0806;
    /// EtherType of IPv6.
    public static final int IPV6 = 0x86dd;
    /// In place of a tag: the frame has none.
    public static final int NO_TAG = -1;
    /// EtherType of an 802.1Q tag.
    public static final int VLAN = 0x8100;

    static final int DESTINATION = 0;
    static final int SOURCE = 6;
    static final int ETHER_TYPE = 12;
    static final int TAG = 14;
    static final int TAGGED_ETHER_TYPE = 16;
    /// The bit of a MAC address that marks a group: multicast or broadcast.
    static final long GROUP = 0x0100_0000_0000L;

    private final MemorySegment memory;
    private long offset;
    private int length;

    /// @param memory the region that frames lie in
    public EthernetView(MemorySegment memory) {
        this.memory = memory;
    }

    /// Moves the view.
    ///
    /// @param offset byte offset of the frame in the region
    /// @param length bytes readable from there
    /// @return this view
    public EthernetView wrap(long offset, int length) {
        this.offset = offset;
        this.length = length;
        return this;
    }

    /// {@return whether the header lies within the frame}
    public boolean isValid() {
        return length >= LENGTH && (!isTagged() || length >= TAGGED_LENGTH);
    }

    /// {@return the destination MAC address in the low 48 bits}
    public long destination() {
        return Wire.u48(memory, offset + DESTINATION);
    }

    /// {@return the source MAC address in the low 48 bits}
    public long source() {
        return Wire.u48(memory, offset + SOURCE);
    }

    /// {@return whether an 802.1Q tag follows the addresses}
    public boolean isTagged() {
        return Wire.u16(memory, offset + ETHER_TYPE) == VLAN;
    }

    /// {@return priority, drop bit and VLAN id of the tag}
    public int tag() {
        return Wire.u16(memory, offset + TAG);
    }

    /// {@return the EtherType, behind the tag if there is one}
    public int etherType() {
        return Wire.u16(memory, offset + (isTagged() ? TAGGED_ETHER_TYPE : ETHER_TYPE));
    }

    /// {@return bytes of the header, the tag included}
    public int headerLength() {
        return isTagged() ? TAGGED_LENGTH : LENGTH;
    }

    /// Writes both MAC addresses with two stores.
    static void putAddresses(MemorySegment memory, long frameOffset, long destinationMac, long sourceMac) {
        Wire.put64(memory, frameOffset, destinationMac << 16 | sourceMac >>> 32);
        Wire.put32(memory, frameOffset + 8, (int) sourceMac);
    }

    /// Writes a header of `l3Offset` bytes.
    ///
    /// @param l3Offset [#LENGTH] or [#TAGGED_LENGTH]
    /// @param tag      used with the latter
    static void put(
            MemorySegment memory,
            long frameOffset,
            int l3Offset,
            long destinationMac,
            long sourceMac,
            int tag,
            int etherType) {
        putAddresses(memory, frameOffset, destinationMac, sourceMac);
        if (l3Offset == TAGGED_LENGTH) {
            Wire.put16(memory, frameOffset + ETHER_TYPE, VLAN);
            Wire.put16(memory, frameOffset + TAG, tag);
        }
        Wire.put16(memory, frameOffset + l3Offset - 2, etherType);
    }

    /// {@return the tag of a frame whose network header is at `l3Offset`; 0 without one}
    static int tag(MemorySegment memory, long frameOffset, int l3Offset) {
        return l3Offset == TAGGED_LENGTH ? Wire.u16(memory, frameOffset + TAG) : 0;
    }
}
