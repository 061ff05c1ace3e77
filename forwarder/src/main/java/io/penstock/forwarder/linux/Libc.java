package io.penstock.forwarder.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/// The libc calls we make, one method each, named as in sections 2 and 3 of the manual. Every method returns the
/// call's result or, on failure, `-errno`. One instance per thread: it owns the memory errno is captured in.
///
/// Nothing here is linked with [Linker.Option#critical(boolean)], whatever its argument: a critical call holds up
/// every safepoint until it returns, and all of these may block. The calls a worker makes take plain addresses and
/// allocate nothing once they are compiled; those for setting up take segments.
public final class Libc {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));

    // The number of bpf(2), which has no wrapper in libc (asm/unistd_64.h; asm-generic/unistd.h elsewhere).
    private static final long SYS_BPF = System.getProperty("os.arch").equals("amd64") ? 321 : 280;

    // int socket(int domain, int type, int protocol)
    private static final MethodHandle SOCKET =
            link("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    // int close(int fd)
    private static final MethodHandle CLOSE = link("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    // int bind(int fd, const struct sockaddr *address, socklen_t length)
    private static final MethodHandle BIND = link("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    // int connect(int fd, const struct sockaddr *address, socklen_t length)
    private static final MethodHandle CONNECT =
            link("connect", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    // int getsockname(int fd, struct sockaddr *address, socklen_t *length)
    private static final MethodHandle GETSOCKNAME =
            link("getsockname", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    // int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
    private static final MethodHandle SETSOCKOPT =
            link("setsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    // int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
    private static final MethodHandle GETSOCKOPT =
            link("getsockopt", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
    // void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
    private static final MethodHandle MMAP = link(
            "mmap", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    // int munmap(void *address, size_t length)
    private static final MethodHandle MUNMAP = link("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    // int madvise(void *address, size_t length, int advice)
    private static final MethodHandle MADVISE =
            link("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    // int mlock(const void *address, size_t length)
    private static final MethodHandle MLOCK = link("mlock", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    // ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t toLength)
    private static final MethodHandle SENDTO = link(
            "sendto", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
    // ssize_t recvfrom(int fd, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *fromLength)
    private static final MethodHandle RECVFROM = link(
            "recvfrom",
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    // int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
    private static final MethodHandle SENDMMSG =
            link("sendmmsg", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT));
    // int poll(struct pollfd *descriptors, nfds_t count, int timeoutMs)
    private static final MethodHandle POLL =
            link("poll", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    // int ioctl(int fd, unsigned long request, ...)
    private static final MethodHandle IOCTL = link(
            "ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS), Linker.Option.firstVariadicArg(2));
    // long syscall(long number, ...): bpf(int command, union bpf_attr *attributes, unsigned size)
    private static final MethodHandle BPF = link(
            "syscall",
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT),
            Linker.Option.firstVariadicArg(1));
    // int sched_setaffinity(pid_t thread, size_t length, const cpu_set_t *mask)
    private static final MethodHandle SCHED_SETAFFINITY =
            link("sched_setaffinity", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
    // int sched_getaffinity(pid_t thread, size_t length, cpu_set_t *mask)
    private static final MethodHandle SCHED_GETAFFINITY =
            link("sched_getaffinity", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
    // pid_t gettid(void)
    private static final MethodHandle GETTID = link("gettid", FunctionDescriptor.of(JAVA_INT));
    // unsigned if_nametoindex(const char *name)
    private static final MethodHandle IF_NAMETOINDEX = link("if_nametoindex", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    // int prlimit(pid_t process, int resource, const struct rlimit *wanted, struct rlimit *old)
    private static final MethodHandle PRLIMIT =
            link("prlimit", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
    // int fcntl(int fd, int command, ...)
    private static final MethodHandle FCNTL = link(
            "fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(2));
    // int eventfd(unsigned initial, int flags)
    private static final MethodHandle EVENTFD = link("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    // ssize_t read(int fd, void *data, size_t length)
    private static final MethodHandle READ =
            link("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    // ssize_t write(int fd, const void *data, size_t length)
    private static final MethodHandle WRITE =
            link("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    // int open(const char *path, int flags, ...)
    private static final MethodHandle OPEN = link(
            "open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT), Linker.Option.firstVariadicArg(2));
    // int setns(int fd, int kind)
    private static final MethodHandle SETNS = link("setns", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
    // int unshare(int kinds)
    private static final MethodHandle UNSHARE = link("unshare", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    // int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
    private static final MethodHandle MOUNT =
            link("mount", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    // int umount2(const char *target, int flags)
    private static final MethodHandle UMOUNT2 = link("umount2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    // int prctl(int operation, ...): four unsigned long
    private static final MethodHandle PRCTL = link(
            "prctl",
            FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.firstVariadicArg(1));
    // int capset(cap_user_header_t header, cap_user_data_t data)
    private static final MethodHandle CAPSET = link("capset", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));

    private final MemorySegment callState;
    private final MemorySegment scratch;

    /// @param arena owns the capture memory; must outlive this object
    public Libc(Arena arena) {
        callState = arena.allocate(CALL_STATE);
        scratch = arena.allocate(JAVA_LONG, 2);
    }

    /// {@return a descriptor, or `-errno`}
    public int socket(int domain, int type, int protocol) {
        try {
            return result((int) SOCKET.invokeExact(callState, domain, type, protocol));
        } catch (Throwable t) {
            throw impossible("socket", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int close(int fd) {
        try {
            return result((int) CLOSE.invokeExact(callState, fd));
        } catch (Throwable t) {
            throw impossible("close", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int bind(int fd, MemorySegment address) {
        try {
            return result((int) BIND.invokeExact(callState, fd, address, (int) address.byteSize()));
        } catch (Throwable t) {
            throw impossible("bind", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int connect(int fd, MemorySegment address) {
        try {
            return result((int) CONNECT.invokeExact(callState, fd, address, (int) address.byteSize()));
        } catch (Throwable t) {
            throw impossible("connect", t);
        }
    }

    /// Fills `address` with the socket's own address.
    ///
    /// @return the address's length, or `-errno`
    public int getsockname(int fd, MemorySegment address) {
        try {
            scratch.set(JAVA_INT, 0, (int) address.byteSize());
            int result = result((int) GETSOCKNAME.invokeExact(callState, fd, address, scratch));
            return result < 0 ? result : scratch.get(JAVA_INT, 0);
        } catch (Throwable t) {
            throw impossible("getsockname", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int setsockopt(int fd, int level, int name, MemorySegment value) {
        try {
            return result((int) SETSOCKOPT.invokeExact(callState, fd, level, name, value, (int) value.byteSize()));
        } catch (Throwable t) {
            throw impossible("setsockopt", t);
        }
    }

    /// Sets an option whose value is an int.
    ///
    /// @return 0, or `-errno`
    public int setsockopt(int fd, int level, int name, int value) {
        scratch.set(JAVA_INT, 0, value);
        return setsockopt(fd, level, name, scratch.asSlice(0, 4));
    }

    /// Fills `value`. Allocates nothing.
    ///
    /// @return bytes written there, or `-errno`
    public int getsockopt(int fd, int level, int name, MemorySegment value) {
        try {
            scratch.set(JAVA_INT, 8, (int) value.byteSize());
            int result = result(
                    (int) GETSOCKOPT.invokeExact(callState, fd, level, name, value.address(), scratch.address() + 8));
            return result < 0 ? result : scratch.get(JAVA_INT, 8);
        } catch (Throwable t) {
            throw impossible("getsockopt", t);
        }
    }

    /// Reads an option whose value is a small int, as `SO_ERROR`. Allocates nothing.
    ///
    /// @return the value when it is not negative, or `-errno`
    public int getsockopt(int fd, int level, int name) {
        try {
            scratch.set(JAVA_INT, 8, 4);
            int result = result(
                    (int) GETSOCKOPT.invokeExact(callState, fd, level, name, scratch.address(), scratch.address() + 8));
            return result < 0 ? result : scratch.get(JAVA_INT, 0);
        } catch (Throwable t) {
            throw impossible("getsockopt", t);
        }
    }

    /// Maps memory where the kernel likes.
    ///
    /// @param offset into the file or socket; 64 bits wide, as AF_XDP's rings need
    /// @return the address, or `-errno`
    public long mmap(long length, int protection, int flags, int fd, long offset) {
        return mmap(0, length, protection, flags, fd, offset);
    }

    /// Maps memory at an address that is reserved already, with MAP_FIXED in `flags`.
    ///
    /// @return the address, or `-errno`
    public long mmap(long address, long length, int protection, int flags, int fd, long offset) {
        try {
            long mapped = (long) MMAP.invokeExact(callState, address, length, protection, flags, fd, offset);
            return mapped == -1 ? -(int) ERRNO.get(callState, 0L) : mapped;
        } catch (Throwable t) {
            throw impossible("mmap", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int munmap(long address, long length) {
        try {
            return result((int) MUNMAP.invokeExact(callState, address, length));
        } catch (Throwable t) {
            throw impossible("munmap", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int madvise(long address, long length, int advice) {
        try {
            return result((int) MADVISE.invokeExact(callState, address, length, advice));
        } catch (Throwable t) {
            throw impossible("madvise", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int mlock(long address, long length) {
        try {
            return result((int) MLOCK.invokeExact(callState, address, length));
        } catch (Throwable t) {
            throw impossible("mlock", t);
        }
    }

    /// Sends on a socket that is bound or connected; with `data` 0 and `length` 0 it kicks an AF_XDP socket.
    ///
    /// @return bytes sent, or `-errno`
    public long sendto(int fd, long data, long length, int flags) {
        try {
            return result((long) SENDTO.invokeExact(callState, fd, data, length, flags, 0L, 0));
        } catch (Throwable t) {
            throw impossible("sendto", t);
        }
    }

    /// Receives without asking from whom; with `data` 0 and `length` 0 it kicks an AF_XDP socket.
    ///
    /// @return bytes received, or `-errno`
    public long recvfrom(int fd, long data, long length, int flags) {
        try {
            return result((long) RECVFROM.invokeExact(callState, fd, data, length, flags, 0L, 0L));
        } catch (Throwable t) {
            throw impossible("recvfrom", t);
        }
    }

    /// {@return messages sent, or `-errno` when not even the first was}
    public int sendmmsg(int fd, long messages, int count, int flags) {
        try {
            return result((int) SENDMMSG.invokeExact(callState, fd, messages, count, flags));
        } catch (Throwable t) {
            throw impossible("sendmmsg", t);
        }
    }

    /// {@return descriptors with events, 0 when the time is over, or `-errno`}
    public int poll(long descriptors, int count, int timeoutMs) {
        try {
            return result((int) POLL.invokeExact(callState, descriptors, (long) count, timeoutMs));
        } catch (Throwable t) {
            throw impossible("poll", t);
        }
    }

    /// {@return not negative, or `-errno`}
    public int ioctl(int fd, long request, MemorySegment argument) {
        try {
            return result((int) IOCTL.invokeExact(callState, fd, request, argument));
        } catch (Throwable t) {
            throw impossible("ioctl", t);
        }
    }

    /// {@return a descriptor or 0, as the command says, or `-errno`}
    public int bpf(int command, MemorySegment attributes) {
        try {
            return (int) result(
                    (long) BPF.invokeExact(callState, SYS_BPF, command, attributes, (int) attributes.byteSize()));
        } catch (Throwable t) {
            throw impossible("bpf", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int sched_setaffinity(int thread, MemorySegment mask) {
        try {
            return result((int) SCHED_SETAFFINITY.invokeExact(callState, thread, mask.byteSize(), mask));
        } catch (Throwable t) {
            throw impossible("sched_setaffinity", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int sched_getaffinity(int thread, MemorySegment mask) {
        try {
            return result((int) SCHED_GETAFFINITY.invokeExact(callState, thread, mask.byteSize(), mask));
        } catch (Throwable t) {
            throw impossible("sched_getaffinity", t);
        }
    }

    /// {@return the kernel's number for the calling thread}
    public int gettid() {
        try {
            return (int) GETTID.invokeExact(callState);
        } catch (Throwable t) {
            throw impossible("gettid", t);
        }
    }

    /// {@return the interface's index in the calling thread's network namespace, or `-errno`}
    public int if_nametoindex(String name) {
        try (Arena arena = Arena.ofConfined()) {
            int index = (int) IF_NAMETOINDEX.invokeExact(callState, arena.allocateFrom(name));
            return index == 0 ? -(int) ERRNO.get(callState, 0L) : index;
        } catch (Throwable t) {
            throw impossible("if_nametoindex", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int prlimit(int process, int resource, MemorySegment wanted, MemorySegment old) {
        try {
            return result((int) PRLIMIT.invokeExact(callState, process, resource, wanted, old));
        } catch (Throwable t) {
            throw impossible("prlimit", t);
        }
    }

    /// {@return not negative, or `-errno`}
    public int fcntl(int fd, int command, int argument) {
        try {
            return result((int) FCNTL.invokeExact(callState, fd, command, argument));
        } catch (Throwable t) {
            throw impossible("fcntl", t);
        }
    }

    /// {@return a descriptor, or `-errno`}
    public int eventfd(int initial, int flags) {
        try {
            return result((int) EVENTFD.invokeExact(callState, initial, flags));
        } catch (Throwable t) {
            throw impossible("eventfd", t);
        }
    }

    /// {@return bytes read, or `-errno`}
    public long read(int fd, long data, long length) {
        try {
            return result((long) READ.invokeExact(callState, fd, data, length));
        } catch (Throwable t) {
            throw impossible("read", t);
        }
    }

    /// {@return bytes written, or `-errno`}
    public long write(int fd, long data, long length) {
        try {
            return result((long) WRITE.invokeExact(callState, fd, data, length));
        } catch (Throwable t) {
            throw impossible("write", t);
        }
    }

    /// {@return a descriptor, or `-errno`}
    public int open(String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            return result((int) OPEN.invokeExact(callState, arena.allocateFrom(path), flags, mode));
        } catch (Throwable t) {
            throw impossible("open", t);
        }
    }

    /// Moves the calling thread into a namespace.
    ///
    /// @return 0, or `-errno`
    public int setns(int fd, int kind) {
        try {
            return result((int) SETNS.invokeExact(callState, fd, kind));
        } catch (Throwable t) {
            throw impossible("setns", t);
        }
    }

    /// Gives the calling thread its own copy of what threads share.
    ///
    /// @return 0, or `-errno`
    public int unshare(int kinds) {
        try {
            return result((int) UNSHARE.invokeExact(callState, kinds));
        } catch (Throwable t) {
            throw impossible("unshare", t);
        }
    }

    /// Changes how the calling thread runs.
    ///
    /// @return the call's result, or `-errno`
    public int prctl(int operation, long argument) {
        try {
            return result((int) PRCTL.invokeExact(callState, operation, argument, 0L, 0L, 0L));
        } catch (Throwable t) {
            throw impossible("prctl", t);
        }
    }

    /// Sets the capabilities of the calling thread.
    ///
    /// @param header `struct __user_cap_header_struct`
    /// @param data   `struct __user_cap_data_struct[2]`
    /// @return 0, or `-errno`
    public int capset(MemorySegment header, MemorySegment data) {
        try {
            return result((int) CAPSET.invokeExact(callState, header, data));
        } catch (Throwable t) {
            throw impossible("capset", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int mount(String source, String target, String type, long flags, String data) {
        try (Arena arena = Arena.ofConfined()) {
            return result((int) MOUNT.invokeExact(
                    callState,
                    arena.allocateFrom(source),
                    arena.allocateFrom(target),
                    arena.allocateFrom(type),
                    flags,
                    arena.allocateFrom(data)));
        } catch (Throwable t) {
            throw impossible("mount", t);
        }
    }

    /// {@return 0, or `-errno`}
    public int umount2(String target, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return result((int) UMOUNT2.invokeExact(callState, arena.allocateFrom(target), flags));
        } catch (Throwable t) {
            throw impossible("umount2", t);
        }
    }

    private int result(int result) {
        return result < 0 ? -(int) ERRNO.get(callState, 0L) : result;
    }

    private long result(long result) {
        return result < 0 ? -(int) ERRNO.get(callState, 0L) : result;
    }

    private static AssertionError impossible(String name, Throwable thrown) {
        return new AssertionError(name, thrown);
    }

    @SuppressWarnings("restricted") // The one place that links native code; see ARCHITECTURE.md, "Native calls".
    private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        Linker.Option[] all = Arrays.copyOf(options, options.length + 1);
        all[options.length] = Linker.Option.captureCallState("errno");
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor, all);
    }
}
