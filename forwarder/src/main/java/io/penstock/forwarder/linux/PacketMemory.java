package io.penstock.forwarder.linux;

import io.penstock.control.config.HugePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Anonymous memory for frames or tables, in huge pages where they are wanted and to be had.
///
/// @param memory zeroed, every page touched; valid until the arena is closed
/// @param pages  what was obtained, for people: `2 MiB pages`, `transparent huge pages asked for`, `4 KiB pages`
public record PacketMemory(MemorySegment memory, String pages) {
    private static final long HUGE_PAGE_LENGTH = 2L << 20;
    private static final int NO_FILE = -1;

    /// Allocates.
    ///
    /// @param arena its closing gives the memory back
    /// @throws LinuxException when there is no memory, or huge pages are required and none are free
    public static PacketMemory allocate(Arena arena, long length, HugePages hugePages) {
        Libc libc = new Libc(Arena.ofAuto());
        long wholePages = (length + HUGE_PAGE_LENGTH - 1) & -HUGE_PAGE_LENGTH;
        int flags = Memory.MAP_PRIVATE | Memory.MAP_ANONYMOUS;
        if (hugePages != HugePages.OFF) {
            long address = libc.mmap(
                    wholePages, Memory.READ_WRITE, flags | Memory.MAP_HUGETLB | Memory.MAP_POPULATE, NO_FILE, 0);
            if (address >= 0) {
                return new PacketMemory(mapped(arena, address, wholePages, address, length), "2 MiB pages");
            }
            if (hugePages == HugePages.ON) {
                throw new LinuxException(
                        "mmap(" + wholePages + " bytes of huge pages)",
                        (int) address,
                        "too few huge pages are free (HugePages_Free in /proc/meminfo)",
                        "sysctl vm.nr_hugepages=" + wholePages / HUGE_PAGE_LENGTH
                                + " or more, or forwarder.huge-pages=auto");
            }
        }
        // Room to begin at a huge page's boundary: only then can the kernel use one.
        long room = wholePages + HUGE_PAGE_LENGTH;
        long address =
                LinuxException.check(libc.mmap(room, Memory.READ_WRITE, flags, NO_FILE, 0), "mmap(" + room + " bytes)");
        long aligned = (address + HUGE_PAGE_LENGTH - 1) & -HUGE_PAGE_LENGTH;
        boolean asked = hugePages != HugePages.OFF && libc.madvise(aligned, wholePages, Memory.MADV_HUGEPAGE) == 0;
        MemorySegment memory = mapped(arena, address, room, aligned, length);
        memory.fill((byte) 0); // Takes the pages now, not when the first frames come.
        return new PacketMemory(memory, asked ? "transparent huge pages asked for" : "4 KiB pages");
    }

    @SuppressWarnings("restricted") // `length` bytes from `start` lie within what mmap returned.
    private static MemorySegment mapped(Arena arena, long address, long room, long start, long length) {
        return MemorySegment.ofAddress(start)
                .reinterpret(length, arena, _ -> new Libc(Arena.ofAuto()).munmap(address, room));
    }
}
