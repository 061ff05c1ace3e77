package io.penstock.forwarder.linux;

import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Keeps up with where frames for backends have to go: the MAC address of each one's next hop, and the MTU on the way.
///
/// The kernel resolves addresses and keeps them fresh; this asks it to, listens to what it learns, and asks again for
/// what failed. A next hop is the destination itself or the gateway that the host's routes name; only routes by the
/// interface of the forwarder count, because there is no other that frames could leave by. Entries that the operator
/// made permanent are left as they are.
///
/// IPv6 next hops are found only when the interface has a link-local address, which solicitations come from.
///
/// A known MAC address is kept while the kernel asks again, and given up when nobody answered.
///
/// One thread, the conductor's; in the network namespace of the thread that made it. Nothing blocks.
public final class NeighbourWatch implements AutoCloseable {
    /// Hears of changes, during [#poll].
    public interface Listener {
        /// A destination's next hop is known, changed, or is lost. Called at least once for each one wanted.
        ///
        /// @param mac in the low 48 bits, first byte highest, or -1 when it is not known
        /// @param mtu longest packet on the way, 0 when there is no way
        void onNextHop(InetAddress destination, long mac, int mtu);

        /// The interface went up or down, or its MTU changed.
        default void onLink(boolean isUp, int mtu) {
            // Only some want to know.
        }
    }

    // linux/rtnetlink.h: RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE
    private static final int[] NEWS = {1, 3, 5, 7, 8, 9, 11, 19};
    private static final int NEIGHBOUR_HEADER_LENGTH = 12; // struct ndmsg
    private static final int NDA_DST = 1;
    private static final int NDA_LLADDR = 2;
    private static final int NTF_USE = 1;
    private static final int LINK_HEADER_LENGTH = 16; // struct ifinfomsg
    private static final int IFLA_MTU = 4;
    private static final int IFF_LOWER_UP = 0x10000;

    // linux/neighbour.h, NUD_*
    private static final int STALE = 0x04;
    private static final int FAILED = 0x20;
    private static final int SET_BY_OPERATOR = 0x40 | 0x80; // NOARP, PERMANENT
    private static final int VALID = 0x02 | STALE | 0x08 | 0x10 | SET_BY_OPERATOR;

    // A routing daemon's burst of changes leads to one round of questions.
    private static final long ROUTES_PAUSE_NS = 50_000_000;
    // What the kernel sends no news of: a path MTU that it learned, or routes that vanished with their address.
    private static final long ROUTES_EVERY_NS = 5_000_000_000L;
    private static final long ASK_EVERY_NS = 1_000_000_000;

    private final LinuxInterface nic;
    private final Routes routes = new Routes();
    private final Netlink questions = new Netlink();
    private final Netlink news = new Netlink(NEWS);
    private final Map<InetAddress, Destination> destinations = new HashMap<>();
    private final Map<InetAddress, NextHop> nextHops = new HashMap<>();

    private boolean linkIsUp;
    private int linkMtu;
    private boolean linkChanged;
    private boolean routesChanged;
    private long routesReadNs = System.nanoTime();
    private long askedNs = System.nanoTime();

    private static final class Destination {
        private final InetAddress address;
        private @Nullable NextHop nextHop;
        private int mtu;
        private String why = "";
        private boolean isReported;
        private long reportedMac;
        private int reportedMtu;

        Destination(InetAddress address) {
            this.address = address;
        }
    }

    private static final class NextHop {
        private final InetAddress address;
        private long mac = -1;
        private int state;
        private int users;

        NextHop(InetAddress address) {
            this.address = address;
        }
    }

    /// @param nic the forwarder's interface
    /// @throws LinuxException when the kernel refuses
    public NeighbourWatch(LinuxInterface nic) {
        this.nic = nic;
        linkIsUp = nic.up() && nic.running();
        linkMtu = nic.mtu();
    }

