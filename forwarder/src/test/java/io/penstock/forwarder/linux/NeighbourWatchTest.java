package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Next hops on a real segment: one host with the forwarder's interface, one that owns all backends' addresses.
@Tag("root")
@Timeout(60)
class NeighbourWatchTest {
    private static final long SOON_MS = 10_000;
    private static final long BACKEND_MAC = 0x02_00_00_00_00_0bL;

    private NetworkNamespaces net;
    private String lb;
    private String backend;
    private NeighbourWatch watch;

    private final Map<InetAddress, Long> macs = new HashMap<>();
    private final Map<InetAddress, Integer> mtus = new HashMap<>();
    private final List<String> links = new ArrayList<>();
    private final NeighbourWatch.Listener listener = new NeighbourWatch.Listener() {
        @Override
        public void onNextHop(InetAddress destination, long mac, int mtu) {
            macs.put(destination, mac);
            mtus.put(destination, mtu);
        }

        @Override
        public void onLink(boolean isUp, int mtu) {
            links.add((isUp ? "up " : "down ") + mtu);
        }
    };

    @BeforeEach
    void open() throws Exception {
        net = NetworkNamespaces.open();
        lb = net.add("lb");
        backend = net.add("backend");
        net.veth(lb, "l0", backend, "b0", 1);
        net.in(backend, "ip link set b0 address 02:00:00:00:00:0b");
        net.in(lb, "ip addr add 10.0.0.1/24 dev l0");
        net.in(lb, "ip addr add fd00::1/64 dev l0 nodad");
        net.in(lb, "ip addr add fe80::1/64 dev l0 nodad"); // what solicitations come from
        net.in(backend, "ip addr add 10.0.0.11/24 dev b0");
        net.in(backend, "ip addr add fd00::11/64 dev b0 nodad");
        for (String family : List.of("ipv4", "ipv6")) {
            // The kernel's patience, shortened: else an address fails after three seconds, and is doubted after thirty.
            for (String setting : List.of(
                    "retrans_time_ms=50",
                    "ucast_solicit=1",
                    "delay_first_probe_time=1",
                    "base_reachable_time_ms=500")) {
                net.in(lb, "sysctl -qw net." + family + ".neigh.l0." + setting);
            }
        }
        watch = net.inside(lb, () -> new NeighbourWatch(LinuxInterface.read("l0")));
    }

    @AfterEach
    void close() {
        if (watch != null) {
            watch.close();
        }
        if (net != null) {
            net.close();
        }
    }

    @Test
    void shouldFindNeighboursOfBothFamilies() throws Exception {
        watch.want(address("10.0.0.11"));
        watch.want(address("fd00::11"));

        until(() -> mac("10.0.0.11") == BACKEND_MAC && mac("fd00::11") == BACKEND_MAC);

        assertEquals(1500, mtus.get(address("10.0.0.11")));
        assertEquals("", watch.whyNot(address("10.0.0.11")));
    }

