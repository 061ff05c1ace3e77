package io.penstock.flowtable;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import org.agrona.UnsafeApi;

/// Loads and stores at addresses outside the heap, for the few steps that every packet passes.
///
/// A segment in a field brings a check of its kind, its life and its bounds to every load, and what the compiler would
/// need to know to share them is in another method: near half of a packet's instructions were that. A segment over all
/// of memory, in a constant, still has one comparison a load, each with a way out that keeps registers occupied. These
/// loads and stores, Agrona's, are one instruction. **Nobody checks the address.** Callers are classes that have
/// checked a whole frame, line or record once, and keep to it by construction; each says how. Whoever owns the memory
/// frees it after the worker has ended.
///
/// Static and without state; any thread.
public final class NativeMemory {
    private static final boolean IS_LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

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
        return UnsafeApi.getLong(address);
    }

    /// Stores eight bytes in native order; whole, where they are aligned.
    public static void putWord(long address, long value) {
        UnsafeApi.putLong(address, value);
    }

    /// Stores eight bytes in native order after all loads and stores before it; whole, where they are aligned.
    public static void putWordRelease(long address, long value) {
        UnsafeApi.putLongRelease(null, address, value);
    }

    /// Stores four bytes in native order; whole, where they are aligned.
    public static void putHalf(long address, int value) {
        UnsafeApi.putInt(address, value);
    }

    /// {@return four bytes in native order; whole, where they are aligned}
    public static int half(long address) {
        return UnsafeApi.getInt(address);
    }

    /// {@return two big-endian bytes}
    public static int u16(long address) {
        short value = UnsafeApi.getShort(address);
        return (IS_LITTLE_ENDIAN ? Short.reverseBytes(value) : value) & 0xffff;
    }

    /// {@return four big-endian bytes; negative from 2^31 on}
    public static int u32(long address) {
        int value = UnsafeApi.getInt(address);
        return IS_LITTLE_ENDIAN ? Integer.reverseBytes(value) : value;
    }

    /// {@return eight big-endian bytes}
    public static long u64(long address) {
        long value = UnsafeApi.getLong(address);
        return IS_LITTLE_ENDIAN ? Long.reverseBytes(value) : value;
    }

    /// Stores four bytes big-endian.
    public static void put32(long address, int value) {
        UnsafeApi.putInt(address, IS_LITTLE_ENDIAN ? Integer.reverseBytes(value) : value);
    }

    /// Stores eight bytes big-endian.
    public static void put64(long address, long value) {
        UnsafeApi.putLong(address, IS_LITTLE_ENDIAN ? Long.reverseBytes(value) : value);
    }
}
