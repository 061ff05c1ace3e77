package io.penstock.flowtable;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Loads and stores at addresses outside the heap, for the few steps that every packet passes.
///
/// A segment in a field brings a check of its kind, its life and its bounds to every load, and what the compiler would
/// need to know to share them is in another method: near half of a packet's instructions were that. Here the segment
/// is a constant, all of memory, so that one comparison is left. **Nobody checks the address.** Callers are classes
/// that have checked a whole frame, line or record once, and keep to it by construction; each says how. Whoever owns
/// the memory frees it after the worker has ended.
///
/// Static and without state; any thread.
public final class NativeMemory {
    @SuppressWarnings("restricted") // The one segment over all of memory.
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt HALF = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private NativeMemory() {}

    /// {@return where a segment begins}
    ///
    /// @param memory outside the heap; the caller keeps it alive
    /// @throws IllegalArgumentException when it is on the heap
    public static long addressOf(MemorySegment memory) {
        if (!memory.isNative()) {
            throw new IllegalArgumentException("memory=" + memory + ": memory outside the heap expected");
        }
        return memory.address();
    }

    /// {@return eight bytes in native order; whole, where they are aligned}
    public static long word(long address) {
        return ALL.get(WORD, address);
    }

    /// Stores eight bytes in native order; whole, where they are aligned.
    public static void putWord(long address, long value) {
        ALL.set(WORD, address, value);
    }

    /// {@return four bytes in native order; whole, where they are aligned}
    public static int half(long address) {
        return ALL.get(HALF, address);
    }

    /// {@return two big-endian bytes}
    public static int u16(long address) {
        return ALL.get(U16, address) & 0xffff;
    }

    /// {@return four big-endian bytes; negative from 2^31 on}
    public static int u32(long address) {
        return ALL.get(U32, address);
    }

    /// {@return eight big-endian bytes}
    public static long u64(long address) {
        return ALL.get(U64, address);
    }

    /// Stores four bytes big-endian.
    public static void put32(long address, int value) {
        ALL.set(U32, address, value);
    }

    /// Stores eight bytes big-endian.
    public static void put64(long address, long value) {
        ALL.set(U64, address, value);
    }
}
