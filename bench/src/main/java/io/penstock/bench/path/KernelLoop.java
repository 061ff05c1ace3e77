package io.penstock.bench.path;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MULTIPLY;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_RIGHT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.XOR;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R4;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.LONG;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;

import io.penstock.bench.kernel.KernelTables;
import io.penstock.bench.kernel.LookupProgram;
import io.penstock.bench.kernel.LookupProgram.Extent;
import io.penstock.forwarder.linux.BpfAssembler;
import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfMap;
import io.penstock.forwarder.linux.BpfProgram;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Function;

/// The bare loop in the kernel: an XDP program finds flows of a [BenchPath] in their worker's own table, and forwards.
/// The kernel itself runs it over and over on one frame (BPF_PROG_TEST_RUN), so before each run the program stamps the
/// frame anew, with a flow drawn at random; what the stamping takes is measured by a program that does nothing else.
///
/// One thread's own.
public final class KernelLoop implements AutoCloseable {
    private static final int PACKETS_AT_ONCE = 1 << 14;
    private static final long GOLDEN = 0x9e3779b97f4a7c15L; // as in FlowOrder
    private static final int INDEX = -4;

    private final byte[] frame;
    private final BpfMap drawn;
    private final BpfProgram program;
    private final Rounds rounds = new Rounds(PACKETS_AT_ONCE);
    private long packets;

    private KernelLoop(BenchPath path, long seed, Function<BpfMap, BpfProgram> loader) {
        path.frames().stamp(0, 0, false);
        frame = path.frames().bytes(0);
        drawn = BpfMap.create(BpfMap.Kind.ARRAY, "ps_drawn", 4, Long.BYTES, 1);
        byte[] state = new byte[Long.BYTES];
        MemorySegment.ofArray(state).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, seed);
        drawn.put(BpfMap.intBytes(0), state);
        program = loader.apply(drawn);
    }

    /// {@return a loop that forwards}
    ///
    /// @param path   whose flows `0..flows - 1` are open
    /// @param tables the path's own
    /// @param extent how much of it is done
    public static KernelLoop of(BenchPath path, KernelTables tables, int flows, long seed, Extent extent) {
        long lines = path.flows().lineCount();
        return new KernelLoop(
                path,
                seed,
                drawn -> LookupProgram.load(
                        tables, path.hash(), lines, path.mac(), extent, to -> emitStamp(to, drawn, flows)));
    }

    /// {@return a loop that makes the same frames, in the same order, and does nothing with them}
    public static KernelLoop stampingAlone(BenchPath path, int flows, long seed) {
        return new KernelLoop(path, seed, drawn -> {
            BpfAssembler assembler = new BpfAssembler();
            assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
            emitStamp(assembler, drawn, flows);
            assembler.move(R0, BpfProgram.XDP_TX).exit();
            return BpfProgram.load(BpfProgram.Kind.XDP, "ps_stamp", assembler);
        });
    }

    /// Runs for a time. Rounds are long enough for others to come in between, so that the median counts.
    ///
    /// @return nanoseconds a packet, stamping included
    /// @throws IllegalStateException when the last packet of a round was not forwarded
    public double run(int ms) {
        return runInTurns(List.of(this), ms)[0];
    }

    /// Runs several loops, a round of each in turn, so that whatever disturbs the host disturbs all of them.
    ///
    /// @param ms for each of them
    /// @return nanoseconds a packet of each
    static double[] runInTurns(List<KernelLoop> loops, int ms) {
        loops.forEach(loop -> loop.rounds.begin());
        while (loops.getFirst().rounds.isOpen(ms)) {
            loops.forEach(KernelLoop::round);
        }
        return loops.stream()
                .mapToDouble(loop -> loop.rounds.medianNsPerPacket())
                .toArray();
    }

    private void round() {
        // Timed by the kernel: to begin and end such a run takes it longer than the run.
        BpfProgram.Repeated run = program.runRepeatedly(frame, PACKETS_AT_ONCE);
        rounds.add((long) run.nsPerRun() * PACKETS_AT_ONCE);
        packets += PACKETS_AT_ONCE;
        if (run.verdict() != BpfProgram.XDP_TX) {
            throw new IllegalStateException("verdict=" + run.verdict() + " on a packet of a known flow");
        }
    }

    /// {@return packets so far}
    public long packets() {
        return packets;
    }

    @Override
    public void close() {
        program.close();
        drawn.close();
    }

    /// The same as [FlowOrder#next] and then [FlowFrames#stamp] of frame 0.
    private static void emitStamp(BpfAssembler assembler, BpfMap drawn, int flows) {
        Label cut = new Label();
        assembler.store(WORD, R10, INDEX, 0);
        assembler.loadMap(R1, drawn).move(R2, R10).compute(ADD, R2, INDEX);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, cut);
        assembler.load(LONG, R8, R0, 0).loadLong(R1, GOLDEN).compute(ADD, R8, R1);
        assembler.store(LONG, R0, 0, R8); // Only one thread runs it.
        emitMix(assembler, 30, 0xbf58476d1ce4e5b9L);
        emitMix(assembler, 27, 0x94d049bb133111ebL);
        assembler.compute(SHIFT_RIGHT, R8, 32).compute(MULTIPLY, R8, flows).compute(SHIFT_RIGHT, R8, 32);

        assembler.move(R1, R6).compute(ADD, R1, FlowFrames.LENGTH).jumpIf(ABOVE, R1, R7, cut);
        assembler.store(BYTE, R6, 22, 64); // TTL
        assembler.move(R3, R8).compute(ADD, R3, 0x0a00_0000); // source
        assembler.move(R1, R3).swap(R1, 32).store(WORD, R6, 26, R1);
        assembler
                .move(R1, R8)
                .compute(MULTIPLY, R1, 40503)
                .compute(AND, R1, 0x7fff)
                .compute(ADD, R1, 1024);
        assembler.swap(R1, 16).store(HALF, R6, 34, R1);
        assembler
                .move(R1, R3)
                .compute(SHIFT_RIGHT, R1, 16)
                .compute(AND, R3, 0xffff)
                .compute(ADD, R3, R1);
        assembler.compute(ADD, R3, FlowFrames.SUM_WITHOUT_SOURCE);
        for (int i = 0; i < 2; i++) {
            assembler
                    .move(R4, R3)
                    .compute(SHIFT_RIGHT, R4, 16)
                    .compute(AND, R3, 0xffff)
                    .compute(ADD, R3, R4);
        }
        assembler.compute(XOR, R3, 0xffff).swap(R3, 16).store(HALF, R6, 24, R3);
        assembler.bind(cut); // A frame that is cut short fails its checks afterwards.
    }

    private static void emitMix(BpfAssembler assembler, int shift, long factor) {
        assembler.move(R1, R8).compute(SHIFT_RIGHT, R1, shift).compute(XOR, R8, R1);
        assembler.loadLong(R1, factor).compute(MULTIPLY, R8, R1);
    }
}
