package io.penstock.tuning.check;

import io.penstock.control.config.HugePages;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import java.util.List;

/// Huge pages, transparent and reserved, and swapping.
public final class MemoryChecks implements Check {
    private static final String RESERVED = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
    private static final String FREE = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
    private static final String TRANSPARENT = "/sys/kernel/mm/transparent_hugepage/enabled";
    /// Packet memory of one AF_XDP worker: 4,096 chunks of at most 4 KiB.
    private static final int PAGES_PER_WORKER = 8;

    @Override
    public void look(Host host, Target target, List<Finding> findings) {
        reserved(host, target, findings);
        transparent(host, findings);
        swap(host, findings);
    }

    private static void reserved(Host host, Target target, List<Finding> findings) {
        if (target.hugePages() == HugePages.OFF || !target.mayUseXdp()) {
            findings.add(Finding.ok("memory.hugepages", "the configuration uses none"));
            return;
        }
        Long pages = host.files().readNumber(RESERVED);
        Long free = host.files().readNumber(FREE);
        if (pages == null || free == null) {
            findings.add(Finding.unknown("memory.hugepages", RESERVED + " is not readable"));
            return;
        }
        long needed = (long) PAGES_PER_WORKER * target.cpus().size();
        String is = pages + " pages of 2 MiB reserved, " + free + " free";
        // A forwarder that runs already has its pages.
        if (free >= needed || (pages >= needed && free < pages)) {
            findings.add(Finding.ok("memory.hugepages", is));
            return;
        }
        findings.add(new Finding(
                "memory.hugepages",
                target.hugePages() == HugePages.ON ? Level.PROBLEM : Level.ADVICE,
                is,
                needed + " free for " + target.cpus().size() + " worker(s)",
                "Packet memory in small pages costs a TLB miss for most frames. Reserved pages are lost to everything "
                        + "else: %d MiB.".formatted(2 * needed),
                "echo " + (pages - free + needed) + " > " + RESERVED,
                List.of(Setting.file(RESERVED, Long.toString(pages - free + needed)))));
    }

    private static void transparent(Host host, List<Finding> findings) {
        String mode = host.files().readChoice(TRANSPARENT);
        if (mode == null) {
            findings.add(Finding.unknown("memory.thp", TRANSPARENT + " is not readable"));
        } else if (!mode.equals("always")) {
            findings.add(Finding.ok("memory.thp", "transparent huge pages: " + mode));
        } else {
            findings.add(new Finding(
                    "memory.thp",
                    Level.ADVICE,
                    "transparent huge pages: always",
                    "madvise",
                    "The kernel stops threads for milliseconds to assemble huge pages for whatever asks for memory. With "
                            + "madvise those who ask get them, the forwarder among them.",
                    "echo madvise > " + TRANSPARENT,
                    List.of(Setting.file(TRANSPARENT, "madvise"))));
        }
    }

    private static void swap(Host host, List<Finding> findings) {
        String swaps = host.files().read("/proc/swaps");
        if (swaps == null) {
            findings.add(Finding.unknown("memory.swap", "/proc/swaps is not readable"));
        } else if (swaps.lines().count() <= 1) {
            findings.add(Finding.ok("memory.swap", "no swap"));
        } else {
            findings.add(new Finding(
                    "memory.swap",
                    Level.ADVICE,
                    "the host swaps to "
                            + swaps.lines()
                                    .skip(1)
                                    .map(line -> line.split("\\s+")[0])
                                    .toList(),
                    "off, or LimitMEMLOCK with locked memory",
                    "A flow table that was swapped out stops its worker for milliseconds at each missing page.",
                    "swapoff -a",
                    List.of()));
        }
    }
}
