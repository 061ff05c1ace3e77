package io.penstock.bench.micro;

import io.penstock.flowtable.FlowHash;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// The keyed hash of a 5-tuple.
@State(Scope.Thread)
public class HashBenchmark {
    private final FlowHash hash = new FlowHash(1, 2);
    private long addresses = 0x0a000001_c0000201L;

    /// An IPv4 flow.
    @Benchmark
    public long hash4() {
        return hash.hash4(addresses++, 0x0400_0050, 6);
    }

    /// An IPv6 flow.
    @Benchmark
    public long hash6() {
        return hash.hash6(addresses++, 1, 2, 3, 0x0400_0050, 6);
    }
}
