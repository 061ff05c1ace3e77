package io.penstock.forwarder.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.flowtable.schedule.Pool;
import io.penstock.flowtable.schedule.RotationScheduler;
import io.penstock.forwarder.path.BackendRecords;
import io.penstock.forwarder.path.ListenerTable;
import io.penstock.forwarder.path.LiveListener;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.path.StatelessWindow;
import io.penstock.forwarder.worker.TableInForce;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/// What others see of what one thread publishes: workers of the conductor's tables, tools of a worker's counters.
public final class PublicationStress {
    private PublicationStress() {}

    /// The conductor describes a backend, then puts a table in force that leads to it.
    @JCStressTest
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "before the change")
    @Outcome(id = "0, 7, 0", expect = ACCEPTABLE, desc = "the backend is described, nothing leads to it yet")
    @Outcome(id = "1, 7, 1", expect = ACCEPTABLE, desc = "the table, whole, and the backend it leads to")
    @Outcome(expect = FORBIDDEN, desc = "a table that is not whole, or a backend not described")
    @State
    public static class PublishTable {
        private static final int ADDRESS = 0xcb00_710a;
        private static final int ROW = 0;
        private static final int IDLE_TICKS = 7;
        private static final LiveListener LISTENER = listener();
        // Its map of 65536 ports is used again by the table under test: with one of its own, few would be made.
        private static final ListenerTable FIRST =
                new ListenerTable.Builder().add(0, LISTENER).build();

        private final BackendRecords records = new BackendRecords(Room.ofOne());
        private final TableInForce inForce = new TableInForce();

        private static LiveListener listener() {
            try {
                ListenerConfig config =
                        ConfigLoader.parse("""
                                forwarder.interface=none
                                listener.web.vip=203.0.113.10
                                listener.web.protocol=tcp
                                listener.web.ports=80
                                listener.web.health=none
                                listener.web.backend.a=10.0.0.11
                                """, "stress").config().listeners().get(0);
                Pool pool = Pool.of(new int[] {ROW}, new int[] {1}, new long[] {1});
                return new LiveListener(
                        config,
                        true,
                        new RotationScheduler(pool, null),
                        null,
                        new RateLimiter(0),
                        new StatelessWindow(),
                        1);
            } catch (ConfigException e) {
                throw new AssertionError(e);
            }
        }

        /// The conductor.
        @Actor
        public void conductor() {
            records.describe(ROW, 1, BackendRecords.IN_USE, 0, IDLE_TICKS, 0, 1, 0);
            inForce.publish(new ListenerTable.Builder(FIRST).add(0, LISTENER).build());
        }

        /// A worker, at the start of a cycle.
        @Actor
        public void worker(III_Result result) {
            ListenerTable table = inForce.get();
            result.r1 = table == ListenerTable.EMPTY ? 0 : 1;
            int vip = table.vip4(ADDRESS);
            result.r2 = records.idleTicks(ROW);
            result.r3 = vip == ListenerTable.NONE || table.listener(vip, 0, 80) != LISTENER ? 0 : 1;
        }
    }

    /// A worker's counters, as its status file shows them.
    public abstract static class Counted {
        final MemorySegment published = MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]);
        final WorkerCounters counters = new WorkerCounters(published);

        Counted() {}

        final void countAndPublish() {
            counters.add(WorkerCounter.RECEIVED.id(), 2);
            counters.add(WorkerCounter.FORWARDED.id(), 1);
            counters.add(WorkerCounter.DROP_TTL.id(), 1);
            counters.publish();
        }
    }

    /// The sum of all is published last: after a kill in between it lags and can be mended upwards.
    @JCStressTest
    @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "before the batch")
    @Outcome(id = "2, 1, 1", expect = ACCEPTABLE, desc = "after it")
    @Outcome(id = "0, 1, 0", expect = ACCEPTABLE, desc = "the sum lags")
    @Outcome(id = "0, 0, 1", expect = ACCEPTABLE, desc = "the sum lags")
    @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "the sum lags")
    @Outcome(expect = FORBIDDEN, desc = "more received than is accounted for, or half a number")
    @State
    public static class PublishCounters extends Counted {
        /// The worker.
        @Actor
        public void worker() {
            countAndPublish();
        }

        /// Reads one after the other, the sum first.
        @Actor
        public void reader(III_Result result) {
            result.r1 = (int) counters.published(WorkerCounter.RECEIVED);
            result.r2 = (int) counters.published(WorkerCounter.FORWARDED);
            result.r3 = (int) counters.published(WorkerCounter.DROP_TTL);
        }
    }

    /// All counters at once, as tools read them: whatever is seen, the sum holds.
    @JCStressTest
    @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "before the first batch")
    @Outcome(id = "2, 2", expect = ACCEPTABLE, desc = "after it")
    @Outcome(id = "4, 4", expect = ACCEPTABLE, desc = "after the second one")
    @Outcome(
            id = {"1, 1", "3, 3"},
            expect = ACCEPTABLE,
            desc = "the worker was held up while it published, as by a kill: the sum of what is there")
    @Outcome(expect = FORBIDDEN, desc = "a sum that does not hold")
    @State
    public static class ReadCounters extends Counted {
        /// The worker.
        @Actor
        public void worker() {
            countAndPublish();
            countAndPublish();
        }

        /// A tool.
        @Actor
        public void reader(II_Result result) {
            Map<WorkerCounter, Long> values = WorkerCounters.read(published);
            result.r1 = count(values, WorkerCounter.RECEIVED);
            result.r2 = count(values, WorkerCounter.FORWARDED) + count(values, WorkerCounter.DROP_TTL);
        }

        private static int count(Map<WorkerCounter, Long> values, WorkerCounter counter) {
            return Math.toIntExact(values.getOrDefault(counter, -1L));
        }
    }

    /// Records for as many tests as are under way at once, and far more: memory outside the heap is slow to come by.
    private static final class Room {
        private static final int COUNT = 1 << 18;
        private static final MemorySegment RECORDS =
                Arena.global().allocate((long) COUNT * BackendRecords.RECORD_LENGTH, BackendRecords.RECORD_LENGTH);
        private static final AtomicInteger NEXT = new AtomicInteger();

        static MemorySegment ofOne() {
            long at = (long) (NEXT.getAndIncrement() & (COUNT - 1)) * BackendRecords.RECORD_LENGTH;
            return RECORDS.asSlice(at, BackendRecords.RECORD_LENGTH).fill((byte) 0);
        }
    }
}
