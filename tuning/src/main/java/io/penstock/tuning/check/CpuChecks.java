package io.penstock.tuning.check;

import io.penstock.control.config.IdleMode;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The workers' CPUs: there, undisturbed, awake, at full speed, near the NIC, with a core of their own.
public final class CpuChecks implements Check {
    private static final String CPUS = "/sys/devices/system/cpu";
    private static final int EXIT_LATENCY_MAX_US = 20;

    @Override
    public void look(Host host, Target target, List<Finding> findings) {
        HostFiles files = host.files();
        List<Integer> online = files.readCpus(CPUS + "/online");
        if (online.isEmpty()) {
            findings.add(Finding.unknown("cpu", CPUS + "/online is not readable"));
            return;
        }
        List<Integer> missing =
                target.cpus().stream().filter(cpu -> !online.contains(cpu)).toList();
        if (!missing.isEmpty()) {
            findings.add(new Finding(
                    "cpu.online",
                    Level.PROBLEM,
                    "CPU " + Host.text(missing) + " of forwarder.cpus is not online; online are "
                            + files.read(CPUS + "/online"),
                    "CPUs that are there",
                    "A worker cannot be pinned to a CPU that is not there: the forwarder refuses to start.",
                    "penstock tune plan",
                    List.of()));
        } else {
            findings.add(Finding.ok("cpu.online", "CPU " + target.cpuList() + " of " + online.size() + " online"));
        }
        isolation(files, target, online, findings);
        tick(files, target, online, findings);
        siblings(files, target, findings);
        numa(files, target, findings);
        governor(files, target, findings);
        sleep(files, target, findings);
    }

    private static void isolation(HostFiles files, Target target, List<Integer> online, List<Finding> findings) {
        if (online.size() <= target.cpus().size()) {
            findings.add(new Finding(
                    "cpu.isolated",
                    Level.ADVICE,
                    "workers have all " + online.size() + " CPU(s)",
                    "at least one CPU for the host",
                    "The kernel, the sidecar and SSH take turns with the workers; each turn is a few milliseconds in which "
                            + "a queue fills.",
                    "fewer CPUs in forwarder.cpus, or forwarder.idle=block",
                    List.of()));
            return;
        }
        List<Integer> isolated = files.readCpus(CPUS + "/isolated");
        List<Integer> shared =
                target.cpus().stream().filter(cpu -> !isolated.contains(cpu)).toList();
        if (shared.isEmpty()) {
            findings.add(Finding.ok("cpu.isolated", "CPU " + target.cpuList() + " belongs to the workers alone"));
        } else {
            findings.add(new Finding(
                    "cpu.isolated",
                    Level.ADVICE,
                    "CPU " + Host.text(shared) + " is shared with everything else on this host",
                    "isolated",
                    "The scheduler may put any process there; a worker then waits milliseconds for its turn. Isolated CPUs "
                            + "are lost to everything else.",
                    "isolcpus=managed_irq,domain," + target.cpuList() + " on the kernel's command line",
                    List.of()));
        }
    }

    private static void tick(HostFiles files, Target target, List<Integer> online, List<Finding> findings) {
        if (online.size() <= target.cpus().size()) {
            return;
        }
        List<Integer> tickless = files.readCpus(CPUS + "/nohz_full");
        if (tickless.containsAll(target.cpus())) {
            findings.add(Finding.ok("cpu.nohz_full", "no timer tick on CPU " + target.cpuList()));
        } else if (!files.exists(CPUS + "/nohz_full")) {
            findings.add(Finding.unknown("cpu.nohz_full", "this kernel was built without full tickless CPUs"));
        } else {
            findings.add(new Finding(
                    "cpu.nohz_full",
                    Level.ADVICE,
                    "the timer ticks on the workers' CPUs",
                    "nohz_full",
                    "Each tick stops a worker for some microseconds, 100 to 1000 times a second: seen only in the highest "
                            + "percentiles of latency.",
                    "nohz_full=%s rcu_nocbs=%s on the kernel's command line"
                            .formatted(target.cpuList(), target.cpuList()),
                    List.of()));
        }
    }

    private static void siblings(HostFiles files, Target target, List<Finding> findings) {
        List<String> pairs = new ArrayList<>();
        boolean read = false;
        for (int cpu : target.cpus()) {
            List<Integer> siblings = files.readCpus(CPUS + "/cpu" + cpu + "/topology/thread_siblings_list");
            read |= !siblings.isEmpty();
            for (int sibling : siblings) {
                if (sibling > cpu && target.cpus().contains(sibling)) {
                    pairs.add(cpu + " and " + sibling);
                }
            }
        }
        if (!read) {
            findings.add(Finding.unknown("cpu.smt", "the topology of CPU " + target.cpuList() + " is not readable"));
        } else if (pairs.isEmpty()) {
            findings.add(Finding.ok("cpu.smt", "each worker has a core of its own"));
        } else {
            findings.add(new Finding(
                    "cpu.smt",
                    Level.ADVICE,
                    "workers share cores: CPU " + String.join("; ", pairs),
                    "one worker for each core",
                    "Two hardware threads share one core's caches and execution units: together they forward less than "
                            + "two cores, and each one's latency depends on the other.",
                    "penstock tune plan",
                    List.of()));
        }
    }

