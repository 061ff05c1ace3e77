package io.penstock.sidecar.health;

import java.io.IOException;
import java.net.NoRouteToHostException;
import java.net.PortUnreachableException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What one check found.
///
/// @param reason in words, for the log line of a change; empty for a success
public record CheckResult(Verdict verdict, String reason) {
    /// Whose doing the outcome is.
    public enum Verdict {
        /// The backend works.
        OK,
        /// The backend does not work.
        FAILED,
        /// The check itself could not be made: it says nothing about the backend.
        FAULT
    }

    /// The backend works.
    public static final CheckResult OK = new CheckResult(Verdict.OK, "");

    // Netty spells an errno that has no class of its own as "error(-99)".
    private static final Pattern ERRNO = Pattern.compile("error\\((-\\d+)\\)");

    /// The backend does not work.
    public static CheckResult failed(String reason) {
        return new CheckResult(Verdict.FAILED, reason);
    }

    /// The check could not be made.
    public static CheckResult fault(String reason) {
        return new CheckResult(Verdict.FAULT, reason);
    }

    /// Tells the backend's failures from the host's own.
    ///
    /// @param atOnce whether the call failed before anything was sent: "no route" then is ours, while the same
    ///               answer from the network, or for want of an ARP reply, is about the backend
    static CheckResult of(Throwable cause, boolean atOnce) {
        return switch (errno(cause)) {
            case 1, 13 -> fault("not permitted by this host (a local firewall?)"); // EPERM, EACCES
            case 12, 105 -> fault("this host is out of memory for sockets"); // ENOMEM, ENOBUFS
            case 23, 24 -> fault("this host is out of file descriptors"); // ENFILE, EMFILE
            case 11, 98, 99 ->
                fault("this host has no free port or address to probe from"); // EAGAIN, EADDRINUSE, ..NOTAVAIL
            case 97 -> fault("this host does not speak that address family"); // EAFNOSUPPORT
            case 100 -> fault("this host's own network is down"); // ENETDOWN
            case 101 -> fault("this host has no route to it"); // ENETUNREACH
            case 104 -> failed("connection reset"); // ECONNRESET
            case 110 -> failed("connection timed out"); // ETIMEDOUT
            case 111 -> failed("connection refused"); // ECONNREFUSED
            case 113 -> failed("host unreachable"); // EHOSTUNREACH
            default -> byKind(cause, atOnce);
        };
    }

    private static CheckResult byKind(Throwable cause, boolean atOnce) {
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof NoRouteToHostException) {
                return atOnce ? fault("this host has no route to it") : failed("host unreachable");
            }
            if (t instanceof PortUnreachableException) {
                return failed("port unreachable");
            }
        }
        String words = io.penstock.control.log.Log.reason(cause);
        // Whatever else went wrong inside our own process is no word about the backend.
        return cause instanceof IOException ? failed(words) : fault(words);
    }

    /// {@return the positive errno, or 0 where the exception carries none}
    private static int errno(Throwable cause) {
        for (@Nullable Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof io.netty.channel.unix.Errors.NativeIoException nativeError) {
                return -nativeError.expectedErr();
            }
            String message = t.getMessage();
            Matcher matcher = ERRNO.matcher(message == null ? "" : message);
            if (matcher.find()) {
                return -Integer.parseInt(matcher.group(1));
            }
        }
        return 0;
    }
}
