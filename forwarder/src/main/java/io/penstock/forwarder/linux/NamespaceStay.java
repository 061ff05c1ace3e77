package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;

/// The stay of a (platform) thread in a named network namespace: sockets that it opens meanwhile live there. For
/// benchmarks and tests, which have several hosts in one process. Closed by the same thread.
public final class NamespaceStay implements AutoCloseable {
    private static final int CLONE_NEWNET = 0x40000000;
    private static final int O_CLOEXEC = 0x80000;

    private final Libc libc = new Libc(Arena.ofAuto());
    private final int home;

    /// Moves the calling thread there.
    ///
    /// @param namespace as `ip netns` names it
    public NamespaceStay(String namespace) {
        home = LinuxException.check(libc.open("/proc/thread-self/ns/net", O_CLOEXEC, 0), "open(own namespace)");
        int there = LinuxException.check(libc.open("/run/netns/" + namespace, O_CLOEXEC, 0), "open(" + namespace + ")");
        LinuxException.check(libc.setns(there, CLONE_NEWNET), "setns(" + namespace + ")");
        libc.close(there);
    }

    @Override
    public void close() {
        LinuxException.check(libc.setns(home, CLONE_NEWNET), "setns(home)");
        libc.close(home);
    }
}
