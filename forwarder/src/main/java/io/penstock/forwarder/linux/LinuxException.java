package io.penstock.forwarder.linux;

/// A call to the kernel that failed while something was set up. Never thrown for packets.
///
/// The message is one line: the call with its arguments, the errno's name and text, the likely cause, the remedy.
public final class LinuxException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String call;
    private final int errno;
    private final String cause;
    private final String remedy;

    /// @param call   the call and its arguments, as `bind(AF_XDP, eth0, queue 3)`
    /// @param errno  of either sign; 0 when no call failed, but the host lacks something
    /// @param cause  what is probably wrong
    /// @param remedy what the operator can do
    public LinuxException(String call, int errno, String cause, String remedy) {
        super(call + (errno == 0 ? "" : ": " + Errno.describe(errno)) + ": " + cause + "; " + remedy);
        this.call = call;
        this.errno = Math.abs(errno);
        this.cause = cause;
        this.remedy = remedy;
    }

    /// {@return the call and its arguments}
    public String call() {
        return call;
    }

    /// {@return the error number, positive, or 0 when no call failed}
    public int errno() {
        return errno;
    }

    /// {@return whether this error is meant}
    public boolean is(Errno wanted) {
        return errno == wanted.code();
    }

    /// {@return what is probably wrong}
    public String likelyCause() {
        return cause;
    }

    /// {@return what the operator can do}
    public String remedy() {
        return remedy;
    }

    /// {@return an exception for a failed call, with the cause and remedy that its errno usually has}
    public static LinuxException of(String call, long result) {
        int errno = (int) Math.abs(result);
        Errno name = Errno.of(errno);
        if (name == null) {
            return new LinuxException(call, errno, "unexpected", "please report it with the output of uname -r");
        }
        return switch (name) {
            case EPERM, EACCES ->
                new LinuxException(
                        call,
                        errno,
                        "a privilege is missing",
                        "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_SYS_RESOURCE");
            case ENOSYS, EAFNOSUPPORT, ENOPROTOOPT, EPROTONOSUPPORT, EOPNOTSUPP ->
                new LinuxException(
                        call, errno, "this kernel or driver has no such feature", "a newer kernel, or another port");
            case ENOMEM, ENOBUFS ->
                new LinuxException(
                        call,
                        errno,
                        "memory ran out, or RLIMIT_MEMLOCK is too low",
                        "raise the limit (ulimit -l, LimitMEMLOCK=) or use fewer workers");
            case EMFILE, ENFILE ->
                new LinuxException(call, errno, "too many open files", "raise the limit (ulimit -n, LimitNOFILE=)");
            case ENODEV, ENXIO ->
                new LinuxException(call, errno, "there is no such interface or queue", "see ip link, ethtool -l");
            case EBUSY ->
                new LinuxException(call, errno, "somebody else holds it", "see ip -d link, ss -a --xdp, bpftool net");
            default -> new LinuxException(call, errno, "unexpected here", "see dmesg");
        };
    }

    /// {@return the result, when it is no error}
    ///
    /// @throws LinuxException when it is one
    public static int check(int result, String call) {
        if (result < 0) {
            throw of(call, result);
        }
        return result;
    }

    /// {@return the result, when it is no error}
    ///
    /// @throws LinuxException when it is one
    public static long check(long result, String call) {
        if (result < 0) {
            throw of(call, result);
        }
        return result;
    }
}
