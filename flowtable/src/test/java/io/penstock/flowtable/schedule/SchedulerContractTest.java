package io.penstock.flowtable.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.flowtable.schedule.Schedulers.Kind;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.random.RandomGenerator;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What every scheduler holds to, whatever its kind. Shows S2-38, S2-39, S2-55, S2-56: only the pool's backends, and
/// only usable ones are in a pool.
class SchedulerContractTest {
    private static final FlowCounts NONE = row -> 0;

    @ParameterizedTest
    @EnumSource
    void shouldSayWhenThePoolIsEmpty(Kind kind) {
        Scheduler scheduler = Schedulers.create(kind, Pool.EMPTY, NONE, null);
        assertEquals(Scheduler.EMPTY, scheduler.choose(1, 2, Admission.ALL));
        assertEquals(Scheduler.EMPTY, scheduler.peek(1, 2, Admission.ALL));
    }

    @ParameterizedTest
    @EnumSource
    void shouldSayWhenAllBackendsRefuse(Kind kind) {
        Scheduler scheduler = Schedulers.create(kind, Pools.of(1, 2, 3), NONE, null);
        assertEquals(Scheduler.FULL, scheduler.choose(1, 2, row -> false));
        assertEquals(Scheduler.FULL, scheduler.peek(1, 2, row -> false));
    }

