package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U32;
import static io.penstock.forwarder.linux.Memory.U64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// A program that the kernel has verified and keeps while this is open or a [BpfLink] holds it. Set-up only.
public final class BpfProgram implements AutoCloseable {
    /// What a program is run for.
    public enum Kind {
        /// On each frame as the driver gets it (BPF_PROG_TYPE_XDP).
        XDP(6, 37),
        /// On each packet before the stack, by TCX (BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS).
        TC_INGRESS(3, 46),
        /// On each frame that a socket would receive (BPF_PROG_TYPE_SOCKET_FILTER); 0 keeps it out.
        SOCKET_FILTER(1, 0);

        private final int type;
        private final int attachType;

        Kind(int type, int attachType) {
            this.type = type;
            this.attachType = attachType;
        }

        int attachType() {
            return attachType;
        }
    }

    /// What became of a frame in a test run.
    ///
    /// @param verdict the program's result: XDP_PASS 2, XDP_REDIRECT 4, ...
    /// @param frame   the frame after the program
    @SuppressWarnings("ArrayRecordComponent") // Looked at part by part, never compared whole.
    public record Outcome(int verdict, byte[] frame) {}

    /// What became of a frame in many runs.
    ///
    /// @param verdict  the last run's
    /// @param nsPerRun what a run took, rounded down; without what the kernel does around all of them
    public record Repeated(int verdict, int nsPerRun) {}

    /// TC: drop.
    public static final int TC_SHOT = 2;
    /// TC: on to the next program, or to the stack when there is none (TC_ACT_UNSPEC, TCX_NEXT).
    public static final int TC_NEXT = -1;
    /// XDP: drop.
    public static final int XDP_DROP = 1;
    /// XDP: on to the kernel's stack.
    public static final int XDP_PASS = 2;
    /// XDP: back out of the interface that it came by.
    public static final int XDP_TX = 3;
    /// XDP: to where a redirect helper said.
    public static final int XDP_REDIRECT = 4;

    private static final int XDP_HAS_FRAGMENTS = 1 << 5; // BPF_F_XDP_HAS_FRAGS
    private static final int LIVE_FRAMES = 2; // BPF_F_TEST_XDP_LIVE_FRAMES
    private static final int LOG_LENGTH = 1 << 20;
    private static final int CONTEXT_LENGTH = 24; // struct xdp_md

    private final Libc libc = new Libc(Arena.ofAuto());
    private final Kind kind;
    private final String name;
    private final int fd;

    private BpfProgram(Kind kind, String name, int fd) {
        this.kind = kind;
        this.name = name;
        this.fd = fd;
    }

    /// Loads a program.
    ///
    /// @param name at most 15 letters, for bpftool
    /// @throws LinuxException when the kernel refuses; where its verifier did, with the end of the verifier's log
    public static BpfProgram load(Kind kind, String name, BpfAssembler assembler) {
        Libc libc = new Libc(Arena.ofAuto());
        int fd = load(libc, kind, name, assembler, 0, false);
        if (fd >= 0) {
            return new BpfProgram(kind, name, fd);
        }
        // Once more with a log: without one the kernel is quicker, and a full log is an error of its own.
        load(libc, kind, name, assembler, 0, true);
        throw LinuxException.of("bpf(PROG_LOAD, " + name + ")", fd);
    }

    /// Loads an XDP program that can do with frames in several pieces, as jumbo frames are (BPF_F_XDP_HAS_FRAGS, Linux
    /// 5.18).
    ///
    /// @return null where the kernel knows no such programs (`EINVAL`)
    static @Nullable BpfProgram loadForFragments(String name, BpfAssembler assembler) {
        Libc libc = new Libc(Arena.ofAuto());
        int fd = load(libc, Kind.XDP, name, assembler, XDP_HAS_FRAGMENTS, false);
        if (Errno.EINVAL.is(fd)) {
            return null;
        }
        if (fd < 0) {
            load(libc, Kind.XDP, name, assembler, XDP_HAS_FRAGMENTS, true);
            throw LinuxException.of("bpf(PROG_LOAD, " + name + ")", fd);
        }
        return new BpfProgram(Kind.XDP, name, fd);
    }

    /// {@return a program that was pinned}
    ///
    /// @throws LinuxException when there is none
    static BpfProgram openPinned(Kind kind, Path path) {
        return new BpfProgram(kind, path.toString(), Bpf.open(new Libc(Arena.ofAuto()), path));
    }

    /// Gives the program a name in a bpf file system, which keeps it alive without any process.
    void pin(Path path) {
        Bpf.pin(libc, fd, path);
    }

    /// {@return its descriptor}
    public int descriptor() {
        return fd;
    }

