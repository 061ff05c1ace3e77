package io.penstock.sidecar.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Opens the sockets of ICMP checks (icmp(7), raw(7)): Netty and the JDK can drive such a descriptor, not make one.
///
/// A ping socket (`SOCK_DGRAM`, `IPPROTO_ICMP`) needs no privilege where `net.ipv4.ping_group_range` includes our
/// group; else a raw socket needs `CAP_NET_RAW`.
///
/// @param fd             the caller's to close
/// @param hasIpv4Header  whether what is received starts with the IPv4 header: raw sockets of that family
public record PingSocket(int fd, boolean hasIpv4Header) {
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int IPPROTO_ICMP = 1;
    private static final int IPPROTO_ICMPV6 = 58;
    private static final int SOL_RAW = 255;
    private static final int ICMP_FILTER = 1;
    private static final int ICMPV6_FILTER = 1;
    private static final int ECHO_REPLY6 = 129;

    /// @throws IOException where neither kind of socket may be opened, with the remedy
    public static PingSocket open(boolean ipv6) throws IOException {
        int domain = ipv6 ? AF_INET6 : AF_INET;
        int protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        int ping = Libc.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (ping >= 0) {
            return new PingSocket(ping, false);
        }
        int raw = Libc.socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (raw < 0) {
            throw new IOException("no ICMP socket (ping socket: errno " + -ping + ", raw socket: errno " + -raw
                    + "): give the sidecar CAP_NET_RAW, or its group a place in net.ipv4.ping_group_range");
        }
        // Without a filter each raw socket gets a copy of every ICMP message of the host. A failure here costs
        // time, not correctness: what is not our echo reply is ignored anyway.
        if (ipv6) {
            Libc.setsockopt(raw, IPPROTO_ICMPV6, ICMPV6_FILTER, blockAllBut6(ECHO_REPLY6));
        } else {
            Libc.setsockopt(raw, SOL_RAW, ICMP_FILTER, nativeInt(~1)); // Bit n blocks type n; echo reply is 0.
        }
        return new PingSocket(raw, !ipv6);
    }

    /// Gives the descriptor back, where no channel took it over.
    public void close() {
        Libc.close(fd);
    }

    // struct icmp6_filter: 256 bits, a set bit blocks its type (RFC 3542, section 3.2).
    private static byte[] blockAllBut6(int type) {
        ByteBuffer filter = ByteBuffer.allocate(32).order(ByteOrder.nativeOrder());
        for (int word = 0; word < 8; word++) {
            filter.putInt(word == type >> 5 ? ~(1 << (type & 31)) : ~0);
        }
        return filter.array();
    }

    private static byte[] nativeInt(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }
}
