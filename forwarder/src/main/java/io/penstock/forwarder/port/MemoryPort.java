package io.penstock.forwarder.port;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A port over plain memory, for tests, `replay` and benchmarks: frames are put in by [#offer] and taken out by
/// [#poll], by the thread that also runs the worker. Frames are handled as an AF_XDP port does: each chunk is free,
/// waiting, with the worker, or sent.
///
/// ```
///           +-------------------------------- chunk ---------------------------------+
///           | HEADROOM (128)  | frame ...                                             |
///           +-------------------------------------------------------------------------+
/// ```
public final class MemoryPort implements FramePort {
    /// Bytes of a chunk by default: a jumbo frame fits.
    public static final int CHUNK_BYTES = 16 * 1024;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory;
    private final int chunkBytes;
    private final int chunks;
    private final LongRing free;
    private final LongRing waitingOffsets;
    private final LongRing waitingLengths;
    private final LongRing sentOffsets;
    private final LongRing sentLengths;
    private final LongRing passedOffsets;
    private final LongRing passedLengths;
    private int sendRoom;
    private long lost;

    /// @param chunks room for this many frames, a power of two
    public MemoryPort(int chunks) {
        this(chunks, CHUNK_BYTES);
    }

    /// @param chunks     room for this many frames, a power of two
    /// @param chunkBytes headroom and frame; a power of two, at least 4096
    public MemoryPort(int chunks, int chunkBytes) {
        if (Integer.bitCount(chunks) != 1 || Integer.bitCount(chunkBytes) != 1 || chunkBytes < 4096) {
            throw new IllegalArgumentException("chunks=" + chunks + " chunkBytes=" + chunkBytes);
        }
        this.chunks = chunks;
        this.chunkBytes = chunkBytes;
        memory = arena.allocate((long) chunks * chunkBytes, 4096);
        free = new LongRing(chunks);
        waitingOffsets = new LongRing(chunks);
        waitingLengths = new LongRing(chunks);
        sentOffsets = new LongRing(chunks);
        sentLengths = new LongRing(chunks);
        passedOffsets = new LongRing(chunks);
        passedLengths = new LongRing(chunks);
        sendRoom = chunks;
        for (int i = 0; i < chunks; i++) {
            free.add((long) i * chunkBytes);
        }
    }

    /// Puts a frame before the worker, as the network would.
    ///
    /// @return false when no chunk is free: the frame is lost and counted so
    public boolean offer(byte[] frame) {
        assert frame.length <= chunkBytes - HEADROOM : "frame.length=" + frame.length;
        if (free.isEmpty()) {
            lost++;
            return false;
        }
        long offset = free.remove() + HEADROOM;
        MemorySegment.copy(frame, 0, memory, ValueLayout.JAVA_BYTE, offset, frame.length);
        waitingOffsets.add(offset);
        waitingLengths.add(frame.length);
        return true;
    }

    /// {@return the longest frame that fits}
    public int frameLengthMax() {
        return chunkBytes - HEADROOM;
    }

    /// {@return the next frame that was sent, or null}
    public byte @Nullable [] poll() {
        return take(sentOffsets, sentLengths);
    }

    /// {@return the next frame that was left to the kernel, or null}
    public byte @Nullable [] pollPassed() {
        return take(passedOffsets, passedLengths);
    }

    /// Sends that find this many frames not yet taken by [#poll] are dropped, as by a full ring.
    public void limitSends(int frames) {
        sendRoom = Math.min(frames, chunks);
    }

    /// {@return chunks that are free; all of them when nothing waits, is borrowed or sent}
    public int freeChunks() {
        return free.size();
    }

    /// Forgets sent and passed frames without reading them. For benchmarks, which look at none.
    ///
    /// @return how many were sent
    public int discard() {
        int sent = sentOffsets.size();
        recycle(sentOffsets, sentLengths);
        recycle(passedOffsets, passedLengths);
        return sent;
    }

    @Override
    public MemorySegment memory() {
        return memory;
    }

    @Override
    public int receive(FrameBatch batch) {
        int count = Math.min(waitingOffsets.size(), batch.batchFrames());
        for (int i = 0; i < count; i++) {
            long offset = waitingOffsets.remove();
            batch.addReceived(offset, (int) waitingLengths.remove(), offset & -chunkBytes);
        }
        return count;
    }

    @Override
    public int transmit(FrameBatch batch) {
        int sent = 0;
        for (int i = 0; i < batch.size; i++) {
            long offset = batch.offsets[i];
            long chunk = offset & -chunkBytes;
            assert batch.tokens[i] == -1 || batch.tokens[i] == chunk : "frame " + i + " left its chunk";
            switch (batch.verdicts[i]) {
                case FrameBatch.SEND -> {
                    if (sentOffsets.size() < sendRoom) {
                        sentOffsets.add(offset);
                        sentLengths.add(batch.lengths[i]);
                        sent++;
                    } else {
                        free.add(chunk);
                    }
                }
                case FrameBatch.PASS -> {
                    passedOffsets.add(offset);
                    passedLengths.add(batch.lengths[i]);
                }
                default -> free.add(chunk);
            }
        }
        batch.clear();
        return sent;
    }

    @Override
    public long borrow() {
        return free.isEmpty() ? -1 : free.remove() + HEADROOM;
    }

    @Override
    public void giveBack(long offset) {
        free.add(offset & -chunkBytes);
    }

    @Override
    public int[] descriptors() {
        return new int[0];
    }

    @Override
    public String description() {
        return "memory: " + chunks + " frames of at most " + frameLengthMax() + " bytes";
    }

    @Override
    public void countLost(WorkerCounters counters) {
        counters.add(WorkerCounter.PORT_LOST.id(), lost);
        lost = 0;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private byte @Nullable [] take(LongRing offsets, LongRing lengths) {
        if (offsets.isEmpty()) {
            return null;
        }
        long offset = offsets.remove();
        byte[] frame = new byte[(int) lengths.remove()];
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, offset, frame, 0, frame.length);
        free.add(offset & -chunkBytes);
        return frame;
    }

    private void recycle(LongRing offsets, LongRing lengths) {
        while (!offsets.isEmpty()) {
            free.add(offsets.remove() & -chunkBytes);
            lengths.remove();
        }
    }

    /// A queue of longs with fixed room.
    private static final class LongRing {
        private final long[] values;
        private int head;
        private int tail;

        LongRing(int capacity) {
            values = new long[capacity];
            Arrays.fill(values, -1);
        }

        boolean isEmpty() {
            return head == tail;
        }

        int size() {
            return tail - head;
        }

        void add(long value) {
            assert size() < values.length : "a chunk came back twice";
            values[tail++ & values.length - 1] = value;
        }

        long remove() {
            assert !isEmpty();
            return values[head++ & values.length - 1];
        }
    }
}
