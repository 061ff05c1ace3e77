package io.penstock.forwarder.transport;

import io.netty.channel.epoll.Epoll;
import io.netty.channel.uring.IoUring;
import io.penstock.control.config.TransportKind;
import io.penstock.forwarder.linux.LinuxException;
import org.jspecify.annotations.Nullable;

/// Which of Netty's native transports this host has, and a wait loop on one of them.
public final class Transports {
    private Transports() {}

    /// {@return whether the host has it}
    public static boolean isAvailable(TransportKind kind) {
        return unavailabilityCause(kind) == null;
    }

    /// {@return why the host does not have it, in a few words, or null when it does}
    public static @Nullable String unavailabilityCause(TransportKind kind) {
        Throwable cause = switch (kind) {
            case EPOLL -> Epoll.unavailabilityCause();
            case IO_URING -> IoUring.unavailabilityCause();
        };
        return cause == null ? null : rootMessage(cause);
    }

    /// Opens a wait loop.
    ///
    /// @param owner the worker's thread, which alone will use the loop
    /// @throws LinuxException in one line, when the kernel has or allows no such thing
    public static WaitLoop open(TransportKind kind, Thread owner) {
        String cause = unavailabilityCause(kind);
        if (cause != null) {
            throw lacking(kind, cause);
        }
        try {
            return switch (kind) {
                case EPOLL -> new EpollWaitLoop(owner);
                case IO_URING -> new IoUringWaitLoop(owner);
            };
        } catch (RuntimeException e) {
            throw lacking(kind, rootMessage(e));
        }
    }

    /// The one line for a transport that is not there.
    static LinuxException lacking(TransportKind kind, String cause) {
        String remedy = switch (kind) {
            case EPOLL -> "it needs Linux on x86-64 or arm64 and --enable-native-access=ALL-UNNAMED";
            case IO_URING ->
                "it needs kernel 5.9, sysctl kernel.io_uring_disabled=0 and a container profile that allows"
                        + " io_uring_setup; or set forwarder.transport=epoll";
        };
        return new LinuxException("forwarder.transport=" + kind.text(), 0, cause, remedy);
    }

    private static String rootMessage(Throwable thrown) {
        Throwable root = thrown;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String message = root.getMessage();
        // One line: the native loader's messages can have many.
        return message == null
                ? root.getClass().getSimpleName()
                : message.lines().findFirst().orElse("");
    }
}
