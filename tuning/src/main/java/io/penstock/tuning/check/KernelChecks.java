package io.penstock.tuning.check;

import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import java.util.List;

/// Kernel settings that a forwarder meets: reverse path filter, forwarding, the BPF compiler, the clock.
public final class KernelChecks implements Check {
    @Override
    public void look(Host host, Target target, List<Finding> findings) {
        String nic = target.nic();
        if (nic != null) {
            reversePath(host, nic, findings);
            forwarding(host, nic, "ipv4", findings);
            forwarding(host, nic, "ipv6", findings);
        }
        compiler(host, target, findings);
        clock(host, findings);
    }

    /// The stricter of `all` and the interface's own is in force (ip-sysctl).
    private static void reversePath(Host host, String nic, List<Finding> findings) {
        String own = "/proc/sys/net/ipv4/conf/" + nic + "/rp_filter";
        Long all = host.files().readNumber("/proc/sys/net/ipv4/conf/all/rp_filter");
        Long here = host.files().readNumber(own);
        if (all == null || here == null) {
            findings.add(Finding.unknown("sysctl.rp_filter", own + " is not readable"));
            return;
        }
        long effective = Math.max(all, here);
        if (effective != 1) {
            findings.add(Finding.ok("sysctl.rp_filter", nic + ": rp_filter is " + effective + ", not strict"));
            return;
        }
        // 2 on the interface wins over 1 in all, and touches no other interface.
        findings.add(new Finding(
                "sysctl.rp_filter",
                Level.ADVICE,
                nic + ": rp_filter is strict (all=" + all + ", " + nic + "=" + here + ")",
                "2 (loose)",
                "The VIPs' frames never meet it, but answers to health checks and ICMP errors about tunnels that come "
                        + "back by another interface than they left by are dropped without a counter of ours.",
                "sysctl -w net.ipv4.conf." + nic.replace('.', '/') + ".rp_filter=2",
                List.of(Setting.file(own, "2"))));
    }

    private static void forwarding(Host host, String nic, String family, List<Finding> findings) {
        String id = family.equals("ipv4") ? "sysctl.ip_forward" : "sysctl.ip6_forward";
        String path = "/proc/sys/net/" + family + "/conf/" + nic + "/forwarding";
        Long value = host.files().readNumber(path);
        if (value == null) {
            findings.add(Finding.unknown(id, path + " is not readable"));
        } else if (value == 0) {
            findings.add(Finding.ok(id, nic + ": the host forwards no " + family + " packets of others"));
        } else {
            findings.add(new Finding(
                    id,
                    Level.ADVICE,
                    nic + ": the host forwards " + family + " packets that arrive here",
                    "0, unless this host is a router for others",
                    "The forwarder needs no forwarding of the host's. With it, packets for a VIP that arrive while the "
                            + "forwarder is down are sent on by the routing table, possibly round in a loop.",
                    "sysctl -w net." + family + ".conf." + nic.replace('.', '/') + ".forwarding=0",
                    List.of(Setting.file(path, "0"))));
        }
    }

    private static void compiler(Host host, Target target, List<Finding> findings) {
        String path = "/proc/sys/net/core/bpf_jit_enable";
        Long value = host.files().readNumber(path);
        if (value == null) {
            findings.add(Finding.unknown("sysctl.bpf_jit", path + " is not readable"));
        } else if (value != 0) {
            findings.add(Finding.ok("sysctl.bpf_jit", "BPF programs are compiled"));
        } else {
            findings.add(new Finding(
                    "sysctl.bpf_jit",
                    target.mayUseXdp() ? Level.PROBLEM : Level.ADVICE,
                    "BPF programs are interpreted",
                    "1",
                    "Each frame runs through a BPF program; interpreted it takes several times as long.",
                    "sysctl -w net.core.bpf_jit_enable=1",
                    List.of(Setting.file(path, "1"))));
        }
    }

    private static void clock(Host host, List<Finding> findings) {
        String path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        String clock = host.files().read(path);
        if (clock == null) {
            findings.add(Finding.unknown("clock", path + " is not readable"));
        } else if (clock.matches("tsc|kvm-clock|hyperv_clocksource_tsc_page|arch_sys_counter")) {
            findings.add(Finding.ok("clock", "the clock is " + clock + ", read without a system call"));
        } else {
            findings.add(new Finding(
                    "clock",
                    Level.ADVICE,
                    "the clock is " + clock,
                    "tsc",
                    "Workers read the clock once per cycle; this one costs a system call and a device access each time.",
                    "clocksource=tsc tsc=reliable on the kernel's command line, if dmesg says why tsc was given up",
                    List.of()));
        }
    }
}