    private static void numa(HostFiles files, Target target, List<Finding> findings) {
        String nic = target.nic();
        if (nic == null) {
            return;
        }
        Long node = files.readNumber("/sys/class/net/" + nic + "/device/numa_node");
        if (node == null || node < 0) {
            boolean one = files.readCpus("/sys/devices/system/node/online").size() == 1;
            findings.add(
                    one
                            ? Finding.ok("cpu.numa", "the host has one NUMA node")
                            : Finding.unknown("cpu.numa", "the NUMA node of " + nic + " is not known"));
            return;
        }
        List<Integer> near = files.readCpus("/sys/devices/system/node/node" + node + "/cpulist");
        List<Integer> far =
                target.cpus().stream().filter(cpu -> !near.contains(cpu)).toList();
        if (far.isEmpty()) {
            findings.add(Finding.ok("cpu.numa", nic + " and its workers are on NUMA node " + node));
        } else {
            findings.add(new Finding(
                    "cpu.numa",
                    Level.ADVICE,
                    "CPU " + Host.text(far) + " is not on NUMA node " + node + ", where " + nic + " is",
                    "CPUs of " + Host.text(near),
                    "Every descriptor and every frame crosses the link between the sockets.",
                    "penstock tune plan",
                    List.of()));
        }
    }

    private static void governor(HostFiles files, Target target, List<Finding> findings) {
        List<Setting> changes = new ArrayList<>();
        @Nullable String found = null;
        for (int cpu : target.cpus()) {
            String path = CPUS + "/cpu" + cpu + "/cpufreq/scaling_governor";
            String governor = files.read(path);
            if (governor != null) {
                found = governor;
                if (!governor.equals("performance")) {
                    changes.add(Setting.file(path, "performance"));
                }
            }
        }
        if (found == null) {
            findings.add(Finding.unknown(
                    "cpu.governor", "the host does not let Linux choose frequencies (a virtual machine, or firmware)"));
        } else if (changes.isEmpty()) {
            findings.add(Finding.ok("cpu.governor", "CPU " + target.cpuList() + ": performance"));
        } else {
            findings.add(new Finding(
                    "cpu.governor",
                    Level.ADVICE,
                    changes.size() + " of the workers' CPUs do not run at full speed (" + found + ")",
                    "performance",
                    "A worker that waits looks idle and is slowed down, and the next burst meets a slow CPU. Costs power.",
                    "cpupower -c " + target.cpuList() + " frequency-set -g performance",
                    changes));
        }
    }

    private static void sleep(HostFiles files, Target target, List<Finding> findings) {
        if (target.idle() == IdleMode.SPIN) {
            findings.add(Finding.ok("cpu.c-states", "workers never sleep: forwarder.idle=spin"));
            return;
        }
        List<Setting> changes = new ArrayList<>();
        String deepest = "";
        boolean read = false;
        for (int cpu : target.cpus()) {
            String folder = CPUS + "/cpu" + cpu + "/cpuidle";
            for (String state : files.list(folder)) {
                Long latency = files.readNumber(folder + "/" + state + "/latency");
                Long disabled = files.readNumber(folder + "/" + state + "/disable");
                read |= latency != null;
                if (latency != null && latency > EXIT_LATENCY_MAX_US && disabled != null && disabled == 0) {
                    deepest = files.read(folder + "/" + state + "/name") + " takes " + latency + " us to wake";
                    changes.add(Setting.file(folder + "/" + state + "/disable", "1"));
                }
            }
        }
        if (!read) {
            findings.add(Finding.unknown("cpu.c-states", "the host shows no sleep states of its CPUs"));
        } else if (changes.isEmpty()) {
            findings.add(Finding.ok(
                    "cpu.c-states", "no sleep state that takes longer than " + EXIT_LATENCY_MAX_US + " us to wake"));
        } else {
            findings.add(new Finding(
                    "cpu.c-states",
                    Level.ADVICE,
                    "the workers' CPUs may sleep deeply: " + deepest,
                    "states of at most " + EXIT_LATENCY_MAX_US + " us",
                    "The first packet after a pause waits that long. Without the deep states the CPUs draw more power.",
                    "cpupower -c " + target.cpuList() + " idle-set -D " + EXIT_LATENCY_MAX_US,
                    changes));
        }
    }
}
