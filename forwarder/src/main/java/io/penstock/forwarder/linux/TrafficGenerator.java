package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE_OR_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MODULO;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MULTIPLY;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_RIGHT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SUBTRACT;
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
import java.util.Arrays;
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
/// the program drops a frame that is not due yet.
///
/// Frames that are to be timed ([FlightTimes]) are UDP and say when they were sent:
///
/// ```
///  14          34          42                           50        58
///  +-----------+-----------+----------------------------+---------+---------...
///  | IPv4 (20) | UDP (8)   | sent at, ns, machine order | MARK    | payload
///  +-----------+-----------+----------------------------+---------+---------...
/// ```
public final class TrafficGenerator implements AutoCloseable {
    /// The most flows it can vary over.
    public static final int FLOWS_MAX = 1 << 24;
    /// Length of the frame to repeat where sizes are mixed: the greatest of them.
    public static final int MIX_LENGTH_MAX = 1514;
    /// Where SYNs go to, at the frame's own destination address.
    public static final int SYN_PORT = 80;

    static final int STAMP_AT = 42;
    static final int MARK_AT = 50;
    static final long MARK = 0x70656e73746f636bL;
    static final int TIMED_LENGTH_MIN = MARK_AT + 8;

    private static final byte[] ONLY = BpfMap.intBytes(0);
    private static final int LATE_NS_MAX = 50_000; // What was missed for longer is not made up for: rings are short.
    private static final int PAUSED = -1; // as an interval
    private static final int SYNS = 16; // in the state
    private static final int HEADERS_LENGTH = 42;
    private static final int SYN_LENGTH = 60;
    private static final int UDP = 17;
    private static final int MIX_PERIOD = 12;
    private static final int MIX_MIDDLE = 1 << 1 | 1 << 4 | 1 << 8 | 1 << 11;
    private static final int MIX_GREAT = 6;
    private static final int[] MIX_LENGTHS = {60, 566, MIX_LENGTH_MAX};

    private final BpfMap state; // All frames sent, when the next burst is due, SYNs sent.
    private final BpfMap interval; // Nanoseconds from one burst to the next.
    private final BpfProgram program;
    private final byte[] frame;
    private final int interfaceIndex;
    private final Options options;

    /// What a generator sends, and how.
    ///
    /// @param flows       different sources, a power of two up to [#FLOWS_MAX]; taken in turn
    /// @param burstFrames how many frames a pace sends at once, a power of two
    /// @param batchFrames how many frames the kernel makes before it sends those that were due, 1 to 256:
    ///                    few send a frame soon, many cost less each
    /// @param isTimed     whether UDP frames say when they were sent
    /// @param isMix       whether sizes are as on the Internet, by the common rule of thumb: of twelve
    ///                    frames seven of 60 bytes, four of 566 and one of 1514
    /// @param synPercent  so many of a hundred frames are TCP SYNs in place of the frame, each from another
    ///                    one of 2^24 sources; 0 to 90
    public record Options(int flows, int burstFrames, int batchFrames, boolean isTimed, boolean isMix, int synPercent) {
        private static final int BATCH_FRAMES_MAX = 256; // the kernel's TEST_XDP_MAX_BATCH

        /// @throws IllegalArgumentException where a number is out of its range
        public Options {
            if (Integer.bitCount(flows) != 1 || flows > FLOWS_MAX) {
                throw new IllegalArgumentException("flows=" + flows + " (a power of two, at most " + FLOWS_MAX + ")");
            }
            if (Integer.bitCount(burstFrames) != 1 || burstFrames < 0) {
                throw new IllegalArgumentException("burstFrames=" + burstFrames + " (a power of two)");
            }
            if (batchFrames < 1 || batchFrames > BATCH_FRAMES_MAX) {
                throw new IllegalArgumentException("batchFrames=" + batchFrames + " (1 to " + BATCH_FRAMES_MAX + ")");
            }
            if (synPercent < 0 || synPercent > 90) {
                throw new IllegalArgumentException("synPercent=" + synPercent + " (0 to 90)");
            }
        }

