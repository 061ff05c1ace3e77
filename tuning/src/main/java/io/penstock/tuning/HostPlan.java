package io.penstock.tuning;

import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.linux.NicDriver.Channels;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The forwarder's keys for a host: which interface, which CPUs, how frames are taken.
public final class HostPlan {
    private static final String CPUS = "/sys/devices/system/cpu";
    /// More workers than this pay only beyond 10 Gbit/s of small frames; the operator can name them.
    private static final int WORKERS_MAX = 8;
    private static final long FLOWS_MAX = 16 << 20;
    private static final long FLOWS_MIN = 1 << 16;
    private static final int FLOW_BYTES = 64;
    /// Drivers that take AF_XDP sockets without copying (Documentation/networking, and xsk_pool in the drivers).
    private static final Set<String> ZERO_COPY =
            Set.of("i40e", "ice", "ixgbe", "igb", "igc", "mlx5_core", "stmmac", "virtio_net", "gve", "idpf");

    private final Host host;
    private final HostFiles files;

    /// @param host what to plan for
    public HostPlan(Host host) {
        this.host = host;
        files = host.files();
    }

    /// {@return the interface that is likeliest the forwarder's: that of the default route, else the first physical one
    /// that is up; null when there is none}
    public @Nullable String interfaceName() {
        String routes = files.read("/proc/net/route");
        if (routes != null) {
            for (String line : routes.lines().skip(1).toList()) {
                String[] words = line.strip().split("\\s+");
                if (words.length > 7 && words[1].equals("00000000") && words[7].equals("00000000")) {
                    return words[0];
                }
            }
        }
        List<String> physical = files.list("/sys/class/net").stream()
                .filter(name -> files.exists("/sys/class/net/" + name + "/device"))
                .sorted(Comparator.comparing(name -> !"up".equals(files.read("/sys/class/net/" + name + "/operstate"))))
                .toList();
        return physical.isEmpty() ? null : physical.getFirst();
    }

    /// {@return CPUs for workers: near the NIC, one for each core, the first core left to the host where there are
    /// others}
    ///
    /// @param nic   the forwarder's interface, or null
    /// @param most  at most so many
    public List<Integer> cpus(@Nullable String nic, int most) {
        List<Integer> online = files.readCpus(CPUS + "/online");
        List<Integer> candidates = new ArrayList<>(online);
        Long node = nic == null ? null : files.readNumber("/sys/class/net/" + nic + "/device/numa_node");
        if (node != null && node >= 0) {
            List<Integer> near = files.readCpus("/sys/devices/system/node/node" + node + "/cpulist");
            if (!near.isEmpty()) {
                candidates.retainAll(near);
            }
        }
        List<Integer> isolated = new ArrayList<>(files.readCpus(CPUS + "/isolated"));
        isolated.retainAll(candidates);
        List<Integer> cores = firstThreads(isolated.isEmpty() ? candidates : isolated);
        // The host keeps CPU 0's core: interrupts and kernel threads that cannot move live there.
        if (isolated.isEmpty() && cores.size() > 1) {
            cores.removeAll(siblings(0));
        }
        if (cores.isEmpty()) {
            cores = List.of(0);
        }
        return List.copyOf(cores.subList(0, Math.min(cores.size(), Math.max(1, most))));
    }

    private List<Integer> firstThreads(List<Integer> cpus) {
        List<Integer> first = new ArrayList<>();
        for (int cpu : cpus) {
            if (siblings(cpu).stream().noneMatch(first::contains)) {
                first.add(cpu);
            }
        }
        return first;
    }

    private List<Integer> siblings(int cpu) {
        List<Integer> siblings = files.readCpus(CPUS + "/cpu" + cpu + "/topology/thread_siblings_list");
        return siblings.isEmpty() ? List.of(cpu) : siblings;
    }

    /// {@return a properties snippet with the reasons as comments}
    ///
    /// @param interfaceName the interface to plan for, or null for the likeliest
    public String text(@Nullable String interfaceName) {
        String nic = interfaceName == null ? interfaceName() : interfaceName;
        StringBuilder text = new StringBuilder();
        int queuesMax = WORKERS_MAX;
        String driver = "";
        if (nic == null) {
            line(
                    text,
                    "# No default route and no network card to guess by: name the interface that the VIPs' frames arrive on.");
            line(text, "#forwarder.interface=eth1");
        } else {
            line(
                    text,
                    "# "
                            + (interfaceName == null
                                    ? "The interface of the default route, or the only one."
                                    : "As named."));
            try {
                driver = host.nics().name(nic);
                Channels channels = host.nics().channels(nic);
                queuesMax = Math.max(1, channels.receivingMax());
                line(text, "# Driver " + driver + ", at most " + queuesMax + " receive queue(s).");
            } catch (IOException e) {
                line(text, "# " + e.getMessage() + ".");
            }
            line(text, "forwarder.interface=" + nic);
        }
        line(text, "");
        List<Integer> cpus = cpus(nic, Math.min(WORKERS_MAX, queuesMax));
        int online = files.readCpus(CPUS + "/online").size();
        line(
                text,
                "# One worker for each queue, on a core of its own, near the NIC; " + online + " CPU(s) are online.");
        line(text, "forwarder.cpus=" + Host.text(cpus));
        line(text, "");
        line(text, port(driver));
        line(text, "#forwarder.port=auto");
        line(text, "");
        if (online <= 2) {
            line(text, "# Few CPUs: a worker that waits gives its CPU away at once.");
            line(text, "forwarder.idle=block");
        } else if (files.readCpus(CPUS + "/isolated").containsAll(cpus)) {
            line(text, "# The CPUs are isolated: nothing else could use the time that spinning takes.");
            line(text, "forwarder.idle=spin");
        } else {
            line(text, "# Spins while packets come, sleeps when they stop.");
            line(text, "forwarder.idle=adaptive");
        }
        line(text, "");
        long available = memoryAvailable();
        long flows = Math.clamp(Long.highestOneBit(Math.max(1, available / 8 / FLOW_BYTES)), FLOWS_MIN, FLOWS_MAX);
        line(
                text,
                "# At most %d bytes a flow: up to %d MiB of %d MiB available."
                        .formatted(FLOW_BYTES, (flows * FLOW_BYTES) >> 20, available >> 20));
        line(text, "forwarder.flows=" + (flows >= 1 << 20 ? (flows >> 20) + "m" : (flows >> 10) + "k"));
        return text.toString();
    }

    /// {@return the keys of a snippet, in their order}
    ///
    /// @param text from [#text]
    static Map<String, String> keys(String text) {
        Map<String, String> keys = new LinkedHashMap<>();
        for (String line : text.lines().toList()) {
            int equals = line.indexOf('=');
            if (equals > 0 && !line.startsWith("#")) {
                keys.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        return keys;
    }

    private static String port(String driver) {
        if (ZERO_COPY.contains(driver)) {
            return "# " + driver
                    + " is known for AF_XDP without copies; auto takes it when it binds, else packet rings.";
        }
        return driver.isEmpty()
                ? "# The best that binds."
                : "# Nothing is known of AF_XDP without copies on " + driver.toLowerCase(Locale.ROOT)
                        + "; auto tries, and the forwarder says what it got.";
    }

    private long memoryAvailable() {
        String memory = files.read("/proc/meminfo");
        return memory == null
                ? 0
                : memory.lines()
                                .filter(line -> line.startsWith("MemAvailable:"))
                                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                                .findFirst()
                                .orElse(0)
                        * 1024;
    }

    private static void line(StringBuilder text, String line) {
        text.append(line).append('\n');
    }
}
