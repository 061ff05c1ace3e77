package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.ANY_BIT;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.BELOW;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Condition.NOT_EQUAL;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.AND;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.SHIFT_LEFT;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R8;
import static io.penstock.forwarder.linux.BpfAssembler.Size.BYTE;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.LONG;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder16;
import static io.penstock.forwarder.linux.BpfAssembler.networkOrder32;

import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfAssembler.Register;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/// Which frames concern our VIPs, as BPF instructions and the two maps they look into. The programs for XDP and for
/// TC are this, with what each does in either case.
///
/// Ours are:
/// 1. IPv4 and IPv6 packets whose destination is a VIP, fragments included;
/// 2. ARP for Ethernet and IPv4 whose target or sender protocol address is a VIP: somebody asks, or claims it;
/// 3. neighbour solicitations and advertisements (RFC 4861) whose target is a VIP;
/// 4. ICMP and ICMPv6 errors to one of our tunnel sources that quote a packet from it with protocol 4, 41 or 47, or
///    UDP to port 6080: such a packet may be one that we encapsulated.
///
/// One 802.1Q tag in the frame is looked through. IPv6 extension headers are not walked: neither neighbour discovery
/// nor the errors of routers carry them, and for a VIP the destination decides. A tunnel of the host's own that has
/// the same source address as ours loses its ICMP errors to us.
final class VipClassifier implements AutoCloseable {
    /// Most addresses of each family.
    static final int ADDRESSES_MAX = 65_536;

    /// Flag of an address that we answer for.
    static final int VIP = 1;
    /// Flag of an outer source address.
    static final int TUNNEL_SOURCE = 2;

    private static final int ETHERNET_LENGTH = 14;
    private static final int ETHERTYPE = 12;
    private static final int TAG_LENGTH = 4;
    private static final int IPV6_LENGTH = 40;
    private static final int ICMP_LENGTH = 8;

    private final BpfMap ipv4 = BpfMap.create(BpfMap.Kind.HASH, "ps_addresses4", 4, 4, ADDRESSES_MAX);
    private final BpfMap ipv6 = BpfMap.create(BpfMap.Kind.HASH, "ps_addresses6", 16, 4, ADDRESSES_MAX);
    private Map<InetAddress, Integer> known = Map.of();

