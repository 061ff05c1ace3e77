package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.WorkerCounter;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What becomes of flows when the world changes: backends fail, leave, come, drain; listeners stop; limits are met.
class FlowPoliciesTest {
    private static final String CLIENT = "198.51.100.7";
    private static final String VIP = "203.0.113.10";

    private TestPath path = open("");

    @AfterEach
    void close() {
        path.assertBalanced();
        path.close();
    }

    private static TestPath open(String more) {
        return TestPath.of("""
                listener.web.vip=203.0.113.10
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.backend.a=10.0.0.11
                listener.web.backend.b=10.0.0.12
                listener.web.health=none
                listener.dns.vip=203.0.113.10
                listener.dns.protocol=udp
                listener.dns.ports=53
                listener.dns.backend.a=10.0.0.11
                listener.dns.backend.b=10.0.0.12
                listener.dns.health=none
                """ + more);
    }

    private void reopen(String more) {
        path.close();
        path = open(more);
    }

    private String syn(int port) {
        return path.verdict(Frames.tcp(CLIENT, port, VIP, 80, Frames.SYN, 0));
    }

    private String ack(int port) {
        return path.verdict(Frames.tcp(CLIENT, port, VIP, 80, Frames.ACK, 0));
    }

    private String datagram(int port) {
        return path.verdict(Frames.udp(CLIENT, port, VIP, 53, 10));
    }

    /// {@return established flows by client port, with the backend of each}
    private Map<Integer, String> connect(int from, int count) {
        Map<Integer, String> flows = new HashMap<>();
        for (int port = from; port < from + count; port++) {
            flows.put(port, syn(port));
            assertEquals(flows.get(port), ack(port));
        }
        return flows;
    }

    private void fail(String listener, String id) {
        path.apply(Snapshots.health(path.snapshot(), listener, id, Health.DOWN));
    }

    /// Shows S0-06, S2-38, S2-55, S2-56: new flows avoid a failed backend, established ones of others stay.
    @Test
    void shouldKeepFlowsOfAFailedBackend() {
        Map<Integer, String> flows = connect(1000, 100);
        fail("web", "a");
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        connect(2000, 50).values().forEach(backend -> assertEquals("forward web b", backend));
    }

    /// Shows S0-07: a recovered backend gets new flows again.
    @Test
    void shouldUseARecoveredBackend() {
        fail("web", "a");
        connect(1000, 20);
        path.apply(Snapshots.health(path.snapshot(), "web", "a", Health.UP));
        assertTrue(connect(2000, 100).containsValue("forward web a"));
    }

    @Test
    void shouldMoveFlowsOfAFailedBackend() {
        reopen("listener.web.on-backend-down=reschedule\n");
        Map<Integer, String> flows = connect(1000, 100);
        long ofA = flows.values().stream().filter("forward web a"::equals).count();
        fail("web", "a");
        flows.keySet().forEach(port -> assertEquals("forward web b", ack(port)));
        assertEquals(ofA, path.counters().get(WorkerCounter.FLOWS_MOVED));
        path.apply(Snapshots.health(path.snapshot(), "web", "a", Health.UP));
        flows.keySet().forEach(port -> assertEquals("forward web b", ack(port), "moved once, not back"));
        assertEquals(100, active("b"));
        assertEquals(0, active("a"));
    }

    @Test
    void shouldResetFlowsOfAFailedBackend() {
        reopen("listener.web.on-backend-down=reset\n");
        Map<Integer, String> flows = connect(1000, 100);
        fail("web", "a");
        flows.forEach(
                (port, backend) -> assertEquals(backend.equals("forward web a") ? "reply rst" : backend, ack(port)));
        assertEquals(
                flows.values().stream().filter("forward web a"::equals).count(),
                path.counters().get(WorkerCounter.FLOWS_RESET));
        flows.keySet().forEach(port -> assertEquals("forward web b", syn(port), "the client comes again"));
    }

    private long active(String id) {
        return path.replayed().cells().flows(path.replayed().rowOf("web", id));
    }