    @Test
    void shouldReportOnceAndOnlyWhatChanged() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);
        macs.clear();

        pollFor(300);
        assertEquals(Map.of(), macs);

        watch.forget(address("10.0.0.11"));
        net.in(lb, "ip neigh flush dev l0");
        pollFor(200);
        assertEquals(Map.of(), macs);
        assertEquals(0, watch.size());
    }

    @Test
    void shouldFollowAMacChangeThatIsAnnounced() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);

        net.in(backend, "ip link set b0 address 02:00:00:00:00:0c");
        try (RawSocket wire = net.inside(backend, () -> new RawSocket("b0"))) {
            wire.send(announcement(0x02_00_00_00_00_0cL, 0x0a00000b));
        }

        until(() -> mac("10.0.0.11") == 0x02_00_00_00_00_0cL);
    }

    /// Nobody says anything; the kernel doubts the address by and by, because it is kept in use.
    @Test
    void shouldFollowAMacChangeThatIsNotAnnounced() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);

        net.in(backend, "ip link set b0 address 02:00:00:00:00:0c");

        until(() -> mac("10.0.0.11") == 0x02_00_00_00_00_0cL);
    }

    @Test
    void shouldGoByTheGateway() throws Exception {
        net.in(backend, "ip addr add 10.0.0.254/24 dev b0");
        net.in(lb, "ip route add 10.9.0.0/24 via 10.0.0.254 mtu 1400");
        net.in(lb, "ip neigh add 10.0.0.253 lladdr 02:00:00:00:00:fd dev l0");
        watch.want(address("10.9.0.7"));
        watch.want(address("10.9.0.8"));
        until(() -> mac("10.9.0.7") == BACKEND_MAC && mac("10.9.0.8") == BACKEND_MAC);
        assertEquals(1400, mtus.get(address("10.9.0.7")));

        net.in(lb, "ip route replace 10.9.0.8/32 via 10.0.0.253");

        until(() -> mac("10.9.0.8") == 0x02_00_00_00_00_fdL);
        assertEquals(1500, mtus.get(address("10.9.0.8")));
        assertEquals(BACKEND_MAC, mac("10.9.0.7"));

        net.in(lb, "ip route del 10.9.0.8/32");
        until(() -> mac("10.9.0.8") == BACKEND_MAC);
    }

    @Test
    void shouldGoByAGatewayOfTheOtherFamily() throws Exception {
        net.in(lb, "ip route add 10.9.0.0/24 via inet6 fd00::11 dev l0");
        watch.want(address("10.9.0.7"));

        until(() -> mac("10.9.0.7") == BACKEND_MAC);
    }

    @Test
    void shouldSayWhoDoesNotAnswerAndRecover() throws Exception {
        watch.want(address("10.0.0.99"));
        until(() -> mac("10.0.0.99") == -1);
        assertEquals("it has not answered yet", watch.whyNot(address("10.0.0.99")));
        until(() -> watch.whyNot(address("10.0.0.99")).equals("it does not answer on l0"));

        net.in(backend, "ip addr add 10.0.0.99/24 dev b0");

        until(() -> mac("10.0.0.99") == BACKEND_MAC);
        assertEquals("", watch.whyNot(address("10.0.0.99")));
    }

    @Test
    void shouldGiveUpANeighbourThatDied() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);

        net.in(backend, "ip addr del 10.0.0.11/24 dev b0");
        until(() -> mac("10.0.0.11") == -1);

        net.in(backend, "ip addr add 10.0.0.11/24 dev b0");
        until(() -> mac("10.0.0.11") == BACKEND_MAC);
    }

    /// An entry that was only forgotten is no reason to drop anybody's packets.
    @Test
    void shouldKeepTheMacWhileTheKernelAsksAgain() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);
        macs.clear();

        for (int i = 0; i < 10; i++) {
            net.in(lb, "ip neigh flush dev l0");
            pollFor(50);
        }
        assertEquals(Map.of(), macs);
        assertTrue(net.in(lb, "ip neigh show dev l0").contains("10.0.0.11"), "it was asked for again");
    }

    @Test
    void shouldSayWhyThereIsNoWay() throws Exception {
        String other = net.add("other");
        net.veth(lb, "x0", other, "o0", 1);
        net.in(lb, "ip addr add 10.8.0.1/24 dev x0");
        net.in(lb, "ip route add prohibit 10.7.0.0/24");
        for (String text : List.of("10.0.0.1", "10.8.0.2", "10.7.0.1", "172.16.0.1", "2001:db8::5")) {
            watch.want(address(text));
        }
        until(() -> macs.size() == 5);

        assertTrue(macs.values().stream().allMatch(mac -> mac == -1), macs.toString());
        assertTrue(mtus.values().stream().allMatch(mtu -> mtu == 0), mtus.toString());
        assertEquals("it is an address of this host", watch.whyNot(address("10.0.0.1")));
        assertEquals("it is routed by x0, not by l0", watch.whyNot(address("10.8.0.2")));
        assertEquals("the host has no route to it", watch.whyNot(address("10.7.0.1")));
        assertEquals("the host has no route to it", watch.whyNot(address("172.16.0.1")));
        assertEquals("the host has no route to it", watch.whyNot(address("2001:db8::5")));
        assertEquals("nobody asked", watch.whyNot(address("10.0.0.12")));

        net.in(lb, "ip route add 172.16.0.0/12 via 10.0.0.11");
        until(() -> mac("172.16.0.1") == BACKEND_MAC);
    }

    @Test
    void shouldFollowTheLink() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);

        net.in(lb, "ip link set l0 mtu 1400");
        until(() -> mtus.getOrDefault(address("10.0.0.11"), 0) == 1400);
        net.in(lb, "ip link set l0 down");
        until(() -> mac("10.0.0.11") == -1);
        net.in(lb, "ip link set l0 up");
        until(() -> mac("10.0.0.11") == BACKEND_MAC);

        assertEquals(List.of("up 1400", "down 1400", "up 1400"), links);
    }

    @Test
    void shouldLeaveThePermanentAlone() throws Exception {
        net.in(lb, "ip neigh add 10.0.0.50 lladdr 02:00:00:00:00:50 dev l0");
        watch.want(address("10.0.0.50"));
        until(() -> mac("10.0.0.50") == 0x02_00_00_00_00_50L);

        pollFor(1_500);

        assertTrue(net.in(lb, "ip neigh show 10.0.0.50 dev l0").contains("PERMANENT"));
        net.in(lb, "ip neigh change 10.0.0.50 lladdr 02:00:00:00:00:51 dev l0");
        until(() -> mac("10.0.0.50") == 0x02_00_00_00_00_51L);
    }

    @Test
    void shouldBearTheNewsOfABusyRouter() throws Exception {
        watch.want(address("10.0.0.11"));
        until(() -> mac("10.0.0.11") == BACKEND_MAC);
        StringBuilder routes = new StringBuilder();
        for (int i = 0; i < 60_000; i++) { // More news than the socket's room.
            routes.append("route add unreachable 10.%d.%d.%d/32\n".formatted(100 + i / 65536, i / 256 % 256, i % 256));
        }
        var file = java.nio.file.Files.createTempFile("routes", ".batch");
        java.nio.file.Files.writeString(file, routes);
        net.in(lb, "ip -batch " + file);
        java.nio.file.Files.delete(file);
        net.in(lb, "ip route add 10.9.0.0/24 via 10.0.0.11");
        macs.clear();
        watch.want(address("10.9.0.1"));

        until(() -> mac("10.9.0.1") == BACKEND_MAC);
        net.in(lb, "ip route del 10.9.0.0/24");
        until(() -> mac("10.9.0.1") == -1);
    }

    @Test
    void shouldWatchThousands() throws Exception {
        net.in(lb, "ip route add 10.9.0.0/16 via 10.0.0.11");
        long start = System.nanoTime();
        for (int i = 0; i < 4_096; i++) {
            watch.want(InetAddress.getByAddress(new byte[] {10, 9, (byte) (i >> 8), (byte) i}));
        }
        until(() -> macs.size() == 4_096 && macs.values().stream().allMatch(mac -> mac == BACKEND_MAC));

        assertTrue(System.nanoTime() - start < 5_000_000_000L);
    }

    @Test
    void shouldKnowTheHostsOwnAddresses() throws Exception {
        net.in(lb, "ip addr add 192.0.2.1/32 dev lo");
        net.in(lb, "ip route add local 192.0.2.128/25 dev lo");
        try (Routes routes = net.inside(lb, Routes::new)) {
            assertEquals("lo", routes.ownerOf(address("192.0.2.1")));
            assertEquals("l0", routes.ownerOf(address("10.0.0.1")));
            assertEquals("l0", routes.ownerOf(address("fd00::1")));
            assertEquals("lo", routes.ownerOf(address("192.0.2.200")));
            assertNull(routes.ownerOf(address("192.0.2.2")));
            assertNull(routes.ownerOf(address("2001:db8::1")));
            int l0 = net.inside(lb, () -> LinuxInterface.read("l0")).index();
            assertTrue(routes.addressesOf(l0).contains(address("10.0.0.1")));
            assertTrue(routes.addressesOf(l0).contains(address("fd00::1")));
            assertFalse(routes.addressesOf(l0).contains(address("192.0.2.1")));
            Routes.Route route = routes.lookUp(address("10.0.0.77"), l0);
            assertEquals(new Routes.Route(Routes.Kind.REMOTE, l0, null, address("10.0.0.1"), 0), route);
            assertNotEquals(l0, routes.lookUp(address("127.0.0.1"), l0).interfaceIndex());
        }
    }

    private long mac(String text) {
        return macs.getOrDefault(address(text), -2L);
    }

    private static InetAddress address(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (java.net.UnknownHostException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    private void until(BooleanSupplier done) throws InterruptedException {
        long deadline = System.nanoTime() + SOON_MS * 1_000_000;
        while (true) {
            watch.poll(listener);
            if (done.getAsBoolean()) {
                return;
            }
            assertTrue(System.nanoTime() < deadline, () -> "macs=" + macs + " mtus=" + mtus + " links=" + links);
            Thread.sleep(5);
        }
    }

    private void pollFor(long ms) throws InterruptedException {
        long deadline = System.nanoTime() + ms * 1_000_000;
        while (System.nanoTime() < deadline) {
            watch.poll(listener);
            Thread.sleep(5);
        }
    }

    /// A gratuitous ARP request: sender and target are the same address.
    private static byte[] announcement(long mac, int address) {
        ByteBuffer frame = ByteBuffer.allocate(60);
        frame.putInt(-1).putShort((short) -1);
        frame.putShort((short) (mac >>> 32)).putInt((int) mac);
        frame.putShort((short) 0x0806)
                .putInt(0x00010800)
                .putShort((short) 0x0604)
                .putShort((short) 1);
        frame.putShort((short) (mac >>> 32)).putInt((int) mac).putInt(address);
        frame.putShort((short) 0).putInt(0).putInt(address);
        return frame.array();
    }
}
