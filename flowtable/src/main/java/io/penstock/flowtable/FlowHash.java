package io.penstock.flowtable;

/// A keyed 64-bit hash of a 5-tuple, of a client's prefix and of what names a fragmented datagram.
///
/// Each word of the key passes a lane of its own: xor with a secret, multiply by a secret odd number, fold the high
/// half into the low one, multiply again. The lanes are xored and mixed once more. A word's top bit alone changes only
/// one bit of its first product, whatever the secret; the second multiplication within the lane is there so that no
/// other word can cancel it without knowing the key.
///
/// Only multiplications modulo 2^64, shifts and xors, so that an eBPF program can compute the same. The secrets are
/// derived from the 128-bit key once, so that the zero key is as good as any other, though known to all.
///
/// It spreads evenly and resists senders who do not know the key; it is no cryptographic MAC. Immutable, for any
/// thread. The bucket of a flow table takes the low bits, [#range(long, int)] the high ones.
public final class FlowHash {
    private static final int LANES = 5;
    private static final long GOLDEN = 0x9e3779b97f4a7c15L; // 2^64 / golden ratio: steps of the key schedule
    private static final long FRAGMENT = 1L << 40; // apart from every 5-tuple: ports and protocol fill 40 bits
    private static final long CLIENT = 1L << 41;
    private static final long TAGGED = 1L << 42;

    private final long mask0;
    private final long mask1;
    private final long mask2;
    private final long mask3;
    private final long mask4;
    private final long first0;
    private final long first1;
    private final long first2;
    private final long first3;
    private final long first4;
    private final long second0;
    private final long second1;
    private final long second2;
    private final long second3;
    private final long second4;
    private final long last;

    /// @param keyHigh first half of the secret
    /// @param keyLow  second half of the secret
    public FlowHash(long keyHigh, long keyLow) {
        long[] secrets = new long[3 * LANES + 1];
        for (int i = 0; i < secrets.length; i++) {
            secrets[i] = scramble(scramble(keyHigh ^ ((i + 1) * GOLDEN)) ^ keyLow);
        }
        mask0 = secrets[0];
        mask1 = secrets[1];
        mask2 = secrets[2];
        mask3 = secrets[3];
        mask4 = secrets[4];
        first0 = secrets[5] | 1;
        first1 = secrets[6] | 1;
        first2 = secrets[7] | 1;
        first3 = secrets[8] | 1;
        first4 = secrets[9] | 1;
        second0 = secrets[10] | 1;
        second1 = secrets[11] | 1;
        second2 = secrets[12] | 1;
        second3 = secrets[13] | 1;
        second4 = secrets[14] | 1;
        last = secrets[15] | 1;
    }

    /// {@return the hash of an IPv4 flow}
    ///
    /// @param addresses source in the high half, destination in the low one, each the big-endian field as a number
    /// @param ports     source port in bits 31..16, destination port in bits 15..0; higher bits are ignored
    /// @param protocol  6 or 17
    public long hash4(long addresses, long ports, int protocol) {
        return finish(lane(addresses, mask0, first0, second0) ^ transport(ports, protocol));
    }

    /// {@return the secrets that [#hash4] is computed with, for a program that does it elsewhere}: mask, first and
    /// second factor of the addresses' lane, then of the transport's lane, then the last factor
    public long[] secrets4() {
        return new long[] {mask0, first0, second0, mask4, first4, second4, last};
    }

    /// {@return the same}
    ///
    /// @param addresses as above
    /// @param transport ports in bits 31..0 as above, protocol in bits 39..32, above them 0
    public long hash4(long addresses, long transport) {
        return finish(lane(addresses, mask0, first0, second0) ^ lane(transport, mask4, first4, second4));
    }

    /// {@return the hash of an IPv6 flow}
    ///
    /// @param sourceHigh      first eight bytes of the source, big-endian
    /// @param sourceLow       last eight bytes of the source
    /// @param destinationHigh first eight bytes of the destination
    /// @param destinationLow  last eight bytes of the destination
    /// @param ports           as for [#hash4(long, long, int)]
    /// @param protocol        6 or 17
    public long hash6(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, long ports, int protocol) {
        return finish(addresses6(sourceHigh, sourceLow, destinationHigh, destinationLow) ^ transport(ports, protocol));
    }