    /// Begins to watch a destination; a second time is nothing new.
    public void want(InetAddress address) {
        if (!destinations.containsKey(address)) {
            Destination destination = new Destination(address);
            destinations.put(address, destination);
            readRoute(destination);
        }
    }

    /// Ends the watch of a destination.
    public void forget(InetAddress address) {
        Destination destination = destinations.remove(address);
        if (destination != null) {
            leave(destination);
        }
    }

    /// {@return why a destination's next hop is not known, for people; empty when it is}
    public String whyNot(InetAddress address) {
        Destination destination = destinations.get(address);
        if (destination == null) {
            return "nobody asked";
        }
        NextHop hop = destination.nextHop;
        if (hop == null) {
            return destination.why;
        }
        if (hop.mac >= 0) {
            return "";
        }
        String whom = hop.address.equals(address) ? "it" : "the gateway " + hop.address.getHostAddress();
        return (hop.state & FAILED) != 0
                ? whom + " does not answer on " + nic.name() + (linkIsUp ? "" : ", which has no link")
                : whom + " has not answered yet";
    }

    /// {@return the routes, for other questions}
    public Routes routes() {
        return routes;
    }

    /// {@return a descriptor that is readable when [#poll] has something to hear}
    public int descriptor() {
        return news.fd();
    }

    /// Hears the news, asks what has to be asked, and tells what changed. Called some times a second.
    public void poll(Listener listener) {
        boolean complete = news.receiveNews(this::hear);
        long nowNs = System.nanoTime();
        if (!complete) {
            nextHops.values().forEach(this::readNeighbour);
            routesChanged = true;
        }
        long sinceRoutesNs = nowNs - routesReadNs;
        if ((routesChanged && sinceRoutesNs >= ROUTES_PAUSE_NS) || sinceRoutesNs >= ROUTES_EVERY_NS) {
            routesChanged = false;
            routesReadNs = nowNs;
            destinations.values().forEach(this::readRoute);
        }
        if (nowNs - askedNs >= ASK_EVERY_NS) {
            askedNs = nowNs;
            for (NextHop hop : nextHops.values()) {
                if (hop.mac < 0 || hop.state == STALE) {
                    ask(hop);
                }
            }
        }
        if (linkChanged) {
            linkChanged = false;
            listener.onLink(linkIsUp, linkMtu);
        }
        for (Destination destination : destinations.values()) {
            report(destination, listener);
        }
    }

    private static void report(Destination destination, Listener listener) {
        NextHop hop = destination.nextHop;
        long mac = hop == null ? -1 : hop.mac;
        if (!destination.isReported || mac != destination.reportedMac || destination.mtu != destination.reportedMtu) {
            destination.isReported = true;
            destination.reportedMac = mac;
            destination.reportedMtu = destination.mtu;
            listener.onNextHop(destination.address, mac, destination.mtu);
        }
    }

    private void hear(int type, MemorySegment body) {
        switch (type) {
            case Netlink.RTM_NEWNEIGH, Netlink.RTM_DELNEIGH -> hearNeighbour(type == Netlink.RTM_DELNEIGH, body);
            case Netlink.RTM_NEWLINK, Netlink.RTM_DELLINK -> hearLink(type == Netlink.RTM_DELLINK, body);
            default -> routesChanged = true; // routes, rules, addresses
        }
    }

    private void hearNeighbour(boolean isGone, MemorySegment body) {
        if (body.get(Memory.U32, 4) != nic.index()) {
            return;
        }
        InetAddress address = Routes.address(Netlink.attribute(body, NEIGHBOUR_HEADER_LENGTH, NDA_DST));
        NextHop hop = address == null ? null : nextHops.get(address);
        if (hop == null) {
            return;
        }
        if (isGone) {
            // Taken out to make room, or by hand: not a word about whether the MAC address is still right.
            hop.state = 0;
            ask(hop);
        } else {
            learn(hop, body);
        }
    }

