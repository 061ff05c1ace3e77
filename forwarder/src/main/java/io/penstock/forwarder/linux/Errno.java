package io.penstock.forwarder.linux;

import org.jspecify.annotations.Nullable;

/// The error numbers that our calls meet, by name (asm-generic/errno.h; the same on x86-64 and arm64).
public enum Errno {
    /// Operation not permitted.
    EPERM(1, "operation not permitted"),
    /// No such file or directory.
    ENOENT(2, "no such file, device or entry"),
    /// Interrupted by a signal.
    EINTR(4, "interrupted by a signal"),
    /// Input/output error.
    EIO(5, "input/output error"),
    /// No such device or address.
    ENXIO(6, "no such device or address"),
    /// Argument list too long.
    E2BIG(7, "argument too big"),
    /// Bad file descriptor.
    EBADF(9, "bad file descriptor"),
    /// Nothing now.
    EAGAIN(11, "nothing now, try again"),
    /// Out of memory.
    ENOMEM(12, "out of memory"),
    /// Permission denied.
    EACCES(13, "permission denied"),
    /// Bad address.
    EFAULT(14, "bad address"),
    /// Device or resource busy.
    EBUSY(16, "device or resource busy"),
    /// File exists.
    EEXIST(17, "exists already"),
    /// No such device.
    ENODEV(19, "no such device"),
    /// Invalid argument.
    EINVAL(22, "invalid argument"),
    /// Too many open files in the system.
    ENFILE(23, "too many open files on the host"),
    /// Too many open files.
    EMFILE(24, "too many open files in the process"),
    /// No space left.
    ENOSPC(28, "no room left"),
    /// Numerical result out of range.
    ERANGE(34, "out of range"),
    /// Function not implemented.
    ENOSYS(38, "the kernel has no such call"),
    /// Protocol not available.
    ENOPROTOOPT(92, "the kernel has no such socket option"),
    /// Protocol not supported.
    EPROTONOSUPPORT(93, "protocol not supported"),
    /// Operation not supported.
    EOPNOTSUPP(95, "operation not supported"),
    /// Address family not supported.
    EAFNOSUPPORT(97, "the kernel has no such kind of socket"),
    /// Address already in use.
    EADDRINUSE(98, "address in use"),
    /// Cannot assign requested address.
    EADDRNOTAVAIL(99, "address not available"),
    /// Network is down.
    ENETDOWN(100, "the network interface is down"),
    /// Network is unreachable.
    ENETUNREACH(101, "network unreachable"),
    /// No buffer space.
    ENOBUFS(105, "no buffer space"),
    /// Not connected.
    ENOTCONN(107, "not connected"),
    /// Timed out.
    ETIMEDOUT(110, "timed out"),
    /// Host is unreachable.
    EHOSTUNREACH(113, "host unreachable");

    private static final Errno[] BY_CODE = new Errno[134];

    static {
        for (Errno errno : values()) {
            BY_CODE[errno.code] = errno;
        }
    }

    private final int code;
    private final String text;

    Errno(int code, String text) {
        this.code = code;
        this.text = text;
    }

    /// {@return the number, positive}
    public int code() {
        return code;
    }

    /// {@return whether a call's result says this error}
    public boolean is(long result) {
        return result == -code;
    }

    /// {@return the name for a number of either sign, or null for one that is not listed}
    public static @Nullable Errno of(int code) {
        int positive = Math.abs(code);
        return positive < BY_CODE.length ? BY_CODE[positive] : null;
    }

    /// {@return `EPERM (operation not permitted)`, or `errno 77` for one that is not listed}
    public static String describe(int code) {
        Errno errno = of(code);
        return errno == null ? "errno " + Math.abs(code) : errno.name() + " (" + errno.text + ")";
    }
}
