package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernel's own verdict on one frame after another, by BPF_PROG_TEST_RUN. Without a socket in the map, a frame
/// that is ours is redirected to nothing, which the helper turns into XDP_PASS; so these tests put a real socket there.
@Tag("root")
class XdpFilterTest {
    private static final String MACS = "02000000000a" + "020000000001";
    private static final String TAG = "8100" + "0064";
    private static final String VIP4 = "c0000201"; // 192.0.2.1
    private static final String OTHER4 = "c0000202";
    private static final String TUNNEL4 = "0a000001"; // 10.0.0.1
    private static final String CLIENT4 = "c6336407";
    private static final String VIP6 = "20010db8000000000000000000000001";
    private static final String OTHER6 = "20010db8000000000000000000000002";
    private static final String TUNNEL6 = "fd000000000000000000000000000001";
    private static final String CLIENT6 = "20010db8000100000000000000000007";
    private static final String SOLICITED6 = "ff0200000000000000000001ff000001";

    private static final String ECHO = "0800f7ff00000000";

    private final Libc libc = new Libc(Arena.ofAuto());
    private XdpFilter filter;
    private int socket;

    @BeforeEach
    void load() {
        NetworkNamespaces.assumeRoot();
        filter = new XdpFilter(1);
        socket = LinuxException.check(libc.socket(44, 3, 0), "socket(AF_XDP)");
        filter.put(0, socket);
        filter.update(addresses(VIP4, VIP6), addresses(TUNNEL4, TUNNEL6));
    }

    @AfterEach
    void close() {
        if (filter != null) {
            filter.close();
            libc.close(socket);
        }
    }

