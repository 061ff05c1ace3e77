package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;

/// The Internet checksum: sums (RFC 1071), incremental updates (RFC 1624), pseudo headers (RFC 9293 §3.1, RFC
/// 768, RFC 8200 §8.1).
///
/// A *sum* is the ones' complement sum of 16-bit big-endian words, folded to `0..0xffff`; a *checksum* is its
/// complement, as it stands in a header. A range with its checksum in place sums to 0xffff. Static, no state.
public final class Checksum {
    /// 65,535 times this is 1 modulo 2^64.
    private static final long INVERSE_OF_65535 = 0xfffe_fffe_fffe_ffffL;
    private static final long GREATEST_QUOTIENT = Long.divideUnsigned(-1, 0xffff);

    private Checksum() {}

    /// {@return the sum of a range; an odd last byte counts as if a zero byte followed}
    ///
    /// @param length 0 to 65,575 (an IPv6 packet at its largest)
    public static int sum(MemorySegment memory, long offset, int length) {
        long total = 0; // 8,197 words of up to 2 × 2^32: far from overflow
        long at = offset;
        long end = offset + length;
        for (; at + 8 <= end; at += 8) {
            long word = Wire.u64(memory, at);
            total += (word >>> 32) + (word & 0xffff_ffffL);
        }
        if (at < end) {
            total += tail(memory, at, (int) (end - at));
        }
        return fold(total);
    }

    private static long tail(MemorySegment memory, long offset, int length) {
        long total = 0;
        long at = offset;
        int left = length;
        if (left >= 4) {
            total += Wire.u32(memory, at) & 0xffff_ffffL;
            at += 4;
            left -= 4;
        }
        if (left >= 2) {
            total += Wire.u16(memory, at);
            at += 2;
            left -= 2;
        }
        return left == 0 ? total : total + ((long) Wire.u8(memory, at) << 8);
    }

    /// {@return a total of 16-bit or 32-bit words, carries added back until 16 bits are left}
    ///
    /// @param total not negative
    public static int fold(long total) {
        long folded = (total >>> 32) + (total & 0xffff_ffffL);
        folded = (folded >>> 16 & 0x1_ffff) + (folded & 0xffff);
        folded = (folded >>> 16) + (folded & 0xffff);
        return (int) ((folded >>> 16) + (folded & 0xffff));
    }

    /// {@return whether a total of 16-bit or 32-bit words folds to 0xffff, as that of an intact header does}
    ///
    /// One multiplication in place of [#fold]: such a total is a multiple of 65,535, and a number is one if its
    /// product with the inverse of 65,535 modulo 2^64 is at most 2^64 / 65,535 (Warren,
    /// "Hacker's Delight", §10-17).
    ///
    /// @param total more than 0
    public static boolean isAllOnes(long total) {
        assert total > 0 : "total=" + total;
        return total * INVERSE_OF_65535 + Long.MIN_VALUE <= GREATEST_QUOTIENT + Long.MIN_VALUE; // unsigned
    }

    /// {@return the checksum of an IPv4 header, its checksum field counted as it stands: put 0 there first}
    public static int ofIpv4Header(MemorySegment memory, long offset, int headerLength) {
        return ~sum(memory, offset, headerLength) & 0xffff;
    }

    /// {@return a checksum after one of the words that it covers changed (RFC 1624 equation 3)}
    ///
    /// The form with both complements is the one that never turns a right 0x0000 into 0xffff. `oldWord` and
    /// `newWord` are words as the sum sees them: a value at an odd distance from the start has its bytes
    /// swapped first.
    public static int update16(int checksum, int oldWord, int newWord) {
        int total = (~checksum & 0xffff) + (~oldWord & 0xffff) + (newWord & 0xffff);
        total = (total >>> 16) + (total & 0xffff);
        total = (total >>> 16) + (total & 0xffff);
        return ~total & 0xffff;
    }

    /// {@return a checksum after an aligned 32-bit value that it covers changed}
    public static int update32(int checksum, int oldValue, int newValue) {
        return update16(update16(checksum, oldValue >>> 16, newValue >>> 16), oldValue & 0xffff, newValue & 0xffff);
    }

    /// {@return a UDP checksum after a word changed; 0, which says "none", stays, and is never the result (RFC
    /// 768)}
    public static int updateUdp16(int checksum, int oldWord, int newWord) {
        return checksum == 0 ? 0 : neverZero(update16(checksum, oldWord, newWord));
    }

    /// {@return the sum of the pseudo header before a segment over IPv4}
    ///
    /// @param addresses source in the high half, destination in the low half
    /// @param length    bytes from the transport header on
    public static int pseudoHeader4(long addresses, int protocol, int length) {
        return fold((addresses >>> 32) + (addresses & 0xffff_ffffL) + protocol + length);
    }

    /// {@return the sum of the pseudo header before a segment over IPv6}
    ///
    /// @param nextHeader the transport's own number, not that of an extension header before it
    /// @param length     bytes from the transport header on
    public static int pseudoHeader6(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int nextHeader, int length) {
        return fold(halves(sourceHigh)
                + halves(sourceLow)
                + halves(destinationHigh)
                + halves(destinationLow)
                + nextHeader
                + length);
    }

    /// {@return the checksum of a segment whose checksum field is 0, given its pseudo header's sum}
    public static int ofSegment(MemorySegment memory, long offset, int length, int pseudoHeader) {
        return ~fold((long) sum(memory, offset, length) + pseudoHeader) & 0xffff;
    }

    /// {@return whether a segment with its checksum in place is intact}
    public static boolean isIntact(MemorySegment memory, long offset, int length, int pseudoHeader) {
        return fold((long) sum(memory, offset, length) + pseudoHeader) == 0xffff;
    }

    /// {@return a UDP checksum as it is sent: 0xffff in place of 0, which would say "none" (RFC 768)}
    public static int neverZero(int checksum) {
        return checksum == 0 ? 0xffff : checksum;
    }

    private static long halves(long value) {
        return (value >>> 32) + (value & 0xffff_ffffL);
    }
}
