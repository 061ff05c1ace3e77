package io.penstock.flowtable.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.penstock.flowtable.AffinityTable;
import java.lang.foreign.MemorySegment;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/// What workers that share an affinity table may get when they ask at once.
public final class AffinityTableStress {
    private static final long CLIENT = 0x1234_5678_0000_0000L; // one window, so the low bits do not matter
    private static final long OTHER = 0x1234_5679_0000_0000L;
    private static final int NOW = 1000;
    private static final int TIMEOUT_TICKS = 100;

    private AffinityTableStress() {}

    /// A table of one window.
    public abstract static class Clients {
        final MemorySegment memory = MemorySegment.ofArray(new long[(int) AffinityTable.bytesFor(4) / Long.BYTES]);
        final AffinityTable table = new AffinityTable(memory, 4);

        Clients() {}

        final int place(int backend) {
            return table.putIfAbsent(CLIENT, backend, 0, NOW, TIMEOUT_TICKS);
        }

        final void fill(int slots, int ticks) {
            for (int i = 0; i < slots; i++) {
                table.put(i + 1, 100 + i, 0, ticks + i);
            }
        }
    }

    /// Two workers place the same client at once.
    @JCStressTest
    @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "the first worker's choice, for both and later")
    @Outcome(id = "2, 2, 2", expect = ACCEPTABLE, desc = "the second worker's choice, for both and later")
    @Outcome(expect = FORBIDDEN, desc = "they do not agree, or what they agreed on is not kept")
    @State
    public static class PlaceTheSame extends Clients {
        /// Chooses backend 1.
        @Actor
        public void first(III_Result result) {
            result.r1 = place(1);
        }

        /// Chooses backend 2.
        @Actor
        public void second(III_Result result) {
            result.r2 = place(2);
        }

        /// Comes later.
        @Arbiter
        public void later(III_Result result) {
            result.r3 = table.find(CLIENT, NOW, TIMEOUT_TICKS);
        }
    }

    /// The same in a full window, where each must displace somebody.
    @JCStressTest
    @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "the first worker's choice, for both and later")
    @Outcome(id = "2, 2, 2", expect = ACCEPTABLE, desc = "the second worker's choice, for both and later")
    @Outcome(expect = FORBIDDEN, desc = "they do not agree, or what they agreed on is not kept")
    @State
    public static class PlaceTheSameInAFullWindow extends Clients {
        {
            fill(8, NOW - 20);
        }

        /// Chooses backend 1.
        @Actor
        public void first(III_Result result) {
            result.r1 = place(1);
        }

        /// Chooses backend 2.
        @Actor
        public void second(III_Result result) {
            result.r2 = place(2);
        }

        /// Comes later.
        @Arbiter
        public void later(III_Result result) {
            result.r3 = table.find(CLIENT, NOW, TIMEOUT_TICKS);
        }
    }

    /// The same client again after its time ran out.
    @JCStressTest
    @Outcome(id = "1, 1, 1", expect = ACCEPTABLE, desc = "the first worker's choice, for both and later")
    @Outcome(id = "2, 2, 2", expect = ACCEPTABLE, desc = "the second worker's choice, for both and later")
    @Outcome(expect = FORBIDDEN, desc = "they do not agree, or what they agreed on is not kept")
    @State
    public static class PlaceAnExpiredOne extends Clients {
        {
            table.put(CLIENT, 9, 0, NOW - TIMEOUT_TICKS - 1);
        }

        /// Chooses backend 1.
        @Actor
        public void first(III_Result result) {
            result.r1 = place(1);
        }

        /// Chooses backend 2.
        @Actor
        public void second(III_Result result) {
            result.r2 = place(2);
        }

        /// Comes later.
        @Arbiter
        public void later(III_Result result) {
            result.r3 = table.find(CLIENT, NOW, TIMEOUT_TICKS);
        }
    }

    /// Two workers find that a client's backend is gone.
    @JCStressTest
    @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "the first worker's choice")
    @Outcome(id = "2, 2", expect = ACCEPTABLE, desc = "the second worker's choice")
    @Outcome(expect = FORBIDDEN, desc = "they do not agree")
    @State
    public static class Replace extends Clients {
        {
            table.put(CLIENT, 9, 0, NOW);
        }

        /// Chooses backend 1 instead.
        @Actor
        public void first(II_Result result) {
            result.r1 = table.replace(CLIENT, AffinityTable.backend(9, 0), 1, 0, NOW);
        }

        /// Chooses backend 2 instead.
        @Actor
        public void second(II_Result result) {
            result.r2 = table.replace(CLIENT, AffinityTable.backend(9, 0), 2, 0, NOW);
        }
    }

    /// A slot goes from one client to another while a worker looks both up.
    @JCStressTest
    @Outcome(id = "9, -1", expect = ACCEPTABLE, desc = "the old client")
    @Outcome(id = "-1, 2", expect = ACCEPTABLE, desc = "the new client")
    @Outcome(id = "-1, -1", expect = ACCEPTABLE, desc = "between the two")
    @Outcome(id = "9, 2", expect = ACCEPTABLE, desc = "the old client, then the new one")
    @Outcome(expect = FORBIDDEN, desc = "a client with another one's backend")
    @State
    public static class Displace extends Clients {
        {
            fill(7, NOW);
            table.put(OTHER, 9, 0, NOW - 50); // the oldest
        }

        /// Displaces the oldest.
        @Actor
        public void writer() {
            table.put(CLIENT, 2, 0, NOW);
        }

        /// Looks for both.
        @Actor
        public void reader(II_Result result) {
            result.r1 = table.find(OTHER, NOW, TIMEOUT_TICKS);
            result.r2 = table.find(CLIENT, NOW, TIMEOUT_TICKS);
        }
    }

    /// A client's time is renewed while its backend changes: neither is lost.
    @JCStressTest
    @Outcome(id = "9, 2", expect = ACCEPTABLE, desc = "found the old backend")
    @Outcome(id = "2, 2", expect = ACCEPTABLE, desc = "found the new backend")
    @Outcome(expect = FORBIDDEN, desc = "found nothing, or the change was undone")
    @State
    public static class TouchWhileItMoves extends Clients {
        {
            table.put(CLIENT, 9, 0, NOW - 50);
        }

        /// Moves the client.
        @Actor
        public void writer() {
            table.put(CLIENT, 2, 0, NOW - 10);
        }

        /// Uses the client.
        @Actor
        public void reader(II_Result result) {
            result.r1 = table.touch(CLIENT, NOW, TIMEOUT_TICKS);
        }

        /// Comes later.
        @Arbiter
        public void later(II_Result result) {
            result.r2 = table.find(CLIENT, NOW, TIMEOUT_TICKS);
        }
    }
}
