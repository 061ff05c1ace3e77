package io.penstock.forwarder.path;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;

/// Frames for tests, written plainly and checksummed naively, apart from the code under test.
public final class Frames {
    /// The sender's MAC address: the client's router.
    public static final long CLIENT_MAC = 0x02_00_00_00_00_feL;
    /// Ours.
    public static final long LOCAL_MAC = 0x02_00_00_00_00_01L;

    /// TCP flags.
    public static final int FIN = 1;
    /// TCP flags.
    public static final int SYN = 2;
    /// TCP flags.
    public static final int RST = 4;
    /// TCP flags.
    public static final int ACK = 16;

    private Frames() {}

    /// {@return a TCP segment in an Ethernet frame}
    public static byte[] tcp(
            String source, int sourcePort, String destination, int destinationPort, int flags, int data) {
        ByteBuffer segment = ByteBuffer.allocate(20 + data);
        segment.putShort((short) sourcePort).putShort((short) destinationPort);
        segment.putInt(1000).putInt(2000).put((byte) 0x50).put((byte) flags).putShort((short) 65_535);
        return packet(source, destination, 6, 64, segment.array(), 16);
    }

    /// {@return a UDP datagram in an Ethernet frame}
    public static byte[] udp(String source, int sourcePort, String destination, int destinationPort, int data) {
        ByteBuffer datagram = ByteBuffer.allocate(8 + data);
        datagram.putShort((short) sourcePort).putShort((short) destinationPort).putShort((short) (8 + data));
        return packet(source, destination, 17, 64, datagram.array(), 6);
    }

    /// {@return an IP packet of the addresses' family in an Ethernet frame}
    ///
    /// @param checksumAt where the transport checksum lies in `segment`; -1 for none
    public static byte[] packet(
            String source, String destination, int protocol, int ttl, byte[] segment, int checksumAt) {
        byte[] from = address(source);
        byte[] to = address(destination);
        if (checksumAt >= 0) {
            int sum = sum(from) + sum(to) + protocol + segment.length + sum(segment);
            putChecksum(segment, checksumAt, sum);
        }
        ByteBuffer frame = ByteBuffer.allocate(14 + (from.length == 4 ? 20 : 40) + segment.length);
        putMac(frame, LOCAL_MAC);
        putMac(frame, CLIENT_MAC);
        if (from.length == 4) {
            ByteBuffer header = ByteBuffer.allocate(20);
            header.put((byte) 0x45)
                    .put((byte) 0)
                    .putShort((short) (20 + segment.length))
                    .putInt(0x1234_4000);
            header.put((byte) ttl)
                    .put((byte) protocol)
                    .putShort((short) 0)
                    .put(from)
                    .put(to);
            putChecksum(header.array(), 10, sum(header.array()));
            frame.putShort((short) 0x0800).put(header.array());
        } else {
            frame.putShort((short) 0x86dd).putInt(0x6000_0000).putShort((short) segment.length);
            frame.put((byte) protocol).put((byte) ttl).put(from).put(to);
        }
        return frame.put(segment).array();
    }

    /// {@return the same frame with another TTL or hop limit}
    public static byte[] withTtl(byte[] frame, int ttl) {
        byte[] changed = frame.clone();
        if (changed[12] == (byte) 0x86) {
            changed[21] = (byte) ttl;
            return changed;
        }
        changed[22] = (byte) ttl;
        changed[24] = 0;
        changed[25] = 0;
        byte[] header = Arrays.copyOfRange(changed, 14, 34);
        putChecksum(header, 10, sum(header));
        System.arraycopy(header, 0, changed, 14, header.length);
        return changed;
    }

    static byte[] address(String literal) {
        return InetAddress.ofLiteral(literal).getAddress();
    }

    private static void putMac(ByteBuffer frame, long mac) {
        frame.putShort((short) (mac >>> 32)).putInt((int) mac);
    }

    private static void putChecksum(byte[] bytes, int at, int sum) {
        int folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        ByteBuffer.wrap(bytes).putShort(at, (short) ~folded);
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (int i = 0; i < bytes.length; i++) {
            sum += (bytes[i] & 0xff) << (i % 2 == 0 ? 8 : 0);
        }
        return sum;
    }

    /// {@return a copy with one byte set}
    public static byte[] with(byte[] frame, int at, int value) {
        byte[] copy = Arrays.copyOf(frame, frame.length);
        copy[at] = (byte) value;
        return copy;
    }
}
