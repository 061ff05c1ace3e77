package io.penstock.forwarder.port;

import java.lang.foreign.MemorySegment;

/// The frames of one duty cycle: where each lies in the port's memory, and what is to become of it.
///
/// `offsets[i]`, `lengths[i]` and `verdicts[i]` belong together; `0..size-1` are in use. The first `received` of them
/// came from the receive ring; the rest, up to `size`, were originated by us in room from [FramePort#borrow()]. One
/// worker's own; not thread-safe.
public final class FrameBatch {
    /// Sent by [FramePort#transmit(FrameBatch)].
    public static final byte SEND = 1;

    /// Given back to the receive ring unsent.
    public static final byte RELEASE = 0;

    /// Left to the kernel, where the port can do that.
    public static final byte PASS = 2;

    /// Where each frame begins, in bytes from the start of `memory`; the packet path may move it for tunnel headers.
    public final long[] offsets;
    /// Bytes of each frame; the packet path may change it.
    public final int[] lengths;
    /// [#SEND], [#RELEASE] or [#PASS], set by the packet path.
    public final byte[] verdicts;
    /// Which ring slot or chunk a frame came in; the port's own.
    public final long[] tokens;
    /// Frames that the receive ring gave.
    public int received;
    /// Frames in use, originated ones included.
    public int size;

    private final int batchFrames;

    /// @param batchFrames most frames received in a cycle; as many again may be originated
    public FrameBatch(int batchFrames) {
        this.batchFrames = batchFrames;
        offsets = new long[2 * batchFrames];
        lengths = new int[2 * batchFrames];
        verdicts = new byte[2 * batchFrames];
        tokens = new long[2 * batchFrames];
    }

    /// {@return most frames received in a cycle}
    public int batchFrames() {
        return batchFrames;
    }

    /// Empties the batch.
    public void clear() {
        received = 0;
        size = 0;
    }

    /// Adds a received frame. Called by ports, before anything is originated.
    public void addReceived(long offset, int length, long token) {
        assert received == size : "received=" + received + " size=" + size;
        offsets[size] = offset;
        lengths[size] = length;
        tokens[size] = token;
        verdicts[size] = RELEASE;
        size++;
        received++;
    }

    /// Adds a frame of our own that is to be sent.
    ///
    /// @param offset from [FramePort#borrow()]
    /// @param length bytes written there
    /// @return false when the batch is full; the frame is then still borrowed
    public boolean addOriginated(long offset, int length) {
        if (size == offsets.length) {
            return false;
        }
        offsets[size] = offset;
        lengths[size] = length;
        tokens[size] = -1;
        verdicts[size] = SEND;
        size++;
        return true;
    }

    /// Copies a frame's bytes, for tests and traces.
    public byte[] bytes(MemorySegment memory, int index) {
        byte[] copy = new byte[lengths[index]];
        MemorySegment.copy(memory, java.lang.foreign.ValueLayout.JAVA_BYTE, offsets[index], copy, 0, copy.length);
        return copy;
    }
}
