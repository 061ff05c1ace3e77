package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The bpf(2) call: its commands and the layout of its attributes, which differ by command (linux/bpf.h).
final class Bpf {
    static final int MAP_CREATE = 0;
    static final int MAP_LOOKUP_ELEM = 1;
    static final int MAP_UPDATE_ELEM = 2;
    static final int MAP_DELETE_ELEM = 3;
    static final int MAP_GET_NEXT_KEY = 4;
    static final int PROG_LOAD = 5;
    static final int OBJECT_PIN = 6;
    static final int OBJECT_GET = 7;
    static final int PROG_TEST_RUN = 10;
    static final int OBJECT_INFO = 15;
    static final int LINK_CREATE = 28;
    static final int LINK_DETACH = 34;

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

    /// Gives an object a name in a bpf file system, which keeps it alive without any process.
    static void pin(Libc libc, int fd, Path path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = attributes(arena);
            attributes.set(Memory.U64, 0, arena.allocateFrom(path.toString()).address());
            attributes.set(Memory.U32, 8, fd);
            LinuxException.check(libc.bpf(OBJECT_PIN, attributes), "bpf(OBJ_PIN, " + path + ")");
        }
    }

    /// {@return a descriptor of the object that has the name}
    static int open(Libc libc, Path path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = attributes(arena);
            attributes.set(Memory.U64, 0, arena.allocateFrom(path.toString()).address());
            return LinuxException.check(libc.bpf(OBJECT_GET, attributes), "bpf(OBJ_GET, " + path + ")");
        }
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
