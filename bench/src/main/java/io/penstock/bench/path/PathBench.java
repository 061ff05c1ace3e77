package io.penstock.bench.path;

import com.sun.management.ThreadMXBean;
import io.penstock.bench.kernel.KernelTables;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The packet path, the bare loop and the loop in C on one flow table, in turn, so that whatever disturbs the host
/// disturbs all of them. Only the work on packets is timed, in [Rounds]; making them is not. One thread's own.
public final class PathBench implements AutoCloseable {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static final int WARM_UP_FLOWS = 1_000;
    private static final int WARM_UP_ROUNDS = 8_000;
    private static final int WARM_UP_ROUNDS_PER_SYN = 8;
    private static final int ROUND_NS = 5_000; // about what a round takes

    private final BenchPath path;
    private final BareLoop bare;
    private final FlowOrder order;
    private int strangers; // number of the first flow that nobody saw yet
    private final Rounds rounds = new Rounds(FlowFrames.COUNT);
    private final @Nullable CLoop c;

    /// @param forwarding `dr`, `ipip`, `gue` or `gre`
    /// @param flows      how many are open; at most [FlowFrames#FLOWS_MAX]
    /// @param limit      most flows of the table
    /// @param cProgram   compiled from `path.c`, or null for none
    /// @param folder     for the table's file
    public PathBench(String forwarding, int flows, long limit, long seed, @Nullable Path cProgram, Path folder)
            throws IOException {
        this(new BenchPath(forwarding, limit, folder), flows, seed, cProgram);
    }

    /// With `dr`, and a table that an XDP program can look into.
    ///
    /// @param flows  how many are open; at most [FlowFrames#FLOWS_MAX]
    /// @param limit  most flows of the table
    /// @param tables for as many flows
    public PathBench(int flows, long limit, long seed, KernelTables tables) throws IOException {
        this(new BenchPath("dr", limit, tables), flows, seed, null);
    }

    /// @param path where the flows are opened; closed with this
    PathBench(BenchPath path, int flows, long seed, @Nullable Path cProgram) throws IOException {
        this.path = path;
        bare = new BareLoop(path.frames(), path.flows(), path.hash(), 1024);
        warmUp();
        path.open(0, flows);
        order = new FlowOrder(seed, flows);
        strangers = flows;
        c = cProgram == null ? null : new CLoop(cProgram, path, flows, seed);
    }

    /// The compiler sees packets of known flows first and new flows among them, as it does in a forwarder, which
    /// warms itself up with them: what it has compiled for millions of SYNs in a row calls the methods that known
    /// flows need, inlining none.
    private static void warmUp() throws IOException {
        try (BenchPath path = BenchPath.toWarmUp(2L * WARM_UP_ROUNDS / WARM_UP_ROUNDS_PER_SYN * FlowFrames.COUNT)) {
            path.open(0, WARM_UP_FLOWS);
            FlowOrder order = new FlowOrder(0, WARM_UP_FLOWS);
            int flow = WARM_UP_FLOWS;
            for (int round = 0; round < WARM_UP_ROUNDS; round++) {
                boolean isSyn = round % WARM_UP_ROUNDS_PER_SYN == 0;
                for (int i = 0; i < FlowFrames.COUNT; i++) {
                    path.frames().stamp(i, isSyn ? flow++ : order.next(), isSyn);
                }
                path.forward();
                path.advance(ROUND_NS);
            }
        }
    }

    /// {@return the path that is measured}
    public BenchPath path() {
        return path;
    }

    /// Forwards packets of known flows by the whole path, for a time.
    ///
    /// @return nanoseconds a packet
    public double known(int ms) {
        long forwarded = path.forwarded();
        long packets = 0;
        rounds.begin();
        while (rounds.isOpen(ms)) {
            long ns = knownRound();
            rounds.add(ns);
            packets += FlowFrames.COUNT;
            path.advance(ns);
        }
        if (path.forwarded() - forwarded != packets) {
            throw new IllegalStateException(
                    "forwarded=" + (path.forwarded() - forwarded) + " of " + packets + " packets of known flows");
        }
        return rounds.nsPerPacket();
    }

    private long knownRound() {
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            path.frames().stamp(i, order.next(), false);
        }
        long startNs = System.nanoTime();
        path.forward();
        return System.nanoTime() - startNs;
    }

    /// Does the same with the bare loop.
    ///
    /// @return nanoseconds a packet
    public double bare(int ms) {
        long packets = 0;
        long found = 0;
        rounds.begin();
        while (rounds.isOpen(ms)) {
            for (int i = 0; i < FlowFrames.COUNT; i++) {
                path.frames().stamp(i, order.next(), false);
            }
            long startNs = System.nanoTime();
            found += bare.run(path.nowTicks());
            rounds.add(System.nanoTime() - startNs);
            packets += FlowFrames.COUNT;
        }
        if (found != packets) {
            throw new IllegalStateException("found=" + found + " of " + packets + " flows");
        }
        return rounds.nsPerPacket();
    }

    /// Does the same with the loop in C.
    ///
    /// @return nanoseconds a packet
    public double c(int ms) throws IOException {
        if (c == null) {
            throw new IllegalStateException("no loop in C");
        }
        return c.run(ms, path.nowTicks());
    }

    /// Opens flows that were not there: one SYN each.
    ///
    /// @param first number of the first one
    /// @return nanoseconds a new flow
    public double open(int first, int count) {
        strangers = Math.max(strangers, first + count);
        rounds.begin();
        for (int flow = first; flow < first + count; flow += FlowFrames.COUNT) {
            rounds.add(openRound(flow));
        }
        return rounds.nsPerPacket();
    }

    private long openRound(int first) {
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            path.frames().stamp(i, first + i, true);
        }
        long startNs = System.nanoTime();
        path.forward();
        long ns = System.nanoTime() - startNs;
        path.advance(ns);
        return ns;
    }

    /// Takes turns: a round of SYNs of flows that nobody saw before, a round of known flows.
    ///
    /// @param ms time that the known flows take
    /// @return nanoseconds a packet of the known flows, while the same worker has the flood to deal with too
    public double knownInFlood(int ms) {
        rounds.begin();
        while (rounds.isOpen(ms)) {
            openRound(strangers);
            strangers += FlowFrames.COUNT;
            long ns = knownRound();
            path.advance(ns);
            rounds.add(ns);
        }
        return rounds.nsPerPacket();
    }

    /// {@return bytes that this thread allocates while it forwards packets of known flows, the least of some rounds}
    public long allocatedBytes(int rounds, int packets) {
        long fewest = Long.MAX_VALUE;
        for (int round = 0; round < rounds; round++) { // The JIT may allocate in any one round, not in all of them.
            long before = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < packets; i += FlowFrames.COUNT) {
                knownRound();
            }
            fewest = Math.min(fewest, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        return fewest;
    }

    /// {@return bytes that this thread has allocated so far}
    static long allocatedByThread() {
        return THREADS.getCurrentThreadAllocatedBytes();
    }

    /// {@return what the bare loop counted; keeps its work alive}
    public long checksum() {
        return bare.checksum();
    }

    /// Collects the values of runs.
    static List<Double> values(int runs) {
        return new ArrayList<>(runs);
    }

    @Override
    public void close() {
        if (c != null) {
            c.close();
        }
        path.close();
    }
}
