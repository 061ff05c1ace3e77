package io.penstock.forwarder.port;

/// Room for frames of our own beside a ring: chunks of one size, each free or borrowed. One worker's own.
final class ScratchFrames {
    private final long start;
    private final int chunkShift;
    private final int[] free;
    private int freeCount;

    /// @param start      offset of the first chunk
    /// @param chunkBytes headroom and frame; a power of two
    ScratchFrames(long start, int chunkBytes, int chunks) {
        assert Integer.bitCount(chunkBytes) == 1 : chunkBytes;
        this.start = start;
        chunkShift = Integer.numberOfTrailingZeros(chunkBytes);
        free = new int[chunks];
        for (int i = 0; i < chunks; i++) {
            free[freeCount++] = i;
        }
    }

    /// {@return offset of a frame with [FramePort#HEADROOM] before it, or -1 when all are borrowed}
    long borrow() {
        return freeCount == 0 ? -1 : start + ((long) free[--freeCount] << chunkShift) + FramePort.HEADROOM;
    }

    /// @param offset anywhere in the chunk
    void giveBack(long offset) {
        assert offset >= start && freeCount < free.length : "offset=" + offset + " free=" + freeCount;
        free[freeCount++] = (int) ((offset - start) >>> chunkShift);
    }
}
