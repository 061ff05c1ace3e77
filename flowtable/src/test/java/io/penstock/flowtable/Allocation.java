package io.penstock.flowtable;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.management.ManagementFactory;

/// Asserts that something allocates nothing once it is warm.
final class Allocation {
    private static final int ROUNDS = 20;

    private Allocation() {}

    static void assertNone(String what, Runnable round) {
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        for (int i = 0; i < ROUNDS; i++) { // The JIT may allocate in any one round, not in all of them.
            long before = thread.getCurrentThreadAllocatedBytes();
            round.run();
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, () -> "bytes allocated by a round of " + what);
    }
}
