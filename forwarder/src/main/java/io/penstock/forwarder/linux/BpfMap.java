package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U32;
import static io.penstock.forwarder.linux.Memory.U64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A BPF map of the kernel: programs read it while we change it. Gone when this is closed and no program uses it.
///
/// Keys and values are byte arrays as long as the map was made for. Set-up and conductor only; one thread at a time.
public final class BpfMap implements AutoCloseable {
    /// What a map does with keys.
    public enum Kind {
        /// Any key, hashed (BPF_MAP_TYPE_HASH); room is taken only for entries that exist.
        HASH(1, 1),
        /// Index 0..entries-1, all always there (BPF_MAP_TYPE_ARRAY).
        ARRAY(2, 0),
        /// The same, and a process can map it ([#map]): values follow each other, each at a multiple of 8 bytes
        /// (BPF_F_MMAPABLE, Linux 5.5).
        ARRAY_MAPPED(2, 1 << 10),
        /// An array with a value for each CPU (BPF_MAP_TYPE_PERCPU_ARRAY); read it by [#sums(int)].
        ARRAY_PER_CPU(6, 0),
        /// Index to AF_XDP socket (BPF_MAP_TYPE_XSKMAP).
        SOCKETS(17, 0);

        private final int type;
        private final int flags;

        Kind(int type, int flags) {
            this.type = type;
            this.flags = flags;
        }
    }

    private static final int CPUS_MAX = 8192; // CONFIG_NR_CPUS of any kernel

    private final Libc libc = new Libc(Arena.ofAuto());
    private final String name;
    private final int keyLength;
    private final int valueLength;
    private final int entriesMax;
    private final int fd;

