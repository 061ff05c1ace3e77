package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The interfaces and addresses of the host, and VIPs on its loopback. In the network namespace of the thread that made
/// this. One thread at a time.
public final class HostNetwork implements AutoCloseable {
    /// The index of the loopback interface in every network namespace (LOOPBACK_IFINDEX of the kernel).
    public static final int LOOPBACK = 1;

    /// A network interface.
    ///
    /// @param answersArp whether it answers for all its addresses on a wire: neither loopback nor dummy
    /// @param isEthernet whether its frames begin with an Ethernet header
    /// @param kind       of a virtual interface, as `bridge`, `veth` or `vlan`; else empty
    public record Link(int index, String name, boolean isUp, boolean answersArp, boolean isEthernet, String kind) {
        /// {@return whether it joins others}
        public boolean isBridge() {
            return kind.equals("bridge");
        }
    }

    /// An address of the host.
    ///
    /// @param isLasting whether others may know the host by it: it is no link-local and no temporary one (RFC 8981)
    public record OwnAddress(InetAddress address, int linkIndex, boolean isLasting) {}

    private static final int LINK_HEADER_LENGTH = 16; // struct ifinfomsg
    private static final int IFLA_IFNAME = 3;
    private static final int IFLA_LINKINFO = 18;
    private static final int IFLA_INFO_KIND = 1;
    private static final int ARPHRD_ETHER = 1;
    private static final int IFF_UP = 0x1;
    private static final int IFF_LOOPBACK = 0x8;
    private static final int IFF_NOARP = 0x80;

    private static final int ADDRESS_HEADER_LENGTH = 8; // struct ifaddrmsg
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_CACHEINFO = 6;
    private static final int IFA_F_TEMPORARY = 1; // of IPv6; of IPv4 it says that the address is not the first
    private static final int IFA_F_NODAD = 2;
    private static final int SCOPE_LINK = 253;
    private static final int SCOPE_HOST = 254;

    private static final int SOL_SOCKET = 1;
    private static final int SO_NETNS_COOKIE = 71;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

    private final Netlink netlink = new Netlink();