    /// {@return the hash of the prefix that an IPv4 client belongs to}
    ///
    /// @param address the client
    /// @param prefix  bits that count, 0 to 32
    public long client4(int address, int prefix) {
        assert prefix >= 0 && prefix <= 32 : "prefix=" + prefix;
        long masked = address & (-1L << (32 - prefix)) & 0xffff_ffffL;
        return finish(lane(masked, mask0, first0, second0) ^ lane(CLIENT, mask4, first4, second4));
    }

    /// {@return the hash of the prefix that an IPv6 client belongs to}
    ///
    /// @param high   first eight bytes of the client's address
    /// @param low    last eight bytes
    /// @param prefix bits that count, 0 to 128
    public long client6(long high, long low, int prefix) {
        assert prefix >= 0 && prefix <= 128 : "prefix=" + prefix;
        long maskedHigh = high & leading(Math.min(prefix, 64));
        long maskedLow = low & leading(Math.max(prefix - 64, 0));
        return finish(lane(maskedHigh, mask0, first0, second0)
                ^ lane(maskedLow, mask1, first1, second1)
                ^ lane(CLIENT, mask4, first4, second4));
    }

    /// {@return the hash of what all fragments of an IPv4 datagram share (RFC 791 §3.2)}
    ///
    /// @param addresses      as for [#hash4(long, long, int)]
    /// @param identification the header's 16-bit field
    /// @param protocol       the header's protocol
    public long fragment4(long addresses, int identification, int protocol) {
        return finish(lane(addresses, mask0, first0, second0)
                ^ lane(FRAGMENT | ((long) protocol << 32) | (identification & 0xffff_ffffL), mask4, first4, second4));
    }

    /// {@return the hash of what all fragments of an IPv6 datagram share (RFC 8200 §4.5)}
    ///
    /// @param sourceHigh      as for [#hash6(long, long, long, long, long, int)]
    /// @param sourceLow       as there
    /// @param destinationHigh as there
    /// @param destinationLow  as there
    /// @param identification  the fragment header's 32-bit field
    public long fragment6(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int identification) {
        return finish(addresses6(sourceHigh, sourceLow, destinationHigh, destinationLow)
                ^ lane(FRAGMENT | (identification & 0xffff_ffffL), mask4, first4, second4));
    }

    /// {@return a hash that depends on another one and on a number}, such as a client's within one listener.
    ///
    /// @param hash any hash of this object
    /// @param tag  0 to 2^32 - 1
    public long tagged(long hash, long tag) {
        return finish(lane(hash, mask2, first2, second2) ^ lane(TAGGED | tag, mask4, first4, second4));
    }

    /// {@return a number in `0..size-1`, evenly, from the high half of a hash}
    ///
    /// @param hash any hash
    /// @param size 1 or more
    public static int range(long hash, int size) {
        // Multiply-high on 32 bits: an eBPF program has no 128-bit product. No value is likelier than another by more
        // than size / 2^32.
        return (int) (((hash >>> 32) * size) >>> 32);
    }

    private long transport(long ports, int protocol) {
        return lane((ports & 0xffff_ffffL) | ((long) (protocol & 0xff) << 32), mask4, first4, second4);
    }

    private long addresses6(long sourceHigh, long sourceLow, long destinationHigh, long destinationLow) {
        return lane(sourceHigh, mask0, first0, second0)
                ^ lane(sourceLow, mask1, first1, second1)
                ^ lane(destinationHigh, mask2, first2, second2)
                ^ lane(destinationLow, mask3, first3, second3);
    }

    private static long lane(long word, long mask, long first, long second) {
        long product = (word ^ mask) * first;
        return (product ^ (product >>> 32)) * second;
    }

    private long finish(long lanes) {
        long product = (lanes ^ (lanes >>> 32)) * last;
        return product ^ (product >>> 32);
    }

    private static long leading(int bits) {
        return bits == 0 ? 0 : -1L << (64 - bits);
    }

    // Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: mix64, variant 13.
    private static long scramble(long value) {
        long mixed = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return mixed ^ (mixed >>> 31);
    }
}
