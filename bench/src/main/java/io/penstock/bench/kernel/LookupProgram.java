package io.penstock.bench.kernel;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.ANY_BIT;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW_OR_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MULTIPLY;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.OR;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_LEFT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_RIGHT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SUBTRACT;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.XOR;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R4;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R5;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R9;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.LONG;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;

import io.penstock.flowtable.FlowHash;
import io.penstock.flowtable.FlowLayout;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.linux.BpfAssembler;
import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfAssembler.Register;
import io.penstock.forwarder.linux.BpfMap;
import io.penstock.forwarder.linux.BpfProgram;
import io.penstock.forwarder.path.BackendRecords;
import java.util.function.Consumer;

/// An XDP program that sends the next packet of an established IPv4 flow to its backend as the packet path does with
/// `dr`: same hash, same table, same records, same bytes out. Whatever it is not sure of, it leaves untouched to those
/// behind it: tags, options, fragments, damaged packets, SYN, FIN, RST, TTL 1, flows that are not established or
/// silent for too long, backends that have a tunnel, are down or gone, packets too big for the link.
///
/// Of the flow table it changes two words of an entry, neither of which decides anything: `seen`, by compare and
/// exchange, and the bytes in `counts`, by an atomic sum that leaves the steps below them alone. Key, backend and
/// state stay the worker's.
///
/// Little-endian machines; set-up on one thread.
public final class LookupProgram {
    /// How much of it there is, to see what each part costs.
    public enum Extent {
        /// Parse, hash, find.
        FIND,
        /// And rewrite, counting nothing.
        REWRITE,
        /// And count: the flow's last packet, packets and bytes, the backend's packets and bytes.
        WHOLE
    }

    /// Most steps from the home line that it looks. The table allows 255, which the verifier takes as well.
    public static final int STEPS_MAX = FlowTable.STEPS_MAX;

    private static final int L3 = 14;
    private static final int L4 = L3 + 20;
    private static final int TCP_END = L4 + 20;
    private static final int SYN_FIN_RST = 7;
    /// A persistence entry is refreshed, by the worker, when the ticks above this bit change, as in the packet path.
    private static final int REFRESH_BIT = 6;

    // The stack.
    private static final int INDEX = -4;
    private static final int ADDRESSES = -16;
    private static final int REACH = -24;
    private static final int LENGTH = -32;
    private static final int NOW = -40;
    private static final int MAC = -48;

    private final KernelTables tables;
    private final FlowHash hash;
    private final long lines;
    private final long mac;
    private final Extent extent;
    private final BpfAssembler assembler = new BpfAssembler();
    private final Label pass = new Label();

    private LookupProgram(KernelTables tables, FlowHash hash, long lines, long mac, Extent extent) {
        this.tables = tables;
        this.hash = hash;
        this.lines = lines;
        this.mac = mac;
        this.extent = extent;
    }

    /// Assembles and loads it.
    ///
    /// @param tables   where it looks; must stay open until this returns
    /// @param hash     of the flow table's flows
    /// @param lines    of the flow table
    /// @param mac      ours
    /// @param prologue writes what comes first, with R6 at the frame's first byte and R7 behind its last; it may
    ///                 use R0 to R5, R8, R9 and the stack
    public static BpfProgram load(
            KernelTables tables, FlowHash hash, long lines, long mac, Extent extent, Consumer<BpfAssembler> prologue) {
        LookupProgram program = new LookupProgram(tables, hash, lines, mac, extent);
        program.assemble(prologue);
        return BpfProgram.load(BpfProgram.Kind.XDP, "ps_lookup", program.assembler);
    }

