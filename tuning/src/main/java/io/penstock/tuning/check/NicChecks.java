package io.penstock.tuning.check;

import io.penstock.control.config.PortMode;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import io.penstock.tuning.linux.NicDriver.Channels;
import io.penstock.tuning.linux.NicDriver.Coalescing;
import io.penstock.tuning.linux.NicDriver.Feature;
import io.penstock.tuning.linux.NicDriver.Ring;
import io.penstock.tuning.linux.NicDriver.State;
import io.penstock.tuning.linux.NicDriver.Steering;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The forwarder's NIC: offloads, queues, rings, coalescing, receive-side scaling.
public final class NicChecks implements Check {
    private static final int COALESCING_MAX_US = 50;
    private static final int RING_ENTRIES_MIN = 1_024;

    @Override
    public void look(Host host, Target target, List<Finding> findings) {
        String nic = target.nic();
        if (nic == null) {
            findings.add(Finding.unknown("nic", "no interface is named, by forwarder.interface or --interface"));
            return;
        }
        try {
            findings.add(Finding.ok(
                    "nic.driver", nic + " is driven by " + host.nics().name(nic)));
        } catch (IOException e) {
            findings.add(Finding.unknown("nic", message(e)));
            return;
        }
        attempt("nic.lro", findings, () -> lro(host, nic));
        attempt("nic.gro", findings, () -> gro(host, target, nic));
        attempt("nic.gro-hw", findings, () -> hardwareGro(host, nic));
        attempt("nic.vlan", findings, () -> vlan(host, target, nic));
        attempt("nic.queues", findings, () -> queues(host, target, nic));
        attempt("nic.steering", findings, () -> steering(host, target, nic));
        attempt("nic.rss-key", findings, () -> key(host, target, nic));
        attempt("nic.ring", findings, () -> ring(host, nic));
        attempt("nic.coalescing", findings, () -> coalescing(host, nic));
    }

    /// One question to a driver.
    private interface Question {
        Finding ask() throws IOException;
    }

    private static void attempt(String id, List<Finding> findings, Question question) {
        try {
            findings.add(question.ask());
        } catch (IOException e) {
            findings.add(Finding.unknown(id, message(e)));
        }
    }

    private static String message(IOException e) {
        String text = String.valueOf(e.getMessage());
        return e instanceof java.nio.file.AccessDeniedException ? text + ": only root may ask" : text;
    }

    private static Finding lro(Host host, String nic) throws IOException {
        return feature(
                host,
                nic,
                "nic.lro",
                Feature.LRO,
                Level.PROBLEM,
                "The NIC merges TCP segments into frames longer than the MTU, which no port can send on: they are dropped "
                        + "as truncated. Off costs the host's own downloads some CPU.");
    }

    private static Finding gro(Host host, Target target, String nic) throws IOException {
        boolean tap = target.port() != PortMode.XDP;
        return feature(
                host,
                nic,
                "nic.gro",
                Feature.GRO,
                tap ? Level.PROBLEM : Level.ADVICE,
                tap
                        ? "The kernel merges TCP segments before the packet socket sees them; what grows beyond the MTU is "
                                + "dropped as truncated. Off costs the host's own downloads some CPU."
                        : "XDP in the driver comes before GRO and is not touched by it, but generic XDP comes after it and "
                                + "would see merged segments.");
    }

    private static Finding hardwareGro(Host host, String nic) throws IOException {
        return feature(
                host,
                nic,
                "nic.gro-hw",
                Feature.GRO_HARDWARE,
                Level.PROBLEM,
                "The NIC merges TCP segments into frames longer than the MTU; they are dropped as truncated.");
    }

    private static Finding vlan(Host host, Target target, String nic) throws IOException {
        return feature(
                host,
                nic,
                "nic.vlan",
                Feature.RX_VLAN,
                target.mayUseXdp() ? Level.PROBLEM : Level.ADVICE,
                "The NIC takes 802.1Q tags off before XDP sees the frame: tagged frames would be forwarded without their "
                        + "tag, into the wrong network. Packet sockets are told of the tag and put it back.");
    }

    private static Finding feature(Host host, String nic, String id, Feature feature, Level level, String why)
            throws IOException {
        State state = host.nics().feature(nic, feature);
        String name = feature.commandName();
        if (!state.on()) {
            return Finding.ok(id, nic + ": " + name + " is off");
        }
        if (state.fixed()) {
            return new Finding(
                    id,
                    level == Level.PROBLEM ? Level.ADVICE : level,
                    nic + ": " + name + " is on, and the driver lets nobody change it",
                    "off",
                    why + " Watch the counter truncated; a virtual machine's host has the switch.",
                    "",
                    List.of());
        }
        return new Finding(
                id,
                level,
                nic + ": " + name + " is on",
                "off",
                why,
                "ethtool -K " + nic + " " + name + " off",
                List.of(Setting.nic(nic, name, "off")));
    }

