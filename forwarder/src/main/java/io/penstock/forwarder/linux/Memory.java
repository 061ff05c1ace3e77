package io.penstock.forwarder.linux;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Memory that the kernel shares with us: maps, and the reading and writing of it in the machine's byte order.
public final class Memory {
    /// PROT_READ | PROT_WRITE
    public static final int READ_WRITE = 3;
    /// MAP_SHARED
    public static final int MAP_SHARED = 1;
    /// MAP_PRIVATE
    public static final int MAP_PRIVATE = 2;
    /// MAP_ANONYMOUS
    public static final int MAP_ANONYMOUS = 0x20;
    /// MAP_POPULATE
    public static final int MAP_POPULATE = 0x8000;
    /// MAP_HUGETLB
    public static final int MAP_HUGETLB = 0x40000;
    /// MADV_HUGEPAGE
    public static final int MADV_HUGEPAGE = 14;

    /// 16 bits, unaligned allowed.
    public static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    /// 32 bits, unaligned allowed.
    public static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
    /// 64 bits, unaligned allowed.
    public static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

    private Memory() {}

    /// {@return the mapped bytes as a segment; nobody checks that the map still exists}
    ///
    /// @param address from [Libc#mmap]
    @SuppressWarnings("restricted") // What mmap returned has exactly this length.
    public static MemorySegment at(long address, long length) {
        return MemorySegment.ofAddress(address).reinterpret(length);
    }
}
