package io.penstock.tuning.check;

import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which CPU takes the interrupts of which receive queue.
public final class InterruptChecks implements Check {
    private static final String ID = "irq.affinity";
    // eth1-TxRx-3, i40e-eth1-TxRx-3, eth1-rx-3, virtio2-input.3, mlx5_comp3@pci:0000:01:00.0, ens5-Tx-Rx-3, eth1-3
    private static final Pattern QUEUE =
            Pattern.compile("(?i)(?:tx-?rx-|(?<![a-z])rx-|input\\.|comp|queue-?)([0-9]{1,4})");
    private static final Pattern LAST_NUMBER = Pattern.compile("-([0-9]{1,4})$");

    @Override
    public void look(Host host, Target target, List<Finding> findings) {
        balancer(host, findings);
        String nic = target.nic();
        if (nic == null) {
            return;
        }
        if (!host.files().exists("/sys/class/net/" + nic + "/device")) {
            findings.add(Finding.ok(ID, nic + " is a virtual device without interrupts of its own"));
            return;
        }
        Map<Integer, Integer> queues = interrupts(host.files(), nic);
        if (queues.isEmpty()) {
            findings.add(Finding.unknown(ID, "/proc/interrupts names no receive queue of " + nic));
            return;
        }
        List<String> is = new ArrayList<>();
        List<String> commands = new ArrayList<>();
        List<Setting> changes = new ArrayList<>();
        queues.forEach((queue, interrupt) -> {
            int cpu = target.cpus().get(queue % target.cpus().size());
            String path = "/proc/irq/" + interrupt + "/smp_affinity_list";
            List<Integer> now = host.files().readCpus(path);
            if (!now.equals(List.of(cpu))) {
                is.add("queue " + queue + " (IRQ " + interrupt + ") on CPU " + (now.isEmpty() ? "?" : Host.text(now))
                        + " instead of " + cpu);
                commands.add("echo " + cpu + " > " + path);
                changes.add(Setting.file(path, Integer.toString(cpu)));
            }
        });
        if (is.isEmpty()) {
            findings.add(Finding.ok(ID, nic + ": each receive queue interrupts the CPU of its worker"));
            return;
        }
        findings.add(new Finding(
                ID,
                Level.ADVICE,
                nic + ": " + String.join("; ", is),
                "each queue on the CPU of the worker that reads it",
                "The driver's half of receiving runs where the interrupt arrives: elsewhere, each frame crosses from one "
                        + "CPU's cache into another's, and a busy worker is preempted by queues that are not its own.",
                String.join("; ", commands),
                changes));
    }

    private static void balancer(Host host, List<Finding> findings) {
        boolean runs = host.files().list("/proc").stream()
                .filter(name -> name.matches("[0-9]+"))
                .anyMatch(pid -> "irqbalance".equals(host.files().read("/proc/" + pid + "/comm")));
        if (runs) {
            findings.add(new Finding(
                    "irq.balance",
                    Level.ADVICE,
                    "irqbalance runs",
                    "stopped, or told to leave the NIC alone",
                    "It moves interrupts every 10 s, away from the workers' CPUs.",
                    "systemctl disable --now irqbalance",
                    List.of()));
        } else {
            findings.add(Finding.ok("irq.balance", "no irqbalance moves interrupts"));
        }
    }

    /// {@return the interrupt of each receive queue}
    private static Map<Integer, Integer> interrupts(HostFiles files, String nic) {
        String table = files.read("/proc/interrupts");
        // A virtio device's interrupts carry its own name, a PCI device's that of the interface or the bus address.
        String device = files.linkName("/sys/class/net/" + nic + "/device");
        Map<Integer, Integer> queues = new TreeMap<>();
        List<String> lines = table == null ? List.of() : table.lines().toList();
        for (String line : lines) {
            int colon = line.indexOf(':');
            String[] words = line.strip().split("\\s+");
            String name = words[words.length - 1];
            boolean ours = name.matches(".*(?<![A-Za-z0-9])" + Pattern.quote(nic) + "(?![A-Za-z0-9]).*")
                    || (!device.isEmpty()
                            && name.matches(".*(?<![A-Za-z0-9])" + Pattern.quote(device) + "(?![0-9]).*"));
            if (colon < 0 || !ours) {
                continue;
            }
            String number = line.substring(0, colon).strip();
            Matcher queue = QUEUE.matcher(name);
            Matcher last = LAST_NUMBER.matcher(name);
            if (!number.matches("[0-9]{1,6}")) {
                continue;
            }
            if (queue.find()) {
                queues.put(Integer.valueOf(queue.group(1)), Integer.valueOf(number));
            } else if (!name.toLowerCase(java.util.Locale.ROOT).contains("tx") && last.find()) {
                queues.put(Integer.valueOf(last.group(1)), Integer.valueOf(number));
            }
        }
        return queues;
    }
}
