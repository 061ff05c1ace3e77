package io.penstock.forwarder.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.path.TestPath;
import io.penstock.forwarder.replay.ReplayedPath;
import io.penstock.forwarder.trace.PacketTrace;
import io.penstock.forwarder.trace.TraceFile;
import io.penstock.forwarder.trace.TraceFilter;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The packet path allocates nothing, whatever comes: new and known flows, each tunnel, fragments, answers, drops.
class PathAllocationTest {
    private static final int FRAMES = 20_000;
    private static final int BATCH = 8;
    private static final int KEPT = 128;

    /// @param traced whether an operator looks on at the time
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldAllocateNothingForAnyKindOfFrame(boolean traced) {
        PenstockConfig config = TestPath.config(ReplayModelTest.CONFIG);
        RandomTraffic traffic = new RandomTraffic(config, new SplittableRandom(7));
        byte[][] frames = new byte[FRAMES][];
        for (int i = 0; i < FRAMES; i++) {
            frames[i] = traffic.frame();
        }
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        try (ReplayedPath path = new ReplayedPath(config, 4_096, BATCH);
                Arena arena = Arena.ofConfined()) {
            path.apply(TestPath.snapshotOf(config, 1), 0);
            if (traced) {
                path.worker().trace(trace(path, arena));
            }
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

    private static PacketTrace trace(ReplayedPath path, Arena arena) {
        TraceFile file = new TraceFile(arena.allocate(TraceFile.bytesFor(1, KEPT), 64), 1, 1, KEPT, 0, 0);
        return new PacketTrace(
                path.port().memory(),
                path.path(),
                TraceFilter.ALL,
                file.ring(0),
                new RateLimiter(100_000),
                1,
                arena.allocate((long) KEPT * BATCH),
                BATCH);
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