        /// {@return for rates: bursts of 32, as a NIC hands them over, which also saves looking at the clock}
        public static Options flood(int flows) {
            return new Options(flows, 32, 64, false, false, 0);
        }

        /// {@return for times: each frame by itself, with the time at which it was sent}
        public static Options timed(int flows) {
            return new Options(flows, 1, 8, true, false, 0);
        }

        /// {@return the same with mixed sizes or not}
        public Options withMix(boolean mix) {
            return new Options(flows, burstFrames, batchFrames, isTimed, mix, synPercent);
        }

        /// {@return the same with another share of SYNs}
        public Options withSyns(int percent) {
            return new Options(flows, burstFrames, batchFrames, isTimed, isMix, percent);
        }
    }

    /// @param interfaceIndex the interface to send by
    /// @param frame          what to repeat; its source address and header checksum are set here. UDP to
    ///                       be timed, and [#MIX_LENGTH_MAX] long where sizes are mixed
    public TrafficGenerator(int interfaceIndex, byte[] frame, Options options) {
        if (frame.length < HEADERS_LENGTH || frame[12] != 8 || frame[13] != 0 || frame[14] != 0x45) {
            throw new IllegalArgumentException("frame: IPv4 without options and tags, at least 42 bytes");
        }
        if (options.isTimed && (frame.length < TIMED_LENGTH_MIN || frame[23] != UDP)) {
            throw new IllegalArgumentException("frame: UDP and at least " + TIMED_LENGTH_MIN + " bytes, to be timed");
        }
        if (options.isMix && (frame.length != MIX_LENGTH_MAX || frame[23] != UDP)) {
            throw new IllegalArgumentException("frame: UDP and " + MIX_LENGTH_MAX + " bytes, for a mix of sizes");
        }
        if (options.synPercent > 0 && frame.length < SYN_LENGTH) {
            throw new IllegalArgumentException("frame: at least " + SYN_LENGTH + " bytes, for SYNs beside it");
        }
        this.interfaceIndex = interfaceIndex;
        this.options = options;
        this.frame = withSource(frame);
        state = BpfMap.create(BpfMap.Kind.ARRAY, "ps_state", 4, 24, 1);
        interval = BpfMap.create(BpfMap.Kind.ARRAY, "ps_interval", 4, 4, 1);
        program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_generate", assemble());
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

    /// Holds a rate from now on, in bursts as the options say. For any thread.
    ///
    /// @param perSecond frames a second, from the length of a burst to a thousand million; 0 for the most
    ///                  that can be made
    public void pace(long perSecond) {
        if (perSecond != 0 && (perSecond < options.burstFrames || perSecond > 1_000_000_000)) {
            throw new IllegalArgumentException(
                    "perSecond=" + perSecond + " (0, or " + options.burstFrames + " to 1000000000)");
        }
        interval.put(ONLY, perSecond == 0 ? 0 : (int) (options.burstFrames * 1_000_000_000L / perSecond));
    }

    /// Sends nothing until the next [#pace]: all frames are dropped as if not due. For any thread.
    public void pause() {
        interval.put(ONLY, PAUSED);
    }

    /// Sends frames. Each call makes and frees its memory, which takes milliseconds: for a steady flood send a million
    /// or more at once.
    ///
    /// @param frames how many to make; with a pace, those that were not due count too
    /// @return 0, or `-errno`: `EINTR` when a signal came before all were sent
    public int send(int frames) {
        return program.runLive(frame, interfaceIndex, frames, options.batchFrames);
    }

    /// {@return how many frames were sent so far}
    public long sent() {
        return state().get(Memory.U64, 0);
    }

    /// {@return how many of them were SYNs}
    public long syns() {
        return state().get(Memory.U64, SYNS);
    }

    @Override
    public void close() {
        program.close();
        interval.close();
        state.close();
    }

    private MemorySegment state() {
        return MemorySegment.ofArray(Objects.requireNonNull(state.get(ONLY)));
    }

    /// R7: the context. R9: the state; only one thread sends, so it needs no atomics. R8: the interval, then
    /// the running number of the source. R6: the frame.
    private BpfAssembler assemble() {
        BpfAssembler assembler = new BpfAssembler();
        Label drop = new Label();
        Label send = new Label();
        assembler.move(R7, R1).store(WORD, R10, -4, 0);
        assembler.loadMap(R1, state).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, drop).move(R9, R0);
        assembler.loadMap(R1, interval).move(R2, R10).compute(ADD, R2, -4);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, drop);
        awaitTurn(assembler, drop);
        assembler.load(LONG, R8, R9, 0);
        if (options.synPercent > 0) {
            Label datagram = new Label();
            // 37 and 100 have no common factor: SYNs are spread over each hundred.
            assembler.move(R1, R8).compute(MULTIPLY, R1, 37).compute(MODULO, R1, 100);
            assembler.jumpIf(ABOVE_OR_EQUAL, R1, options.synPercent, datagram);
            syn(assembler, drop);
            assembler.jump(send);
            assembler.bind(datagram);
            assembler.load(LONG, R1, R9, SYNS).compute(SUBTRACT, R8, R1);
        }
        datagrams(assembler, drop);
        assembler.compute(AND, R8, options.flows - 1);
        source(assembler);
        if (options.isTimed) {
            assembler.loadLong(R1, MARK).store(LONG, R6, MARK_AT, R1);
            assembler.call(BpfAssembler.KTIME_GET_NS);
            assembler.store(LONG, R6, STAMP_AT, R0);
        }
        assembler.bind(send);
        assembler.load(LONG, R1, R9, 0).compute(ADD, R1, 1).store(LONG, R9, 0, R1);
        assembler.move(R1, interfaceIndex).move(R2, 0);
        assembler.call(BpfAssembler.REDIRECT);
        assembler.exit();
        assembler.bind(drop);
        assembler.move(R0, BpfProgram.XDP_DROP);
        assembler.exit();
        return assembler;
    }

    /// Drops the frame when it is not due. R0: the interval.
    private void awaitTurn(BpfAssembler assembler, Label drop) {
        Label due = new Label();
        Label inTime = new Label();
        assembler.load(WORD, R8, R0, 0).jumpIf(EQUAL, R8, 0, due).jumpIf32(EQUAL, R8, PAUSED, drop);
        if (options.burstFrames > 1) {
            assembler.load(LONG, R1, R9, 0).compute(AND, R1, options.burstFrames - 1);
            assembler.jumpIf(NOT_EQUAL, R1, 0, due);
        }
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
    }

    /// Makes the frame itself, in the size whose turn it is. R8: its running number.
    private void datagrams(BpfAssembler assembler, Label drop) {
        if (!options.isMix) {
            make(assembler, frame, drop);
            if (options.synPercent > 0) {
                write(assembler, frame, 0, HEADERS_LENGTH);
            } else {
                restore(assembler);
            }
            return;
        }
        Label made = new Label();
        Label middle = new Label();
        Label great = new Label();
        assembler.move(R1, R8).compute(MODULO, R1, MIX_PERIOD).jumpIf(EQUAL, R1, MIX_GREAT, great);
        assembler.move(R2, MIX_MIDDLE).compute(SHIFT_RIGHT, R2, R1).compute(AND, R2, 1);
        assembler.jumpIf(NOT_EQUAL, R2, 0, middle);
        Label[] labels = {new Label(), middle, great};
        for (int i = 0; i < labels.length; i++) {
            byte[] datagram = datagram(MIX_LENGTHS[i]);
            assembler.bind(labels[i]);
            make(assembler, datagram, drop);
            write(assembler, datagram, 0, HEADERS_LENGTH);
            assembler.jump(made);
        }
        assembler.bind(made);
    }

    /// Makes a SYN. Its sequence number ends in the source port's complement, so that its checksum is always the same.
    private void syn(BpfAssembler assembler, Label drop) {
        byte[] syn = syn();
        make(assembler, syn, drop);
        write(assembler, syn, 0, TIMED_LENGTH_MIN);
        assembler.load(LONG, R8, R9, SYNS);
        assembler.move(R1, R8).compute(ADD, R1, 1).store(LONG, R9, SYNS, R1);
        assembler.move(R1, R8).compute(XOR, R1, 0xffff).swap(R1, 16).store(HALF, R6, 40, R1);
        source(assembler);
    }

    /// Gives the frame a length and R6 its start.
    private void make(BpfAssembler assembler, byte[] wanted, Label drop) {
        if (wanted.length != frame.length) {
            assembler.move(R1, R7).move(R2, wanted.length - frame.length);
            assembler.call(BpfAssembler.XDP_ADJUST_TAIL);
            assembler.jumpIf(NOT_EQUAL, R0, 0, drop);
        }
        assembler.load(WORD, R6, R7, 0).load(WORD, R1, R7, 4);
        assembler.move(R2, R6).compute(ADD, R2, Math.min(wanted.length, TIMED_LENGTH_MIN));
        assembler.jumpIf(ABOVE, R2, R1, drop);
    }

    /// Writes the source of a running number in R8, which is lost.
    private static void source(BpfAssembler assembler) {
        assembler.move(R1, R8).swap(R1, 16).store(HALF, R6, 34, R1); // source port
        assembler.compute(SHIFT_RIGHT, R8, 16);
        assembler.store(BYTE, R6, 27, R8);
        assembler.compute(XOR, R8, 0xff).store(BYTE, R6, 29, R8);
    }

    /// Memory of frames is used again as it came back: with other MAC addresses and a lower TTL, where the kernel
    /// forwarded it in place.
    private void restore(BpfAssembler assembler) {
        write(assembler, frame, 0, 12);
        assembler.store(BYTE, R6, 22, frame[22]); // TTL
        assembler.store(HALF, R6, 24, MemorySegment.ofArray(frame).get(Memory.U16, 24)); // header checksum
    }

    /// Writes bytes `from..to - 1`, both even.
    private static void write(BpfAssembler assembler, byte[] bytes, int from, int to) {
        MemorySegment segment = MemorySegment.ofArray(bytes);
        int at = from;
        for (; at + 4 <= to; at += 4) {
            assembler.store(WORD, R6, at, segment.get(Memory.U32, at));
        }
        if (at < to) {
            assembler.store(HALF, R6, at, segment.get(Memory.U16, at));
        }
    }

    /// {@return the frame, shorter}
    private byte[] datagram(int length) {
        byte[] datagram = Arrays.copyOf(frame, length);
        put16(datagram, 16, length - 14);
        put16(datagram, 38, length - 34);
        return withSource(datagram);
    }

    /// {@return a SYN to the frame's destination}
    private byte[] syn() {
        byte[] syn = Arrays.copyOf(Arrays.copyOf(frame, 34), SYN_LENGTH);
        put16(syn, 16, 40);
        syn[23] = 6;
        put16(syn, 36, SYN_PORT);
        put16(syn, 40, 0xffff); // with source port 0
        put16(syn, 46, 0x5002); // header of 20 bytes; SYN
        put16(syn, 48, 0xffff); // window
        byte[] whole = withSource(syn);
        put16(whole, 50, ~fold(sum(whole, 26, 54) + 6 + 20)); // with the pseudo header
        return whole;
    }

    private static byte[] withSource(byte[] frame) {
        byte[] copy = frame.clone();
        copy[26] = 10;
        copy[27] = 0;
        copy[28] = (byte) ~10;
        copy[29] = (byte) 0xff;
        put16(copy, 24, 0);
        put16(copy, 24, ~fold(sum(copy, 14, 34)));
        return copy;
    }

    private static int sum(byte[] bytes, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i += 2) {
            sum += ((bytes[i] & 0xff) << 8) | (bytes[i + 1] & 0xff);
        }
        return sum;
    }

    private static int fold(int sum) {
        int folded = (sum & 0xffff) + (sum >>> 16);
        return folded + (folded >>> 16) & 0xffff;
    }

    private static void put16(byte[] bytes, int at, int value) {
        bytes[at] = (byte) (value >> 8);
        bytes[at + 1] = (byte) value;
    }
}
