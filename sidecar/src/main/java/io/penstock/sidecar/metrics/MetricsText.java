package io.penstock.sidecar.metrics;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.stream.ChunkedInput;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// The exposition text (version 0.0.4) of some families, made piece by piece as the client takes it: ten thousand
/// backends are megabytes of text, of which 64 KiB are in memory.
final class MetricsText implements ChunkedInput<ByteBuf> {
    private static final int CHUNK_BYTES = 64 << 10;
    private static final int VALUE_BYTES_MAX = 32; // the longest double, a blank and a line feed

    private final List<Family> families;
    private int family;
    private int sample = -1; // -1: the head comes next
    private byte[] name = {};
    private long written;

    MetricsText(List<Family> families) {
        this.families = families;
    }

    @Override
    public ByteBuf readChunk(ByteBufAllocator allocator) {
        ByteBuf out = allocator.buffer(CHUNK_BYTES);
        while (family < families.size() && out.readableBytes() < CHUNK_BYTES / 2) {
            write(families.get(family), out);
        }
        written += out.readableBytes();
        return out;
    }

    // Fills the piece with this family, or as much of it as there is room for.
    private void write(Family from, ByteBuf out) {
        if (sample < 0) {
            out.writeBytes(from.head());
            name = from.name().getBytes(StandardCharsets.US_ASCII);
            sample = 0;
        }
        List<byte[]> labels = from.labels();
        while (sample < labels.size()) {
            byte[] label = labels.get(sample);
            if (out.readableBytes() + name.length + label.length + VALUE_BYTES_MAX > CHUNK_BYTES) {
                return;
            }
            out.writeBytes(name).writeBytes(label).writeByte(' ');
            writeValue(from.values().at(sample), out);
            out.writeByte('\n');
            sample++;
        }
        family++;
        sample = -1;
    }

    private static void writeValue(double value, ByteBuf out) {
        long whole = (long) value;
        if (whole == value && Math.abs(whole) < 1L << 53) {
            writeLong(whole, out);
        } else {
            out.writeCharSequence(
                    Double.isInfinite(value) ? (value > 0 ? "+Inf" : "-Inf") : Double.toString(value),
                    StandardCharsets.US_ASCII);
        }
    }

    private static void writeLong(long value, ByteBuf out) {
        if (value < 0) {
            out.writeByte('-');
        }
        long rest = Math.abs(value);
        int digits = 1;
        for (long power = rest; power >= 10; power /= 10) {
            digits++;
        }
        int at = out.writerIndex();
        out.ensureWritable(digits);
        for (int i = digits - 1; i >= 0; i--) {
            out.setByte(at + i, '0' + (int) (rest % 10));
            rest /= 10;
        }
        out.writerIndex(at + digits);
    }

    @Override
    public boolean isEndOfInput() {
        return family >= families.size();
    }

    @Override
    public void close() {
        // Nothing is held but memory.
    }

    @Override
    @Deprecated
    @SuppressWarnings("InlineMeSuggester") // The interface demands it.
    public ByteBuf readChunk(ChannelHandlerContext context) {
        return readChunk(context.alloc());
    }

    @Override
    public long length() {
        return -1;
    }

    @Override
    public long progress() {
        return written;
    }
}
