package io.penstock.flowtable.stress;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.FlowTable.Shape;
import io.penstock.flowtable.FlowTableReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/// What a reader may see of a flow table while its writer changes it.
public final class FlowTableStress {
    private static final int ABSENT = -1;
    private static final int PORTS = 443;
    private static final long OLD_HIGH = 1;
    private static final long OLD_LOW = 2;
    private static final long NEW_HIGH = 3;
    private static final long NEW_LOW = 4;
    private static final int OLD_ROW = 10;
    private static final int NEW_ROW = 20;

    private FlowTableStress() {}

    /// An IPv6 table whose flows all have the same home line, and its reader.
    public abstract static class Flows {
        final MemorySegment memory = Arena.ofAuto().allocate(FlowTable.bytesFor(Shape.IPV6, 8), Long.BYTES);
        final FlowTable table = new FlowTable(Shape.IPV6, memory, 8);
        final FlowTableReader reader = new FlowTableReader(memory);
        final long bucket = table.bucket(0);

        Flows() {}

        final long insert(long high, long low, int row) {
            return table.insert6(
                    bucket, high, low, high, low, PORTS, FlowTable.TCP, row, row, FlowState.ESTABLISHED, 0);
        }

        final int read(long high, long low) {
            return reader.find6(bucket, high, low, high, low, PORTS, FlowTable.TCP)
                            && reader.generation() == reader.row()
                    ? reader.row()
                    : ABSENT;
        }
    }

    /// A flow appears whole.
    @JCStressTest
    @Outcome(id = "-1", expect = ACCEPTABLE, desc = "not there yet")
    @Outcome(id = "20", expect = ACCEPTABLE, desc = "there, with its backend")
    @Outcome(expect = FORBIDDEN, desc = "half a flow")
    @State
    public static class Insert extends Flows {
        /// Adds the flow.
        @Actor
        public void writer() {
            insert(NEW_HIGH, NEW_LOW, NEW_ROW);
        }

        /// Looks it up.
        @Actor
        public void reader(I_Result result) {
            result.r1 = read(NEW_HIGH, NEW_LOW);
        }
    }

    /// A slot goes from one flow to another: neither gets the other's backend, nor is a mixture of both found.
    @JCStressTest
    @Outcome(id = "10, -1", expect = ACCEPTABLE, desc = "the old flow")
    @Outcome(id = "-1, 20", expect = ACCEPTABLE, desc = "the new flow")
    @Outcome(id = "-1, -1", expect = ACCEPTABLE, desc = "between the two")
    @Outcome(id = "10, 20", expect = ACCEPTABLE, desc = "the old flow, then the new one")
    @Outcome(expect = FORBIDDEN, desc = "a flow with another one's backend")
    @State
    public static class Replace extends Flows {
        private final long old = insert(OLD_HIGH, OLD_LOW, OLD_ROW);

        /// Frees the slot and takes it again.
        @Actor
        public void writer() {
            table.remove(old);
            insert(NEW_HIGH, NEW_LOW, NEW_ROW);
        }

        /// Looks both up.
        @Actor
        public void reader(II_Result result) {
            result.r1 = read(OLD_HIGH, OLD_LOW);
            result.r2 = read(NEW_HIGH, NEW_LOW);
        }
    }

    /// The slot's next flow has the same ports and backend: only its addresses tell it from the former one.
    @JCStressTest
    @Outcome(id = "-1", expect = ACCEPTABLE, desc = "there is no such flow")
    @Outcome(expect = FORBIDDEN, desc = "a mixture of two flows")
    @State
    public static class Mixture extends Flows {
        private final long old = insert(OLD_HIGH, OLD_LOW, OLD_ROW);

        /// Frees the slot and takes it again.
        @Actor
        public void writer() {
            table.remove(old);
            insert(NEW_HIGH, NEW_LOW, OLD_ROW);
        }

        /// Looks for a flow with the source of one and the destination of the other.
        @Actor
        public void reader(I_Result result) {
            boolean oldFirst = reader.find6(bucket, OLD_HIGH, OLD_LOW, NEW_HIGH, NEW_LOW, PORTS, FlowTable.TCP);
            boolean newFirst = reader.find6(bucket, NEW_HIGH, NEW_LOW, OLD_HIGH, OLD_LOW, PORTS, FlowTable.TCP);
            result.r1 = oldFirst || newFirst ? reader.row() : ABSENT;
        }
    }

    /// A flow moves to another backend at once, row and generation together.
    @JCStressTest
    @Outcome(id = "10", expect = ACCEPTABLE, desc = "the old backend")
    @Outcome(id = "20", expect = ACCEPTABLE, desc = "the new backend")
    @Outcome(expect = FORBIDDEN, desc = "the row of one with the generation of the other, or no flow")
    @State
    public static class Assign extends Flows {
        private final long entry = insert(OLD_HIGH, OLD_LOW, OLD_ROW);

        /// Moves it.
        @Actor
        public void writer() {
            table.assign(entry, NEW_ROW, NEW_ROW);
        }

        /// Looks it up.
        @Actor
        public void reader(I_Result result) {
            result.r1 = read(OLD_HIGH, OLD_LOW);
        }
    }
}
