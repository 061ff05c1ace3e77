package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// A frame in a region that ends where the frame ends, with headroom before it: whatever reads or writes outside of
/// what it was given fails with an exception.
final class FrameRoom {
    /// What a port leaves before each frame.
    static final int HEADROOM = 128;

    final MemorySegment memory;
    final long offset;
    final int length;
    final ParsedBatch parsed = new ParsedBatch(1);
    final ReplyFrame reply = new ReplyFrame();

    private final byte[] bytes;

    FrameRoom(byte[] frame) {
        this(frame, HEADROOM);
    }

    FrameRoom(byte[] frame, int headroom) {
        bytes = new byte[headroom + frame.length];
        Arrays.fill(bytes, 0, headroom, (byte) 0xaa); // what an earlier frame left
        System.arraycopy(frame, 0, bytes, headroom, frame.length);
        memory = MemorySegment.ofArray(bytes);
        offset = headroom;
        length = frame.length;
        PacketParser.parse(memory, offset, length, parsed, 0);
    }

    byte kind() {
        return parsed.kind(0);
    }

    byte[] frame() {
        return frame(offset, length);
    }

    byte[] frame(long from, int count) {
        return Arrays.copyOfRange(bytes, (int) from, (int) from + count);
    }

    byte[] replyFrame() {
        return frame(reply.offset, reply.length);
    }
}
