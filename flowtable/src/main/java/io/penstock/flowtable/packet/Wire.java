package io.penstock.flowtable.packet;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Big-endian loads and stores, aligned or not: all that this package does to memory.
final class Wire {
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private Wire() {}

    static int u8(MemorySegment memory, long at) {
        return memory.get(ValueLayout.JAVA_BYTE, at) & 0xff;
    }

    static int u16(MemorySegment memory, long at) {
        return memory.get(U16, at) & 0xffff;
    }

    /// Four bytes; negative from 2^31 on.
    static int u32(MemorySegment memory, long at) {
        return memory.get(U32, at);
    }

    /// Six bytes: a MAC address in the low 48 bits.
    static long u48(MemorySegment memory, long at) {
        return (long) u16(memory, at) << 32 | (u32(memory, at + 2) & 0xffff_ffffL);
    }

    static long u64(MemorySegment memory, long at) {
        return memory.get(U64, at);
    }

    static void put8(MemorySegment memory, long at, int value) {
        memory.set(ValueLayout.JAVA_BYTE, at, (byte) value);
    }

    static void put16(MemorySegment memory, long at, int value) {
        memory.set(U16, at, (short) value);
    }

    static void put32(MemorySegment memory, long at, int value) {
        memory.set(U32, at, value);
    }

    static void put48(MemorySegment memory, long at, long value) {
        put16(memory, at, (int) (value >>> 32));
        put32(memory, at + 2, (int) value);
    }

    static void put64(MemorySegment memory, long at, long value) {
        memory.set(U64, at, value);
    }
}