    /// {@return what it is run for}
    public Kind kind() {
        return kind;
    }

    /// {@return its name}
    public String name() {
        return name;
    }

    /// Runs the program on one frame; nothing is sent anywhere.
    ///
    /// @param frame at least 14 bytes
    public Outcome run(byte[] frame) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            MemorySegment in = arena.allocateFrom(ValueLayout.JAVA_BYTE, frame);
            MemorySegment out = arena.allocate(frame.length + 256L);
            attributes.set(U32, 0, fd);
            attributes.set(U32, 8, frame.length);
            attributes.set(U32, 12, (int) out.byteSize());
            attributes.set(U64, 16, in.address());
            attributes.set(U64, 24, out.address());
            attributes.set(U32, 32, 1);
            LinuxException.check(libc.bpf(Bpf.PROG_TEST_RUN, attributes), "bpf(PROG_TEST_RUN, " + name + ")");
            byte[] after = out.asSlice(0, attributes.get(U32, 12)).toArray(ValueLayout.JAVA_BYTE);
            return new Outcome(attributes.get(U32, 4), after);
        }
    }

    /// Runs the program on one frame again and again: each run finds the frame as the one before left it. Nothing is
    /// sent.
    ///
    /// @param frame  at least 14 bytes
    /// @param repeat how often, 1 or more
    public Repeated runRepeatedly(byte[] frame, int repeat) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, fd);
            attributes.set(U32, 8, frame.length);
            attributes.set(
                    U64, 16, arena.allocateFrom(ValueLayout.JAVA_BYTE, frame).address());
            attributes.set(U32, 32, repeat);
            LinuxException.check(libc.bpf(Bpf.PROG_TEST_RUN, attributes), "bpf(PROG_TEST_RUN, " + name + ")");
            return new Repeated(attributes.get(U32, 4), attributes.get(U32, 36));
        }
    }

    /// Runs an XDP program on copies of a frame as if the interface had received them on queue 0, and does what it
    /// says: redirected frames are really sent. Returns when all are done; may take long. Linux 5.18 and later.
    ///
    /// @param repeat      how many copies
    /// @param batchFrames how many go between two flushes, at most 256
    /// @return 0, or `-errno`: `EINTR` when a signal came first
    public int runLive(byte[] frame, int interfaceIndex, int repeat, int batchFrames) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            MemorySegment in = arena.allocateFrom(ValueLayout.JAVA_BYTE, frame);
            MemorySegment context = arena.allocate(CONTEXT_LENGTH, 8);
            context.set(U32, 4, frame.length); // data_end
            context.set(U32, 12, interfaceIndex); // ingress_ifindex
            attributes.set(U32, 0, fd);
            attributes.set(U32, 8, frame.length);
            attributes.set(U64, 16, in.address());
            attributes.set(U32, 32, repeat);
            attributes.set(U32, 40, CONTEXT_LENGTH);
            attributes.set(U64, 48, context.address());
            attributes.set(U32, 64, LIVE_FRAMES);
            attributes.set(U32, 72, batchFrames);
            return libc.bpf(Bpf.PROG_TEST_RUN, attributes);
        }
    }

    @Override
    public void close() {
        libc.close(fd);
    }

    private static int load(Libc libc, Kind kind, String name, BpfAssembler assembler, int flags, boolean withLog) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            MemorySegment instructions = assembler.assemble(arena);
            MemorySegment log = arena.allocate(withLog ? LOG_LENGTH : 1);
            attributes.set(U32, 0, kind.type);
            attributes.set(U32, 4, assembler.count());
            attributes.set(U64, 8, instructions.address());
            attributes.set(U64, 16, arena.allocateFrom("Apache-2.0").address()); // calls no GPL-only helper
            if (withLog) {
                attributes.set(U32, 24, 1);
                attributes.set(U32, 28, LOG_LENGTH);
                attributes.set(U64, 32, log.address());
            }
            attributes.set(U32, 44, flags);
            Bpf.putName(attributes, 48, name);
            attributes.set(U32, 68, kind.attachType);
            int result = libc.bpf(Bpf.PROG_LOAD, attributes);
            if (withLog && result < 0 && log.get(ValueLayout.JAVA_BYTE, 0) != 0) {
                throw new LinuxException(
                        "bpf(PROG_LOAD, " + name + ")",
                        result,
                        "the kernel's verifier refused the program",
                        "please report this log with the output of uname -r: " + tail(log.getString(0)));
            }
            return result;
        }
    }

    private static String tail(String log) {
        return log.length() <= 4000 ? log : "... " + log.substring(log.length() - 4000);
    }
}
