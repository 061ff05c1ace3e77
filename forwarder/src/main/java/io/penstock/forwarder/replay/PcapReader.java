package io.penstock.forwarder.replay;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/// Reads a capture of Ethernet frames in the classic pcap format (draft-ietf-opsawg-pcap): either byte order,
/// microseconds or nanoseconds.
///
/// ```
/// file:   magic 4 | version 2+2 | zone 4 | accuracy 4 | snapshot length 4 | link type 4
/// record: seconds 4 | fraction 4 | bytes kept 4 | bytes on the wire 4 | the bytes kept
/// ```
public final class PcapReader implements AutoCloseable {
    static final int MAGIC_MICROS = 0xa1b2c3d4;
    static final int MAGIC_NANOS = 0xa1b23c4d;
    static final int LINK_TYPE_ETHERNET = 1;
    private static final int MAGIC_PCAPNG = 0x0a0d0d0a;
    private static final int LONGEST_FRAME = 262_144;

    private final Path file;
    private final InputStream in;
    private final ByteOrder order;
    private final long fractionNs;
    private long timeNs;
    private int wireLength;

    /// @throws IOException when the file cannot be read or is no such capture; the message says what it is
    public PcapReader(Path file) throws IOException {
        this.file = file;
        in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            ByteBuffer header = ByteBuffer.wrap(in.readNBytes(24));
            if (header.remaining() < 24) {
                throw new IOException(file + ": shorter than the header of a pcap file (24 bytes)");
            }
            int magic = header.getInt(0);
            order = magic == MAGIC_MICROS || magic == MAGIC_NANOS ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
            int ordered = header.order(order).getInt(0);
            if (magic == MAGIC_PCAPNG) {
                throw new IOException(file + ": a pcapng file; convert it: editcap -F pcap " + file + " OUT.pcap");
            }
            if (ordered != MAGIC_MICROS && ordered != MAGIC_NANOS) {
                throw new IOException(file + ": no pcap file (it begins with " + Integer.toHexString(magic) + ")");
            }
            fractionNs = ordered == MAGIC_NANOS ? 1 : 1000;
            int linkType = header.getInt(20) & 0x0fff_ffff;
            if (linkType != LINK_TYPE_ETHERNET) {
                throw new IOException(file + ": link type " + linkType + " (only Ethernet, 1, can be replayed)");
            }
        } catch (IOException e) {
            in.close();
            throw e;
        }
    }

    /// {@return the next frame's kept bytes, or null at the end}
    ///
    /// @throws IOException when the file ends within a record
    public byte @org.jspecify.annotations.Nullable [] next() throws IOException {
        byte[] header = in.readNBytes(16);
        if (header.length == 0) {
            return null;
        }
        if (header.length < 16) {
            throw new EOFException(file + ": ends within the header of a record");
        }
        ByteBuffer record = ByteBuffer.wrap(header).order(order);
        timeNs = (record.getInt() & 0xffff_ffffL) * 1_000_000_000L + (record.getInt() & 0xffff_ffffL) * fractionNs;
        int length = record.getInt();
        wireLength = record.getInt();
        if (length < 0 || length > LONGEST_FRAME) {
            throw new IOException(
                    file + ": a record of " + (length & 0xffff_ffffL) + " bytes (at most " + LONGEST_FRAME + ")");
        }
        byte[] frame = in.readNBytes(length);
        if (frame.length < length) {
            throw new EOFException(file + ": ends within a frame");
        }
        return frame;
    }

    /// {@return time of the frame read last, in ns since 1970}
    public long timeNs() {
        return timeNs;
    }

    /// {@return whether times have nanoseconds}
    public boolean hasNanoseconds() {
        return fractionNs == 1;
    }

    /// {@return bytes that the frame read last had on the wire; more than were kept when the capture cut it}
    public int wireLength() {
        return wireLength;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
