package io.penstock.forwarder.backend;

import io.penstock.control.config.Addresses;
import io.penstock.forwarder.backend.HostState.Need;
import io.penstock.forwarder.backend.InstallRecord.Place;
import io.penstock.forwarder.backend.InstallRecord.Vip;
import io.penstock.forwarder.linux.Decapsulator;
import io.penstock.forwarder.linux.HostNetwork.Link;
import io.penstock.forwarder.linux.Tunnel;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Looks at each thing that a backend needs, as it is now, whoever set it up.
final class HostCheck {
    private final InstallRecord record;
    private final HostState state;
    private final @Nullable Decapsulator decapsulator;
    private final Map<InetAddress, Set<Tunnel>> wanted = new LinkedHashMap<>();
    private final boolean chosen;
    private final List<Link> serving;
    private final List<Finding> findings = new ArrayList<>();

    /// @param decapsulator the one that is installed, or null
    HostCheck(Wish wish, InstallRecord record, HostState state, @Nullable Decapsulator decapsulator) {
        this.record = record;
        this.state = state;
        this.decapsulator = decapsulator;
        for (InetAddress vip : wish.vips().isEmpty() ? record.vips().keySet() : wish.vips()) {
            Set<Tunnel> tunnels = EnumSet.noneOf(Tunnel.class);
            tunnels.addAll(wish.tunnels());
            Vip known = record.vips().get(vip);
            if (known != null) {
                tunnels.addAll(known.tunnels());
            }
            wanted.put(vip, tunnels);
        }
        Set<String> names = new LinkedHashSet<>(wish.interfaceNames());
        if (names.isEmpty() && record.interfacesChosen()) {
            names.addAll(record.placeNames());
        }
        chosen = !names.isEmpty();
        serving = names.isEmpty()
                ? state.serving()
                : names.stream()
                        .map(state::link)
                        .filter(link -> link != null && link.isEthernet())
                        .toList();
        names.stream()
                .filter(name -> serving.stream().noneMatch(link -> link.name().equals(name)))
                .forEach(name -> findings.add(Finding.missing("no Ethernet interface " + name, "see ip link")));
    }

    List<Finding> findings() throws IOException {
        if (wanted.isEmpty()) {
            findings.add(
                    Finding.missing("nothing is installed", "penstock backend install --vip VIP [--decap TUNNEL]"));
            return findings;
        }
        if (!state.isLoopbackUp()) {
            findings.add(Finding.missing("lo is down", "ip link set lo up"));
        }
        wanted.keySet().forEach(this::checkVip);
        checkKernel();
        if (wanted.values().stream().anyMatch(tunnels -> !tunnels.isEmpty())) {
            checkTunnels();
        }
        return findings;
    }

    private void checkVip(InetAddress vip) {
        String text = Addresses.text(vip);
        Link owner = state.ownerOf(vip);
        if (owner == null) {
            findings.add(Finding.missing(text + " is no address of this host", install(vip)));
        } else if (owner.answersArp()) {
            findings.add(Finding.missing(
                    text + " is an address of " + owner.name() + ", which answers its neighbours for it",
                    "ip addr del " + text + "/" + (Addresses.isIpv6(vip) ? 128 : 32) + " dev " + owner.name()));
        } else {
            findings.add(Finding.ok(text + " is on " + owner.name()));
        }
    }