    /// {@return a program that writes the hash of a frame's flow into its first eight bytes}: IPv4 without options or
    /// tag, TCP or UDP, not looked at any closer
    static BpfProgram loadHash(FlowHash hash) {
        BpfAssembler assembler = new BpfAssembler();
        Label tooShort = new Label();
        emitFrame(assembler);
        emitNeed(assembler, TCP_END, tooShort);
        assembler.load(BYTE, R2, R6, L3 + 9);
        assembler.move(R8, 0);
        emitHash(assembler, hash.secrets4());
        assembler.store(LONG, R6, 0, R3);
        assembler.bind(tooShort);
        assembler.move(R0, BpfProgram.XDP_PASS).exit();
        return BpfProgram.load(BpfProgram.Kind.XDP, "ps_hash", assembler);
    }

    private void assemble(Consumer<BpfAssembler> prologue) {
        emitFrame(assembler);
        prologue.accept(assembler);
        emitParse();
        emitHash(assembler, hash.secrets4());
        assembler.move(R9, R3).compute(AND, R9, Math.toIntExact(lines - 1)); // R9: the home line
        emitFind();
        if (extent != Extent.FIND) {
            emitCheck();
            if (extent == Extent.WHOLE) {
                emitCount();
            }
            emitRewrite();
        }
        assembler.move(R0, BpfProgram.XDP_TX).exit();
        assembler.bind(pass);
        assembler.move(R0, BpfProgram.XDP_PASS).exit();
    }

    /// R6: the frame's first byte; R7: behind its last.
    private static void emitFrame(BpfAssembler assembler) {
        assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
    }

    private static void emitNeed(BpfAssembler assembler, int length, Label otherwise) {
        assembler.move(R2, R6).compute(ADD, R2, length).jumpIf(ABOVE, R2, R7, otherwise);
    }

    /// What the packet parser holds to for the common packet. R2: the protocol; R8: the protocol bit, in its place.
    private void emitParse() {
        emitNeed(assembler, TCP_END, pass); // Ethernet pads to 60, so that UDP has as many.
        assembler.load(HALF, R3, R6, 12).jumpIf32(NOT_EQUAL, R3, networkOrder16(0x0800), pass);
        assembler.load(BYTE, R3, R6, L3).jumpIf32(NOT_EQUAL, R3, 0x45, pass);
        assembler.load(HALF, R3, R6, L3 + 6).jumpIf32(ANY_BIT, R3, networkOrder16(0x3fff), pass); // fragments
        assembler.load(BYTE, R3, R6, L3 + 8).jumpIf32(BELOW_OR_EQUAL, R3, 1, pass); // TTL
        emitHeaderSum();
        assembler.jumpIf32(NOT_EQUAL, R3, 0xffff, pass);

        assembler.load(HALF, R5, R6, L3 + 2).swap(R5, 16).store(LONG, R10, LENGTH, R5);
        assembler.move(R3, R7).compute(SUBTRACT, R3, R6).compute(SUBTRACT, R3, L3);
        assembler.jumpIf(ABOVE, R5, R3, pass);
        Label udp = new Label();
        Label parsed = new Label();
        assembler.load(BYTE, R2, R6, L3 + 9);
        assembler.jumpIf32(EQUAL, R2, 17, udp).jumpIf32(NOT_EQUAL, R2, 6, pass);
        assembler.load(BYTE, R3, R6, L4 + 13).jumpIf32(ANY_BIT, R3, SYN_FIN_RST, pass);
        assembler.load(BYTE, R3, R6, L4 + 12).compute(SHIFT_RIGHT, R3, 4).compute(SHIFT_LEFT, R3, 2);
        emitTransportLength(20);
        assembler.move(R8, FlowTable.TCP << FlowLayout.PROTOCOL_SHIFT).jump(parsed);
        assembler.bind(udp);
        assembler.load(HALF, R3, R6, L4 + 4).swap(R3, 16);
        emitTransportLength(8);
        assembler.move(R8, FlowTable.UDP << FlowLayout.PROTOCOL_SHIFT);
        assembler.bind(parsed);
    }

