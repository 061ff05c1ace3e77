package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.WorkerCounter;
import java.lang.management.ManagementFactory;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PacketPathTest {
    private static final String VIP = "203.0.113.10";
    private static final String CLIENT = "198.51.100.7";

    private final TestPath path = TestPath.of("""
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80,443,9000-9009
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            listener.web.backend.c=10.0.0.13
            listener.web.health=none
            listener.dns.vip=203.0.113.10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.backend.a=10.0.0.11
            listener.dns.health=none
            listener.six.vip=2001:db8::10
            listener.six.protocol=tcp
            listener.six.ports=all
            listener.six.backend.a=fd00::11
            listener.six.health=none
            replay.local-mac=02:00:00:00:00:01
            replay.next-hop-mac=02:00:00:00:00:fe
            replay.neighbours=10.0.0.11 02:00:00:00:00:0b, 10.0.0.12 02:00:00:00:00:0c, 10.0.0.13 02:00:00:00:00:0d, fd00::11 02:00:00:00:00:1b
            """);

    @AfterEach
    void close() {
        path.assertBalanced();
        path.close();
    }

    /// Shows S2-41, S2-42, S2-73.
    @Test
    void shouldSendAFlowToOneBackend() {
        String first = path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.SYN, 0));
        assertTrue(first.startsWith("forward web "), first);
        for (int i = 0; i < 10; i++) {
            assertEquals(first, path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.ACK, 100)));
        }
        assertEquals(1, path.replayed().flows4().size());
    }

    /// Shows S2-22, S2-24, S2-72: the packet arrives as the client sent it, but for the MAC addresses and the TTL.
    @Test
    void shouldChangeOnlyMacAddressesAndTtl() {
        byte[] in = Frames.tcp(CLIENT, 4001, VIP, 443, Frames.SYN, 10);
        String verdict = path.verdict(in);
        byte[] out = Objects.requireNonNull(path.sent());
        byte[] expected = Frames.with(in.clone(), 22, 63);
        long mac = path.macOf(verdict);
        for (int i = 0; i < 6; i++) {
            expected[i] = (byte) (mac >>> (40 - 8 * i));
            expected[6 + i] = (byte) (Frames.LOCAL_MAC >>> (40 - 8 * i));
        }
        expected[24] = out[24];
        expected[25] = out[25];
        assertArrayEquals(expected, out);
        assertEquals(0, TestPath.ipv4HeaderSum(out, 14), "the header's sum");
    }

    @Test
    void shouldSpreadClientsOverAllBackends() {
        Set<String> seen = new HashSet<>();
        for (int port = 1024; port < 1124; port++) {
            seen.add(path.verdict(Frames.tcp(CLIENT, port, VIP, 80, Frames.SYN, 0)));
        }
        assertEquals(Set.of("forward web a", "forward web b", "forward web c"), seen);
    }

    /// Shows S2-31, S2-32, S2-33, S2-36, S2-37.
    @Test
    void shouldKnowPortsOfEachForm() {
        for (int port : new int[] {80, 443, 9000, 9005, 9009}) {
            assertTrue(path.verdict(Frames.tcp(CLIENT, 1, VIP, port, Frames.SYN, 0))
                    .startsWith("forward web"));
        }
        for (int port : new int[] {81, 8999, 9010, 53}) {
            assertEquals("drop no_listener", path.verdict(Frames.tcp(CLIENT, 1, VIP, port, Frames.SYN, 0)));
        }
        assertEquals("forward dns a", path.verdict(Frames.udp(CLIENT, 1, VIP, 53, 20)));
        assertEquals("drop no_listener", path.verdict(Frames.udp(CLIENT, 1, VIP, 80, 20)));
    }

    /// Shows S2-07, S2-34.
    @Test
    void shouldForwardIpv6OnAllPorts() {
        for (int port : new int[] {1, 80, 65_535}) {
            assertEquals(
                    "forward six a", path.verdict(Frames.tcp("2001:db8:1::7", 5, "2001:db8::10", port, Frames.SYN, 0)));
        }
    }

    @Test
    void shouldLeaveToTheHostWhatIsForNoVip() {
        byte[] in = Frames.tcp(CLIENT, 4001, "203.0.113.11", 80, Frames.SYN, 10);
        assertEquals("pass", path.verdict(in));
        assertNull(path.sent());
    }

    @Test
    void shouldDropAtTheEndOfTheTtl() {
        byte[] in = Frames.packet(CLIENT, VIP, 17, 1, new byte[] {0, 9, 0, 53, 0, 8, 0, 0}, -1);
        assertEquals("drop ttl", path.verdict(in));
    }

    @Test
    void shouldResetASegmentWithoutAFlow() {
        assertEquals("reply rst", path.verdict(Frames.tcp(CLIENT, 4002, VIP, 80, Frames.ACK, 5)));
        assertNotNull(path.sent());
        assertEquals("drop midstream", path.verdict(Frames.tcp(CLIENT, 4002, VIP, 80, Frames.RST, 0)));
    }

    /// Shows S2-23: SYN, FIN and RST as seen from the client.
    @Test
    void shouldStartOverAfterAFin() {
        path.verdict(Frames.tcp(CLIENT, 4003, VIP, 80, Frames.SYN, 0));
        path.verdict(Frames.tcp(CLIENT, 4003, VIP, 80, Frames.ACK, 0));
        long before = path.counters().get(WorkerCounter.FLOWS_CREATED);
        path.verdict(Frames.tcp(CLIENT, 4003, VIP, 80, Frames.SYN, 0));
        assertEquals(before, path.counters().get(WorkerCounter.FLOWS_CREATED), "a retransmitted SYN stays");
        path.verdict(Frames.tcp(CLIENT, 4003, VIP, 80, Frames.ACK | Frames.FIN, 0));
        path.verdict(Frames.tcp(CLIENT, 4003, VIP, 80, Frames.SYN, 0));
        assertEquals(before + 1, path.counters().get(WorkerCounter.FLOWS_CREATED), "a SYN after FIN starts over");
    }

    @Test
    void shouldForgetAFlowAfterItsIdleTimeout() {
        path.verdict(Frames.tcp(CLIENT, 4004, VIP, 80, Frames.SYN, 0));
        path.verdict(Frames.tcp(CLIENT, 4004, VIP, 80, Frames.ACK, 0));
        path.advanceMs(299_000);
        assertTrue(
                path.verdict(Frames.tcp(CLIENT, 4004, VIP, 80, Frames.ACK, 0)).startsWith("forward"));
        path.advanceMs(301_000);
        assertEquals("reply rst", path.verdict(Frames.tcp(CLIENT, 4004, VIP, 80, Frames.ACK, 0)));
    }

    @Test
    void shouldNotAllocateInSteadyState() {
        byte[] in = Frames.tcp(CLIENT, 4005, VIP, 80, Frames.ACK, 6);
        path.verdict(Frames.tcp(CLIENT, 4005, VIP, 80, Frames.SYN, 0));
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        for (int round = 0; round < 20; round++) { // The JIT may allocate in any one round, not in all of them.
            long before = thread.getCurrentThreadAllocatedBytes();
            for (int cycle = 0; cycle < 2_000; cycle++) {
                for (int frame = 0; frame < 8; frame++) {
                    path.replayed().port().offer(in);
                }
                path.replayed().worker().doWork();
                path.replayed().port().discard();
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, "bytes allocated by 2,000 duty cycles");
    }

    /// With `on-backend-down=keep` a connection stays with a backend that fails its checks, but a new one
    /// from the same port, whose predecessor the backend's host may have cut unseen by us, does not.
    @Test
    void shouldKeepAConnectionButNotASynAtABackendThatIsDown() {
        String before = path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.SYN, 0));
        path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.ACK, 0));
        String id = before.substring("forward web ".length());
        path.apply(withDown(path.snapshot(), id));
        assertEquals(before, path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.ACK, 100)));
        String after = path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.SYN, 0));
        assertTrue(after.startsWith("forward web ") && !after.equals(before), after);
        assertEquals(after, path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.ACK, 0)));
    }

    private static Snapshot withDown(Snapshot snapshot, String id) {
        return new Snapshot(
                snapshot.version() + 1,
                snapshot.listeners().stream()
                        .map(listener -> new Snapshot.Listener(
                                listener.config(),
                                listener.running(),
                                listener.backends().stream()
                                        .map(backend -> backend.config().id().equals(id)
                                                ? new Snapshot.Backend(
                                                        backend.config(), Snapshot.Health.DOWN, backend.admin(), 0, 0)
                                                : backend)
                                        .toList()))
                        .toList());
    }
}
