package io.penstock.forwarder.port;

import java.nio.ByteBuffer;

/// Checks of received frames, written the plain way so that they share no line with what they check.
final class IpChecks {
    private IpChecks() {}

    /// {@return whether the TCP or UDP checksum of an untagged IPv4 or IPv6 frame without extension headers is right}
    static boolean transportChecksumIsRight(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        boolean six = (frame[14] & 0xf0) == 0x60;
        int segment = six ? 54 : 14 + (frame[14] & 0xf) * 4;
        int length = six ? bytes.getShort(18) & 0xffff : (bytes.getShort(16) & 0xffff) - (segment - 14);
        int total = length + (frame[six ? 20 : 23] & 0xff);
        for (int at = six ? 22 : 26; at < (six ? 54 : 34); at += 2) {
            total += bytes.getShort(at) & 0xffff;
        }
        for (int i = 0; i < length; i++) {
            int octet = frame[segment + i] & 0xff;
            total += (i & 1) == 0 ? octet << 8 : octet;
        }
        while (total >>> 16 != 0) {
            total = (total & 0xffff) + (total >>> 16);
        }
        return total == 0xffff;
    }
}
