package io.penstock.tuning;

import io.penstock.tuning.host.HostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// A copy of `/proc` and `/sys` in a folder: eight CPUs on four cores and two NUMA nodes, `eth1` on the second node,
/// and everything as a distribution leaves it.
final class RecordedHost {
    private final Path root;

    RecordedHost(Path root) throws IOException {
        this.root = root;
        write("/sys/devices/system/cpu/online", "0-7");
        write("/sys/devices/system/cpu/isolated", "");
        write("/sys/devices/system/cpu/nohz_full", "");
        write("/sys/devices/system/node/online", "0-1");
        write("/sys/devices/system/node/node0/cpulist", "0,1,4,5");
        write("/sys/devices/system/node/node1/cpulist", "2,3,6,7");
        for (int cpu = 0; cpu < 8; cpu++) {
            String folder = "/sys/devices/system/cpu/cpu" + cpu;
            write(folder + "/topology/thread_siblings_list", (cpu % 4) + "," + (cpu % 4 + 4));
            write(folder + "/cpufreq/scaling_governor", "powersave");
            write(folder + "/cpuidle/state0/name", "POLL");
            write(folder + "/cpuidle/state0/latency", "0");
            write(folder + "/cpuidle/state0/disable", "0");
            write(folder + "/cpuidle/state1/name", "C6");
            write(folder + "/cpuidle/state1/latency", "133");
            write(folder + "/cpuidle/state1/disable", "0");
        }
        write("/sys/devices/pci0000:00/0000:3b:00.0/numa_node", "1");
        Path nic = at("/sys/class/net/eth1");
        Files.createDirectories(nic);
        Files.createSymbolicLink(nic.resolve("device"), at("/sys/devices/pci0000:00/0000:3b:00.0"));
        write("/sys/class/net/eth1/operstate", "up");
        write(
                "/proc/net/route",
                "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
                        + "eth1 00000000 0100000A 0003 0 0 0 00000000 0 0 0");
        StringBuilder interrupts = new StringBuilder("      CPU0 CPU1\n");
        for (int queue = 0; queue < 4; queue++) {
            interrupts.append(" %d:  1  2  PCI-MSIX-0000:3b:00.0  %d-edge  fake-eth1-TxRx-%d%n"
                    .formatted(50 + queue, queue, queue));
            write("/proc/irq/" + (50 + queue) + "/smp_affinity_list", "0-7");
        }
        write("/proc/interrupts", interrupts + " 60:  1  2  PCI-MSIX-0000:3c:00.0  0-edge  fake-eth10-TxRx-0\n");
        write("/proc/77/comm", "irqbalance");
        write("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2");
        write("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable:   8388608 kB");
        write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
        write("/proc/sys/net/ipv4/conf/eth1/rp_filter", "0");
        write("/proc/sys/net/ipv4/conf/eth1/forwarding", "1");
        write("/proc/sys/net/ipv6/conf/eth1/forwarding", "0");
        write("/proc/sys/net/core/bpf_jit_enable", "0");
        write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
        write("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
        write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "2");
        write("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1");
    }

    HostFiles files() {
        return new HostFiles(root);
    }

    void write(String path, String text) throws IOException {
        Files.createDirectories(at(path).getParent());
        Files.writeString(at(path), text + "\n");
    }

    /// {@return every file with its content}
    Map<String, String> content() throws IOException {
        Map<String, String> content = new TreeMap<>();
        List<Path> paths = new ArrayList<>();
        try (Stream<Path> walk = Files.walk(root)) {
            walk.filter(Files::isRegularFile).forEach(paths::add);
        }
        for (Path path : paths) {
            content.put(root.relativize(path).toString(), Files.readString(path));
        }
        return content;
    }

    private Path at(String path) {
        return root.resolve(path.substring(1));
    }
}