    /// Passes unless the length that the transport header states, in R3, is at least its least and within the packet,
    /// whose length is in R5.
    private void emitTransportLength(int least) {
        assembler.jumpIf(BELOW, R5, 20 + least, pass);
        assembler.compute(SUBTRACT, R5, 20);
        assembler.jumpIf(BELOW, R3, least, pass).jumpIf(ABOVE, R3, R5, pass);
    }

    /// R3: the ones' complement sum of the IPv4 header, which is the same in any byte order when it is 0xffff.
    private void emitHeaderSum() {
        assembler.load(WORD, R3, R6, L3);
        for (int word = 4; word < 20; word += 4) {
            assembler.load(WORD, R4, R6, L3 + word).compute(ADD, R3, R4);
        }
        assembler.move(R4, R3).compute(SHIFT_RIGHT, R4, 32);
        assembler.compute32(MOVE, R3, R3).compute(ADD, R3, R4);
        emitFold(3); // Of 33 bits.
    }

    private void emitFold(int times) {
        for (int i = 0; i < times; i++) {
            assembler.move(R4, R3).compute(SHIFT_RIGHT, R4, 16);
            assembler.compute(AND, R3, 0xffff).compute(ADD, R3, R4);
        }
    }

    /// [FlowHash#hash4]. Takes the protocol in R2; R3 becomes the hash, the ports are added to the key in R8, the
    /// addresses put on the stack.
    private static void emitHash(BpfAssembler assembler, long[] secrets) {
        assembler.load(LONG, R3, R6, L3 + 12).swap(R3, 64).store(LONG, R10, ADDRESSES, R3);
        emitLane(assembler, R3, secrets, 0);
        assembler.load(WORD, R5, R6, L4).swap(R5, 32);
        assembler.move(R1, R5).compute(SHIFT_LEFT, R1, FlowLayout.PORTS_SHIFT).compute(OR, R8, R1);
        assembler.compute(SHIFT_LEFT, R2, 32).compute(OR, R5, R2);
        emitLane(assembler, R5, secrets, 3);
        assembler.compute(XOR, R3, R5);
        emitFoldHalf(assembler, R3);
        assembler.loadLong(R1, secrets[6]).compute(MULTIPLY, R3, R1);
        emitFoldHalf(assembler, R3);
    }

    private static void emitLane(BpfAssembler assembler, Register word, long[] secrets, int first) {
        assembler.loadLong(R1, secrets[first]).compute(XOR, word, R1);
        assembler.loadLong(R1, secrets[first + 1]).compute(MULTIPLY, word, R1);
        emitFoldHalf(assembler, word);
        assembler.loadLong(R1, secrets[first + 2]).compute(MULTIPLY, word, R1);
    }

    private static void emitFoldHalf(BpfAssembler assembler, Register word) {
        assembler.move(R4, word).compute(SHIFT_RIGHT, R4, 32).compute(XOR, word, R4);
    }

    /// R7 becomes the entry, R8 its first word.
    private void emitFind() {
        Label next = new Label();
        Label found = new Label();
        Label further = new Label();
        assembler.move(R7, 0); // steps
        assembler.bind(next);
        assembler.move(R1, R7).compute(ADD, R1, 1).compute(MULTIPLY, R1, R7).compute(SHIFT_RIGHT, R1, 1);
        assembler.compute(ADD, R1, R9).compute(AND, R1, Math.toIntExact(lines - 1));
        assembler.compute(ADD, R1, KernelTables.HEADER_ELEMENTS).store(WORD, R10, INDEX, R1);
        emitElement(tables.flowMap());
        emitEntry(found);
        assembler.jumpIf(NOT_EQUAL, R7, 0, further);
        assembler.load(LONG, R1, R0, (int) FlowLayout.COUNTS);
        assembler.compute(AND, R1, (int) FlowLayout.REACH_BITS).store(LONG, R10, REACH, R1);
        assembler.bind(further);
        // The second entry, behind what is read of the line by its first, whose address is in R0.
        assembler.compute(ADD, R0, FlowTable.Shape.IPV4.entryLength());
        emitEntry(found);
        assembler.compute(ADD, R7, 1);
        assembler.load(LONG, R1, R10, REACH).jumpIf(ABOVE, R7, R1, pass);
        assembler.jumpIf(BELOW_OR_EQUAL, R7, STEPS_MAX, next);
        assembler.jump(pass);
        assembler.bind(found);
        assembler.move(R7, R0).move(R8, R1);
    }