    private static void learn(NextHop hop, MemorySegment body) {
        hop.state = body.get(Memory.U16, 8) & 0xffff;
        if ((hop.state & VALID) != 0) {
            long mac = Netlink.mac(Netlink.attribute(body, NEIGHBOUR_HEADER_LENGTH, NDA_LLADDR));
            if (mac >= 0) {
                hop.mac = mac;
            }
        } else if ((hop.state & FAILED) != 0) {
            hop.mac = -1;
        }
    }

    private void hearLink(boolean isGone, MemorySegment body) {
        if (body.get(Memory.U32, 4) != nic.index()) {
            return;
        }
        boolean isUp = !isGone && (body.get(Memory.U32, 8) & IFF_LOWER_UP) != 0;
        int mtu = Netlink.attribute32(body, LINK_HEADER_LENGTH, IFLA_MTU, linkMtu);
        if (isUp != linkIsUp || mtu != linkMtu) {
            linkIsUp = isUp;
            linkMtu = mtu;
            linkChanged = true;
            routesChanged = true;
        }
    }

    private void readRoute(Destination destination) {
        Routes.Route route = routes.lookUp(destination.address, nic.index());
        String why = whyUnusable(route);
        if (!why.isEmpty()) {
            leave(destination);
            destination.why = why;
            destination.mtu = 0;
            return;
        }
        InetAddress next = Objects.requireNonNullElse(route.gateway(), destination.address);
        destination.mtu = route.mtu() == 0 ? linkMtu : Math.min(route.mtu(), linkMtu);
        NextHop before = destination.nextHop;
        if (before == null || !before.address.equals(next)) {
            leave(destination);
            join(destination, next);
        }
    }

    private String whyUnusable(Routes.Route route) {
        return switch (route.kind()) {
            case LOCAL -> "it is an address of this host";
            case UNREACHABLE -> "the host has no route to it";
            case REMOTE ->
                route.interfaceIndex() == nic.index()
                        ? ""
                        : "it is routed by " + routes.interfaceName(route.interfaceIndex()) + ", not by " + nic.name();
        };
    }

    private void join(Destination destination, InetAddress next) {
        NextHop hop = nextHops.get(next);
        if (hop == null) {
            hop = new NextHop(next);
            nextHops.put(next, hop);
            readNeighbour(hop);
            if ((hop.state & VALID) == 0 || hop.state == STALE) {
                ask(hop);
            }
        }
        hop.users++;
        destination.nextHop = hop;
    }

    private void leave(Destination destination) {
        NextHop hop = destination.nextHop;
        if (hop != null) {
            destination.nextHop = null;
            if (--hop.users == 0) {
                nextHops.remove(hop.address);
            }
        }
    }

    /// Reads what the kernel knows now. An entry that is not there is one that nobody asked for.
    private void readNeighbour(NextHop hop) {
        int result = neighbour(Netlink.RTM_GETNEIGH, 0, hop.address, 0).exchange((type, body) -> {
            if (type == Netlink.RTM_NEWNEIGH) {
                learn(hop, body);
            }
        });
        if (result < 0) {
            hop.state = 0;
        }
    }

    /// Has the kernel resolve or confirm an address, as a packet to it would.
    private void ask(NextHop hop) {
        if ((hop.state & SET_BY_OPERATOR) == 0) {
            // Where the link is down the kernel says so here; the news of its coming back leads to another try.
            neighbour(Netlink.RTM_NEWNEIGH, Netlink.CREATE | Netlink.ACK, hop.address, NTF_USE)
                    .exchange((_, _) -> {});
        }
    }

    private Netlink neighbour(int type, int flags, InetAddress address, int entryFlags) {
        byte[] bytes = address.getAddress();
        return questions
                .begin(type, flags, NEIGHBOUR_HEADER_LENGTH)
                .header8(0, Routes.family(bytes))
                .header32(4, nic.index())
                .header8(10, entryFlags)
                .attribute(NDA_DST, bytes);
    }

    /// {@return destinations that are watched}
    public int size() {
        return destinations.size();
    }

    @Override
    public void close() {
        news.close();
        questions.close();
        routes.close();
    }
}
