package io.penstock.forwarder.port;

import java.nio.ByteBuffer;
import java.util.Arrays;

/// Frames for port tests: UDP over IPv4 from 192.0.2.1 to 192.0.2.2, numbered, with right checksums.
final class TestFrames {
    static final long SOURCE_MAC = 0x02_00_00_00_00_02L;
    static final long DESTINATION_MAC = 0x02_00_00_00_00_01L;
    /// 192.0.2.2
    static final int TO = 0xc0000202;
    static final int PORT = 4789;

    private TestFrames() {}

    /// {@return a frame whose payload begins with the number, and whose source port changes with it}
    static byte[] udp(int number, int frameLength) {
        ByteBuffer frame = ByteBuffer.allocate(frameLength);
        putMac(frame, DESTINATION_MAC);
        putMac(frame, SOURCE_MAC);
        frame.putShort((short) 0x0800);
        int total = frameLength - 14;
        frame.put((byte) 0x45).put((byte) 0).putShort((short) total);
        frame.putInt(0).put((byte) 64).put((byte) 17).putShort((short) 0);
        frame.putInt(0xc0000201).putInt(0xc0000202);
        frame.putShort(24, (short) ~sum(frame, 14, 20, 0));
        frame.putShort((short) (1024 + number % 60_000)).putShort((short) PORT);
        frame.putShort((short) (total - 20)).putShort((short) 0);
        frame.putInt(number);
        for (int i = frame.position(); i < frameLength; i++) {
            frame.put((byte) (i * 31 + number));
        }
        int pseudo = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + total - 20;
        frame.putShort(40, (short) ~sum(frame, 34, total - 20, pseudo));
        return frame.array();
    }

    /// {@return whether it is one of [#udp]}
    static boolean isUdp(byte[] frame) {
        return frame.length >= 46 && frame[12] == 8 && frame[13] == 0 && frame[23] == 17 && number16(frame, 36) == PORT;
    }

    /// {@return the number of a frame of [#udp]}
    static int number(byte[] frame) {
        return ByteBuffer.wrap(frame).getInt(42);
    }

    /// {@return the frame with its MAC addresses changed for each other}
    static byte[] swapped(byte[] frame) {
        byte[] copy = frame.clone();
        System.arraycopy(frame, 0, copy, 6, 6);
        System.arraycopy(frame, 6, copy, 0, 6);
        return copy;
    }

    /// {@return the frame with an 802.1Q tag}
    static byte[] tagged(byte[] frame, int tci) {
        ByteBuffer tagged = ByteBuffer.allocate(frame.length + 4);
        tagged.put(frame, 0, 12).putShort((short) 0x8100).putShort((short) tci).put(frame, 12, frame.length - 12);
        return tagged.array();
    }

    static String hex(byte[] frame) {
        return Arrays.toString(frame);
    }

    private static int number16(byte[] frame, int at) {
        return ((frame[at] & 0xff) << 8) | (frame[at + 1] & 0xff);
    }

    private static void putMac(ByteBuffer frame, long mac) {
        frame.putShort((short) (mac >>> 32)).putInt((int) mac);
    }

    // The plain way of RFC 1071, so that it shares no line with what it checks.
    private static int sum(ByteBuffer bytes, int offset, int length, int start) {
        int total = start;
        for (int i = 0; i < length; i++) {
            int octet = bytes.get(offset + i) & 0xff;
            total += (i & 1) == 0 ? octet << 8 : octet;
        }
        while (total >>> 16 != 0) {
            total = (total & 0xffff) + (total >>> 16);
        }
        return total;
    }
}