    /// R0: the element whose index is on the stack.
    private void emitElement(BpfMap map) {
        assembler.loadMap(R1, map).move(R2, R10).compute(ADD, R2, INDEX);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, pass);
    }

    /// Jumps if the entry at R0 is the flow's, with its first word in R1. Of a flow that is not established it passes
    /// the packet.
    private void emitEntry(Label found) {
        Label other = new Label();
        assembler.load(LONG, R1, R0, (int) FlowLayout.META);
        assembler.move(R2, R1).compute(XOR, R2, R8);
        assembler.loadLong(R3, FlowLayout.KEY_BITS).compute(AND, R2, R3).jumpIf(NOT_EQUAL, R2, 0, other);
        assembler.move(R2, R1).compute(SHIFT_RIGHT, R2, FlowLayout.STATE_SHIFT);
        assembler.compute(AND, R2, FlowLayout.STATE_MASK).jumpIf(EQUAL, R2, FlowState.EMPTY, other);
        assembler.load(LONG, R3, R0, (int) FlowLayout.ADDRESSES).load(LONG, R4, R10, ADDRESSES);
        assembler.jumpIf(NOT_EQUAL, R3, R4, other);
        assembler.jumpIf(NOT_EQUAL, R2, FlowState.ESTABLISHED, pass);
        // The addresses were the flow's if the slot has not changed hands meanwhile: its turn would tell. Loads are not
        // reordered on x86; elsewhere the first one would have to be an acquire.
        assembler.load(LONG, R3, R0, (int) FlowLayout.META).jumpIf(NOT_EQUAL, R3, R1, pass);
        assembler.jump(found);
        assembler.bind(other);
    }

    /// Whether the backend still is the flow's and may be sent to. R9 becomes its record.
    private void emitCheck() {
        assembler.move(R1, R8).compute(SHIFT_RIGHT, R1, FlowLayout.ROW_SHIFT).compute(AND, R1, FlowLayout.ROW_MASK);
        assembler.store(WORD, R10, INDEX, R1);
        emitElement(tables.recordMap());
        assembler.move(R9, R0);
        // The MAC address before the flags and the generation: when the row gets another owner, they change first.
        assembler.load(LONG, R1, R9, BackendRecords.MAC).jumpIf(EQUAL, R1, (int) BackendRecords.NO_MAC, pass);
        assembler.store(LONG, R10, MAC, R1);
        assembler.load(WORD, R1, R9, BackendRecords.FLAGS);
        // In use, and neither a tunnel nor, for either protocol, an action other than to go on.
        assembler.move(R2, R1).compute(AND, R2, BackendRecords.IN_USE | 0x3f << 8);
        assembler.jumpIf32(NOT_EQUAL, R2, BackendRecords.IN_USE, pass);
        assembler.move(R2, R8).compute(SHIFT_RIGHT, R2, FlowLayout.GENERATION_SHIFT);
        assembler.compute(AND, R2, FlowLayout.GENERATION_MASK);
        assembler.load(WORD, R3, R9, BackendRecords.GENERATION).jumpIf(NOT_EQUAL, R2, R3, pass);
        assembler.load(LONG, R2, R10, LENGTH).load(WORD, R3, R9, BackendRecords.BASE_MTU);
        assembler.jumpIf(ABOVE, R2, R3, pass);
        emitTime();
    }

    /// Passes the packet of a flow that was silent for too long, or whose client's persistence is due to be refreshed.
    private void emitTime() {
        Label fresh = new Label();
        assembler.call(BpfAssembler.TIME_COARSE_NS);
        assembler.compute(SHIFT_RIGHT, R0, TickClock.SHIFT).compute(AND, R0, TickClock.MASK);
        assembler.store(LONG, R10, NOW, R0);
        assembler.load(LONG, R2, R7, (int) FlowLayout.SEEN).compute(SHIFT_RIGHT, R2, FlowLayout.LAST_SEEN_SHIFT);
        assembler.move(R3, R0).compute(XOR, R3, R2).compute(SHIFT_RIGHT, R3, REFRESH_BIT);
        assembler.jumpIf(EQUAL, R3, 0, fresh);
        assembler.load(WORD, R1, R9, BackendRecords.FLAGS).jumpIf32(ANY_BIT, R1, BackendRecords.PERSISTENT, pass);
        assembler.compute(SUBTRACT, R0, R2).compute(AND, R0, TickClock.MASK);
        assembler.jumpIf(ABOVE, R0, TickClock.MASK >>> 1, fresh); // The clock of whoever saw it last is ahead of ours.
        assembler.load(WORD, R3, R9, BackendRecords.IDLE_TICKS).jumpIf(ABOVE, R0, R3, pass);
        assembler.bind(fresh);
    }

    private void emitCount() {
        assembler.load(LONG, R0, R7, (int) FlowLayout.SEEN);
        assembler.move(R1, R0).compute(ADD, R1, 1);
        assembler.compute(SHIFT_LEFT, R1, TickClock.BITS).compute(SHIFT_RIGHT, R1, TickClock.BITS); // packets
        assembler
                .load(LONG, R2, R10, NOW)
                .compute(SHIFT_LEFT, R2, FlowLayout.LAST_SEEN_SHIFT)
                .compute(OR, R1, R2);
        // Whoever came in between has just written much the same; then one packet is not counted.
        assembler.compareAndExchange(R7, (int) FlowLayout.SEEN, R1);
        assembler.load(LONG, R1, R10, LENGTH).compute(SHIFT_LEFT, R1, FlowLayout.BYTES_SHIFT);
        assembler.atomicAdd(R7, (int) FlowLayout.COUNTS, R1);

        emitElement(tables.cellMap()); // The index still is the backend's row; another CPU has another cell.
        assembler.load(LONG, R1, R0, KernelTables.CELL_PACKETS).compute(ADD, R1, 1);
        assembler.store(LONG, R0, KernelTables.CELL_PACKETS, R1);
        assembler
                .load(LONG, R1, R0, KernelTables.CELL_BYTES)
                .load(LONG, R2, R10, LENGTH)
                .compute(ADD, R1, R2);
        assembler.store(LONG, R0, KernelTables.CELL_BYTES, R1);
    }

    /// New MAC addresses, TTL less one, its checksum by RFC 1624 equation 3.
    private void emitRewrite() {
        assembler.load(LONG, R1, R10, MAC).compute(SHIFT_LEFT, R1, 16).swap(R1, 64);
        assembler.store(WORD, R6, 0, R1).compute(SHIFT_RIGHT, R1, 32).store(HALF, R6, 4, R1);
        long ours = Long.reverseBytes(mac << 16);
        assembler.store(WORD, R6, 6, (int) ours).store(HALF, R6, 10, (int) (ours >>> 32));

        assembler.load(HALF, R1, R6, L3 + 8).swap(R1, 16); // TTL and protocol
        assembler.load(HALF, R3, R6, L3 + 10).swap(R3, 16).compute(XOR, R3, 0xffff);
        assembler.move(R2, R1).compute(XOR, R2, 0xffff).compute(ADD, R3, R2);
        assembler.compute(SUBTRACT, R1, 0x100).compute(ADD, R3, R1);
        emitFold(2);
        assembler.compute(XOR, R3, 0xffff).swap(R3, 16).store(HALF, R6, L3 + 10, R3);
        assembler.swap(R1, 16).store(HALF, R6, L3 + 8, R1);
    }
}
