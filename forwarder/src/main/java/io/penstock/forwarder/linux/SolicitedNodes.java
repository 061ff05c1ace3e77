package io.penstock.forwarder.linux;

import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.util.HashSet;
import java.util.Set;

/// The multicast MAC addresses to which neighbours send their solicitations for our IPv6 VIPs (RFC 4291 §2.7.1, RFC
/// 2464 §7). A NIC takes only the groups that it was told, and the host's stack does not know of the VIPs. IPv4 needs
/// nothing like it: ARP is broadcast.
///
/// Gone with this object or the process. Conductor only.
public final class SolicitedNodes implements AutoCloseable {
    private static final long PREFIX = 0x3333_ff00_0000L;

    private final Arena arena = Arena.ofShared();
    private final PacketSocket socket;
    private Set<Long> joined = Set.of();
    private boolean isClosed;

    /// @param interfaceName in the calling thread's network namespace
    /// @throws LinuxException without CAP_NET_RAW
    public SolicitedNodes(String interfaceName) {
        socket = new PacketSocket(arena, interfaceName);
    }

    /// Makes the NIC listen for solicitations of these, and no longer of others.
    ///
    /// @param vips of both families
    public void update(Set<InetAddress> vips) {
        Set<Long> wanted = new HashSet<>();
        for (InetAddress vip : vips) {
            byte[] bytes = vip.getAddress();
            if (bytes.length == 16) {
                int last = (bytes[13] & 0xff) << 16 | (bytes[14] & 0xff) << 8 | (bytes[15] & 0xff);
                wanted.add(PREFIX | last);
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
        if (!isClosed) {
            isClosed = true;
            socket.close();
            arena.close();
        }
    }
}
