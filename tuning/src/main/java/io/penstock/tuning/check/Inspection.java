package io.penstock.tuning.check;

import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Target;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// All checks.
public final class Inspection {
    private static final List<Check> CHECKS =
            List.of(new NicChecks(), new InterruptChecks(), new KernelChecks(), new MemoryChecks(), new CpuChecks());

    private Inspection() {}

    /// {@return what was found, the worst first}
    public static List<Finding> look(Host host, Target target) {
        List<Finding> findings = new ArrayList<>();
        CHECKS.forEach(check -> check.look(host, target, findings));
        findings.sort(Comparator.comparing(Finding::level));
        return findings;
    }
}
