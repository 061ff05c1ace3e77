package io.penstock.bench.micro;

import io.penstock.bench.path.FlowOrder;
import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentHashMap;
import org.agrona.collections.Long2LongHashMap;
import org.jctools.maps.NonBlockingHashMapLong;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/// Finding a flow's backend, in our table and in maps from elsewhere. The maps have it easier: their key is one long,
/// the flow's hash, where the table compares the whole 5-tuple, and they keep neither state nor times.
public class FlowTableBenchmark {
    private static final int BATCH = 64;
    private static final int PORTS = 0x0400_0050;
    private static final int BACKENDS = 64;

    /// Flows and the order in which their packets come.
    @State(Scope.Thread)
    public static class Flows {
        /// How many.
        @Param({"1000", "1000000"})
        public int flows;

        final FlowHash hash = new FlowHash(1, 2);
        FlowOrder order = new FlowOrder(1, 1);

        /// Starts the order.
        @Setup
        public void begin() {
            order = new FlowOrder(1, flows);
        }

        static long addresses(int flow) {
            return (0x0a00_0000L + flow) << 32 | 0xc000_0201L;
        }

        long hashOf(int flow) {
            return hash.hash4(addresses(flow), PORTS, 6);
        }
    }

    /// Our table, half full.
    @State(Scope.Thread)
    public static class Table {
        FlowTable table = new FlowTable(
                FlowTable.Shape.IPV4, Arena.ofAuto().allocate(FlowTable.bytesFor(FlowTable.Shape.IPV4, 8), 64), 8);
        final long[] buckets = new long[BATCH];
        final int[] batch = new int[BATCH];
        int next;

        /// Inserts the flows.
        @Setup
        public void fill(Flows flows) {
            long limit = flows.flows * 2L;
            MemorySegment memory = Arena.ofAuto().allocate(FlowTable.bytesFor(FlowTable.Shape.IPV4, limit), 128);
            table = new FlowTable(FlowTable.Shape.IPV4, memory, limit);
            for (int flow = 0; flow < flows.flows; flow++) {
                insert(flows, flow);
            }
            next = flows.flows;
        }

        long insert(Flows flows, int flow) {
            return table.insert4(
                    table.bucket(flows.hashOf(flow)),
                    Flows.addresses(flow),
                    PORTS,
                    FlowTable.TCP,
                    flow % BACKENDS,
                    1,
                    FlowState.ESTABLISHED,
                    1);
        }
    }

    /// `java.util.concurrent`'s map.
    @State(Scope.Thread)
    public static class Concurrent {
        final ConcurrentHashMap<Long, Integer> map = new ConcurrentHashMap<>();

        /// Inserts the flows.
        @Setup
        public void fill(Flows flows) {
            for (int flow = 0; flow < flows.flows; flow++) {
                map.put(flows.hashOf(flow), flow % BACKENDS);
            }
        }
    }

    /// Agrona's map of longs.
    @State(Scope.Thread)
    public static class Agrona {
        final Long2LongHashMap map = new Long2LongHashMap(-1);

        /// Inserts the flows.
        @Setup
        public void fill(Flows flows) {
            for (int flow = 0; flow < flows.flows; flow++) {
                map.put(flows.hashOf(flow), flow % BACKENDS);
            }
        }
    }

    /// JCTools' map with keys of long.
    @State(Scope.Thread)
    public static class JcTools {
        final NonBlockingHashMapLong<Integer> map = new NonBlockingHashMapLong<>();

        /// Inserts the flows.
        @Setup
        public void fill(Flows flows) {
            for (int flow = 0; flow < flows.flows; flow++) {
                map.put(flows.hashOf(flow), Integer.valueOf(flow % BACKENDS));
            }
        }
    }

    /// A batch in stages, as the packet path does: hash all, touch all, find all.
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public long find(Flows flows, Table state) {
        FlowTable table = state.table;
        for (int i = 0; i < BATCH; i++) {
            state.batch[i] = flows.order.next();
            state.buckets[i] = table.bucket(flows.hashOf(state.batch[i]));
        }
        long sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += table.touch(state.buckets[i]);
        }
        for (int i = 0; i < BATCH; i++) {
            sum += table.row(table.find4(state.buckets[i], Flows.addresses(state.batch[i]), PORTS, FlowTable.TCP));
        }
        return sum;
    }

    /// One flow at a time.
    @Benchmark
    public int findOne(Flows flows, Table state) {
        int flow = flows.order.next();
        return state.table.row(
                state.table.find4(state.table.bucket(flows.hashOf(flow)), Flows.addresses(flow), PORTS, FlowTable.TCP));
    }

    /// A flow begins and ends.
    @Benchmark
    public long insertAndRemove(Flows flows, Table state) {
        long entry = state.insert(flows, state.next);
        state.next = state.next == FlowOrderLimit.LAST ? flows.flows : state.next + 1;
        state.table.remove(entry);
        return entry;
    }

    /// Looking for expired flows, of which there are none: a line of two.
    @Benchmark
    public int sweepLine(Flows flows, Table state) {
        return state.table.sweep(1, 1);
    }

    /// The same question to `ConcurrentHashMap`.
    @Benchmark
    public int findInConcurrentHashMap(Flows flows, Concurrent state) {
        Integer row = state.map.get(flows.hashOf(flows.order.next()));
        return row == null ? -1 : row;
    }

    /// The same question to Agrona's `Long2LongHashMap`.
    @Benchmark
    public long findInAgronaMap(Flows flows, Agrona state) {
        return state.map.get(flows.hashOf(flows.order.next()));
    }

    /// The same question to JCTools' `NonBlockingHashMapLong`.
    @Benchmark
    public int findInJcToolsMap(Flows flows, JcTools state) {
        Integer row = state.map.get(flows.hashOf(flows.order.next()));
        return row == null ? -1 : row;
    }

    /// Where numbers of new flows begin again.
    private static final class FlowOrderLimit {
        static final int LAST = (1 << 24) - 1;
    }
}
