package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U32;
import static io.penstock.forwarder.linux.Memory.U64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// A program's place on an interface. The program is detached when this is closed or the process dies, however it
/// dies; unless the link was pinned, which only `backend install` does, on purpose. Set-up only.
public final class BpfLink implements AutoCloseable {
    /// How an XDP program runs.
    public enum Mode {
        /// In the driver, before an skb is made.
        DRIVER(4),
        /// In the stack, after the driver made an skb: works with every driver, slower.
        GENERIC(2),
        /// Not an XDP program: before the programs that others attached there (BPF_F_BEFORE).
        OTHER(8);

        private final int flags;

        Mode(int flags) {
            this.flags = flags;
        }
    }

    private static final int LINK_INFORMATION_LENGTH = 64; // struct bpf_link_info of Linux 5.9 and, as XDP's, later

    private final Libc libc = new Libc(Arena.ofAuto());
    private final int fd;
    private final Mode mode;
    private final String reason;

    private BpfLink(int fd, Mode mode, String reason) {
        this.fd = fd;
        this.mode = mode;
        this.reason = reason;
    }

    /// Attaches an XDP program in the driver, or where the driver cannot, in the generic way.
    ///
    /// @throws LinuxException when neither can be had
    public static BpfLink attachXdp(BpfProgram program, String interfaceName, int interfaceIndex) {
        Libc libc = new Libc(Arena.ofAuto());
        int fd = create(libc, program, interfaceIndex, Mode.DRIVER);
        if (fd >= 0) {
            return new BpfLink(fd, Mode.DRIVER, "");
        }
        if (Errno.EBUSY.is(fd) || Errno.EEXIST.is(fd)) {
            throw new LinuxException(
                    "attach XDP to " + interfaceName,
                    fd,
                    "another XDP program is attached",
                    "see ip -d link show " + interfaceName + "; remove it with ip link set " + interfaceName
                            + " xdp off, or for a forwarder use forwarder.port=packet");
        }
        if (Errno.EPERM.is(fd)) {
            throw LinuxException.of("attach XDP to " + interfaceName, fd);
        }
        int genericFd = create(libc, program, interfaceIndex, Mode.GENERIC);
        if (genericFd < 0) {
            throw LinuxException.of("attach XDP to " + interfaceName, genericFd);
        }
        return new BpfLink(genericFd, Mode.GENERIC, "the driver refused it: " + Errno.describe(fd));
    }

    /// Attaches an XDP program in one way only.
    ///
    /// @throws LinuxException when it cannot be had
    static BpfLink attachXdp(BpfProgram program, String interfaceName, int interfaceIndex, Mode mode) {
        int fd = create(new Libc(Arena.ofAuto()), program, interfaceIndex, mode);
        return new BpfLink(LinuxException.check(fd, "attach XDP to " + interfaceName + " (" + mode + ")"), mode, "");
    }

    /// {@return a link that was pinned; its mode is not known any more}
    ///
    /// @throws LinuxException when there is none
    static BpfLink openPinned(Path path) {
        return new BpfLink(Bpf.open(new Libc(Arena.ofAuto()), path), Mode.OTHER, "");
    }

    /// Gives the link a name in a bpf file system: the program then stays attached without any process.
    void pin(Path path) {
        Bpf.pin(libc, fd, path);
    }

    /// {@return the interface that an XDP program is attached to, or 0 when it was detached or the interface is gone}
    int interfaceIndex() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment information = arena.allocate(LINK_INFORMATION_LENGTH, 8);
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, fd);
            attributes.set(U32, 4, LINK_INFORMATION_LENGTH);
            attributes.set(U64, 8, information.address());
            LinuxException.check(libc.bpf(Bpf.OBJECT_INFO, attributes), "bpf(OBJ_GET_INFO_BY_FD, link)");
            return information.get(U32, 16); // after type, id, program id and padding
        }
    }

    /// Takes the program off, whoever else holds the link.
    void detach() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, fd);
            int result = libc.bpf(Bpf.LINK_DETACH, attributes);
            if (!Errno.ENODEV.is(result) && !Errno.ENOENT.is(result)) { // The interface may be gone.
                LinuxException.check(result, "bpf(LINK_DETACH)");
            }
        }
    }

    /// Attaches a program of another kind than XDP.
    ///
    /// @return a link, or null where the kernel does not know such links (`EINVAL`): TCX came with Linux 6.6
    public static @Nullable BpfLink attach(BpfProgram program, String interfaceName, int interfaceIndex) {
        int fd = create(new Libc(Arena.ofAuto()), program, interfaceIndex, Mode.OTHER);
        if (Errno.EINVAL.is(fd)) {
            return null;
        }
        LinuxException.check(fd, "attach " + program.name() + " to " + interfaceName);
        return new BpfLink(fd, Mode.OTHER, "");
    }

    /// {@return how the program runs}
    public Mode mode() {
        return mode;
    }

    /// {@return why it is not the better mode; empty when it is}
    public String reason() {
        return reason;
    }

    @Override
    public void close() {
        libc.close(fd);
    }

    private static int create(Libc libc, BpfProgram program, int interfaceIndex, Mode mode) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = Bpf.attributes(arena);
            attributes.set(U32, 0, program.descriptor());
            attributes.set(U32, 4, interfaceIndex);
            attributes.set(U32, 8, program.kind().attachType());
            attributes.set(U32, 12, mode.flags);
            return libc.bpf(Bpf.LINK_CREATE, attributes);
        }
    }
}
