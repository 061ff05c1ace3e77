package io.penstock.bench.micro;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import java.lang.foreign.Arena;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// Counting a packet, and publishing a batch's counts to other processes.
@State(Scope.Thread)
public class CounterBenchmark {
    private static final int FORWARDED = WorkerCounter.FORWARDED.id();

    private final WorkerCounters counters =
            new WorkerCounters(Arena.ofAuto().allocate(8L * WorkerCounter.CAPACITY, 64));

    /// One packet.
    @Benchmark
    public void add() {
        counters.add(FORWARDED, 1);
    }

    /// One batch.
    @Benchmark
    public void publish() {
        counters.add(FORWARDED, 64);
        counters.publish();
    }
}
