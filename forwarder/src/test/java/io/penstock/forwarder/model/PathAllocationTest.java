package io.penstock.forwarder.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.TestPath;
import io.penstock.forwarder.replay.ReplayedPath;
import java.lang.management.ManagementFactory;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// The packet path allocates nothing, whatever comes: new and known flows, each tunnel, fragments, answers, drops.
class PathAllocationTest {
    private static final int FRAMES = 20_000;
    private static final int BATCH = 8;

    @Test
    void shouldAllocateNothingForAnyKindOfFrame() {
        PenstockConfig config = TestPath.config(ReplayModelTest.CONFIG);
        RandomTraffic traffic = new RandomTraffic(config, new SplittableRandom(7));
        byte[][] frames = new byte[FRAMES][];
        for (int i = 0; i < FRAMES; i++) {
            frames[i] = traffic.frame();
        }
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        try (ReplayedPath path = new ReplayedPath(config, 4_096, BATCH)) {
            path.apply(TestPath.snapshotOf(config, 1), 0);
            long nowNs = 1L << 40;
            for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
                long before = thread.getCurrentThreadAllocatedBytes();
                nowNs = run(path, frames, nowNs);
                fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
            }
            for (WorkerCounter counter : new WorkerCounter[] {
                WorkerCounter.FORWARDED,
                WorkerCounter.FLOWS_CREATED,
                WorkerCounter.FLOWS_EXPIRED,
                WorkerCounter.REPLIED,
                WorkerCounter.FRAGMENTS,
                WorkerCounter.ICMP_RELAYED,
                WorkerCounter.DROP_FRAGMENT_TIMEOUT,
                WorkerCounter.DROP_MALFORMED
            }) {
                assertTrue(path.counters().get(counter) > 20, counter + " was not exercised");
            }
        }
        assertEquals(0, fewest, "bytes allocated for " + FRAMES + " frames");
    }

    private static long run(ReplayedPath path, byte[][] frames, long startNs) {
        long nowNs = startNs;
        for (int i = 0; i < frames.length; i += BATCH) {
            nowNs += 60_000_000;
            path.setTime(nowNs);
            for (int j = 0; j < BATCH; j++) {
                path.port().offer(frames[i + j]);
            }
            path.worker().doWork();
            path.port().discard();
        }
        return nowNs;
    }
}
