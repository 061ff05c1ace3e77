package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the host's routing tables say, asked afresh each time: by which interface and gateway a destination is
/// reached, and which addresses are the host's own. In the network namespace of the thread that made this. One thread
/// at a time; a question costs some microseconds.
public final class Routes implements AutoCloseable {
    /// What happens to packets for a destination.
    public enum Kind {
        /// Sent out by an interface.
        REMOTE,
        /// The host's own.
        LOCAL,
        /// No route, or one that says so.
        UNREACHABLE
    }

    /// The answer for one destination.
    ///
    /// @param interfaceIndex by which it is reached; 0 when it is not
    /// @param gateway        the next hop's address when that is not the destination; may be of the other family
    /// @param source         the address that the host would send from, or null
    /// @param mtu            of the route, when it says one, or 0
    public record Route(
            Kind kind,
            int interfaceIndex,
            @Nullable InetAddress gateway,
            @Nullable InetAddress source,
            int mtu) {}

    private static final Route NONE = new Route(Kind.UNREACHABLE, 0, null, null, 0);

    // linux/rtnetlink.h
    private static final int ROUTE_HEADER_LENGTH = 12; // struct rtmsg
    private static final int ROUTE_TYPE = 7;
    private static final int RTN_UNICAST = 1;
    private static final int RTN_LOCAL = 2;
    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RTA_GATEWAY = 5;
    private static final int RTA_PREFSRC = 7;
    private static final int RTA_METRICS = 8;
    private static final int RTA_VIA = 18;
    private static final int RTAX_MTU = 2;

    private static final int ADDRESS_HEADER_LENGTH = 8; // struct ifaddrmsg
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int RTM_NEWADDR = 20;

    private static final int LINK_HEADER_LENGTH = 16; // struct ifinfomsg
    private static final int IFLA_IFNAME = 3;

    private final Netlink netlink = new Netlink();

    /// Asks how a destination is reached, as `ip route get` does.
    ///
    /// @param linkIndex the interface of a link-local destination; else of no meaning
    public Route lookUp(InetAddress destination, int linkIndex) {
        byte[] bytes = destination.getAddress();
        netlink.begin(Netlink.RTM_GETROUTE, 0, ROUTE_HEADER_LENGTH)
                .header8(0, family(bytes))
                .header8(1, 8 * bytes.length)
                .attribute(RTA_DST, bytes);
        if (destination.isLinkLocalAddress()) {
            netlink.attribute(RTA_OIF, linkIndex);
        }
        Route[] answer = {NONE};
        int result = netlink.exchange((type, body) -> {
            if (type == Netlink.RTM_NEWROUTE) {
                answer[0] = route(body);
            }
        });
        // Every error is an answer here: ENETUNREACH, EHOSTUNREACH, EACCES for a prohibited one, EINVAL for a
        // blackhole.
        return result < 0 ? NONE : answer[0];
    }

    private static Route route(MemorySegment body) {
        int type = body.get(ValueLayout.JAVA_BYTE, ROUTE_TYPE) & 0xff;
        if (type != RTN_UNICAST && type != RTN_LOCAL) {
            return NONE;
        }
        MemorySegment gateway = Netlink.attribute(body, ROUTE_HEADER_LENGTH, RTA_GATEWAY);
        MemorySegment via = Netlink.attribute(body, ROUTE_HEADER_LENGTH, RTA_VIA);
        if (gateway == null && via != null && via.byteSize() > 2) {
            gateway = via.asSlice(2); // struct rtvia: the family, then an address of it
        }
        MemorySegment metrics = Netlink.attribute(body, ROUTE_HEADER_LENGTH, RTA_METRICS);
        return new Route(
                type == RTN_LOCAL ? Kind.LOCAL : Kind.REMOTE,
                Netlink.attribute32(body, ROUTE_HEADER_LENGTH, RTA_OIF, 0),
                address(gateway),
                address(Netlink.attribute(body, ROUTE_HEADER_LENGTH, RTA_PREFSRC)),
                metrics == null ? 0 : Netlink.attribute32(metrics, 0, RTAX_MTU, 0));
    }

    /// {@return the interface on which the host has an address as its own, or null when it has not}
    public @Nullable String ownerOf(InetAddress address) {
        byte[] wanted = address.getAddress();
        int[] owner = {0};
        check(
                netlink.begin(Netlink.RTM_GETADDR, Netlink.DUMP, ADDRESS_HEADER_LENGTH)
                        .exchange((type, body) -> {
                            if (type == RTM_NEWADDR && java.util.Arrays.equals(wanted, ownAddress(body))) {
                                owner[0] = body.get(Memory.U32, 4);
                            }
                        }),
                "netlink(RTM_GETADDR)");
        if (owner[0] != 0) {
            return interfaceName(owner[0]);
        }
        // A route of type local makes addresses the host's own that no interface shows.
        return lookUp(address, 0).kind() == Kind.LOCAL ? "lo" : null;
    }

    /// {@return the addresses that an interface has, of both families}
    public List<InetAddress> addressesOf(int interfaceIndex) {
        List<InetAddress> addresses = new ArrayList<>();
        check(
                netlink.begin(Netlink.RTM_GETADDR, Netlink.DUMP, ADDRESS_HEADER_LENGTH)
                        .exchange((type, body) -> {
                            byte[] own = ownAddress(body);
                            if (type == RTM_NEWADDR && own != null && body.get(Memory.U32, 4) == interfaceIndex) {
                                InetAddress address = address(MemorySegment.ofArray(own));
                                if (address != null && !addresses.contains(address)) {
                                    addresses.add(address);
                                }
                            }
                        }),
                "netlink(RTM_GETADDR)");
        return addresses;
    }

    private static byte @Nullable [] ownAddress(MemorySegment body) {
        // IFA_LOCAL is the own end of a point-to-point link; IPv6 has it only there.
        MemorySegment local = Netlink.attribute(body, ADDRESS_HEADER_LENGTH, IFA_LOCAL);
        MemorySegment own = local != null ? local : Netlink.attribute(body, ADDRESS_HEADER_LENGTH, IFA_ADDRESS);
        return own == null ? null : own.toArray(ValueLayout.JAVA_BYTE);
    }

    /// {@return an interface's name, or `interface N` when it is gone}
    public String interfaceName(int index) {
        String[] found = {"interface " + index};
        netlink.begin(Netlink.RTM_GETLINK, 0, LINK_HEADER_LENGTH)
                .header32(4, index)
                .exchange((type, body) -> {
                    MemorySegment name = Netlink.attribute(body, LINK_HEADER_LENGTH, IFLA_IFNAME);
                    if (type == Netlink.RTM_NEWLINK && name != null) {
                        found[0] = name.getString(0);
                    }
                });
        return found[0];
    }

    static int family(byte[] address) {
        return address.length == 4 ? 2 : 10; // AF_INET, AF_INET6
    }

    static @Nullable InetAddress address(@Nullable MemorySegment value) {
        if (value == null) {
            return null;
        }
        try {
            return InetAddress.getByAddress(value.toArray(ValueLayout.JAVA_BYTE));
        } catch (UnknownHostException e) {
            return null; // Of another length than IPv4's and IPv6's: none that we could use.
        }
    }

    @Override
    public void close() {
        netlink.close();
    }
}