    /// {@return a number that tells this network namespace from all others since the host was started; 0 where the
    /// kernel, before 5.14, has no such number}
    public static long namespaceCookie() {
        Libc libc = new Libc(Arena.ofAuto());
        int socket = check(libc.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "socket(AF_INET)");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cookie = arena.allocate(8, 8);
            return libc.getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie) < 0 ? 0 : cookie.get(Memory.U64, 0);
        } finally {
            libc.close(socket);
        }
    }

    /// {@return all interfaces}
    public List<Link> links() {
        List<Link> links = new ArrayList<>();
        check(
                netlink.begin(Netlink.RTM_GETLINK, Netlink.DUMP, LINK_HEADER_LENGTH)
                        .exchange((type, body) -> {
                            if (type == Netlink.RTM_NEWLINK) {
                                Link link = link(body);
                                links.removeIf(known -> known.index == link.index); // of a dump that was cut into
                                links.add(link);
                            }
                        }),
                "netlink(RTM_GETLINK)");
        return links;
    }

    private static Link link(MemorySegment body) {
        int flags = body.get(Memory.U32, 8);
        MemorySegment name = Netlink.attribute(body, LINK_HEADER_LENGTH, IFLA_IFNAME);
        MemorySegment information = Netlink.attribute(body, LINK_HEADER_LENGTH, IFLA_LINKINFO);
        MemorySegment kind = information == null ? null : Netlink.attribute(information, 0, IFLA_INFO_KIND);
        return new Link(
                body.get(Memory.U32, 4),
                text(name),
                (flags & IFF_UP) != 0,
                (flags & (IFF_LOOPBACK | IFF_NOARP)) == 0,
                (body.get(Memory.U16, 2) & 0xffff) == ARPHRD_ETHER,
                text(kind));
    }

    private static String text(@Nullable MemorySegment value) {
        if (value == null) {
            return "";
        }
        byte[] bytes = value.toArray(ValueLayout.JAVA_BYTE);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) { // The kind comes without a zero at its end.
            length++;
        }
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    /// {@return all addresses of the host, of both families}
    public List<OwnAddress> addresses() {
        List<OwnAddress> addresses = new ArrayList<>();
        check(
                netlink.begin(Netlink.RTM_GETADDR, Netlink.DUMP, ADDRESS_HEADER_LENGTH)
                        .exchange((type, body) -> {
                            // IFA_LOCAL is the own end of a point-to-point link; IPv6 has it only there.
                            MemorySegment local = Netlink.attribute(body, ADDRESS_HEADER_LENGTH, IFA_LOCAL);
                            InetAddress address = Routes.address(
                                    local != null
                                            ? local
                                            : Netlink.attribute(body, ADDRESS_HEADER_LENGTH, IFA_ADDRESS));
                            if (type == Netlink.RTM_NEWADDR && address != null) {
                                OwnAddress own = new OwnAddress(address, body.get(Memory.U32, 4), isLasting(body));
                                if (!addresses.contains(own)) {
                                    addresses.add(own);
                                }
                            }
                        }),
                "netlink(RTM_GETADDR)");
        return addresses;
    }

    private static boolean isLasting(MemorySegment body) {
        boolean is6 = body.get(ValueLayout.JAVA_BYTE, 0) == AF_INET6;
        boolean temporary = is6 && (body.get(ValueLayout.JAVA_BYTE, 2) & IFA_F_TEMPORARY) != 0;
        return !temporary && body.get(ValueLayout.JAVA_BYTE, 3) != (byte) SCOPE_LINK;
    }

    /// Puts a VIP on the loopback, in such a way that the host takes packets for it and does not choose it as the
    /// source of connections of its own: an IPv4 address of scope host, an IPv6 address that is deprecated from the
    /// start.
    ///
    /// @throws LinuxException when the kernel refuses
    public void addVip(InetAddress vip) {
        byte[] bytes = vip.getAddress();
        boolean is6 = bytes.length == 16;
        netlink.begin(Netlink.RTM_NEWADDR, Netlink.ACK | Netlink.CREATE | Netlink.EXCLUSIVE, ADDRESS_HEADER_LENGTH);
        vipHeader(bytes).attribute(IFA_LOCAL, bytes).attribute(IFA_ADDRESS, bytes);
        if (is6) {
            byte[] lifetimes = new byte[16]; // struct ifa_cacheinfo: preferred for 0 s, valid for ever
            MemorySegment.ofArray(lifetimes).set(Memory.U32, 4, -1);
            netlink.attribute(IFA_CACHEINFO, lifetimes);
        }
        int result = netlink.exchange((_, _) -> {});
        if (!Errno.EEXIST.is(result)) {
            check(result, "netlink(RTM_NEWADDR, " + vip.getHostAddress() + " on lo)");
        }
    }

    /// Takes a VIP off the loopback; that it is not there is no error.
    public void removeVip(InetAddress vip) {
        netlink.begin(Netlink.RTM_DELADDR, Netlink.ACK, ADDRESS_HEADER_LENGTH);
        int result = vipHeader(vip.getAddress())
                .attribute(IFA_LOCAL, vip.getAddress())
                .exchange((_, _) -> {});
        if (!Errno.EADDRNOTAVAIL.is(result)) {
            check(result, "netlink(RTM_DELADDR, " + vip.getHostAddress() + " on lo)");
        }
    }

    private Netlink vipHeader(byte[] vip) {
        return netlink.header8(0, Routes.family(vip))
                .header8(1, 8 * vip.length)
                .header8(2, vip.length == 16 ? IFA_F_NODAD : 0)
                .header8(3, SCOPE_HOST)
                .header32(4, LOOPBACK);
    }

    /// Sets the loopback up.
    public void setLoopbackUp() {
        int result = netlink.begin(Netlink.RTM_NEWLINK, Netlink.ACK, LINK_HEADER_LENGTH)
                .header32(4, LOOPBACK)
                .header32(8, IFF_UP)
                .header32(12, IFF_UP) // which flags are meant
                .exchange((_, _) -> {});
        check(result, "netlink(RTM_NEWLINK, lo up)");
    }

    @Override
    public void close() {
        netlink.close();
    }
}