    /// Shows S2-21: what is not ours is left alone.
    static List<Arguments> frames() {
        return List.of(
                // IPv4
                ours("TCP to a VIP", ipv4(CLIENT4, VIP4, 6, "00".repeat(20))),
                ours("TCP to a VIP, tagged", tagged(ipv4(CLIENT4, VIP4, 6, "00".repeat(20)))),
                ours("a later fragment to a VIP", ipv4Fragment(CLIENT4, VIP4, 17, "00".repeat(8))),
                ours("ICMP echo to a VIP", ipv4(CLIENT4, VIP4, 1, ECHO)),
                ours("no more than a header", ipv4(CLIENT4, VIP4, 6, "")),
                others("TCP to another address", ipv4(CLIENT4, OTHER4, 6, "00".repeat(20))),
                others("TCP from a VIP", ipv4(VIP4, OTHER4, 6, "00".repeat(20))),
                others(
                        "two tags",
                        MACS + "8100000a" + tagged(ipv4(CLIENT4, VIP4, 6, "")).substring(24)),
                others("half a header", ipv4(CLIENT4, VIP4, 6, "").substring(0, 2 * 33)),
                others("half a tag", MACS + "810000"),
                others("an ethertype of its own", MACS + "88b5" + "00".repeat(46)),
                others("an 802.3 length", MACS + "0026" + "4242030000" + "00".repeat(41)),
                // Our tunnel sources
                others("TCP to a tunnel source: the host's", ipv4(CLIENT4, TUNNEL4, 6, "00".repeat(20))),
                others("ICMP echo to a tunnel source", ipv4(CLIENT4, TUNNEL4, 1, ECHO)),
                ours(
                        "too big, quoting IPIP",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 4, "00".repeat(8))))),
                ours(
                        "too big, quoting 6in4",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 41, "00".repeat(8))))),
                ours(
                        "time exceeded, quoting GRE",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(11, 0, ip4(TUNNEL4, OTHER4, 47, "00".repeat(8))))),
                ours(
                        "parameter problem, quoting GUE",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(12, 0, ip4(TUNNEL4, OTHER4, 17, "c00017c000000000")))),
                ours(
                        "too big, quoting GUE, tagged",
                        tagged(ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 17, "c00017c000000000"))))),
                ours(
                        "too big behind IP options",
                        ipv4Options(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 4, "00".repeat(8))))),
                others(
                        "an error that quotes the host's TCP",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 6, "00".repeat(8))))),
                others(
                        "an error that quotes the host's DNS",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 3, ip4(TUNNEL4, OTHER4, 17, "c000003500000000")))),
                others(
                        "an error that quotes another source",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(OTHER4, CLIENT4, 4, "00".repeat(8))))),
                others("a redirect", ipv4(CLIENT4, TUNNEL4, 1, error4(5, 1, ip4(TUNNEL4, OTHER4, 4, "00".repeat(8))))),
                others("an error cut in its quote", ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, "4500001c0000"))),
                others(
                        "an error cut before the quoted port",
                        ipv4(CLIENT4, TUNNEL4, 1, error4(3, 4, ip4(TUNNEL4, OTHER4, 17, "c000")))),
                others(
                        "a quote with a header length of 4",
                        ipv4(
                                CLIENT4,
                                TUNNEL4,
                                1,
                                error4(
                                        3,
                                        4,
                                        "44"
                                                + ip4(TUNNEL4, OTHER4, 17, "c00017c000000000")
                                                        .substring(2)))),
                // ARP
                ours("ARP request for a VIP", arp(1, CLIENT4, VIP4)),
                ours("ARP request for a VIP, tagged", tagged(arp(1, CLIENT4, VIP4))),
                ours("ARP reply that claims a VIP", arp(2, VIP4, CLIENT4)),
                ours("ARP announcement of a VIP", arp(1, VIP4, VIP4)),
                others("ARP request for the host", arp(1, CLIENT4, OTHER4)),
                others("ARP request for a tunnel source: the host's", arp(1, CLIENT4, TUNNEL4)),
                others("ARP of another protocol", arp(1, CLIENT4, VIP4).replace("00010800", "00011234")),
                others("ARP cut short", arp(1, CLIENT4, VIP4).substring(0, 2 * 41)),
                // IPv6
                ours("TCP to a VIP, IPv6", ipv6(CLIENT6, VIP6, 6, "00".repeat(20))),
                ours("TCP to a VIP, IPv6, tagged", tagged(ipv6(CLIENT6, VIP6, 6, "00".repeat(20)))),
                ours("a hop-by-hop header to a VIP", ipv6(CLIENT6, VIP6, 0, "0600010400000000")),
                others("TCP to another IPv6 address", ipv6(CLIENT6, OTHER6, 6, "00".repeat(20))),
                others("half an IPv6 header", ipv6(CLIENT6, VIP6, 6, "").substring(0, 2 * 53)),
                ours("solicitation of a VIP", ipv6(CLIENT6, SOLICITED6, 58, neighbour(135, VIP6))),
                ours("solicitation of a VIP, tagged", tagged(ipv6(CLIENT6, SOLICITED6, 58, neighbour(135, VIP6)))),
                ours(
                        "advertisement that claims a VIP",
                        ipv6(CLIENT6, "ff02" + "00".repeat(13) + "01", 58, neighbour(136, VIP6))),
                ours("advertisement of a VIP to a tunnel source", ipv6(CLIENT6, TUNNEL6, 58, neighbour(136, VIP6))),
                others("solicitation of the host", ipv6(CLIENT6, SOLICITED6, 58, neighbour(135, OTHER6))),
                others(
                        "solicitation of a tunnel source: the host's",
                        ipv6(CLIENT6, SOLICITED6, 58, neighbour(135, TUNNEL6))),
                others(
                        "solicitation cut in its target",
                        ipv6(CLIENT6, SOLICITED6, 58, neighbour(135, VIP6).substring(0, 40))),
                others(
                        "router advertisement",
                        ipv6(CLIENT6, "ff02" + "00".repeat(13) + "01", 58, neighbour(134, VIP6))),
                others("TCP to an IPv6 tunnel source", ipv6(CLIENT6, TUNNEL6, 6, "00".repeat(60))),
                others("ICMPv6 echo to a tunnel source", ipv6(CLIENT6, TUNNEL6, 58, "80000000" + "00".repeat(60))),
                ours(
                        "packet too big, quoting 4in6",
                        ipv6(CLIENT6, TUNNEL6, 58, "02000000000005dc" + ip6(TUNNEL6, OTHER6, 4, "00".repeat(8)))),
                ours(
                        "unreachable, quoting 6in6",
                        ipv6(CLIENT6, TUNNEL6, 58, "0100000000000000" + ip6(TUNNEL6, OTHER6, 41, ""))),
                ours(
                        "time exceeded, quoting GRE over IPv6",
                        ipv6(CLIENT6, TUNNEL6, 58, "0300000000000000" + ip6(TUNNEL6, OTHER6, 47, ""))),
                ours(
                        "parameter problem, quoting GUE over IPv6",
                        ipv6(CLIENT6, TUNNEL6, 58, "0400000000000000" + ip6(TUNNEL6, OTHER6, 17, "c00017c0"))),
                others(
                        "an ICMPv6 error that quotes the host's TCP",
                        ipv6(CLIENT6, TUNNEL6, 58, "02000000000005dc" + ip6(TUNNEL6, OTHER6, 6, "00".repeat(8)))),
                others(
                        "an ICMPv6 error that quotes another source",
                        ipv6(CLIENT6, TUNNEL6, 58, "02000000000005dc" + ip6(CLIENT6, OTHER6, 4, "00".repeat(8)))),
                others(
                        "an ICMPv6 error cut in its quote",
                        ipv6(
                                CLIENT6,
                                TUNNEL6,
                                58,
                                "02000000000005dc" + ip6(TUNNEL6, OTHER6, 4, "").substring(0, 78))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("frames")
    void shouldTellOursFromOthers(String what, String frame, int verdict) {
        byte[] bytes = HexFormat.of().parseHex(frame);

        BpfProgram.Outcome outcome = filter.program().run(bytes);

        assertEquals(verdict, outcome.verdict(), () -> what + ": " + frame);
        assertArrayEquals(bytes, outcome.frame(), "the frame is as it was");
    }

    @Test
    void shouldFollowUpdates() {
        byte[] toVip = HexFormat.of().parseHex(ipv4(CLIENT4, VIP4, 6, ""));
        byte[] toOther = HexFormat.of().parseHex(ipv4(CLIENT4, OTHER4, 6, ""));
        byte[] toOther6 = HexFormat.of().parseHex(ipv6(CLIENT6, OTHER6, 6, ""));

        filter.update(addresses(OTHER4, OTHER6), Set.of());

        assertEquals(BpfProgram.XDP_PASS, filter.program().run(toVip).verdict());
        assertEquals(BpfProgram.XDP_REDIRECT, filter.program().run(toOther).verdict());
        assertEquals(BpfProgram.XDP_REDIRECT, filter.program().run(toOther6).verdict());

        filter.update(addresses(VIP4), addresses(OTHER4));

        assertEquals(BpfProgram.XDP_REDIRECT, filter.program().run(toVip).verdict());
        assertEquals(BpfProgram.XDP_PASS, filter.program().run(toOther).verdict());
        assertEquals(BpfProgram.XDP_PASS, filter.program().run(toOther6).verdict());
    }

    @Test
    void shouldKnowAnAddressThatIsBothVipAndTunnelSource() {
        filter.update(addresses(VIP4), addresses(VIP4));

        byte[] toVip = HexFormat.of().parseHex(ipv4(CLIENT4, VIP4, 6, ""));

        assertEquals(BpfProgram.XDP_REDIRECT, filter.program().run(toVip).verdict());
    }

    @Test
    void shouldHoldThousandsOfVips() throws Exception {
        Set<InetAddress> many = new HashSet<>();
        for (int i = 0; i < 5_000; i++) {
            many.add(InetAddress.getByAddress(new byte[] {10, 1, (byte) (i >> 8), (byte) i}));
        }

        filter.update(many, Set.of());

        byte[] toLast = HexFormat.of().parseHex(ipv4(CLIENT4, "0a011387", 6, ""));
        assertEquals(BpfProgram.XDP_REDIRECT, filter.program().run(toLast).verdict());
    }

    @Test
    void shouldPassWhereTheQueueHasNoSocket() {
        try (XdpFilter unarmed = new XdpFilter(1)) {
            unarmed.update(addresses(VIP4), Set.of());
            byte[] toVip = HexFormat.of().parseHex(ipv4(CLIENT4, VIP4, 6, ""));

            assertEquals(BpfProgram.XDP_PASS, unarmed.program().run(toVip).verdict());
        }
    }

    @Test
    void shouldShowTheVerifiersLog() {
        BpfAssembler bad = new BpfAssembler().exit(); // R0 is not set

        LinuxException refused =
                assertThrows(LinuxException.class, () -> BpfProgram.load(BpfProgram.Kind.XDP, "bad", bad));

        assertTrue(String.valueOf(refused.getMessage()).contains("R0 !read_ok"), refused.getMessage());
    }

    private static Arguments ours(String what, String frame) {
        return Arguments.of(what, frame, BpfProgram.XDP_REDIRECT);
    }

    private static Arguments others(String what, String frame) {
        return Arguments.of(what, frame, BpfProgram.XDP_PASS);
    }

    private static String ipv4(String source, String destination, int protocol, String payload) {
        return MACS + "0800" + ip4(source, destination, protocol, payload);
    }

    private static String ip4(String source, String destination, int protocol, String payload) {
        return "4500%04x0000000040%02x0000%s%s%s"
                .formatted(20 + payload.length() / 2, protocol, source, destination, payload);
    }

    private static String ipv4Fragment(String source, String destination, int protocol, String payload) {
        return MACS + "0800" + ip4(source, destination, protocol, payload).replaceFirst("^(.{12}).{4}", "$100b9");
    }

    private static String ipv4Options(String source, String destination, int protocol, String payload) {
        String plain = ip4(source, destination, protocol, payload);
        return MACS + "0800" + "46" + plain.substring(2, 40) + "94040000" + plain.substring(40);
    }

    private static String error4(int type, int code, String quote) {
        return "%02x%02x0000000005dc%s".formatted(type, code, quote);
    }

    private static String arp(int operation, String sender, String target) {
        return MACS + "0806" + "000108000604%04x02000000000a%s000000000000%s".formatted(operation, sender, target);
    }

    private static String ipv6(String source, String destination, int nextHeader, String payload) {
        return MACS + "86dd" + ip6(source, destination, nextHeader, payload);
    }

    private static String ip6(String source, String destination, int nextHeader, String payload) {
        return "60000000%04x%02xff%s%s%s".formatted(payload.length() / 2, nextHeader, source, destination, payload);
    }

    private static String neighbour(int type, String target) {
        return "%02x00000000000000%s010102000000000a".formatted(type, target);
    }

    private static String tagged(String frame) {
        return frame.substring(0, 24) + TAG + frame.substring(24);
    }

    private static Set<InetAddress> addresses(String... hexes) {
        Set<InetAddress> addresses = new HashSet<>();
        for (String hex : hexes) {
            try {
                addresses.add(InetAddress.getByAddress(HexFormat.of().parseHex(hex)));
            } catch (UnknownHostException e) {
                throw new AssertionError(hex, e);
            }
        }
        return addresses;
    }
}
