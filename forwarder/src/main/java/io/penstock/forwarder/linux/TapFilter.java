package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ANY_BIT;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R10;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R4;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfAssembler.Register;

/// Which frames a packet socket's ring takes: all that concern our VIPs, and not the rest of the host's traffic, which
/// would cost a copy each. Looks into the maps of a [VipClassifier], but less closely: every ICMP message to a tunnel
/// source comes in, and the packet path tells which are ours.
///
/// Frames to another host's MAC address, which a bridge floods or a switch mirrors, stay out.
///
/// Programs of this type may not point into the frame; the headers are copied to the stack, here drawn from its end:
///
/// ```
///  -64            -40         -20        -4      0
///   +--------------+-----------+----------+------+
///   | ND message   |  IPv6 header                |
///   +--------------+------+----+-----------------+
///                         | ARP, from -28        |
///                         +----+-----------------+
///                              |  IPv4 header    |
///                              +-----------------+
/// ```
final class TapFilter {
    private static final int PACKET_TYPE = 4; // __sk_buff.pkt_type
    private static final int VLAN_PRESENT = 20; // __sk_buff.vlan_present: a tag was taken out of the frame
    private static final int OTHER_HOST = 3;
    private static final int ETHERTYPE = 12;
    private static final int ETHERNET_LENGTH = 14;
    private static final int TAG_LENGTH = 4;

    private TapFilter() {}

    /// Loads the program.
    ///
    /// @throws LinuxException when the kernel refuses
    static BpfProgram load(VipClassifier classifier) {
        return BpfProgram.load(BpfProgram.Kind.SOCKET_FILTER, "ps_tap", assemble(classifier));
    }

    private static BpfAssembler assemble(VipClassifier classifier) {
        BpfAssembler assembler = new BpfAssembler();
        Label take = new Label();
        Label leave = new Label();
        Label untagged = new Label();
        Label arp = new Label();
        Label packet6 = new Label();

        assembler.move(R6, R1);
        assembler.load(WORD, R3, R6, PACKET_TYPE);
        assembler.jumpIf32(EQUAL, R3, OTHER_HOST, leave);
        // R7: where the packet begins in the frame.
        assembler.move(R7, ETHERNET_LENGTH);
        copy(assembler, ETHERTYPE - ETHERNET_LENGTH, 2, leave);
        assembler.load(HALF, R3, R10, -2);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x8100), untagged);
        assembler.load(WORD, R3, R6, VLAN_PRESENT);
        assembler.jumpIf32(NOT_EQUAL, R3, 0, leave); // a second tag
        assembler.compute(ADD, R7, TAG_LENGTH);
        copy(assembler, ETHERTYPE - ETHERNET_LENGTH, 2, leave);
        assembler.load(HALF, R3, R10, -2);
        assembler.bind(untagged);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x86dd), packet6);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x0806), arp);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x0800), leave);
        emitIpv4(assembler, classifier.ipv4(), take, leave);
        assembler.bind(arp);
        emitArp(assembler, classifier.ipv4(), take, leave);
        assembler.bind(packet6);
        emitIpv6(assembler, classifier.ipv6(), take, leave);

        assembler.bind(take);
        assembler.move(R0, -1); // all its bytes
        assembler.exit();
        assembler.bind(leave);
        assembler.move(R0, 0);
        assembler.exit();
        return assembler;
    }

    private static void emitIpv4(BpfAssembler assembler, BpfMap map, Label take, Label leave) {
        copy(assembler, 0, 20, leave);
        lookUp(assembler, map, -4); // destination
        assembler.jumpIf(EQUAL, R0, 0, leave);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VipClassifier.VIP, take);
        assembler.load(BYTE, R3, R10, -11); // protocol
        assembler.jumpIf32(EQUAL, R3, 1, take); // ICMP to a tunnel source
        assembler.jump(leave);
    }

    private static void emitArp(BpfAssembler assembler, BpfMap map, Label take, Label leave) {
        copy(assembler, 0, 28, leave);
        for (int address : new int[] {-4, -14}) { // target, sender
            Label no = new Label();
            lookUp(assembler, map, address);
            assembler.jumpIf(EQUAL, R0, 0, no);
            assembler.load(WORD, R3, R0, 0);
            assembler.jumpIf32(ANY_BIT, R3, VipClassifier.VIP, take);
            assembler.bind(no);
        }
        assembler.jump(leave);
    }

    private static void emitIpv6(BpfAssembler assembler, BpfMap map, Label take, Label leave) {
        Label discovery = new Label();
        Label notAnAddress = new Label();
        copy(assembler, 0, 40, leave);
        lookUp(assembler, map, -16); // destination
        assembler.jumpIf(EQUAL, R0, 0, notAnAddress);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VipClassifier.VIP, take);
        assembler.load(BYTE, R3, R10, -34); // next header
        assembler.jumpIf32(EQUAL, R3, 58, take); // ICMPv6 to a tunnel source
        assembler.jump(leave);

        assembler.bind(notAnAddress);
        assembler.load(BYTE, R3, R10, -34);
        assembler.jumpIf32(NOT_EQUAL, R3, 58, leave);
        assembler.compute(ADD, R7, 40);
        copyTo(assembler, 0, -64, 24, leave);
        assembler.load(BYTE, R3, R10, -64); // type
        assembler.jumpIf32(EQUAL, R3, 135, discovery);
        assembler.jumpIf32(NOT_EQUAL, R3, 136, leave);
        assembler.bind(discovery);
        lookUp(assembler, map, -56); // target
        assembler.jumpIf(EQUAL, R0, 0, leave);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VipClassifier.VIP, take);
        assembler.jump(leave);
    }

    /// Copies bytes at R7 + offset to the end of the stack, or leaves where the frame ends before.
    private static void copy(BpfAssembler assembler, int offset, int length, Label leave) {
        copyTo(assembler, offset, -length, length, leave);
    }

    private static void copyTo(BpfAssembler assembler, int offset, int stackOffset, int length, Label leave) {
        assembler.move(R1, R6);
        assembler.move(R2, R7);
        assembler.compute(ADD, R2, offset);
        assembler.move(R3, R10);
        assembler.compute(ADD, R3, stackOffset);
        assembler.move(R4, length);
        assembler.call(BpfAssembler.SKB_LOAD_BYTES);
        assembler.jumpIf(NOT_EQUAL, R0, 0, leave);
    }

    /// R0 = the map's value for the address on the stack, or 0.
    private static void lookUp(BpfAssembler assembler, BpfMap map, int stackOffset) {
        assembler.loadMap(R1, map);
        Register key = R2;
        assembler.move(key, R10);
        assembler.compute(ADD, key, stackOffset);
        assembler.call(BpfAssembler.MAP_LOOKUP);
    }
}