    /// Writes the instructions that decide.
    ///
    /// @param assembler with R6 at the frame's first byte and R7 after its last; R9 is left alone
    /// @param ours      where to go with a frame that is ours
    /// @param others    where to go with any other; R0 to R5, R8 and 24 bytes of stack are changed
    void emit(BpfAssembler assembler, Label ours, Label others) {
        Label untagged = new Label();
        Label arp = new Label();
        Label packet6 = new Label();

        // R8: where the packet begins, from here on.
        assembler.move(R8, R6);
        skip(assembler, ETHERNET_LENGTH, others);
        assembler.load(HALF, R3, R6, ETHERTYPE);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x8100), untagged);
        skip(assembler, TAG_LENGTH, others);
        assembler.load(HALF, R3, R6, ETHERTYPE + TAG_LENGTH);
        assembler.bind(untagged);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x86dd), packet6);
        assembler.jumpIf32(EQUAL, R3, networkOrder16(0x0806), arp);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x0800), others);
        emitIpv4(assembler, ours, others);
        assembler.bind(arp);
        emitArp(assembler, ours, others);
        assembler.bind(packet6);
        emitIpv6(assembler, ours, others);
    }

    private void emitIpv4(BpfAssembler assembler, Label ours, Label others) {
        need(assembler, 20, others);
        lookUp(assembler, ipv4, 16); // destination
        assembler.jumpIf(EQUAL, R0, 0, others);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VIP, ours);

        assembler.load(BYTE, R3, R8, 9); // protocol
        assembler.jumpIf32(NOT_EQUAL, R3, 1, others);
        assembler.load(HALF, R3, R8, 6); // fragment offset
        assembler.jumpIf32(ANY_BIT, R3, networkOrder16(0x1fff), others);
        assembler.load(WORD, R2, R8, 16);
        skipIpv4Header(assembler, others);
        need(assembler, ICMP_LENGTH + 20, others);
        Label isError = new Label();
        assembler.load(BYTE, R3, R8, 0); // type
        assembler.jumpIf32(EQUAL, R3, 3, isError); // destination unreachable, too big included
        assembler.jumpIf32(EQUAL, R3, 11, isError); // time exceeded
        assembler.jumpIf32(NOT_EQUAL, R3, 12, others); // parameter problem
        assembler.bind(isError);
        assembler.compute(ADD, R8, ICMP_LENGTH);
        assembler.load(WORD, R3, R8, 12); // quoted source: must be whom the error is for
        assembler.jumpIf32(NOT_EQUAL, R3, R2, others);
        assembler.load(BYTE, R2, R8, 9); // quoted protocol
        skipIpv4Header(assembler, others);
        emitQuotedTunnel(assembler, ours, others);
    }

    private void emitArp(BpfAssembler assembler, Label ours, Label others) {
        need(assembler, 28, others);
        assembler.load(WORD, R3, R8, 0);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder32(0x00010800), others); // Ethernet, IPv4
        assembler.load(HALF, R3, R8, 4);
        assembler.jumpIf32(NOT_EQUAL, R3, networkOrder16(0x0604), others); // address lengths
        for (int address : new int[] {24, 14}) { // target, sender
            Label no = new Label();
            lookUp(assembler, ipv4, address);
            assembler.jumpIf(EQUAL, R0, 0, no);
            assembler.load(WORD, R3, R0, 0);
            assembler.jumpIf32(ANY_BIT, R3, VIP, ours);
            assembler.bind(no);
        }
        assembler.jump(others);
    }

    private void emitIpv6(BpfAssembler assembler, Label ours, Label others) {
        Label notAnAddress = new Label();
        Label discovery = new Label();
        need(assembler, IPV6_LENGTH, others);
        lookUp(assembler, ipv6, 24); // destination
        assembler.jumpIf(EQUAL, R0, 0, notAnAddress);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VIP, ours);

        // One of our tunnel sources: an error about a packet of ours, or neighbour discovery.
        need(assembler, IPV6_LENGTH + ICMP_LENGTH + IPV6_LENGTH, notAnAddress);
        assembler.load(BYTE, R3, R8, 6); // next header
        assembler.jumpIf32(NOT_EQUAL, R3, 58, others);
        assembler.load(BYTE, R3, R8, IPV6_LENGTH); // type: 1 to 4 are the errors
        assembler.jumpIf32(EQUAL, R3, 0, others);
        assembler.jumpIf32(ABOVE, R3, 4, discovery);
        for (int half = 0; half < 16; half += 8) {
            assembler.load(LONG, R2, R8, 24 + half); // destination
            assembler.load(LONG, R3, R8, IPV6_LENGTH + ICMP_LENGTH + 8 + half); // quoted source
            assembler.jumpIf(NOT_EQUAL, R2, R3, others);
        }
        assembler.load(BYTE, R2, R8, IPV6_LENGTH + ICMP_LENGTH + 6); // quoted next header
        assembler.compute(ADD, R8, IPV6_LENGTH + ICMP_LENGTH + IPV6_LENGTH);
        emitQuotedTunnel(assembler, ours, others);

        assembler.bind(notAnAddress);
        need(assembler, IPV6_LENGTH + 24, others);
        assembler.load(BYTE, R3, R8, 6);
        assembler.jumpIf32(NOT_EQUAL, R3, 58, others);
        assembler.bind(discovery);
        need(assembler, IPV6_LENGTH + 24, others);
        Label solicitationOrAdvertisement = new Label();
        assembler.load(BYTE, R3, R8, IPV6_LENGTH);
        assembler.jumpIf32(EQUAL, R3, 135, solicitationOrAdvertisement);
        assembler.jumpIf32(NOT_EQUAL, R3, 136, others);
        assembler.bind(solicitationOrAdvertisement);
        lookUp(assembler, ipv6, IPV6_LENGTH + 8); // target
        assembler.jumpIf(EQUAL, R0, 0, others);
        assembler.load(WORD, R3, R0, 0);
        assembler.jumpIf32(ANY_BIT, R3, VIP, ours);
        assembler.jump(others);
    }

    /// R2: the quoted packet's protocol; R8: what follows its header.
    private static void emitQuotedTunnel(BpfAssembler assembler, Label ours, Label others) {
        for (int protocol : new int[] {4, 41, 47}) {
            assembler.jumpIf32(EQUAL, R2, protocol, ours);
        }
        assembler.jumpIf32(NOT_EQUAL, R2, 17, others);
        need(assembler, 4, others);
        assembler.load(HALF, R3, R8, 2); // quoted destination port: GUE
        assembler.jumpIf32(EQUAL, R3, networkOrder16(6080), ours);
        assembler.jump(others);
    }

    /// Moves R8 past an IPv4 header with its options.
    private static void skipIpv4Header(BpfAssembler assembler, Label others) {
        assembler.load(BYTE, R3, R8, 0);
        assembler.compute(AND, R3, 15);
        assembler.jumpIf32(BELOW, R3, 5, others);
        assembler.compute(SHIFT_LEFT, R3, 2);
        assembler.compute(ADD, R8, R3);
    }

    /// Leaves unless so many bytes follow R8.
    private static void need(BpfAssembler assembler, int length, Label others) {
        assembler.move(R1, R8);
        assembler.compute(ADD, R1, length);
        assembler.jumpIf(ABOVE, R1, R7, others);
    }

    /// Moves R8 on, or leaves where the frame ends before.
    private static void skip(BpfAssembler assembler, int length, Label others) {
        assembler.compute(ADD, R8, length);
        assembler.jumpIf(ABOVE, R8, R7, others);
    }

    /// R0 = the map's value for the address at R8 + offset, or 0.
    private static void lookUp(BpfAssembler assembler, BpfMap map, int offset) {
        assembler.loadMap(R1, map);
        Register key = R2; // Points into the frame, whose bounds were checked.
        assembler.move(key, R8);
        assembler.compute(ADD, key, offset);
        assembler.call(BpfAssembler.MAP_LOOKUP);
    }

    /// {@return the known IPv4 addresses, with [#VIP] and [#TUNNEL_SOURCE] as flags of each}
    BpfMap ipv4() {
        return ipv4;
    }

    /// {@return the known IPv6 addresses, likewise}
    BpfMap ipv6() {
        return ipv6;
    }

    /// Makes these the addresses known. Adds before it deletes.
    void update(Set<InetAddress> vips, Set<InetAddress> tunnelSources) {
        Map<InetAddress, Integer> wanted = new HashMap<>();
        vips.forEach(vip -> wanted.merge(vip, VIP, (a, b) -> a | b));
        tunnelSources.forEach(source -> wanted.merge(source, TUNNEL_SOURCE, (a, b) -> a | b));
        wanted.forEach((address, flags) -> {
            if (!flags.equals(known.get(address))) {
                map(address).put(address.getAddress(), flags);
            }
        });
        for (InetAddress address : known.keySet()) {
            if (!wanted.containsKey(address)) {
                map(address).remove(address.getAddress());
            }
        }
        known = wanted;
    }

    /// {@return how many addresses are known}
    int size() {
        return known.size();
    }

    @Override
    public void close() {
        ipv4.close();
        ipv6.close();
    }

    private BpfMap map(InetAddress address) {
        return address.getAddress().length == 4 ? ipv4 : ipv6;
    }

    @Override
    public String toString() {
        return known.size() + " addresses " + Arrays.toString(known.keySet().toArray());
    }
}