    /// A SYN that was never answered is not kept with a backend that is down, whatever the policy.
    @ParameterizedTest
    @ValueSource(strings = {"keep", "reschedule", "reset"})
    void shouldNotWaitForADeadBackend(String policy) {
        reopen("listener.web.on-backend-down=" + policy + "\n");
        for (int port = 1; port < 50; port++) {
            syn(port);
        }
        fail("web", "a");
        for (int port = 1; port < 50; port++) {
            assertEquals("forward web b", syn(port));
        }
    }

    /// Shows S2-26, S0-06: UDP flows leave a dead backend with their next packet.
    @Test
    void shouldMoveUdpAtOnce() {
        Map<Integer, String> flows = new HashMap<>();
        for (int port = 1; port < 100; port++) {
            flows.put(port, datagram(port));
        }
        assertTrue(flows.containsValue("forward dns a"));
        fail("dns", "a");
        flows.keySet().forEach(port -> assertEquals("forward dns b", datagram(port)));
    }

    /// Shows S2-79, S2-80, S2-81: one server, two listeners, two states.
    @Test
    void shouldJudgeABackendByItsListener() {
        fail("web", "a");
        boolean stillServesDns = false;
        for (int port = 1; port < 50; port++) {
            assertEquals("forward web b", syn(port));
            stillServesDns |= datagram(port).equals("forward dns a");
        }
        assertTrue(stillServesDns);
    }

    @Test
    void shouldSayWhenNobodyIsLeft() {
        connect(1, 3);
        fail("web", "a");
        fail("web", "b");
        assertEquals("drop no_backend", syn(1000));
        assertEquals("reply rst", ack(1000));
        assertEquals("reply echo", path.verdict(echo()), "dns has somebody left");
        fail("dns", "a");
        fail("dns", "b");
        assertEquals("drop no_backend", path.verdict(echo()));
    }

    private static byte[] echo() {
        return Frames.packet(CLIENT, VIP, 1, 64, new byte[] {8, 0, (byte) 0xf7, (byte) 0xff, 0, 0, 0, 0}, -1);
    }

    @Test
    void shouldUseAllWhenAllAreDownAndThatIsWanted() {
        reopen("listener.web.health.fail-open=on\n");
        Map<Integer, String> flows = connect(1, 50);
        fail("web", "a");
        connect(100, 20).values().forEach(backend -> assertEquals("forward web b", backend));
        fail("web", "b");
        Map<Integer, String> later = connect(200, 100);
        assertTrue(later.containsValue("forward web a") && later.containsValue("forward web b"));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
    }

