package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_RIGHT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.XOR;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R9;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.LONG;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Sends frames faster than any forwarder here takes them, for benchmarks: the kernel itself repeats one frame
/// (BPF_PROG_TEST_RUN with live frames, Linux 5.18 and later), and a small program varies its source.
///
/// The frame is IPv4 with UDP or TCP, without options; its source becomes `10.x.245.~x` and its source port the low 16
/// bits of a running number, of which `x` is the next 8. The two halves of such an address always add up to the same,
/// so the IPv4 header checksum stays right; the UDP checksum must be 0. Frames leave by one veth, and arrive at its
/// peer, which must have an XDP program or GRO on.
///
/// The thread that calls [#send] does all the work, in the kernel, until it returns. [#pace] holds a rate meanwhile:
/// the
/// program drops a frame that is not due yet.
public final class TrafficGenerator implements AutoCloseable {
    /// The most flows it can vary over.
    public static final int FLOWS_MAX = 1 << 24;

    private static final int BATCH_FRAMES = 64;
    private static final byte[] ONLY = BpfMap.intBytes(0);
    private static final int BURST_FRAMES = 32; // As a NIC hands them over, which also saves looking at the clock.
    private static final int LATE_NS_MAX = 50_000; // What was missed for longer is not made up for: rings are short.

    private final BpfMap state; // Running number, and when the next frame is due.
    private final BpfMap interval; // Nanoseconds from one burst to the next.
    private final BpfProgram program;
    private final byte[] frame;
    private final int interfaceIndex;

    /// @param interfaceIndex the interface to send by
    /// @param frame          what to repeat; its source address and header checksum are set here
    /// @param flows          different sources, a power of two up to [#FLOWS_MAX]; taken in turn
    public TrafficGenerator(int interfaceIndex, byte[] frame, int flows) {
        if (Integer.bitCount(flows) != 1 || flows > FLOWS_MAX) {
            throw new IllegalArgumentException("flows=" + flows + " (a power of two, at most " + FLOWS_MAX + ")");
        }
        if (frame.length < 42 || frame[12] != 8 || frame[13] != 0 || frame[14] != 0x45) {
            throw new IllegalArgumentException("frame: IPv4 without options and tags, at least 42 bytes");
        }
        this.interfaceIndex = interfaceIndex;
        this.frame = withSource(frame);
        state = BpfMap.create(BpfMap.Kind.ARRAY, "ps_state", 4, 16, 1);
        interval = BpfMap.create(BpfMap.Kind.ARRAY, "ps_interval", 4, 4, 1);
        program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_generate", assemble(flows));
    }

    /// {@return the source address of frames with a running number}
    ///
    /// @param number below the number of flows
    public static int source(int number) {
        int next = number >>> 16 & 0xff;
        return 10 << 24 | next << 16 | (~10 & 0xff) << 8 | (~next & 0xff);
    }

    /// {@return their source port}
    public static int sourcePort(int number) {
        return number & 0xffff;
    }

    /// Holds a rate from now on, in bursts of 32. For any thread.
    ///
    /// @param perSecond frames a second, from 32 to a thousand million; 0 for as many as can be made
    public void pace(long perSecond) {
        if (perSecond != 0 && (perSecond < BURST_FRAMES || perSecond > 1_000_000_000)) {
            throw new IllegalArgumentException("perSecond=" + perSecond + " (0, or 32 to 1000000000)");
        }
        interval.put(ONLY, perSecond == 0 ? 0 : (int) (BURST_FRAMES * 1_000_000_000L / perSecond));
    }

    /// Sends frames. Each call makes and frees its memory, which takes milliseconds: for a steady flood send a million
    /// or more at once.
    ///
    /// @param frames how many to make; with a pace, those that were not due count too
    /// @return 0, or `-errno`: `EINTR` when a signal came before all were sent
    public int send(int frames) {
        return program.runLive(frame, interfaceIndex, frames, BATCH_FRAMES);
    }

    /// {@return how many frames were sent so far}
    public long sent() {
        return MemorySegment.ofArray(Objects.requireNonNull(state.get(ONLY))).get(Memory.U64, 0);
    }

    @Override
    public void close() {
        program.close();
        interval.close();
        state.close();
    }

    private BpfAssembler assemble(int flows) {
        BpfAssembler assembler = new BpfAssembler();
        Label drop = new Label();
        Label due = new Label();
        Label inTime = new Label();
        assembler.load(WORD, R6, R1, 0);
        assembler.load(WORD, R7, R1, 4);
        assembler.move(R1, R6).compute(ADD, R1, 42).jumpIf(ABOVE, R1, R7, drop);
        assembler.store(WORD, R10, -4, 0);
        assembler.loadMap(R1, state).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, drop).move(R9, R0);
        assembler.loadMap(R1, interval).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, drop);
        assembler.load(WORD, R8, R0, 0).jumpIf(EQUAL, R8, 0, due);
        assembler.load(LONG, R1, R9, 0).compute(AND, R1, BURST_FRAMES - 1).jumpIf(NOT_EQUAL, R1, 0, due);
        assembler.call(BpfAssembler.KTIME_GET_NS);
        assembler.load(LONG, R1, R9, 8).jumpIf(ABOVE, R1, R0, drop);
        assembler
                .move(R2, R1)
                .compute(ADD, R2, LATE_NS_MAX)
                .jumpIf(ABOVE, R2, R0, inTime)
                .move(R1, R0);
        assembler.bind(inTime);
        assembler.compute(ADD, R1, R8).store(LONG, R9, 8, R1);
        assembler.bind(due);
        assembler.load(LONG, R8, R9, 0); // Only one thread sends, so no atomic is needed.
        assembler.move(R1, R8).compute(ADD, R1, 1).store(LONG, R9, 0, R1);
        assembler.compute(AND, R8, flows - 1);
        assembler.move(R1, R8).swap(R1, 16).store(HALF, R6, 34, R1); // source port
        assembler.compute(SHIFT_RIGHT, R8, 16);
        assembler.store(BYTE, R6, 27, R8);
        assembler.compute(XOR, R8, 0xff).store(BYTE, R6, 29, R8);
        restore(assembler);
        assembler.move(R1, interfaceIndex).move(R2, 0);
        assembler.call(BpfAssembler.REDIRECT);
        assembler.exit();
        assembler.bind(drop);
        assembler.move(R0, BpfProgram.XDP_DROP);
        assembler.exit();
        return assembler;
    }

    /// Memory of frames is used again as it came back: with other MAC addresses and a lower TTL, where the kernel
    /// forwarded it in place.
    private void restore(BpfAssembler assembler) {
        MemorySegment bytes = MemorySegment.ofArray(frame);
        for (int at : new int[] {0, 4, 8}) {
            assembler.store(WORD, R6, at, bytes.get(Memory.U32, at));
        }
        assembler.store(BYTE, R6, 22, frame[22]); // TTL
        assembler.store(HALF, R6, 24, bytes.get(Memory.U16, 24)); // header checksum
    }

    private static byte[] withSource(byte[] frame) {
        byte[] copy = frame.clone();
        copy[26] = 10;
        copy[27] = 0;
        copy[28] = (byte) ~10;
        copy[29] = (byte) 0xff;
        copy[24] = 0;
        copy[25] = 0;
        int sum = 0;
        for (int i = 14; i < 34; i += 2) {
            sum += ((copy[i] & 0xff) << 8) | (copy[i + 1] & 0xff);
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = ~(sum + (sum >>> 16));
        copy[24] = (byte) (sum >> 8);
        copy[25] = (byte) sum;
        return copy;
    }
}
