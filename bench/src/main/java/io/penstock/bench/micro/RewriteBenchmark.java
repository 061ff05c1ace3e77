package io.penstock.bench.micro;

import io.penstock.bench.path.FlowFrames;
import io.penstock.flowtable.packet.Checksum;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.Encapsulator;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// Changing a frame, and the checksums that this needs.
@State(Scope.Thread)
public class RewriteBenchmark {
    private static final int L3 = 14;
    private static final int PACKET = 40;
    private static final long OUTER = 0x0a000001_0a000002L;

    private final FlowFrames frames = new FlowFrames(Arena.ofAuto());
    private final MemorySegment full = Arena.ofAuto().allocate(1500, 64);
    private int turn;

    /// Stamps the frames.
    public RewriteBenchmark() {
        for (int i = 0; i < FlowFrames.COUNT; i++) {
            frames.stamp(i, i, false);
        }
    }

    /// A frame made anew, as every benchmark here needs one: what to take off the others.
    @Benchmark
    public long stamp() {
        return next();
    }

    /// Direct server return.
    @Benchmark
    public long direct4() {
        long frame = next();
        DirectRewriter.rewrite4(frames.memory(), frame, L3, 0x0200_0001_0000L, 0x0200_0000_0001L);
        return frame;
    }

    /// IPv4 in IPv4.
    @Benchmark
    public long ipip4() {
        return Encapsulator.encapsulate4(
                frames.memory(), next(), L3, PACKET, Encapsulator.IPIP, OUTER, 7, 0x0200_0001_0000L, 0x0200_0000_0001L);
    }

    /// IPv4 in UDP in IPv4.
    @Benchmark
    public long gue4() {
        return Encapsulator.encapsulate4(
                frames.memory(), next(), L3, PACKET, Encapsulator.GUE, OUTER, 7, 0x0200_0001_0000L, 0x0200_0000_0001L);
    }

    /// One word of a header has changed.
    @Benchmark
    public int checksumUpdate() {
        return Checksum.update16(turn++ & 0xffff, 0x4006, 0x3f06);
    }

    /// The sum of 1,500 bytes.
    @Benchmark
    public int checksum1500() {
        return Checksum.sum(full, 0, 1500);
    }

    private long next() {
        int i = turn++ & FlowFrames.COUNT - 1;
        frames.stamp(i, i, false);
        return frames.offset(i);
    }
}