    private void checkKernel() throws IOException {
        Set<InetAddress> vips = wanted.keySet();
        List<Need> needs = HostState.needs(vips, serving);
        for (Need need : needs) {
            findings.add(Finding.missing(
                    Sysctls.name(need.key()) + " is " + need.current() + ": " + need.why(),
                    "sysctl -w " + Sysctls.name(need.key()) + "=" + need.wanted() + ", or " + install(first())));
        }
        List<String> withoutIpv6 = HostState.withoutIpv6(vips, serving);
        for (String name : withoutIpv6) {
            findings.add(Finding.missing(
                    "IPv6 is switched off on " + name,
                    "sysctl -w " + Sysctls.name("net/ipv6/conf/" + name + "/disable_ipv6") + "=0"));
        }
        if (vips.stream().anyMatch(Addresses::isIpv6)) {
            for (Link link : state.withoutLinkLocal()) {
                findings.add(Finding.missing(
                        link.name()
                                + " has IPv6 but no link-local address: answers from a VIP that go out there find no"
                                + " neighbour",
                        "ip link set " + link.name() + " addrgenmode eui64"));
            }
        }
        if (needs.isEmpty() && withoutIpv6.isEmpty()) {
            findings.add(Finding.ok("neighbours get no answer for " + (vips.size() == 1 ? "the VIP" : "the VIPs")));
        }
    }

    private void checkTunnels() {
        Decapsulator opened = decapsulator;
        if (opened == null) {
            findings.add(Finding.missing("no tunnel is opened", install(first())));
            return;
        }
        int before = findings.size();
        wanted.forEach((vip, tunnels) -> {
            Set<Tunnel> lacking = lacking(tunnels, opened.tunnelsOfVip(vip));
            if (!lacking.isEmpty()) {
                findings.add(Finding.missing(
                        Addresses.text(vip) + " is not taken out of " + InstallRecord.text(lacking), install(vip)));
            }
        });
        Set<Tunnel> all = EnumSet.noneOf(Tunnel.class);
        wanted.values().forEach(all::addAll);
        for (InetAddress outer : state.outerAddresses(wanted.keySet())) {
            if (!lacking(all, opened.tunnelsToOuter(outer)).isEmpty()
                    && !record.vips().containsKey(outer)) {
                findings.add(Finding.missing(
                        "tunnels to " + Addresses.text(outer) + ", an address that is new, are not opened",
                        install(first())));
            }
        }
        Map<Integer, Boolean> attached = new LinkedHashMap<>();
        opened.places().forEach(place -> attached.put(place.interfaceIndex(), place.attached()));
        serving.forEach(link -> checkPlace(link, attached.getOrDefault(link.index(), false)));
        if (serving.isEmpty()) {
            findings.add(Finding.missing("no interface is up and has an address", "see ip addr"));
        }
        if (!chosen) {
            for (Link bridge : state.leftOut()) {
                findings.add(Finding.note(
                        "tunnels that come by the bridge " + bridge.name() + " are not opened",
                        install(first()) + " --interface " + bridge.name() + ", if any do"));
            }
        }
        if (findings.subList(before, findings.size()).stream()
                .noneMatch(finding -> finding.state() == Finding.State.MISSING)) {
            findings.add(Finding.ok("tunnels are opened: " + InstallRecord.text(all)));
        }
    }

    private void checkPlace(Link link, boolean attached) {
        Place place = record.places().get(link.name());
        if (!attached) {
            findings.add(Finding.missing("no tunnel is opened on " + link.name(), install(first())));
        } else if (!link.isUp()) {
            findings.add(Finding.missing(link.name() + " is down", "ip link set " + link.name() + " up"));
        } else if (place != null && place.mode().equals("generic")) {
            findings.add(Finding.note(
                    link.name()
                            + " opens tunnels in generic mode: after the stack has made its buffers, and it merges none",
                    "a driver with XDP does it before"));
        } else {
            findings.add(Finding.ok(link.name() + " opens tunnels in the driver"));
        }
    }

    private static Set<Tunnel> lacking(Set<Tunnel> wanted, Set<Tunnel> there) {
        Set<Tunnel> lacking = EnumSet.noneOf(Tunnel.class);
        lacking.addAll(wanted);
        lacking.removeAll(there);
        return lacking;
    }

    private InetAddress first() {
        return wanted.keySet().iterator().next();
    }

    private String install(InetAddress vip) {
        Set<Tunnel> tunnels = wanted.getOrDefault(vip, Set.of());
        return "penstock backend install --vip " + Addresses.text(vip)
                + (tunnels.isEmpty() ? "" : " --decap " + InstallRecord.text(tunnels));
    }
}
