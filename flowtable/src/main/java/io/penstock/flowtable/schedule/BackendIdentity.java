package io.penstock.flowtable.schedule;

/// What all machines with the same hash key call a backend: SipHash-2-4 of its address bytes (Aumasson and
/// Bernstein, "SipHash: a fast short-input PRF", 2012). Maglev tables are sorted and filled by it, so that machines
/// agree without talking, whatever the order of their configuration.
///
/// The length of the input goes into the hash: an IPv4 address and any IPv6 address differ. Two of 65,536 addresses
/// get the same identity with a probability below 2^-32; both would still be served, in the order of the pool.
public final class BackendIdentity {
    private BackendIdentity() {}

    /// {@return the identity of a backend}
    ///
    /// @param address 4 or 16 bytes in network order
    /// @param keyHigh first half of `forwarder.hash-key`
    /// @param keyLow  second half
    public static long of(byte[] address, long keyHigh, long keyLow) {
        long v0 = keyLow ^ 0x736f6d6570736575L; // The four constants are the paper's.
        long v1 = keyHigh ^ 0x646f72616e646f6dL;
        long v2 = keyLow ^ 0x6c7967656e657261L;
        long v3 = keyHigh ^ 0x7465646279746573L;

        int words = address.length >>> 3;
        for (int word = 0; word <= words; word++) {
            long m = littleEndian(address, word << 3);
            if (word == words) {
                m |= (long) address.length << 56; // The last word carries the length, so that no input is a prefix.
            }
            v3 ^= m;
            for (int round = 0; round < 2; round++) {
                v0 += v1;
                v1 = Long.rotateLeft(v1, 13) ^ v0;
                v0 = Long.rotateLeft(v0, 32);
                v2 += v3;
                v3 = Long.rotateLeft(v3, 16) ^ v2;
                v0 += v3;
                v3 = Long.rotateLeft(v3, 21) ^ v0;
                v2 += v1;
                v1 = Long.rotateLeft(v1, 17) ^ v2;
                v2 = Long.rotateLeft(v2, 32);
            }
            v0 ^= m;
        }
        v2 ^= 0xff;
        for (int round = 0; round < 4; round++) {
            v0 += v1;
            v1 = Long.rotateLeft(v1, 13) ^ v0;
            v0 = Long.rotateLeft(v0, 32);
            v2 += v3;
            v3 = Long.rotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = Long.rotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = Long.rotateLeft(v1, 17) ^ v2;
            v2 = Long.rotateLeft(v2, 32);
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }

    /// Mixes a 64-bit value so that each bit of the input changes half of the output: the finalizer "Mix13" of
    /// Stafford's "Better bit mixing", a bijection.
    static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    /// Up to eight bytes from `from` on, fewer at the end.
    private static long littleEndian(byte[] bytes, int from) {
        long value = 0;
        for (int i = Math.min(bytes.length - from, 8) - 1; i >= 0; i--) {
            value = (value << 8) | (bytes[from + i] & 0xff);
        }
        return value;
    }
}