    private BpfMap(Kind kind, String name, int keyLength, int valueLength, int entriesMax) {
        this.name = name;
        this.keyLength = keyLength;
        this.valueLength = valueLength;
        this.entriesMax = entriesMax;
        Bpf.liftMemoryLimit(libc);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, kind.type);
            attributes.set(U32, 4, keyLength);
            attributes.set(U32, 8, valueLength);
            attributes.set(U32, 12, entriesMax);
            attributes.set(U32, 16, kind.flags);
            Bpf.putName(attributes, 28, name);
            fd = LinuxException.check(
                    libc.bpf(Bpf.MAP_CREATE, attributes), "bpf(MAP_CREATE, " + kind + ", " + name + ")");
        }
    }

    private BpfMap(String name, int keyLength, int valueLength, int fd) {
        this.name = name;
        this.keyLength = keyLength;
        this.valueLength = valueLength;
        entriesMax = 0;
        this.fd = fd;
    }

    /// {@return a map that was pinned}
    ///
    /// @throws LinuxException when there is none
    static BpfMap openPinned(Path path, int keyLength, int valueLength) {
        return new BpfMap(path.toString(), keyLength, valueLength, Bpf.open(new Libc(Arena.ofAuto()), path));
    }

    /// Gives the map a name in a bpf file system, which keeps it alive without any process.
    void pin(Path path) {
        Bpf.pin(libc, fd, path);
    }

    /// {@return sums over all CPUs, for [Kind#ARRAY_PER_CPU] with values of one or more 64-bit words: those of entry
    /// 0, of entry 1, and so on}
    ///
    /// @param entries how many there are
    public long[] sums(int entries) {
        assert valueLength % 8 == 0 : "valueLength=" + valueLength;
        int words = valueLength / 8;
        long[] sums = new long[entries * words];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocate((long) valueLength * CPUS_MAX, 8);
            MemorySegment key = arena.allocate(4, 4);
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, fd);
            attributes.set(U64, 8, key.address());
            attributes.set(U64, 16, values.address());
            for (int entry = 0; entry < entries; entry++) {
                key.set(U32, 0, entry);
                LinuxException.check(libc.bpf(Bpf.MAP_LOOKUP_ELEM, attributes), "bpf(MAP_LOOKUP_ELEM, " + name + ")");
                // The kernel leaves alone what is beyond the last CPU.
                for (int i = 0; i < words * CPUS_MAX; i++) {
                    sums[entry * words + i % words] += values.get(U64, 8L * i);
                }
            }
        }
        return sums;
    }

    /// {@return a new map}
    ///
    /// @param name       at most 15 letters, for bpftool
    /// @param entriesMax the most entries it will hold
    /// @throws LinuxException when the kernel refuses
    public static BpfMap create(Kind kind, String name, int keyLength, int valueLength, int entriesMax) {
        return new BpfMap(kind, name, keyLength, valueLength, entriesMax);
    }

    /// {@return its descriptor}
    public int descriptor() {
        return fd;
    }

    /// Maps all values of a [Kind#ARRAY_MAPPED], whose length is a multiple of 8: what programs store is seen here at
    /// once, and the other way round.
    ///
    /// @param arena unmaps them when it closes
    @SuppressWarnings("restricted") // The kernel mapped as many bytes.
    public MemorySegment map(Arena arena) {
        long length = (long) valueLength * entriesMax;
        long address = LinuxException.check(
                libc.mmap(length, Memory.READ_WRITE, Memory.MAP_SHARED, fd, 0), "mmap(" + length + ", " + name + ")");
        return MemorySegment.ofAddress(address).reinterpret(length, arena, _ -> libc.munmap(address, length));
    }

    /// Sets an entry.
    ///
    /// @throws LinuxException when there is no room
    public void put(byte[] key, byte[] value) {
        element(Bpf.MAP_UPDATE_ELEM, key, value);
    }

    /// Sets an entry whose value is an int, as a descriptor or flags.
    public void put(byte[] key, int value) {
        put(key, intBytes(value));
    }

    /// {@return the value, or null}
    public byte @Nullable [] get(byte[] key) {
        byte[] value = new byte[valueLength];
        return element(Bpf.MAP_LOOKUP_ELEM, key, value) ? value : null;
    }

    /// Deletes an entry.
    ///
    /// @return whether it was there
    public boolean remove(byte[] key) {
        return element(Bpf.MAP_DELETE_ELEM, key, new byte[0]);
    }

    /// {@return all keys, in no order; keys that come or go meanwhile may be missing or there}
    public List<byte[]> keys() {
        List<byte[]> keys = new ArrayList<>();
        byte[] key = new byte[keyLength];
        byte[] next = new byte[keyLength];
        boolean more = nextKey(null, next);
        while (more) {
            keys.add(next);
            key = next;
            next = new byte[keyLength];
            more = nextKey(key, next);
        }
        return keys;
    }

    /// {@return an int in the machine's order, as keys of arrays are}
    public static byte[] intBytes(int value) {
        byte[] bytes = new byte[4];
        MemorySegment.ofArray(bytes).set(U32, 0, value);
        return bytes;
    }

    @Override
    public void close() {
        libc.close(fd);
    }

    private boolean nextKey(byte @Nullable [] key, byte[] next) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            MemorySegment found = arena.allocate(keyLength, 8);
            attributes.set(U32, 0, fd);
            attributes.set(U64, 8, key == null ? 0 : copy(arena, key).address());
            attributes.set(U64, 16, found.address());
            int result = libc.bpf(Bpf.MAP_GET_NEXT_KEY, attributes);
            if (Errno.ENOENT.is(result)) {
                return false;
            }
            LinuxException.check(result, "bpf(MAP_GET_NEXT_KEY, " + name + ")");
            MemorySegment.ofArray(next).copyFrom(found);
            return true;
        }
    }

    private boolean element(int command, byte[] key, byte[] value) {
        assert key.length == keyLength : "key.length=" + key.length + " keyLength=" + keyLength;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            MemorySegment nativeValue = copy(arena, value);
            attributes.set(U32, 0, fd);
            attributes.set(U64, 8, copy(arena, key).address());
            attributes.set(U64, 16, command == Bpf.MAP_DELETE_ELEM ? 0 : nativeValue.address());
            int result = libc.bpf(command, attributes);
            if (Errno.ENOENT.is(result) && command != Bpf.MAP_UPDATE_ELEM) {
                return false;
            }
            LinuxException.check(result, "bpf(map element, " + name + ")");
            MemorySegment.ofArray(value).copyFrom(nativeValue);
            return true;
        }
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
        MemorySegment copy = arena.allocate(Math.max(8, bytes.length), 8);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, copy, 0, bytes.length);
        return copy.asSlice(0, bytes.length);
    }
}