    /// Shows S2-43: flows of the others stay where they are, also those for which the hash would now say otherwise.
    @Test
    void shouldNotMoveFlowsWhenABackendComesOrGoes() {
        Map<Integer, String> flows = connect(1000, 200);
        BackendConfig c = new BackendConfig("c", InetAddress.ofLiteral("10.0.0.13"), 100, null, 0);
        path.apply(Snapshots.with(path.snapshot(), "web", c));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        assertTrue(connect(2000, 100).containsValue("forward web c"));
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port), "a is gone, but drains"));
        assertEquals(
                0,
                connect(3000, 100).values().stream()
                        .filter("forward web a"::equals)
                        .count());
    }

    @Test
    void shouldCutFlowsOfARemovedBackendAfterItsDeadline() {
        reopen("listener.web.drain-deadline=30s\n");
        Map<Integer, String> flows = connect(1000, 100);
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        path.advanceMs(29_000);
        path.tick();
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        path.advanceMs(2_000);
        path.tick();
        flows.forEach(
                (port, backend) -> assertEquals(backend.equals("forward web a") ? "reply rst" : backend, ack(port)));
    }

    @Test
    void shouldNeverCutWithoutADeadline() {
        reopen("listener.web.drain-deadline=0\nlistener.web.idle-timeout=3600s\n");
        Map<Integer, String> flows = connect(1000, 50);
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        for (int i = 0; i < 10; i++) {
            path.advanceMs(1_800_000);
            path.tick();
            flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        }
    }

    @Test
    void shouldResetFlowsOfARemovedBackend() {
        reopen("listener.web.on-backend-removed=reset\n");
        Map<Integer, String> flows = connect(1000, 100);
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        flows.forEach(
                (port, backend) -> assertEquals(backend.equals("forward web a") ? "reply rst" : backend, ack(port)));
    }

    @Test
    void shouldForgetARemovedBackendWhenItsLastFlowIsOver() {
        connect(1000, 50);
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        int row = path.replayed().rowOf("web", "a");
        path.advanceMs(301_000);
        path.tidy();
        assertEquals(0, path.replayed().cells().flows(row));
    }

    @Test
    void shouldDrain() {
        Map<Integer, String> flows = connect(1000, 100);
        path.apply(Snapshots.admin(path.snapshot(), "web", "a", Admin.DRAINING, path.nowMs() + 60_000));
        connect(2000, 50).values().forEach(backend -> assertEquals("forward web b", backend));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        path.advanceMs(61_000);
        path.tick();
        flows.forEach(
                (port, backend) -> assertEquals(backend.equals("forward web a") ? "reply rst" : backend, ack(port)));
        path.apply(Snapshots.admin(path.snapshot(), "web", "a", Admin.IN, 0));
        assertTrue(connect(3000, 50).containsValue("forward web a"), "undrained");
    }

    /// A weight of 0 takes no new flows and cuts none.
    @Test
    void shouldGiveNothingNewToAWeightOfZero() {
        Map<Integer, String> flows = connect(1000, 100);
        path.apply(Snapshots.weight(path.snapshot(), "web", "a", 0));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        connect(2000, 50).values().forEach(backend -> assertEquals("forward web b", backend));
    }

    /// Stop is immediate and interrupts; what is left when the listener starts again goes on.
    @Test
    void shouldStopAndStart() {
        Map<Integer, String> flows = connect(1000, 20);
        path.apply(Snapshots.without(path.snapshot(), "web", "a")); // its flows drain
        path.apply(Snapshots.running(path.snapshot(), "web", false));
        flows.keySet().forEach(port -> assertEquals("drop listener_stopped", ack(port)));
        assertEquals("drop listener_stopped", syn(5000));
        assertTrue(datagram(1).startsWith("forward dns"), "the other listener goes on");
        path.tick();
        flows.keySet().forEach(port -> assertEquals("drop listener_stopped", ack(port)));
        path.apply(Snapshots.running(path.snapshot(), "web", true));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
        assertEquals("forward web b", syn(5000));
    }

    @Test
    void shouldStopAndStartWhileABackendLeaves() {
        Map<Integer, String> flows = connect(1000, 20);
        path.apply(Snapshots.running(path.snapshot(), "web", false));
        path.apply(Snapshots.without(path.snapshot(), "web", "a"));
        path.apply(Snapshots.running(path.snapshot(), "web", true));
        flows.forEach((port, backend) -> assertEquals(backend, ack(port)));
    }

    @Test
    void shouldForgetADeletedListener() {
        Map<Integer, String> flows = connect(1000, 20);
        Snapshot before = path.snapshot();
        path.apply(Snapshots.without(before, "web"));
        flows.keySet().forEach(port -> assertEquals("drop no_listener", ack(port)));
        path.apply(new Snapshot(path.snapshot().version() + 1, before.listeners()));
        flows.keySet().forEach(port -> assertEquals("reply rst", ack(port), "a new listener knows no old flow"));
        path.apply(Snapshots.without(path.snapshot(), "web"));
        path.apply(Snapshots.without(path.snapshot(), "dns"));
        assertEquals("pass", ack(1000), "the address is no VIP any more");
    }

    @Test
    void shouldHoldToMaxFlows() {
        reopen("""
                listener.small.vip=203.0.113.20
                listener.small.protocol=tcp
                listener.small.ports=80
                listener.small.health=none
                listener.small.backend.a=10.0.0.11 max-flows=5
                listener.small.backend.b=10.0.0.12 max-flows=7
                """);
        Map<String, Integer> verdicts = new HashMap<>();
        for (int port = 1; port <= 20; port++) {
            verdicts.merge(path.verdict(Frames.tcp(CLIENT, port, "203.0.113.20", 80, Frames.SYN, 0)), 1, Integer::sum);
        }
        assertEquals(Map.of("forward small a", 5, "forward small b", 7, "drop max_flows", 8), verdicts);
        for (int port = 1; port <= 20; port++) { // Whose flow ends makes room.
            path.verdict(Frames.tcp(CLIENT, port, "203.0.113.20", 80, Frames.ACK | Frames.FIN, 0));
        }
        assertTrue(path.verdict(Frames.tcp(CLIENT, 99, "203.0.113.20", 80, Frames.SYN, 0))
                .startsWith("forward small"));
    }

    @Test
    void shouldHoldToMaxNewFlowsASecond() {
        reopen("listener.web.max-new-flows=10\n");
        for (int second = 0; second < 3; second++) {
            int taken = 0;
            for (int port = 0; port < 50; port++) {
                String verdict = syn(1000 * (second + 1) + port);
                taken += verdict.startsWith("forward") ? 1 : 0;
                assertTrue(verdict.startsWith("forward") || verdict.equals("drop rate_limited"), verdict);
            }
            assertEquals(10, taken, "in second " + second);
            path.advanceMs(1_000);
        }
        assertTrue(ack(1000).startsWith("forward"), "a known flow is not limited");
    }

    @Test
    void shouldStartSlowly() {
        reopen("listener.web.slow-start=100s\n");
        path.apply(Snapshots.started(path.snapshot(), "web", "a", path.nowMs()));
        double[] shares = new double[3];
        for (int part = 0; part < 3; part++) {
            Map<Integer, String> flows = connect(1 + part * 2000, 2000);
            shares[part] =
                    flows.values().stream().filter("forward web a"::equals).count() / 2000.0;
            path.advanceMs(51_000);
            path.tick();
        }
        assertEquals(1 / 6.0, shares[0], 0.03, "a fifth of its weight: 20 to 100");
        assertEquals(0.6 / 1.6, shares[1], 0.03, "three fifths after half of the time");
        assertEquals(0.5, shares[2], 0.03, "all of it");
    }

    // What comes without a flow

    /// RFC 9293 section 3.10.7.1: from the VIP, with a sequence number that the client accepts.
    @Test
    void shouldSendAResetThatTheClientAccepts() {
        byte[] ack = Frames.tcp(CLIENT, 1, VIP, 80, Frames.ACK, 100);
        assertEquals("reply rst", path.verdict(ack));
        ByteBuffer rst = ByteBuffer.wrap(Objects.requireNonNull(path.sent()));
        assertEquals(0xcb00710a, rst.getInt(26), "from the VIP");
        assertEquals(80, rst.getShort(34));
        assertEquals(1, rst.getShort(36));
        assertEquals(2000, rst.getInt(38), "its sequence number is the acknowledged one");
        assertEquals(Frames.RST, rst.get(47), "RST without ACK");
        assertEquals(0, TestPath.ipv4HeaderSum(rst.array(), 14));

        byte[] fin = Frames.tcp(CLIENT, 1, VIP, 80, Frames.FIN, 100);
        assertEquals("reply rst", path.verdict(fin));
        rst = ByteBuffer.wrap(Objects.requireNonNull(path.sent()));
        assertEquals(0, rst.getInt(38));
        assertEquals(1000 + 100 + 1, rst.getInt(42), "acknowledges data and FIN");
        assertEquals(Frames.RST | Frames.ACK, rst.get(47));
    }

    @Test
    void shouldLimitResets() {
        int answered = 0;
        for (int port = 0; port < 3000; port++) {
            answered += ack(port + 1).equals("reply rst") ? 1 : 0;
        }
        assertEquals(Replies.PER_SECOND, answered);
        path.advanceMs(1_000);
        assertEquals("reply rst", ack(1));
        assertNotNull(path.sent());
    }

    @Test
    void shouldDropInMidstreamIfSoConfigured() {
        reopen("listener.web.midstream=drop\n");
        assertEquals("drop midstream", ack(1));
    }

    @Test
    void shouldAdoptInMidstreamIfSoConfigured() {
        reopen("listener.web.midstream=adopt\n");
        Map<Integer, String> adopted = new HashMap<>();
        for (int port = 1; port < 100; port++) {
            adopted.put(port, ack(port));
        }
        assertEquals(99, path.replayed().flows4().size());
        assertTrue(adopted.containsValue("forward web a") && adopted.containsValue("forward web b"));
        try (TestPath other = open("listener.web.midstream=adopt\n")) {
            adopted.forEach((port, backend) -> assertEquals(
                    backend,
                    other.verdict(Frames.tcp(CLIENT, port, VIP, 80, Frames.SYN, 0)),
                    "where another machine with this key began it"));
        }
    }
}