    @ParameterizedTest
    @EnumSource
    void shouldFindTheOneThatDoesNotRefuse(Kind kind) {
        int[] weights = new int[300];
        Arrays.setAll(weights, i -> i == 0 ? Pool.WEIGHT_MAX : 1 + i % 7);
        Scheduler scheduler = Schedulers.create(kind, Pools.of(weights), NONE, null);
        for (int i = 0; i < 300; i++) {
            int only = i;
            Admission admission = row -> row == Pools.FIRST_ROW + only;
            assertEquals(only, scheduler.peek(i * 7919L, i, admission));
            assertEquals(only, scheduler.choose(i * 7919L, i, admission));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldChooseTheOnlyBackend(Kind kind) {
        Scheduler scheduler = Schedulers.create(kind, Pools.of(7), NONE, null);
        for (int i = 0; i < 10; i++) {
            assertEquals(0, scheduler.choose(i, i, Admission.ALL));
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldGoOnFromAnyOtherKind(Kind kind) {
        for (Kind previous : Kind.values()) {
            Scheduler old = Schedulers.create(previous, Pools.equal(3), NONE, null);
            old.choose(1, 2, Admission.ALL);
            int index = Schedulers.create(kind, Pools.equal(5), NONE, old).choose(1, 2, Admission.ALL);
            assertTrue(index >= 0 && index < 5);
            assertEquals(
                    Scheduler.EMPTY,
                    Schedulers.create(kind, Pool.EMPTY, NONE, old).choose(1, 2, Admission.ALL));
        }
        Scheduler empty = Schedulers.create(kind, Pool.EMPTY, NONE, null);
        assertTrue(Schedulers.create(kind, Pools.equal(5), NONE, empty).choose(1, 2, Admission.ALL) >= 0);
    }

    /// A million operations: flows come and go, backends refuse, the pool changes. What is chosen is always in the
    /// pool and admitted, FULL means that all refuse, and peek foretells choose.
    @ParameterizedTest
    @EnumSource
    void shouldHoldThroughAMillionRandomOperations(Kind kind) {
        RandomGenerator random = Seeds.random(kind + ": shouldHoldThroughAMillionRandomOperations");
        long[] flows = new long[Pools.FIRST_ROW + 16];
        FlowCounts counts = row -> flows[row];
        BitSet refusing = new BitSet();
        Admission admission = row -> !refusing.get(row);
        Pool pool = Pools.of(3, 1, 2);
        Scheduler scheduler = Schedulers.create(kind, pool, counts, null);
        MaglevBuilder builder = new MaglevBuilder();
        for (int operation = 0; operation < 1_000_000; operation++) {
            int what = random.nextInt(10_000);
            int row = Pools.FIRST_ROW + random.nextInt(16);
            if (what == 0) {
                pool = randomPool(random);
                scheduler = Schedulers.create(kind, pool, counts, scheduler, builder);
            } else if (what < 500) {
                refusing.set(row, random.nextInt(3) == 0);
            } else if (what < 4000) {
                flows[row] = Math.max(0, flows[row] - 1);
            } else {
                long hash = random.nextLong();
                int foretold = scheduler.peek(hash, hash + 1, admission);
                int index = scheduler.choose(hash, hash + 1, admission);
                assertEquals(foretold, index);
                if (index == Scheduler.FULL) {
                    for (int i = 0; i < pool.size(); i++) {
                        assertTrue(refusing.get(pool.row(i)));
                    }
                } else {
                    assertTrue(!refusing.get(pool.row(index)));
                    flows[pool.row(index)]++;
                }
            }
        }
    }

    private static Pool randomPool(RandomGenerator random) {
        int[] backends =
                random.ints(0, 16).distinct().limit(1 + random.nextInt(16)).toArray();
        return Pools.pick(backends, random.ints(backends.length, 1, 20).toArray());
    }

    @ParameterizedTest
    @EnumSource
    void shouldServeFourThreadsAtOnce(Kind kind) throws InterruptedException {
        int threads = 4;
        int each = 50_000;
        AtomicLongArray flows = new AtomicLongArray(Pools.FIRST_ROW + 16);
        Scheduler scheduler = Schedulers.create(kind, Pools.of(1, 2, 3, 4), flows::get, null);
        CountDownLatch started = new CountDownLatch(threads);
        Thread[] workers = new Thread[threads];
        for (int t = 0; t < threads; t++) {
            RandomGenerator random = Seeds.of(t);
            workers[t] = new Thread(() -> {
                started.countDown();
                for (int i = 0; i < each; i++) {
                    int index = scheduler.choose(random.nextLong(), random.nextLong(), Admission.ALL);
                    flows.incrementAndGet(Pools.FIRST_ROW + index);
                }
            });
            workers[t].start();
        }
        for (Thread worker : workers) {
            worker.join();
        }
        double all = 1.0 * threads * each;
        for (int i = 0; i < 4; i++) {
            double share = kind == Kind.WRR || kind == Kind.LC ? 0.25 : (1 + i) / 10.0;
            // A rotation is exact; a hash spreads like dice; fewest-flows is off by what the other threads have
            // placed unseen: one each, and one more while a choice is being made.
            double error = switch (kind) {
                case WRR, SWRR -> 0;
                case LC, WLC -> 2 * threads;
                case MH, SH -> 6 * Math.sqrt(all * share);
            };
            assertEquals(all * share, (double) flows.get(Pools.FIRST_ROW + i), error, "backend " + i);
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldNotAllocate(Kind kind) {
        long[] flows = new long[Pools.FIRST_ROW + 16];
        Admission admission = row -> row != Pools.FIRST_ROW + 1;
        Scheduler first = Schedulers.create(kind, Pools.only(0, 1, 2), row -> flows[row], null);
        // With newcomers for lc and wlc.
        Arrays.fill(flows, Pools.FIRST_ROW, Pools.FIRST_ROW + 3, 1_000_000);
        Scheduler scheduler = Schedulers.create(kind, Pools.only(0, 1, 2, 3, 4), row -> flows[row], first);
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        long hash = 1;
        for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
            long before = thread.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 10_000; i++) {
                hash = hash * 6_364_136_223_846_793_005L + 1;
                flows[Pools.FIRST_ROW + scheduler.choose(hash, ~hash, admission)]++;
                scheduler.peek(hash, ~hash, admission);
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, "bytes allocated by 10,000 choices");
    }
}
