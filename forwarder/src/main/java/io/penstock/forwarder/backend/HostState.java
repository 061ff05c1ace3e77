package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandException;
import io.penstock.control.config.Addresses;
import io.penstock.forwarder.linux.HostNetwork;
import io.penstock.forwarder.linux.HostNetwork.Link;
import io.penstock.forwarder.linux.HostNetwork.OwnAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The host's interfaces and addresses at one moment, and what follows from them for VIPs.
///
/// @param links     all interfaces
/// @param addresses all addresses
record HostState(List<Link> links, List<OwnAddress> addresses) {
    /// A parameter of the kernel that is not as it has to be.
    ///
    /// @param why what goes wrong else
    record Need(String key, int current, int wanted, String why) {}

    static HostState read(HostNetwork network) {
        return new HostState(network.links(), network.addresses());
    }

    /// {@return the interface that has the address, or null; one that answers ARP for it, where there is one}
    @Nullable
    Link ownerOf(InetAddress vip) {
        Link owner = null;
        for (OwnAddress own : addresses) {
            Link link = link(own.linkIndex());
            if (own.address().equals(vip) && link != null && (owner == null || link.answersArp())) {
                owner = link;
            }
        }
        return owner;
    }

    private @Nullable Link link(int index) {
        return links.stream().filter(link -> link.index() == index).findFirst().orElse(null);
    }

    /// {@return the interface of that name, or null}
    @Nullable
    Link link(String name) {
        return links.stream()
                .filter(link -> link.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /// {@return whether the loopback is up}
    boolean isLoopbackUp() {
        Link loopback = link(HostNetwork.LOOPBACK);
        return loopback != null && loopback.isUp();
    }

    /// {@return the named interfaces}
    ///
    /// @throws CommandException when there is none of a name, or it cannot carry tunnels
    List<Link> named(Collection<String> names) {
        List<Link> found = new ArrayList<>();
        for (String name : names) {
            Link link = link(name);
            if (link == null || !link.isEthernet()) {
                throw new CommandException(
                        (link == null ? "there is no interface " + name : name + " is no Ethernet interface")
                                + "; there are: "
                                + links.stream()
                                        .filter(Link::isEthernet)
                                        .map(Link::name)
                                        .collect(Collectors.joining(", ")));
            }
            found.add(link);
        }
        return found;
    }

    /// {@return the interfaces by which packets may come: Ethernet, up, with an address beyond their own link; bridges,
    /// which mostly join containers and virtual machines, only where nothing else is found}
    List<Link> serving() {
        List<Link> noBridges =
                addressed().stream().filter(link -> !link.isBridge()).toList();
        return noBridges.isEmpty() ? addressed() : noBridges;
    }

    /// {@return the bridges that [#serving()] leaves out}
    List<Link> leftOut() {
        List<Link> serving = serving();
        return addressed().stream().filter(link -> !serving.contains(link)).toList();
    }

    private List<Link> addressed() {
        return links.stream()
                .filter(link -> link.isEthernet() && link.isUp() && link.answersArp())
                .filter(link -> addresses.stream().anyMatch(own -> own.linkIndex() == link.index() && own.isLasting()))
                .toList();
    }

    /// {@return the addresses to which a tunnel may lead: all lasting ones but those of the loopback and the VIPs}
    Set<InetAddress> outerAddresses(Set<InetAddress> vips) {
        Set<InetAddress> outer = new LinkedHashSet<>();
        for (OwnAddress own : addresses) {
            if (own.isLasting() && own.linkIndex() != HostNetwork.LOOPBACK && !vips.contains(own.address())) {
                outer.add(own.address());
            }
        }
        return outer;
    }

    /// {@return the interfaces that have an IPv6 address but no link-local one. The kernel solicits neighbours from the
    /// latter when a packet's source, as a VIP, is no address of the interface}
    List<Link> withoutLinkLocal() {
        return links.stream()
                .filter(link -> link.isUp() && link.answersArp())
                .filter(link -> hasIpv6(link, false) && !hasIpv6(link, true))
                .toList();
    }

    private boolean hasIpv6(Link link, boolean linkLocal) {
        return addresses.stream()
                .anyMatch(own -> own.linkIndex() == link.index()
                        && Addresses.isIpv6(own.address())
                        && own.address().isLinkLocalAddress() == linkLocal);
    }

    /// {@return what has to be set}
    ///
    /// @param vips    of either family
    /// @param serving interfaces by which packets come
    static List<Need> needs(Set<InetAddress> vips, List<Link> serving) throws IOException {
        List<Need> needs = new ArrayList<>();
        if (vips.stream().allMatch(Addresses::isIpv6)) {
            return needs; // Linux answers a solicitation only for addresses of the interface that it came by.
        }
        int ignore = Sysctls.read("net/ipv4/conf/all/arp_ignore");
        if (ignore == 0) {
            needs.add(new Need("net/ipv4/conf/all/arp_ignore", ignore, 1, "ARP requests for the VIP are answered"));
        }
        int announce = Sysctls.read("net/ipv4/conf/all/arp_announce");
        if (announce < 2) {
            needs.add(new Need(
                    "net/ipv4/conf/all/arp_announce", announce, 2, "ARP requests of this host may name the VIP"));
        }
        int all = Sysctls.read("net/ipv4/conf/all/rp_filter");
        for (Link link : serving) {
            String key = "net/ipv4/conf/" + link.name() + "/rp_filter";
            int own = Sysctls.read(key);
            if (Math.max(all, own) == 1) {
                needs.add(new Need(
                        key, own, 2, "clients' packets are lost if the way back to them is by another interface"));
            }
        }
        return needs;
    }

    /// {@return the interfaces on which IPv6 is switched off although a VIP needs it}
    static List<String> withoutIpv6(Set<InetAddress> vips, List<Link> serving) throws IOException {
        List<String> names = new ArrayList<>();
        if (vips.stream().anyMatch(Addresses::isIpv6)) {
            List<String> wanted = new ArrayList<>(List.of("lo"));
            serving.forEach(link -> wanted.add(link.name()));
            for (String name : wanted) {
                if (Sysctls.read("net/ipv6/conf/" + name + "/disable_ipv6") != 0) {
                    names.add(name);
                }
            }
        }
        return names;
    }
}
