package io.penstock.forwarder.transport;

import io.penstock.forwarder.linux.Libc;
import java.lang.foreign.Arena;

/// Takes pending errors off sockets (`SO_ERROR`, socket(7)). One thread only.
final class SocketErrors {
    private static final int SOL_SOCKET = 1;
    private static final int SO_ERROR = 4;

    private final Libc libc = new Libc(Arena.ofAuto());

    /// Reads the pending error, which clears it. What it was is the port's to find out; a descriptor that is no socket
    /// has none.
    void take(int descriptor) {
        libc.getsockopt(descriptor, SOL_SOCKET, SO_ERROR);
    }
}
