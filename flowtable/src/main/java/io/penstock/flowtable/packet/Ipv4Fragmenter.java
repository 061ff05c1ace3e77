package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Splits an IPv4 packet that allows it (DF clear) into fragments that fit a tunnel (RFC 791 §3.2, "An Example
/// Fragmentation Procedure"). The inner packet is split, before it is encapsulated (RFC 2003 §3.1, RFC 4459 §3.4): the
/// backend's own stack puts it together again, and the outer packets stay whole.
///
/// The first fragment is cut out of the packet in place; each later one is a copy in room of its own. So the later ones
/// are written first:
///
/// ```java
/// int unit = Ipv4Fragmenter.dataPerFragment(memory, packet, mtu);
/// for (int from = unit; from < dataLength; from += unit) {
///     int length = Ipv4Fragmenter.copyLater(memory, packet, from, unit, room);
/// }
/// int length = Ipv4Fragmenter.cutFirst(memory, packet, unit);
/// ```
///
/// A fragment can itself be split. Static, no state.
public final class Ipv4Fragmenter {
    /// The bit of an option's type that says that each fragment has it (RFC 791 §3.1).
    private static final int COPIED = 0x80;

    private static final int END_OF_LIST = 0;
    private static final int NO_OPERATION = 1;

    private Ipv4Fragmenter() {}

    /// {@return bytes of data that each fragment but the last carries: a multiple of 8}
    ///
    /// @param packet start of an IPv4 packet that [PacketParser] found consistent
    /// @param mtu    most bytes of a fragment, at least 68 (RFC 791 §3.2)
    public static int dataPerFragment(MemorySegment memory, long packet, int mtu) {
        assert mtu >= 68 : "mtu=" + mtu;
        return (mtu - headerLength(memory, packet)) & ~7;
    }

    /// {@return bytes of data that a packet carries}
    public static int dataLength(MemorySegment memory, long packet) {
        return Wire.u16(memory, packet + Ipv4View.TOTAL_LENGTH) - headerLength(memory, packet);
    }

    /// Writes a later fragment.
    ///
    /// @param packet start of the packet, still whole
    /// @param from   first byte of its data that the fragment carries, a multiple of `unit` above 0
    /// @param unit   [#dataPerFragment]
    /// @param to     where the fragment is written; room for the MTU
    /// @return bytes of the fragment
    public static int copyLater(MemorySegment memory, long packet, int from, int unit, long to) {
        int headerLength = headerLength(memory, packet);
        int dataLength = dataLength(memory, packet);
        int length = Math.min(unit, dataLength - from);
        int flagsAndOffset = Wire.u16(memory, packet + Ipv4View.FLAGS_AND_OFFSET);
        int more = from + length < dataLength ? Ipv4View.MF : flagsAndOffset & Ipv4View.MF;
        int fragmentOffset = (flagsAndOffset & Ipv4View.OFFSET_MASK) + from / 8;

        MemorySegment.copy(memory, packet, memory, to, Ipv4View.LENGTH);
        int laterHeader = Ipv4View.LENGTH + copyOptions(memory, packet, headerLength, to);
        MemorySegment.copy(memory, packet + headerLength + from, memory, to + laterHeader, length);
        Wire.put8(memory, to, 0x40 | laterHeader / 4);
        finish(memory, to, laterHeader, length, more | fragmentOffset);
        return laterHeader + length;
    }

    /// Cuts the first fragment out of the packet, in place. What follows it is then padding.
    ///
    /// @param packet start of the packet
    /// @param unit   [#dataPerFragment], below [#dataLength]
    /// @return bytes of the fragment
    public static int cutFirst(MemorySegment memory, long packet, int unit) {
        int headerLength = headerLength(memory, packet);
        int fragmentOffset = Wire.u16(memory, packet + Ipv4View.FLAGS_AND_OFFSET) & Ipv4View.OFFSET_MASK;
        finish(memory, packet, headerLength, unit, Ipv4View.MF | fragmentOffset);
        return headerLength + unit;
    }

    private static void finish(
            MemorySegment memory, long packet, int headerLength, int dataLength, int flagsAndOffset) {
        Wire.put16(memory, packet + Ipv4View.TOTAL_LENGTH, headerLength + dataLength);
        Wire.put16(memory, packet + Ipv4View.FLAGS_AND_OFFSET, flagsAndOffset);
        Wire.put16(memory, packet + Ipv4View.CHECKSUM, 0);
        Wire.put16(memory, packet + Ipv4View.CHECKSUM, Checksum.ofIpv4Header(memory, packet, headerLength));
    }

    /// Copies those options that every fragment has, and fills up to a whole word with end-of-list.
    ///
    /// @return bytes written
    private static int copyOptions(MemorySegment memory, long packet, int headerLength, long to) {
        long at = packet + Ipv4View.LENGTH;
        long end = packet + headerLength;
        int written = 0;
        while (at < end) {
            int type = Wire.u8(memory, at);
            if (type == END_OF_LIST) {
                break;
            }
            if (type == NO_OPERATION) {
                at++;
                continue;
            }
            int length = at + 1 < end ? Wire.u8(memory, at + 1) : 0;
            if (length < 2 || at + length > end) {
                break; // what cannot be read is not passed on
            }
            if ((type & COPIED) != 0) {
                MemorySegment.copy(memory, at, memory, to + Ipv4View.LENGTH + written, length);
                written += length;
            }
            at += length;
        }
        while ((written & 3) != 0) {
            Wire.put8(memory, to + Ipv4View.LENGTH + written, END_OF_LIST);
            written++;
        }
        return written;
    }

    private static int headerLength(MemorySegment memory, long packet) {
        return (Wire.u8(memory, packet) & 0xf) * 4;
    }
}
