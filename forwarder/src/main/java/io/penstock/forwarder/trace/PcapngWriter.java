package io.penstock.forwarder.trace;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Writes Ethernet frames with a comment each as a pcapng file, little-endian (draft-ietf-opsawg-pcapng): a section
/// header, one interface, an enhanced packet block for each frame. Wireshark shows the comment, tshark as
/// `frame.comment`.
public final class PcapngWriter implements AutoCloseable {
    private static final int SECTION = 0x0a0d0d0a;
    private static final int BYTE_ORDER = 0x1a2b3c4d;
    private static final int INTERFACE = 1;
    private static final int PACKET = 6;
    private static final short ETHERNET = 1;
    private static final short OPTION_COMMENT = 1;
    private static final short OPTION_TIME_RESOLUTION = 9;
    private static final byte NANOSECONDS = 9; // 10^-9 s
    private static final int OPTION_MAX = 0xfff0;

    private final OutputStream out;

    /// Creates or empties the file and writes its head.
    ///
    /// @param keptMax most bytes kept of a frame
    public PcapngWriter(Path file, int keptMax) throws IOException {
        out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 16);
        ByteBuffer section = block(SECTION, 28);
        section.putInt(BYTE_ORDER).putShort((short) 1).putShort((short) 0).putLong(-1); // Length not told.
        end(section);
        ByteBuffer interfaces = block(INTERFACE, 32);
        interfaces.putShort(ETHERNET).putShort((short) 0).putInt(keptMax);
        interfaces.putShort(OPTION_TIME_RESOLUTION).putShort((short) 1).put(NANOSECONDS);
        interfaces.position(padded(interfaces.position())).putInt(0); // No more options.
        end(interfaces);
    }

    private static int padded(int length) {
        return (length + 3) & ~3;
    }

    private static ByteBuffer block(int type, int length) {
        return ByteBuffer.allocate(length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putInt(length);
    }

    private void end(ByteBuffer block) throws IOException {
        block.putInt(block.capacity());
        out.write(block.array(), block.arrayOffset(), block.capacity());
    }

    /// Appends the first bytes of a frame.
    ///
    /// @param timeNs     ns since 1970
    /// @param wireLength bytes that the frame had
    /// @param comment    what to say of it
    public void write(long timeNs, byte[] frame, int wireLength, String comment) throws IOException {
        byte[] words = comment.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(words.length, OPTION_MAX);
        ByteBuffer packet = block(PACKET, 28 + padded(frame.length) + 4 + padded(length) + 4 + 4);
        packet.putInt(0).putInt((int) (timeNs >>> 32)).putInt((int) timeNs);
        packet.putInt(frame.length).putInt(wireLength).put(frame);
        packet.position(padded(packet.position()));
        packet.putShort(OPTION_COMMENT).putShort((short) length).put(words, 0, length);
        packet.position(padded(packet.position())).putInt(0); // No more options.
        end(packet);
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
