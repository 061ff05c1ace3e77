package io.penstock.flowtable.packet;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;

/// Builds frames from plain byte arrays, layer by layer, with a checksum routine of its own: nothing here uses the
/// code under test.
final class Packets {
    static final byte[] CLIENT_MAC = hex("020000000c01");
    static final byte[] OUR_MAC = hex("020000000001");
    static final byte[] BACKEND_MAC = hex("02000000000b");
    static final byte[] CLIENT = hex("c6336407"); // 198.51.100.7
    static final byte[] VIP = hex("cb00710a"); // 203.0.113.10
    static final byte[] CLIENT6 = hex("20010db8000c00000000000000000007");
    static final byte[] VIP6 = hex("20010db8000a0000000000000000000a");

    private Packets() {}

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.replace(" ", ""));
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] zeros(int count) {
        return new byte[count];
    }

    static byte[] pattern(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (i * 7 + 1);
        }
        return bytes;
    }

    static byte[] u8(int value) {
        return new byte[] {(byte) value};
    }

    static byte[] u16(int value) {
        return new byte[] {(byte) (value >>> 8), (byte) value};
    }

    static byte[] u32(long value) {
        return join(u16((int) (value >>> 16)), u16((int) value));
    }

    static int get16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
    }

    static long get32(byte[] bytes, int at) {
        return (long) get16(bytes, at) << 16 | get16(bytes, at + 2);
    }

    static long get48(byte[] bytes, int at) {
        return (long) get16(bytes, at) << 32 | get32(bytes, at + 2);
    }

    static long get64(byte[] bytes, int at) {
        return get32(bytes, at) << 32 | get32(bytes, at + 4);
    }

    static byte[] with16(byte[] bytes, int at, int value) {
        byte[] copy = bytes.clone();
        copy[at] = (byte) (value >>> 8);
        copy[at + 1] = (byte) value;
        return copy;
    }

    static byte[] with8(byte[] bytes, int at, int value) {
        byte[] copy = bytes.clone();
        copy[at] = (byte) value;
        return copy;
    }

    static long mac(byte[] mac) {
        return get48(mac, 0);
    }

    /// The checksum as RFC 1071 describes it, a word at a time.
    static int checksum(byte[]... parts) {
        byte[] bytes = join(parts);
        long sum = 0;
        for (int i = 0; i < bytes.length; i += 2) {
            int low = i + 1 < bytes.length ? bytes[i + 1] & 0xff : 0;
            sum += (bytes[i] & 0xff) << 8 | low;
        }
        while (sum > 0xffff) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return (int) ~sum & 0xffff;
    }

    static byte[] pseudoHeader(byte[] source, byte[] destination, int protocol, int length) {
        return source.length == 4
                ? join(source, destination, u16(protocol), u16(length))
                : join(source, destination, u32(length), u32(protocol));
    }

    static byte[] ethernet(int etherType, byte[] payload) {
        return join(OUR_MAC, CLIENT_MAC, u16(etherType), payload);
    }

    static byte[] tagged(int tag, int etherType, byte[] payload) {
        return join(OUR_MAC, CLIENT_MAC, u16(0x8100), u16(tag), u16(etherType), payload);
    }

    /// A frame around an IP packet, by its version.
    static byte[] frame(byte[] packet) {
        return ethernet((packet[0] >>> 4 & 0xf) == 6 ? 0x86dd : 0x0800, packet);
    }

    static byte[] taggedFrame(int tag, byte[] packet) {
        return tagged(tag, (packet[0] >>> 4 & 0xf) == 6 ? 0x86dd : 0x0800, packet);
    }

    static byte[] ipv4(byte[] source, byte[] destination, int protocol, byte[] payload) {
        return ipv4(source, destination, protocol, payload, 0x28, 64, 0x4000, 0x1234, zeros(0));
    }

    static byte[] ipv4(
            byte[] source,
            byte[] destination,
            int protocol,
            byte[] payload,
            int trafficClass,
            int ttl,
            int flagsAndOffset,
            int id,
            byte[] options) {
        byte[] header = join(
                u8(0x45 + options.length / 4),
                u8(trafficClass),
                u16(20 + options.length + payload.length),
                u16(id),
                u16(flagsAndOffset),
                u8(ttl),
                u8(protocol),
                u16(0),
                source,
                destination,
                options);
        return join(with16(header, 10, checksum(header)), payload);
    }

    static byte[] fragment4(int protocol, int id, int offset, boolean more, byte[] payload) {
        return ipv4(CLIENT, VIP, protocol, payload, 0, 64, (more ? 0x2000 : 0) | (offset / 8), id, zeros(0));
    }

    static byte[] ipv6(byte[] source, byte[] destination, int nextHeader, byte[] payload) {
        return join(
                u32(0x6 << 28 | 0x2b << 20 | 0x12345),
                u16(payload.length),
                u8(nextHeader),
                u8(64),
                source,
                destination,
                payload);
    }

    /// A hop-by-hop, routing or destination options header of `units` × 8 bytes.
    static byte[] extension(int nextHeader, int units) {
        return join(u8(nextHeader), u8(units - 1), hex("0104 00000000"), zeros(units * 8 - 8));
    }

    static byte[] fragmentHeader(int nextHeader, int offset, boolean more, long id) {
        return join(u8(nextHeader), u8(0), u16(offset | (more ? 1 : 0)), u32(id));
    }

    static byte[] tcp(
            byte[] source,
            byte[] destination,
            int sourcePort,
            int destinationPort,
            int flags,
            byte[] options,
            byte[] data) {
        byte[] segment = join(
                u16(sourcePort),
                u16(destinationPort),
                u32(0x01020304),
                u32((flags & 0x10) != 0 ? 0xa1b2c3d4L : 0),
                u16(((20 + options.length) / 4) << 12 | flags),
                u16(64000),
                u16(0),
                u16(0),
                options,
                data);
        return with16(segment, 16, checksum(pseudoHeader(source, destination, 6, segment.length), segment));
    }

    static byte[] udp(byte[] source, byte[] destination, int sourcePort, int destinationPort, byte[] data) {
        byte[] datagram = join(u16(sourcePort), u16(destinationPort), u16(8 + data.length), u16(0), data);
        int checksum = checksum(pseudoHeader(source, destination, 17, datagram.length), datagram);
        return with16(datagram, 6, checksum == 0 ? 0xffff : checksum);
    }

    static byte[] icmp4(int type, int code, long rest, byte[] body) {
        byte[] message = join(u8(type), u8(code), u16(0), u32(rest), body);
        return with16(message, 2, checksum(message));
    }

    static byte[] icmp6(byte[] source, byte[] destination, int type, int code, long rest, byte[] body) {
        byte[] message = join(u8(type), u8(code), u16(0), u32(rest), body);
        return with16(message, 2, checksum(pseudoHeader(source, destination, 58, message.length), message));
    }

    static byte[] tcp4(int flags, byte[] data) {
        return ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 40000, 443, flags, zeros(0), data));
    }

    static byte[] tcp6(int flags, byte[] data) {
        return ipv6(CLIENT6, VIP6, 6, tcp(CLIENT6, VIP6, 40000, 443, flags, zeros(0), data));
    }

    static byte[] udp4(byte[] data) {
        return ipv4(CLIENT, VIP, 17, udp(CLIENT, VIP, 40000, 53, data));
    }

    static byte[] udp6(byte[] data) {
        return ipv6(CLIENT6, VIP6, 17, udp(CLIENT6, VIP6, 40000, 53, data));
    }

    static byte[] arp(int operation, byte[] senderMac, byte[] sender, byte[] targetMac, byte[] target) {
        return join(hex("0001 0800 0604"), u16(operation), senderMac, sender, targetMac, target);
    }
}
