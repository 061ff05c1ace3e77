package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.ANY_BIT;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.MOVE;
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

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.Decapsulator.Counter;
import io.penstock.forwarder.linux.Decapsulator.Maps;

/// The instructions of a [Decapsulator], which says what they do.
///
/// Registers: R6 the frame's first byte, later the bytes that are left of the outer payload; R7 after the last byte; R8
/// the header that is looked at; R9 the context. The stack, from its end:
///
/// ```
///  -8  first eight bytes of the Ethernet header     -24  protocol of the outer header
/// -12  its next four                                -28  ECN of the outer header
/// -16  802.1Q tag, or 0                             -32  bytes to take off
/// -20  the tunnel's bit                             -36  index of a counter
/// ```
final class DecapProgram {
    /// How far the kinds of an outer destination are shifted in its flags.
    static final int OUTER_SHIFT = 8;

    private static final int MACS = -8;
    private static final int MACS_REST = -12;
    private static final int TAG = -16;
    private static final int TUNNEL = -20;
    private static final int PROTOCOL = -24;
    private static final int ECN = -28;
    private static final int OVERHEAD = -32;
    private static final int INDEX = -36;

    private static final int ETHERNET_LENGTH = 14;
    private static final int ETHERTYPE = 12;
    private static final int TAG_LENGTH = 4;
    private static final int ETHERTYPE_TAG = 0x8100;
    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_IPV6 = 0x86dd;
    private static final int IPV4_LENGTH = 20;
    private static final int IPV6_LENGTH = 40;
    private static final int UDP_LENGTH = 8;
    private static final int GRE_LENGTH = 4;
    private static final int IPPROTO_IPIP = 4;
    private static final int IPPROTO_UDP = 17;
    private static final int IPPROTO_IPV6 = 41;
    private static final int IPPROTO_GRE = 47;
    private static final int GUE_PORT = 6080;
    private static final int CONGESTION = 3; // ECN codepoint CE

    private final BpfAssembler assembler = new BpfAssembler();
    private final Maps maps;
    private final boolean inFragments;

    private final Label pass = new Label();
    private final Label notAVip = new Label();
    private final Label malformed = new Label();
    private final Label outerFragment = new Label();
    private final Label congestion = new Label();
    private final Label inner4 = new Label();
    private final Label inner6 = new Label();
    private final Label decapsulate = new Label();

    private DecapProgram(Maps maps, boolean inFragments) {
        this.maps = maps;
        this.inFragments = inFragments;
    }

    /// {@return the program}
    ///
    /// @param inFragments whether a frame may lie in several pieces
    static BpfAssembler assemble(Maps maps, boolean inFragments) {
        DecapProgram program = new DecapProgram(maps, inFragments);
        program.emit();
        return program.assembler;
    }

