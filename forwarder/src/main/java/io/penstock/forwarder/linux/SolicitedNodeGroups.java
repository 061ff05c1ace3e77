package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.util.HashSet;
import java.util.Set;

/// The Ethernet groups by which neighbours ask for IPv6 VIPs (RFC 4291 §2.7.1, RFC 2464 §7), joined on an interface.
/// A VIP is no address of the host, so the host has not joined them, and a NIC drops what nobody joined.
///
/// Left when this is closed or the process dies. One thread at a time.
public final class SolicitedNodeGroups implements AutoCloseable {
    private static final long PREFIX = 0x3333ff000000L; // of 33:33:ff:xx:xx:xx

    private final Arena arena = Arena.ofShared();
    private final PacketSocket socket;
    private Set<Long> joined = Set.of();
    private boolean closed;

    /// @param interfaceName in the calling thread's network namespace
    public SolicitedNodeGroups(String interfaceName) {
        socket = new PacketSocket(arena, interfaceName);
    }

    /// Joins the groups of these addresses and leaves all others; IPv4 addresses have none.
    public void update(Set<InetAddress> addresses) {
        Set<Long> wanted = new HashSet<>();
        for (InetAddress address : addresses) {
            byte[] bytes = address.getAddress();
            if (bytes.length == 16) {
                wanted.add(PREFIX | ((bytes[13] & 0xffL) << 16) | ((bytes[14] & 0xffL) << 8) | (bytes[15] & 0xffL));
            }
        }
        for (long mac : wanted) {
            if (!joined.contains(mac)) {
                socket.addMulticast(mac);
            }
        }
        for (long mac : joined) {
            if (!wanted.contains(mac)) {
                socket.dropMulticast(mac);
            }
        }
        joined = wanted;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            socket.close();
            arena.close();
        }
    }
}