    private static Finding queues(Host host, Target target, String nic) throws IOException {
        Channels now = host.nics().channels(nic);
        int workers = target.cpus().size();
        String is = "%s: %d receive queue(s) of at most %d for %d worker(s)"
                .formatted(nic, now.receiving(), now.receivingMax(), workers);
        boolean sendsByAll = !target.mayUseXdp() || now.tx() + now.combined() >= now.receiving();
        if (now.receiving() == workers && sendsByAll) {
            return Finding.ok("nic.queues", is);
        }
        boolean combined = now.combinedMax() > 0;
        String why = target.mayUseXdp()
                ? "A worker serves several queues in turn; with fewer receive queues than workers, or fewer send queues "
                        + "than receive queues, the forwarder refuses xdp, and auto falls back to packet rings."
                : "Queues are served by their interrupts' CPUs; with one for each worker, frames stay on the CPU that "
                        + "forwards them.";
        boolean isRefused = workers > now.receiving() || !sendsByAll;
        Level level = target.port() == PortMode.XDP && isRefused ? Level.PROBLEM : Level.ADVICE;
        if (workers > now.receivingMax()) {
            return new Finding(
                    "nic.queues",
                    level,
                    is,
                    "at most " + now.receivingMax() + " worker(s)",
                    why + " The NIC has no more queues.",
                    "forwarder.cpus=" + Host.text(target.cpus().subList(0, Math.max(1, now.receivingMax()))),
                    List.of());
        }
        int tx = target.mayUseXdp() ? Math.max(now.tx(), workers) : now.tx();
        String value = combined
                ? "rx 0 tx %d combined %d".formatted(now.tx(), workers)
                : "rx %d tx %d combined 0".formatted(workers, tx);
        return new Finding(
                "nic.queues",
                level,
                is,
                workers + " queue(s)",
                why + " The change may take the link down for a moment.",
                "ethtool -L " + nic + (combined ? " combined " + workers : " rx " + workers + " tx " + tx),
                List.of(Setting.nic(nic, "queues", value)));
    }

    private static Finding steering(Host host, Target target, String nic) throws IOException {
        Steering now = host.nics().steering(nic);
        int queues = host.nics().channels(nic).receiving();
        if (now.queues().isEmpty()) {
            return Finding.unknown("nic.steering", nic + ": the driver shows no indirection table");
        }
        Map<Integer, Integer> counts = new HashMap<>();
        now.queues().forEach(queue -> counts.merge(queue, 1, Integer::sum));
        // Where `tune apply` makes as many queues as workers, the table has to reach just those.
        int wanted = Math.max(1, Math.min(target.mayUseXdp() ? target.cpus().size() : queues, queues));
        int least = now.queues().size() / wanted;
        boolean even = counts.size() == wanted
                && counts.keySet().stream().allMatch(queue -> queue < wanted)
                && counts.values().stream().allMatch(count -> count == least || count == least + 1);
        String is = "%s: %d hash buckets over %d of %d queue(s)"
                .formatted(nic, now.queues().size(), counts.size(), queues);
        if (even) {
            return Finding.ok("nic.steering", is + ", evenly");
        }
        List<Integer> table = new ArrayList<>();
        for (int i = 0; i < now.queues().size(); i++) {
            table.add(i % wanted);
        }
        return new Finding(
                "nic.steering",
                counts.keySet().stream().anyMatch(queue -> queue >= wanted) && target.mayUseXdp()
                        ? Level.PROBLEM
                        : Level.ADVICE,
                is,
                "the same share for each of " + wanted + " queue(s)",
                "A queue with more buckets makes its worker the first to be full; a queue without a worker loses its "
                        + "frames to the kernel.",
                "ethtool -X " + nic + " equal " + wanted,
                List.of(Setting.nic(nic, "steering", Host.text(table))));
    }

    private static Finding key(Host host, Target target, String nic) throws IOException {
        if (host.nics().steering(nic).hasKey()) {
            return Finding.ok("nic.rss-key", nic + ": the hash of receive-side scaling has a key");
        }
        if (target.cpus().size() < 2) {
            return Finding.ok("nic.rss-key", nic + ": no hash key, and one worker needs none");
        }
        return new Finding(
                "nic.rss-key",
                Level.ADVICE,
                nic + ": no hash key is set or shown",
                "a key of random bytes",
                "Without one the hash may send all flows to one queue, and anyone can choose flows that meet on one.",
                "ethtool -X " + nic + " hkey $(od -An -v -tx1 -w40 -N40 /dev/urandom | tr -s ' ' : | cut -c2-)",
                List.of());
    }

    private static Finding ring(Host host, String nic) throws IOException {
        Ring ring = host.nics().ring(nic);
        int wanted = Math.min(RING_ENTRIES_MIN, ring.entriesMax());
        String is = nic + ": " + ring.entries() + " receive descriptors of at most " + ring.entriesMax();
        if (ring.entries() >= wanted) {
            return Finding.ok("nic.ring", is);
        }
        return new Finding(
                "nic.ring",
                Level.ADVICE,
                is,
                wanted + " descriptors",
                "A short ring overflows while a worker is away for a moment (rx_missed in ethtool -S). Longer than 4096 "
                        + "costs cache. The change may take the link down for a moment.",
                "ethtool -G " + nic + " rx " + wanted,
                List.of(Setting.nic(nic, "ring", Integer.toString(wanted))));
    }

    private static Finding coalescing(Host host, String nic) throws IOException {
        Coalescing now = host.nics().coalescing(nic);
        String is = "%s: adaptive-rx %s, rx-usecs %d".formatted(nic, now.adaptive() ? "on" : "off", now.receiveUs());
        if (!now.adaptive() && now.receiveUs() <= COALESCING_MAX_US) {
            return Finding.ok("nic.coalescing", is);
        }
        int wanted = Math.min(now.receiveUs(), COALESCING_MAX_US);
        return new Finding(
                "nic.coalescing",
                Level.ADVICE,
                is,
                "adaptive-rx off, rx-usecs at most " + COALESCING_MAX_US,
                "The wait is added to the latency of each frame, and an adaptive one makes it wander. A shorter wait costs "
                        + "interrupts, which busy polling (forwarder.idle=spin) avoids.",
                "ethtool -C " + nic + " adaptive-rx off rx-usecs " + wanted,
                List.of(Setting.nic(nic, "coalescing", "adaptive-rx off rx-usecs " + wanted)));
    }
}
