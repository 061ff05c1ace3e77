package io.penstock.forwarder.replay;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/// Writes Ethernet frames as a classic pcap file, little-endian; see [PcapReader] for the format.
public final class PcapWriter implements AutoCloseable {
    private static final int SNAPSHOT_LENGTH = 262_144;

    private final OutputStream out;
    private final int fractionNs;
    private final ByteBuffer record = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);

    /// Creates or empties the file and writes its header.
    ///
    /// @param nanoseconds whether times keep their nanoseconds; else they are cut to microseconds
    public PcapWriter(Path file, boolean nanoseconds) throws IOException {
        fractionNs = nanoseconds ? 1 : 1000;
        out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 16);
        ByteBuffer header = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        header.putInt(nanoseconds ? PcapReader.MAGIC_NANOS : PcapReader.MAGIC_MICROS)
                .putShort((short) 2)
                .putShort((short) 4)
                .putInt(0)
                .putInt(0);
        header.putInt(SNAPSHOT_LENGTH).putInt(PcapReader.LINK_TYPE_ETHERNET);
        out.write(header.array());
    }

    /// Appends a frame.
    ///
    /// @param timeNs ns since 1970
    public void write(long timeNs, byte[] frame) throws IOException {
        write(timeNs, frame, frame.length);
    }

    /// Appends the first bytes of a frame.
    ///
    /// @param timeNs     ns since 1970
    /// @param wireLength bytes that the frame had
    public void write(long timeNs, byte[] frame, int wireLength) throws IOException {
        record.clear();
        record.putInt((int) (timeNs / 1_000_000_000L)).putInt((int) (timeNs % 1_000_000_000L / fractionNs));
        record.putInt(frame.length).putInt(wireLength);
        out.write(record.array());
        out.write(frame);
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
