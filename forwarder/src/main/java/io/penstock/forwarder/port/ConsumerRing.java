package io.penstock.forwarder.port;

import io.penstock.forwarder.linux.RingMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// An AF_XDP ring that the kernel writes and we read: RX or completion. Indexes run on and wrap at 2^32. One thread.
final class ConsumerRing {
    private static final VarHandle U32 = ValueLayout.JAVA_INT.varHandle();

    private final MemorySegment map;
    private final long producerOffset;
    private final long consumerOffset;
    private final long descriptorsOffset;
    private final int mask;
    private int produced; // as last seen
    private int consumed;

    ConsumerRing(RingMemory memory) {
        map = memory.map();
        producerOffset = memory.producer();
        consumerOffset = memory.consumer();
        descriptorsOffset = memory.descriptors();
        mask = memory.entries() - 1;
        consumed = (int) U32.getAcquire(map, consumerOffset);
        produced = consumed;
    }

    /// @param limit the most the caller will take
    /// @return descriptors ready, `0..limit`
    int available(int limit) {
        if (produced - consumed < limit) {
            // Acquire: pairs with the kernel's release, so the descriptors below it, and the frames, are visible.
            produced = (int) U32.getAcquire(map, producerOffset);
        }
        return Math.min(produced - consumed, limit);
    }

    /// {@return the address in the completion ring's 8-byte descriptor}
    ///
    /// @param index of those available, from 0
    long completed(int index) {
        return map.get(ValueLayout.JAVA_LONG, descriptorsOffset + 8L * ((consumed + index) & mask));
    }

    /// {@return the address in the RX ring's 16-byte descriptor}
    ///
    /// @param index of those available, from 0
    long address(int index) {
        return map.get(ValueLayout.JAVA_LONG, descriptorsOffset + 16L * ((consumed + index) & mask));
    }

    /// {@return the frame's length in the RX ring's 16-byte descriptor}
    ///
    /// @param index of those available, from 0
    int length(int index) {
        return map.get(ValueLayout.JAVA_INT, descriptorsOffset + 16L * ((consumed + index) & mask) + 8);
    }

    /// Hands the first `count` descriptors back to the kernel.
    void release(int count) {
        assert count <= produced - consumed : "count=" + count;
        consumed += count;
        // Release: our reads of the descriptors happen before the kernel may overwrite them.
        U32.setRelease(map, consumerOffset, consumed);
    }
}
