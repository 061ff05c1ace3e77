package io.penstock.forwarder.port;

import io.penstock.forwarder.linux.RingMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// An AF_XDP ring that we write and the kernel reads: fill or TX.
///
/// Descriptors are put first and handed over by one [#publish]. Indexes run on and wrap at 2^32. One thread.
final class ProducerRing {
    private static final VarHandle U32 = ValueLayout.JAVA_INT.varHandle();
    private static final int NEED_WAKEUP = 1; // XDP_RING_NEED_WAKEUP

    private final MemorySegment map;
    private final long producerOffset;
    private final long consumerOffset;
    private final long flagsOffset;
    private final long descriptorsOffset;
    private final int entries;
    private int produced;
    private int published;
    private int consumed; // as last seen

    ProducerRing(RingMemory memory) {
        map = memory.map();
        producerOffset = memory.producer();
        consumerOffset = memory.consumer();
        flagsOffset = memory.flags();
        descriptorsOffset = memory.descriptors();
        entries = memory.entries();
        produced = (int) U32.getAcquire(map, producerOffset);
        published = produced;
        consumed = (int) U32.getAcquire(map, consumerOffset);
    }

    /// {@return descriptors that may be put now, `0..limit`}
    int room(int limit) {
        int free = entries - (produced - consumed);
        if (free < limit) {
            free = entries - unconsumed();
        }
        return Math.min(free, limit);
    }

    /// {@return descriptors that the kernel has not read yet, those not published included}
    int unconsumed() {
        // Acquire: pairs with the kernel's release, so it has read a descriptor before we write over it.
        consumed = (int) U32.getAcquire(map, consumerOffset);
        return produced - consumed;
    }

    /// Puts a chunk's address, 8 bytes, into the fill ring. The caller has made sure of the room.
    void put(long address) {
        assert produced - consumed < entries || unconsumed() < entries : "ring full";
        map.set(ValueLayout.JAVA_LONG, descriptorsOffset + 8L * (produced & (entries - 1)), address);
        produced++;
    }

    /// Puts a frame, 16 bytes, into the TX ring. The caller has made sure of the room.
    void put(long address, int length) {
        assert produced - consumed < entries || unconsumed() < entries : "ring full";
        long at = descriptorsOffset + 16L * (produced & (entries - 1));
        map.set(ValueLayout.JAVA_LONG, at, address);
        map.set(ValueLayout.JAVA_LONG, at + 8, length); // length in the low half, options 0 in the high
        produced++;
    }

    /// Hands what was put to the kernel, if anything was.
    void publish() {
        if (published != produced) {
            published = produced;
            // Release: the kernel's acquire of the index sees the descriptors, and the frames they name.
            U32.setRelease(map, producerOffset, produced);
        }
    }

    /// {@return whether the kernel asks to be called}
    boolean needsWakeup() {
        // The index above must be visible before we look: else the kernel, having gone to sleep meanwhile, would
        // never hear of it.
        VarHandle.fullFence();
        return ((int) U32.getOpaque(map, flagsOffset) & NEED_WAKEUP) != 0;
    }
}
