package io.penstock.forwarder.linux;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;

/// Which CPUs the calling thread may run on.
public final class CpuAffinity {
    private static final int MASK_LENGTH = 1024; // 8192 CPUs, the most a kernel is built for

    private CpuAffinity() {}

    /// Pins the calling thread to one CPU.
    ///
    /// @throws LinuxException when there is no such CPU, or this process may not use it
    public static void pin(int cpu) {
        BitSet one = new BitSet();
        one.set(cpu);
        set(one);
    }

    /// Lets the calling thread run on these CPUs only.
    ///
    /// @throws LinuxException when none of them can be used
    public static void set(BitSet cpus) {
        Libc libc = new Libc(Arena.ofAuto());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(MASK_LENGTH, 8);
            byte[] bytes = cpus.toByteArray();
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, mask, 0, Math.min(bytes.length, MASK_LENGTH));
            int result = libc.sched_setaffinity(0, mask);
            if (result < 0) {
                throw new LinuxException(
                        "sched_setaffinity(CPU " + cpus + ")",
                        result,
                        "there is no such CPU, it is offline, or this process may not use it",
                        "this process may use " + available() + "; see forwarder.cpus");
            }
        }
    }

    /// Lets every thread of this process run on these CPUs only, as far as it has them; threads that they start do the
    /// same. Best effort: the JVM's threads come and go.
    ///
    /// @param cpus not empty
    public static void setAllThreads(BitSet cpus) {
        Libc libc = new Libc(Arena.ofAuto());
        String[] threads = new File("/proc/self/task").list();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(MASK_LENGTH, 8);
            byte[] bytes = cpus.toByteArray();
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, mask, 0, Math.min(bytes.length, MASK_LENGTH));
            for (String thread : threads == null ? new String[0] : threads) {
                libc.sched_setaffinity(Integer.parseInt(thread), mask);
            }
        }
    }

    /// {@return the CPUs that the calling thread may run on}
    public static BitSet available() {
        Libc libc = new Libc(Arena.ofAuto());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment mask = arena.allocate(MASK_LENGTH, 8);
            LinuxException.check(libc.sched_getaffinity(0, mask), "sched_getaffinity()");
            return BitSet.valueOf(mask.toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
