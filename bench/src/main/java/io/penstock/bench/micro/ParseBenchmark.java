package io.penstock.bench.micro;

import io.penstock.bench.path.FlowFrames;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.packet.ParsedBatch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/// Reading the headers of a batch.
@State(Scope.Thread)
public class ParseBenchmark {
    private static final int BATCH = 64;
    private static final byte[] UDP6 = HexFormat.of()
            .parseHex(
                    "02000000000102000000000286dd" // Ethernet
                            + "6000000000081140" // IPv6, 8 bytes of UDP
                            + "fd000000000000000000000000000001" + "fd000000000000000000000000000002"
                            + "0400003500080000");

    private final FlowFrames frames = new FlowFrames(Arena.ofAuto());
    private final MemorySegment memory6 = Arena.ofAuto().allocate((long) BATCH * FlowFrames.STRIDE, 64);
    private final ParsedBatch parsed = new ParsedBatch(BATCH);

    /// Stamps the frames.
    public ParseBenchmark() {
        for (int i = 0; i < BATCH; i++) {
            frames.stamp(i, i, false);
            MemorySegment.copy(UDP6, 0, memory6, ValueLayout.JAVA_BYTE, (long) i * FlowFrames.STRIDE, UDP6.length);
        }
    }

    /// IPv4 and TCP, without options.
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public ParsedBatch tcp4() {
        for (int i = 0; i < BATCH; i++) {
            PacketParser.parse(frames.memory(), frames.offset(i), FlowFrames.LENGTH, parsed, i);
        }
        return parsed;
    }

    /// IPv6 and UDP, without extension headers.
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public ParsedBatch udp6() {
        for (int i = 0; i < BATCH; i++) {
            PacketParser.parse(memory6, (long) i * FlowFrames.STRIDE, UDP6.length, parsed, i);
        }
        return parsed;
    }
}
