package io.penstock.forwarder.model;

import java.util.Arrays;
import java.util.HexFormat;

/// Numbers and sums in byte arrays, in network order.
final class Bytes {
    private Bytes() {}

    static int u8(byte[] bytes, int at) {
        return bytes[at] & 0xff;
    }

    static int u16(byte[] bytes, int at) {
        return u8(bytes, at) << 8 | u8(bytes, at + 1);
    }

    static int u32(byte[] bytes, int at) {
        return u16(bytes, at) << 16 | u16(bytes, at + 2);
    }

    static byte[] put16(byte[] bytes, int at, int value) {
        bytes[at] = (byte) (value >>> 8);
        bytes[at + 1] = (byte) value;
        return bytes;
    }

    static byte[] put32(byte[] bytes, int at, int value) {
        return put16(put16(bytes, at, value >>> 16), at + 2, value);
    }

    static byte[] mac(long mac) {
        byte[] bytes = new byte[6];
        for (int i = 0; i < 6; i++) {
            bytes[i] = (byte) (mac >>> (40 - 8 * i));
        }
        return bytes;
    }

    static byte[] slice(byte[] bytes, int from, int to) {
        return Arrays.copyOfRange(bytes, from, to);
    }

    static byte[] join(byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        byte[] whole = new byte[length];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, whole, at, part.length);
            at += part.length;
        }
        return whole;
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    static byte[] fromHex(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    /// {@return the sum of all 16-bit words, an odd byte filled up with 0, not folded}
    static long sum(byte[] bytes) {
        long sum = 0;
        for (int i = 0; i < bytes.length; i++) {
            sum += (long) (bytes[i] & 0xff) << (i % 2 == 0 ? 8 : 0);
        }
        return sum;
    }

    static int fold(long sum) {
        long folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        return (int) folded;
    }

    /// {@return the Internet checksum (RFC 1071) of a sum}
    static int checksum(long sum) {
        return ~fold(sum) & 0xffff;
    }

    /// {@return the checksum after a word of the data changed (RFC 1624, equation 3), whether or not it was right
    /// before}
    static int changed(int checksum, int before, int after) {
        return ~fold((~checksum & 0xffff) + (~before & 0xffff) + after) & 0xffff;
    }
}
