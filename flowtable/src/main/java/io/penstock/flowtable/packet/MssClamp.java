package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// Lowers the maximum segment size that a SYN offers (RFC 9293 §3.7.1). Never raises it, and adds no option to
/// a SYN that has none: its sender then stays at the default, which is below any MTU that a tunnel leaves.
///
/// The walk over the options ends at the header's end, at an end-of-list option, or at the first option whose
/// length makes no sense, so after at most 40 steps. Static, no state.
public final class MssClamp {
    private static final int END_OF_LIST = 0;
    private static final int NO_OPERATION = 1;
    private static final int MSS = 2;
    private static final int MSS_LENGTH = 4;

    private MssClamp() {}

    /// Lowers the MSS option and updates the checksum.
    ///
    /// @param tcp start of a TCP header, in bytes from the region's start, that [PacketParser] found whole
    /// @param mss most bytes of data that a segment may have
    /// @return whether the option was changed
    public static boolean clamp(MemorySegment memory, long tcp, int mss) {
        long at = find(memory, tcp, TcpView.headerLength(memory, tcp));
        if (at < 0) {
            return false;
        }
        int offered = Wire.u16(memory, at);
        if (offered <= mss) {
            return false;
        }
        Wire.put16(memory, at, mss);
        // Options are not aligned: at an odd distance the value's bytes belong to two words of the sum, swapped.
        boolean odd = (at - tcp & 1) != 0;
        int checksum = Wire.u16(memory, tcp + TcpView.CHECKSUM);
        Wire.put16(
                memory,
                tcp + TcpView.CHECKSUM,
                Checksum.update16(checksum, odd ? swapped(offered) : offered, odd ? swapped(mss) : mss));
        return true;
    }

    /// {@return where the value of the MSS option lies, or -1 without one}
    static long find(MemorySegment memory, long tcp, int headerLength) {
        long at = tcp + TcpView.LENGTH;
        long end = tcp + headerLength;
        while (at < end) {
            int kind = Wire.u8(memory, at);
            if (kind == NO_OPERATION) {
                at++;
                continue;
            }
            if (kind == END_OF_LIST || at + 2 > end) {
                return -1;
            }
            int length = Wire.u8(memory, at + 1);
            if (length < 2 || at + length > end) {
                return -1;
            }
            if (kind == MSS && length == MSS_LENGTH) {
                return at + 2;
            }
            at += length;
        }
        return -1;
    }

    private static int swapped(int word) {
        return ((word << 8) & 0xff00) | (word >>> 8);
    }
}
