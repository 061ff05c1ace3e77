package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.DIVIDE;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SUBTRACT;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.LONG;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The other end of a benchmark's wire where times count: an XDP program that takes the time since a [TrafficGenerator]
/// stamped a frame, counts it in a histogram and drops the frame. Both ends read the kernel's one clock, in the kernel,
/// so that no program's turn on a CPU is part of the time. IPv4 frames without a stamp are dropped and not counted; all
/// other frames (ARP, LLDP) go to the kernel.
///
/// The histogram has steps of 100 ns up to 100 ms; what took longer is in its last cell. Any one thread.
public final class FlightTimes implements AutoCloseable {
    /// What a time is rounded to.
    public static final int STEP_NS = 100;
    /// The longest that is told from longer ones.
    public static final int LONGEST_NS = 100_000_000;

    private static final int LAST = LONGEST_NS / STEP_NS;

    private final Arena arena = Arena.ofShared();
    private final BpfMap cells;
    private final MemorySegment counts;
    private final BpfProgram program;
    private final BpfLink link;

    /// Attaches to an interface of the calling thread's network namespace.
    ///
    /// @throws LinuxException when it cannot be
    public FlightTimes(String interfaceName) {
        LinuxInterface nic = LinuxInterface.read(interfaceName);
        cells = BpfMap.create(BpfMap.Kind.ARRAY_MAPPED, "ps_flights", 4, 8, LAST + 1);
        counts = cells.map(arena);
        program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_flights", assemble(cells));
        link = BpfLink.attachXdp(program, nic.name(), nic.index());
    }

    /// {@return frames that arrived since the last [#reset]}
    public long frames() {
        long frames = 0;
        for (int i = 0; i <= LAST; i++) {
            frames += counts.getAtIndex(Memory.U64, i);
        }
        return frames;
    }

    /// {@return the time that so many of a hundred frames did not exceed, to [#STEP_NS]; [#LONGEST_NS] also for
    /// all that is longer, 0 when none arrived}
    ///
    /// @param percentile above 0, at most 100
    public long ns(double percentile) {
        long wanted = (long) Math.ceil(percentile / 100 * frames());
        long passed = 0;
        for (int i = 0; i < LAST; i++) {
            passed += counts.getAtIndex(Memory.U64, i);
            if (passed >= wanted && passed > 0) {
                return (long) i * STEP_NS + STEP_NS / 2;
            }
        }
        return wanted == 0 ? 0 : LONGEST_NS;
    }

    /// Forgets all times. Frames that arrive meanwhile may be counted or not.
    public void reset() {
        counts.fill((byte) 0);
    }

    @Override
    public void close() {
        link.close();
        program.close();
        arena.close();
        cells.close();
    }

    private static BpfAssembler assemble(BpfMap cells) {
        BpfAssembler assembler = new BpfAssembler();
        Label pass = new Label();
        Label drop = new Label();
        Label inRange = new Label();
        assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
        assembler.call(BpfAssembler.KTIME_GET_NS);
        assembler.move(R8, R0);
        assembler.move(R1, R6).compute(ADD, R1, 14).jumpIf(ABOVE, R1, R7, pass);
        assembler.load(HALF, R3, R6, 12).jumpIf32(NOT_EQUAL, R3, networkOrder16(0x0800), pass);
        assembler.move(R1, R6).compute(ADD, R1, TrafficGenerator.TIMED_LENGTH_MIN);
        assembler.jumpIf(ABOVE, R1, R7, drop);
        assembler.load(LONG, R2, R6, TrafficGenerator.MARK_AT).loadLong(R3, TrafficGenerator.MARK);
        assembler.jumpIf(NOT_EQUAL, R2, R3, drop);
        assembler.load(LONG, R1, R6, TrafficGenerator.STAMP_AT).compute(SUBTRACT, R8, R1);
        assembler.compute(DIVIDE, R8, STEP_NS).jumpIf(BELOW, R8, LAST, inRange);
        assembler.move(R8, LAST);
        assembler.bind(inRange);
        assembler.store(WORD, R10, -4, R8);
        assembler.loadMap(R1, cells).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, drop);
        assembler.move(R1, 1).atomicAdd(R0, 0, R1);
        assembler.bind(drop);
        assembler.move(R0, BpfProgram.XDP_DROP).exit();
        assembler.bind(pass);
        assembler.move(R0, BpfProgram.XDP_PASS).exit();
        return assembler;
    }
}
