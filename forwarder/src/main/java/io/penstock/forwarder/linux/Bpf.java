package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/// The bpf(2) call: its commands and the layout of its attributes, which differ by command (linux/bpf.h).
final class Bpf {
    static final int MAP_CREATE = 0;
    static final int MAP_LOOKUP_ELEM = 1;
    static final int MAP_UPDATE_ELEM = 2;
    static final int MAP_DELETE_ELEM = 3;
    static final int MAP_GET_NEXT_KEY = 4;
    static final int PROG_LOAD = 5;
    static final int PROG_TEST_RUN = 10;
    static final int LINK_CREATE = 28;

    // More than any kernel's union bpf_attr that we fill; the tail is zero, which every kernel takes.
    private static final int ATTRIBUTES_LENGTH = 128;
    private static final int NAME_LENGTH_MAX = 15;

    private static final int RLIMIT_MEMLOCK = 8;

    private Bpf() {}

    /// Lifts the limit that kernels before 5.11 hold maps and programs to. They call a breach EPERM. Where the limit
    /// may not be lifted, the call that follows says what it lacks.
    static void liftMemoryLimit(Libc libc) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment unlimited = arena.allocate(16, 8).fill((byte) 0xff); // struct rlimit, RLIM_INFINITY twice
            libc.prlimit(0, RLIMIT_MEMLOCK, unlimited, MemorySegment.NULL);
        }
    }

    /// {@return zeroed attributes}
    static MemorySegment attributes(Arena arena) {
        return arena.allocate(ATTRIBUTES_LENGTH, 8);
    }

    /// Writes an object's name, as `bpftool` shows it.
    static void putName(MemorySegment attributes, long offset, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length > NAME_LENGTH_MAX) {
            throw new IllegalArgumentException("name=" + name + " (at most " + NAME_LENGTH_MAX + " bytes)");
        }
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, attributes, offset, bytes.length);
    }
}