    private void emit() {
        Label untagged = new Label();
        Label outer6 = new Label();
        assembler.move(R9, R1);
        assembler.load(WORD, R6, R1, 0); // xdp_md.data
        assembler.load(WORD, R7, R1, 4); // xdp_md.data_end
        assembler.move(R8, R6);
        skip(ETHERNET_LENGTH, pass);
        assembler.store(WORD, R10, TAG, 0);
        assembler.load(HALF, R3, R6, ETHERTYPE);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(ETHERTYPE_TAG), untagged);
        skip(TAG_LENGTH, pass);
        assembler.load(WORD, R3, R6, ETHERTYPE);
        assembler.store(WORD, R10, TAG, R3);
        assembler.load(HALF, R3, R6, ETHERTYPE + TAG_LENGTH);
        assembler.bind(untagged);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(ETHERTYPE_IPV6), outer6);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(ETHERTYPE_IPV4), pass);
        Label between = new Label();
        emitOuter4(between);
        assembler.bind(outer6);
        emitOuter6();
        assembler.bind(between);
        emitBetween();
        assembler.bind(inner4);
        emitInner4();
        assembler.bind(inner6);
        emitInner6();
        assembler.bind(decapsulate);
        emitDecapsulate();
        emitEnds();
    }

    private void emitOuter4(Label between) {
        Label mine = new Label();
        Label udp = new Label();
        need(IPV4_LENGTH, pass);
        assembler.load(BYTE, R2, R8, 9);
        emitKind(R2, udp, mine);
        assembler.bind(udp);
        assembler.load(HALF, R3, R8, 6); // Later fragments have no ports, and are passed on.
        assembler.jumpIf32(ANY_BIT, R3, networkOrder16(0x1fff), pass);
        assembler.load(BYTE, R3, R8, 0);
        assembler.compute(AND, R3, 15);
        assembler.compute(SHIFT_LEFT, R3, 2);
        assembler.move(R1, R8);
        assembler.compute(ADD, R1, R3);
        assembler.move(R3, R1);
        assembler.compute(ADD, R3, 4);
        assembler.jumpIf(ABOVE, R3, R7, pass);
        assembler.load(HALF, R3, R1, 2);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(GUE_PORT), pass);
        assembler.store(WORD, R10, TUNNEL, Tunnel.GUE.bit);

        assembler.bind(mine);
        emitSaveMacs();
        emitRequireOuterDestination(maps.addresses4(), 16);

        assembler.load(BYTE, R3, R8, 0);
        assembler.jumpIf32(NOT_EQUAL, R3, 0x45, malformed); // Nobody encapsulates with options.
        assembler.load(HALF, R3, R8, 6);
        assembler.jumpIf32(ANY_BIT, R3, networkOrder16(0x3fff), outerFragment);
        assembler.load(BYTE, R3, R8, 1);
        assembler.compute(AND, R3, 3);
        assembler.store(WORD, R10, ECN, R3);
        emitHeaderChecksum();
        assembler.load(HALF, R6, R8, 2);
        assembler.swap(R6, 16);
        assembler.jumpIf32(BELOW, R6, IPV4_LENGTH, malformed);
        emitRequireWhole();
        assembler.compute(SUBTRACT, R6, IPV4_LENGTH);
        assembler.compute(ADD, R8, IPV4_LENGTH);
        assembler.store(WORD, R10, OVERHEAD, IPV4_LENGTH);
        assembler.jump(between);
    }

    private void emitOuter6() {
        Label mine = new Label();
        Label udp = new Label();
        need(IPV6_LENGTH, pass);
        assembler.load(BYTE, R2, R8, 6);
        emitKind(R2, udp, mine);
        assembler.bind(udp);
        need(IPV6_LENGTH + 4, pass);
        assembler.load(HALF, R3, R8, IPV6_LENGTH + 2);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(GUE_PORT), pass);
        assembler.store(WORD, R10, TUNNEL, Tunnel.GUE.bit);

        assembler.bind(mine);
        emitSaveMacs();
        emitRequireOuterDestination(maps.addresses6(), 24);

        assembler.load(BYTE, R3, R8, 0);
        assembler.compute(SHIFT_RIGHT, R3, 4);
        assembler.jumpIf32(NOT_EQUAL, R3, 6, malformed);
        assembler.load(BYTE, R3, R8, 1);
        assembler.compute(SHIFT_RIGHT, R3, 4);
        assembler.compute(AND, R3, 3);
        assembler.store(WORD, R10, ECN, R3);
        assembler.load(HALF, R6, R8, 4);
        assembler.swap(R6, 16);
        assembler.compute(ADD, R6, IPV6_LENGTH);
        emitRequireWhole();
        assembler.compute(SUBTRACT, R6, IPV6_LENGTH);
        assembler.compute(ADD, R8, IPV6_LENGTH);
        assembler.store(WORD, R10, OVERHEAD, IPV6_LENGTH);
    }

    /// Leaves the tunnel's bit and the protocol on the stack, and goes to `mine` or `udp`; or passes.
    private void emitKind(BpfAssembler.Register protocol, Label udp, Label mine) {
        Label ipip = new Label();
        Label notGre = new Label();
        assembler.store(WORD, R10, PROTOCOL, protocol);
        assembler.jumpIf32(EQUAL, protocol, IPPROTO_IPIP, ipip);
        assembler.jumpIf32(EQUAL, protocol, IPPROTO_IPV6, ipip);
        assembler.jumpIf32(NOT_EQUAL, protocol, IPPROTO_GRE, notGre);
        assembler.store(WORD, R10, TUNNEL, Tunnel.GRE.bit);
        assembler.jump(mine);
        assembler.bind(ipip);
        assembler.store(WORD, R10, TUNNEL, Tunnel.IPIP.bit);
        assembler.jump(mine);
        assembler.bind(notGre);
        assembler.jumpIf32(NOT_EQUAL, protocol, IPPROTO_UDP, pass);
        assembler.jump(udp);
    }

    private void emitSaveMacs() {
        assembler.load(LONG, R3, R6, 0);
        assembler.store(LONG, R10, MACS, R3);
        assembler.load(WORD, R3, R6, 8);
        assembler.store(WORD, R10, MACS_REST, R3);
    }

    /// Passes what is not for an address of this host, or of a kind that no VIP here gets.
    private void emitRequireOuterDestination(BpfMap map, int offset) {
        lookUp(map, offset);
        assembler.jumpIf(EQUAL, R0, 0, pass);
        assembler.load(WORD, R3, R0, 0);
        assembler.load(WORD, R4, R10, TUNNEL);
        assembler.compute(SHIFT_LEFT, R4, OUTER_SHIFT);
        assembler.compute(AND, R3, R4);
        assembler.jumpIf32(EQUAL, R3, 0, pass);
    }

    /// Drops a header at R8, of five words, whose sum is wrong (RFC 1071).
    private void emitHeaderChecksum() {
        assembler.move(R1, 0);
        for (int word = 0; word < IPV4_LENGTH; word += 4) {
            assembler.load(WORD, R3, R8, word);
            assembler.compute(ADD, R1, R3);
        }
        assembler.move(R3, R1);
        assembler.compute(SHIFT_RIGHT, R3, 32);
        assembler.compute32(MOVE, R1, R1);
        assembler.compute(ADD, R1, R3);
        fold(3); // 33 bits need three
        assembler.jumpIf32(NOT_EQUAL, R1, 0xffff, malformed);
    }

    /// Drops a packet at R8 that claims to be longer than its frame.
    private void emitRequireWhole() {
        if (!inFragments) {
            assembler.move(R1, R8);
            assembler.compute(ADD, R1, R6);
            assembler.jumpIf(ABOVE, R1, R7, malformed);
            return;
        }
        Label untagged = new Label();
        assembler.move(R1, R9);
        assembler.call(BpfAssembler.XDP_FRAME_LENGTH);
        assembler.compute(SUBTRACT, R0, ETHERNET_LENGTH);
        assembler.load(WORD, R3, R10, TAG);
        assembler.jumpIf32(EQUAL, R3, 0, untagged);
        assembler.compute(SUBTRACT, R0, TAG_LENGTH);
        assembler.bind(untagged);
        assembler.jumpIf(ABOVE, R6, R0, malformed);
    }

    /// What stands between the outer header and the inner packet. R8 goes to the latter, R6 to the bytes for it.
    private void emitBetween() {
        Label ipip = new Label();
        Label gre = new Label();
        assembler.load(WORD, R2, R10, TUNNEL);
        assembler.jumpIf32(EQUAL, R2, Tunnel.IPIP.bit, ipip);
        assembler.jumpIf32(EQUAL, R2, Tunnel.GRE.bit, gre);

        need(UDP_LENGTH + 1, malformed);
        assembler.jumpIf32(BELOW, R6, UDP_LENGTH, malformed);
        assembler.load(HALF, R3, R8, 4);
        assembler.swap(R3, 16);
        assembler.jumpIf32(BELOW, R3, UDP_LENGTH, malformed);
        assembler.jumpIf(ABOVE, R3, R6, malformed);
        assembler.move(R6, R3);
        assembler.load(BYTE, R2, R8, UDP_LENGTH);
        step(UDP_LENGTH);
        assembler.compute(SHIFT_RIGHT, R2, 4); // variant 1: the IP version is the first nibble
        assembler.jumpIf32(EQUAL, R2, 4, inner4);
        assembler.jumpIf32(EQUAL, R2, 6, inner6);
        assembler.jump(malformed);

        assembler.bind(gre);
        need(GRE_LENGTH, malformed);
        assembler.jumpIf32(BELOW, R6, GRE_LENGTH, malformed);
        assembler.load(HALF, R2, R8, 0); // no checksum, key, sequence or routing; version 0
        assembler.jumpIf32(NOT_EQUAL, R2, 0, malformed);
        assembler.load(HALF, R2, R8, 2);
        step(GRE_LENGTH);
        assembler.jumpIf32(EQUAL, R2, networkOrder16(ETHERTYPE_IPV4), inner4);
        assembler.jumpIf32(EQUAL, R2, networkOrder16(ETHERTYPE_IPV6), inner6);
        assembler.jump(malformed);

        assembler.bind(ipip);
        assembler.load(WORD, R2, R10, PROTOCOL);
        assembler.jumpIf32(EQUAL, R2, IPPROTO_IPV6, inner6);
    }

    private void emitInner4() {
        need(IPV4_LENGTH, malformed);
        assembler.load(BYTE, R2, R8, 0);
        assembler.move(R3, R2);
        assembler.compute(SHIFT_RIGHT, R3, 4);
        assembler.jumpIf32(NOT_EQUAL, R3, 4, malformed);
        assembler.compute(AND, R2, 15);
        assembler.compute(SHIFT_LEFT, R2, 2);
        assembler.jumpIf32(BELOW, R2, IPV4_LENGTH, malformed);
        assembler.load(HALF, R3, R8, 2);
        assembler.swap(R3, 16);
        assembler.jumpIf(BELOW, R3, R2, malformed);
        assembler.jumpIf(ABOVE, R3, R6, malformed);
        emitRequireVip(maps.addresses4(), 16);

        assembler.move(R6, networkOrder16(ETHERTYPE_IPV4));
        assembler.load(WORD, R2, R10, ECN);
        assembler.jumpIf32(NOT_EQUAL, R2, CONGESTION, decapsulate);
        assembler.load(BYTE, R3, R8, 1);
        emitCongestion(0);
        assembler.load(HALF, R4, R8, 0); // m, then m', of HC' = ~(~HC + ~m + m') (RFC 1624)
        assembler.store(BYTE, R8, 1, R3);
        assembler.load(HALF, R5, R8, 0);
        assembler.load(HALF, R1, R8, 10);
        assembler.compute(XOR, R1, 0xffff);
        assembler.compute(XOR, R4, 0xffff);
        assembler.compute(ADD, R1, R4);
        assembler.compute(ADD, R1, R5);
        fold(2);
        assembler.compute(XOR, R1, 0xffff);
        assembler.store(HALF, R8, 10, R1);
        assembler.jump(decapsulate);
    }

    private void emitInner6() {
        need(IPV6_LENGTH, malformed);
        assembler.load(BYTE, R3, R8, 0);
        assembler.compute(SHIFT_RIGHT, R3, 4);
        assembler.jumpIf32(NOT_EQUAL, R3, 6, malformed);
        assembler.load(HALF, R3, R8, 4);
        assembler.swap(R3, 16);
        assembler.compute(ADD, R3, IPV6_LENGTH);
        assembler.jumpIf(ABOVE, R3, R6, malformed);
        emitRequireVip(maps.addresses6(), 24);

        assembler.move(R6, networkOrder16(ETHERTYPE_IPV6));
        assembler.load(WORD, R2, R10, ECN);
        assembler.jumpIf32(NOT_EQUAL, R2, CONGESTION, decapsulate);
        assembler.load(BYTE, R3, R8, 1);
        emitCongestion(4);
        assembler.store(BYTE, R8, 1, R3);
    }

    private void emitRequireVip(BpfMap map, int offset) {
        lookUp(map, offset);
        assembler.jumpIf(EQUAL, R0, 0, notAVip);
        assembler.load(WORD, R3, R0, 0);
        assembler.load(WORD, R4, R10, TUNNEL);
        assembler.compute(AND, R3, R4);
        assembler.jumpIf32(EQUAL, R3, 0, notAVip);
    }

    /// A router on the way marked the outer header (RFC 6040 §4.2): so is the inner one, or the packet is dropped where
    /// its sender would not understand. R3 is the byte with the inner ECN bits, `shift` from its right.
    private void emitCongestion(int shift) {
        Label capable = new Label();
        assembler.jumpIf32(ANY_BIT, R3, CONGESTION << shift, capable);
        assembler.jump(congestion);
        assembler.bind(capable);
        assembler.compute(OR, R3, CONGESTION << shift);
    }

    /// Takes the overhead off and writes the Ethernet header anew. R6 is the inner EtherType.
    private void emitDecapsulate() {
        Label untagged = new Label();
        Label done = new Label();
        assembler.move(R1, R9);
        assembler.load(WORD, R2, R10, OVERHEAD);
        assembler.call(BpfAssembler.XDP_ADJUST_HEAD);
        assembler.jumpIf(NOT_EQUAL, R0, 0, malformed);
        assembler.load(WORD, R8, R9, 0);
        assembler.load(WORD, R7, R9, 4);
        need(ETHERNET_LENGTH + TAG_LENGTH, malformed); // An inner header is longer than a tag.
        assembler.load(LONG, R3, R10, MACS);
        assembler.store(LONG, R8, 0, R3);
        assembler.load(WORD, R3, R10, MACS_REST);
        assembler.store(WORD, R8, 8, R3);
        assembler.load(WORD, R3, R10, TAG);
        assembler.jumpIf32(EQUAL, R3, 0, untagged);
        assembler.store(WORD, R8, ETHERTYPE, R3);
        assembler.store(HALF, R8, ETHERTYPE + TAG_LENGTH, R6);
        assembler.jump(done);
        assembler.bind(untagged);
        assembler.store(HALF, R8, ETHERTYPE, R6);
        assembler.bind(done);
        assembler.store(WORD, R10, INDEX, Counter.DECAPSULATED.index);
        assembler.move(R6, BpfProgram.XDP_PASS);
    }

    private void emitEnds() {
        Label count = new Label();
        Label end = new Label();
        assembler.jump(count);
        emitDrop(notAVip, Counter.NOT_A_VIP, count);
        emitDrop(outerFragment, Counter.OUTER_FRAGMENT, count);
        emitDrop(congestion, Counter.CONGESTION, count);
        emitDrop(malformed, Counter.MALFORMED, count);

        assembler.bind(count);
        assembler.loadMap(R1, maps.counters());
        assembler.move(R2, R10);
        assembler.compute(ADD, R2, INDEX);
        assembler.call(BpfAssembler.MAP_LOOKUP);
        assembler.jumpIf(EQUAL, R0, 0, end);
        assembler.load(LONG, R1, R0, 0);
        assembler.compute(ADD, R1, 1);
        assembler.store(LONG, R0, 0, R1); // This CPU's own, and XDP is not interrupted by itself.
        assembler.bind(end);
        assembler.move(R0, R6);
        assembler.exit();

        assembler.bind(pass);
        assembler.move(R0, BpfProgram.XDP_PASS);
        assembler.exit();
    }

    private void emitDrop(Label label, Counter counter, Label count) {
        assembler.bind(label);
        assembler.store(WORD, R10, INDEX, counter.index);
        assembler.move(R6, BpfProgram.XDP_DROP);
        assembler.jump(count);
    }

    /// Adds the halves of R1, as often as its width asks for.
    private void fold(int times) {
        for (int i = 0; i < times; i++) {
            assembler.move(R3, R1);
            assembler.compute(SHIFT_RIGHT, R3, 16);
            assembler.compute(AND, R1, 0xffff);
            assembler.compute(ADD, R1, R3);
        }
    }

    /// Moves on by a header that was checked to be there.
    private void step(int length) {
        assembler.compute(SUBTRACT, R6, length);
        assembler.compute(ADD, R8, length);
        assembler.load(WORD, R3, R10, OVERHEAD);
        assembler.compute(ADD, R3, length);
        assembler.store(WORD, R10, OVERHEAD, R3);
    }

    /// Leaves unless so many bytes follow R8.
    private void need(int length, Label otherwise) {
        assembler.move(R1, R8);
        assembler.compute(ADD, R1, length);
        assembler.jumpIf(ABOVE, R1, R7, otherwise);
    }

    /// Moves R8 on, or leaves where the frame ends before.
    private void skip(int length, Label otherwise) {
        assembler.compute(ADD, R8, length);
        assembler.jumpIf(ABOVE, R8, R7, otherwise);
    }

    /// R0 = the map's value for the address at R8 + offset, or 0.
    private void lookUp(BpfMap map, int offset) {
        assembler.loadMap(R1, map);
        assembler.move(R2, R8);
        assembler.compute(ADD, R2, offset);
        assembler.call(BpfAssembler.MAP_LOOKUP);
    }
}
