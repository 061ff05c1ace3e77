package io.penstock.forwarder.stress;

import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.testing.Jcstress;
import java.util.BitSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The jcstress tests of this module.
@Tag("slow")
class StressTest {
    private static final int CPUS_MAX = 8192; // The kernel leaves out those that there are not.

    @Test
    void shouldSeeNoForbiddenOutcome() throws Exception {
        // Forwarders that ran in this JVM keep its threads off their workers' CPUs, and a child inherits that.
        BitSet all = new BitSet();
        all.set(0, CPUS_MAX);
        CpuAffinity.set(all);

        Jcstress.run(3, 120);
    }
}
