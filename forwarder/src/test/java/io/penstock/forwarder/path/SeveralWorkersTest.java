package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.WorkerCounter;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What several workers do together: schedulers, persistence, flows that change their worker, restart, overload.
class SeveralWorkersTest {
    private static final String VIP = "203.0.113.10";
    private static final int WORKERS = 3;

    private static TestWorkers open(String scheduler, String more, long flows) {
        return new TestWorkers("""
                listener.web.vip=203.0.113.10,2001:db8::10
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.scheduler=%s
                listener.web.backend.a=10.0.0.11 weight=1
                listener.web.backend.b=10.0.0.12 weight=2
                listener.web.backend.c=10.0.0.13 weight=3
                listener.web.health=none
                listener.dns.vip=203.0.113.10
                listener.dns.protocol=udp
                listener.dns.ports=53
                listener.dns.scheduler=wrr
                listener.dns.backend.a=10.0.0.11
                listener.dns.backend.b=10.0.0.12
                listener.dns.health=none
                """.formatted(scheduler) + more, WORKERS, flows);
    }

    private static TestWorkers open(String scheduler) {
        return open(scheduler, "", 1 << 14);
    }

    private static String client(int number) {
        return "198." + (51 + (number >>> 16)) + "." + (number >>> 8 & 0xff) + "." + (number & 0xff);
    }

    private static byte[] syn(int client, int port) {
        return Frames.tcp(client(client), port, VIP, 80, Frames.SYN, 0);
    }

    private static byte[] ack(int client, int port) {
        return Frames.tcp(client(client), port, VIP, 80, Frames.ACK, 0);
    }

    /// {@return new flows of each backend, out of 6000 that stay}
    private static Map<String, Integer> spread(TestWorkers workers, SplittableRandom random) {
        Map<String, Integer> spread = new HashMap<>();
        for (int i = 0; i < 6_000; i++) {
            String verdict = workers.verdict(random.nextInt(WORKERS), syn(i, 1000));
            spread.merge(verdict.substring("forward web ".length()), 1, Integer::sum);
        }
        return spread;
    }

    /// Shows S0-03, S1-02, S2-39, S2-45, S2-46, S2-47, S2-49, S2-51, S2-52: shares over three workers, exact for
    /// rotations and counts, within a hash's chance for the others.
    @ParameterizedTest
    @CsvSource({
        "wrr,  2000, 2000, 2000, 0",
        "rr,   2000, 2000, 2000, 0",
        "swrr, 1000, 2000, 3000, 1",
        "lc,   2000, 2000, 2000, 1",
        "wlc,  1000, 2000, 3000, 1",
        "wIc,  1000, 2000, 3000, 1",
        "mh,   1000, 2000, 3000, 200",
        "sh,   1000, 2000, 3000, 200",
    })
    void shouldSpreadOverAllWorkersAsOne(String scheduler, int a, int b, int c, int tolerance) {
        try (TestWorkers workers = open(scheduler)) {
            Map<String, Integer> spread = spread(workers, new SplittableRandom(42));
            assertEquals(a, spread.getOrDefault("a", 0), tolerance, spread.toString());
            assertEquals(b, spread.getOrDefault("b", 0), tolerance, spread.toString());
            assertEquals(c, spread.getOrDefault("c", 0), tolerance, spread.toString());
            assertEquals(6_000, workers.activeFlows());
            workers.assertBalanced();
        }
    }

    /// Shows S2-49: whose flows end gets the next ones.
    @Test
    void shouldChooseTheFewestActiveConnections() {
        try (TestWorkers workers = open("lc")) {
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 300; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
            }
            for (int i = 0; i < 300; i++) {
                if ("forward web b".equals(flows.get(i))) {
                    workers.verdict(i % WORKERS, Frames.tcp(client(i), 1, VIP, 80, Frames.FIN | Frames.ACK, 0));
                }
            }
            assertEquals(0, workers.activeFlows("web", "b"));
            for (int i = 300; i < 400; i++) {
                assertEquals("forward web b", workers.verdict(i % WORKERS, syn(i, 1)));
            }
        }
    }

    /// Shows S2-41, S2-42: the same 5-tuple goes to the same backend, whichever worker sees it, and in another process.
    @Test
    void shouldHashAlikeOnAllWorkers() {
        try (TestWorkers workers = open("mh");
                TestWorkers others = open("mh")) {
            for (int i = 0; i < 500; i++) {
                String first = workers.verdict(0, syn(i, 1));
                assertEquals(first, others.verdict(1, syn(i, 1)));
                assertEquals(first, workers.verdict(2, syn(i, 1)));
            }
        }
    }

    // Persistence

    /// Shows S0-10, S1-04, S2-57, S2-59: whichever worker a client's connections arrive at.
    @Test
    void shouldKeepAClientWithItsBackendOnAllWorkers() {
        try (TestWorkers workers = open("wrr", "listener.web.persistence=60s\n", 1 << 14)) {
            Set<String> used = new HashSet<>();
            for (int client = 0; client < 200; client++) {
                String first = workers.verdict(client % WORKERS, syn(client, 1));
                used.add(first);
                for (int port = 2; port < 6; port++) {
                    assertEquals(first, workers.verdict((client + port) % WORKERS, syn(client, port)));
                }
            }
            assertEquals(3, used.size());
            assertEquals(800, workers.counted(WorkerCounter.FLOWS_PERSISTENT));
        }
    }

    /// Shows S2-58: off, each flow is scheduled by itself.
    @Test
    void shouldScheduleEachFlowWithoutPersistence() {
        try (TestWorkers workers = open("wrr")) {
            assertEquals("forward web a", workers.verdict(0, syn(1, 1)));
            assertEquals("forward web b", workers.verdict(1, syn(1, 2)));
            assertEquals("forward web c", workers.verdict(2, syn(1, 3)));
        }
    }

    /// Shows S2-61: the window slides with the client's packets; after it the client is scheduled afresh.
    @Test
    void shouldForgetAClientThatWasIdle() {
        try (TestWorkers workers = open("wrr", "listener.web.persistence=60s\n", 1 << 14)) {
            assertEquals("forward web a", workers.verdict(0, syn(1, 1)));
            for (int i = 0; i < 10; i++) {
                workers.advanceMs(50_000);
                assertEquals("forward web a", workers.verdict(0, ack(1, 1)), "an old connection's packets count");
            }
            workers.advanceMs(50_000);
            assertEquals("forward web a", workers.verdict(1, syn(1, 2)), "550 s later, 50 s after the last packet");
            workers.advanceMs(61_000);
            assertEquals("forward web b", workers.verdict(2, syn(1, 3)));
        }
    }

    @Test
    void shouldTakeANetworkForOneClient() {
        String prefix = """
                listener.web.persistence=60s
                listener.web.persistence.prefix=24
                """;
        try (TestWorkers workers = open("wrr", prefix, 1 << 14)) {
            assertEquals("forward web a", workers.verdict(0, syn(0x0100, 1)));
            assertEquals("forward web a", workers.verdict(1, syn(0x01ff, 1)), "the same /24");
            assertEquals("forward web b", workers.verdict(2, syn(0x0200, 1)), "another one");
        }
    }

    /// A client whose backend fails is scheduled anew, and then stays there.
    @Test
    void shouldReplaceAClientsDeadBackend() {
        try (TestWorkers workers = open("wrr", "listener.web.persistence=3600s\n", 1 << 14)) {
            assertEquals("forward web a", workers.verdict(0, syn(1, 1)));
            workers.apply(Snapshots.health(workers.snapshot(), "web", "a", Health.DOWN));
            String other = workers.verdict(1, syn(1, 2));
            assertTrue(other.startsWith("forward web") && !other.endsWith(" a"), other);
            workers.apply(Snapshots.health(workers.snapshot(), "web", "a", Health.UP));
            for (int port = 3; port < 10; port++) {
                assertEquals(other, workers.verdict(port % WORKERS, syn(1, port)));
            }
        }
    }

    // Restart

    /// Flows, their states and clients' backends are there again after a restart.
    @Test
    void shouldGoOnAfterARestart() {
        try (TestWorkers workers = open("wrr", "listener.web.persistence=600s\n", 1 << 14)) {
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 500; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
                workers.verdict(i % WORKERS, ack(i, 1));
            }
            long received = workers.counted(WorkerCounter.RECEIVED);
            workers.restart();
            assertEquals(received, workers.counted(WorkerCounter.RECEIVED), "counters go on");
            workers.assertBalanced();
            flows.forEach((i, backend) -> {
                assertEquals(backend, workers.verdict(i % WORKERS, ack(i, 1)));
                assertEquals(backend, workers.verdict((i + 1) % WORKERS, syn(i, 2)), "the client's new connection");
            });
        }
    }

    // Flows that change their worker

    /// A NIC that spreads frames anew brings a flow's packets to another worker: it knows where they belong.
    @Test
    void shouldFindAFlowOfAnotherWorker() {
        try (TestWorkers workers = open("wrr")) {
            for (int i = 0; i < 100; i++) {
                String first = workers.verdict(i % WORKERS, syn(i, 1));
                assertEquals(first, workers.verdict((i + 1) % WORKERS, ack(i, 1)));
                byte[] datagram = Frames.udp(client(i), 1, VIP, 53, 9);
                String udp = workers.verdict(i % WORKERS, datagram);
                assertEquals(udp, workers.verdict((i + 2) % WORKERS, datagram));
            }
        }
    }

    /// Also a SYN that is sent again: it stays, which holds for the flow, not for the worker that saw it first.
    @ParameterizedTest
    @CsvSource({"wrr", "lc", "wlc", "swrr", "sh", "mh"})
    void shouldKeepARetransmittedSynWithItsBackend(String scheduler) {
        try (TestWorkers workers = open(scheduler)) {
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 200; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
            }
            workers.apply(Snapshots.weight(workers.snapshot(), "web", "a", 50)); // The hash now says otherwise.
            flows.forEach((i, backend) -> {
                assertEquals(backend, workers.verdict((i + 1) % WORKERS, syn(i, 1)), "half-open, flow " + i);
                assertEquals(backend, workers.verdict((i + 2) % WORKERS, ack(i, 1)), "established, flow " + i);
                assertEquals(backend, workers.verdict(i % WORKERS, syn(i, 1)), "where it began, flow " + i);
            });
            workers.assertBalanced();
        }
    }

    /// What is over with another worker is over, and who closes there does not count as active here.
    @Test
    void shouldBeginAnewWhatIsOverWithAnotherWorker() {
        try (TestWorkers workers = open("wrr")) {
            assertEquals("forward web a", workers.verdict(0, syn(1, 1)));
            assertEquals("forward web a", workers.verdict(0, ack(1, 1)));
            assertEquals("forward web a", workers.verdict(0, Frames.tcp(client(1), 1, VIP, 80, Frames.FIN, 0)));
            assertEquals("forward web a", workers.verdict(1, ack(1, 1)), "the last acknowledgement");
            assertEquals(0, workers.activeFlows("web", "a"));
            assertEquals("forward web b", workers.verdict(2, syn(1, 1)), "a new connection on an old 5-tuple");
            assertEquals("forward web c", workers.verdict(0, syn(2, 1)));
            assertEquals("forward web c", workers.verdict(0, ack(2, 1)));
            workers.letPassMs(301_000);
            assertEquals("reply rst", workers.verdict(1, ack(2, 1)), "idle for too long, though not swept yet");
            workers.assertBalanced();
        }
    }

    /// A SYN that is sent again does not wait for a backend that is down, nor for one that resets its flows.
    @Test
    void shouldNotKeepARetransmittedSynWithADeadBackend() {
        try (TestWorkers workers = open("wrr", "listener.web.on-backend-removed=reset\n", 1 << 14)) {
            assertEquals("forward web a", workers.verdict(0, syn(1, 1)));
            assertEquals("forward web b", workers.verdict(0, syn(2, 1)));
            workers.apply(Snapshots.health(workers.snapshot(), "web", "a", Health.DOWN));
            workers.apply(Snapshots.without(workers.snapshot(), "web", "b"));
            assertEquals("forward web c", workers.verdict(1, syn(1, 1)));
            assertEquals("forward web c", workers.verdict(1, syn(2, 1)));
        }
    }

    // Overload

    /// Established flows live through a flood of SYNs from random sources that is 20 times the table; `mh` goes on
    /// without entries, others drop.
    @ParameterizedTest
    @CsvSource({"mh", "wrr", "lc"})
    void shouldLiveThroughASynFlood(String scheduler) {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("SeveralWorkersTest: -Dpenstock.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        try (TestWorkers workers = open(scheduler, "", 1_024)) {
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 1_500; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
                workers.verdict(i % WORKERS, ack(i, 1));
            }
            Map<String, Integer> verdicts = new HashMap<>();
            for (int i = 0; i < 60_000; i++) {
                String verdict = workers.verdict(random.nextInt(WORKERS), syn(5_000 + random.nextInt(1 << 20), 1 + i));
                verdicts.merge(verdict.startsWith("forward") ? "forward" : verdict, 1, Integer::sum);
                if (i % 1_000 == 0) {
                    workers.advanceMs(1);
                }
            }
            flows.forEach((i, backend) -> assertEquals(backend, workers.verdict(i % WORKERS, ack(i, 1)), "flow " + i));
            assertTrue(workers.entries() <= WORKERS * 1_024, "memory stays bounded");
            boolean isHashed = scheduler.equals("mh");
            assertEquals(isHashed, !verdicts.containsKey("drop flow_table_full"), verdicts.toString());
            assertEquals(isHashed, workers.counted(WorkerCounter.FLOWS_STATELESS) > 0);
            workers.assertBalanced();
        }
    }

    /// The flood over, a client that began without an entry goes on, gets one, and keeps its backend.
    @Test
    void shouldFinishWhatBeganWithoutAnEntry() {
        try (TestWorkers workers = open("mh", "", 1_024)) {
            for (int i = 0; i < 20_000; i++) {
                workers.verdict(i % WORKERS, syn(10_000 + i, 9));
            }
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 300; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
            }
            assertTrue(workers.counted(WorkerCounter.FLOWS_STATELESS) > 300);
            flows.forEach((i, backend) -> assertEquals(backend, workers.verdict(i % WORKERS, ack(i, 1))));
            workers.apply(Snapshots.weight(workers.snapshot(), "web", "a", 3));
            flows.forEach((i, backend) -> assertEquals(backend, workers.verdict(i % WORKERS, ack(i, 1))));
            workers.assertBalanced();
        }
    }

    /// Flows without an entry follow the table they began under while backends come and go: a table of one entry makes
    /// nearly all of them stateless.
    @Test
    void shouldKeepFlowsWithoutAnEntryWhenOtherBackendsComeAndGo() {
        try (TestWorkers workers = open("mh", "", 1)) {
            Map<Integer, String> flows = new HashMap<>();
            for (int i = 0; i < 1_000; i++) {
                flows.put(i, workers.verdict(i % WORKERS, syn(i, 1)));
            }
            workers.apply(Snapshots.without(workers.snapshot(), "web", "b"));
            flows.forEach((i, backend) -> assertEquals(backend, workers.verdict(i % WORKERS, ack(i, 1)), "b drains"));
            workers.apply(Snapshots.health(workers.snapshot(), "web", "c", Health.DOWN));
            int moved = 0;
            for (Map.Entry<Integer, String> flow : flows.entrySet()) {
                String now = workers.verdict(flow.getKey() % WORKERS, ack(flow.getKey(), 1));
                if (flow.getValue().endsWith(" c")) {
                    assertTrue(now.startsWith("forward web"), now);
                    moved += now.equals(flow.getValue()) ? 0 : 1;
                } else {
                    assertEquals(flow.getValue(), now, "flow " + flow.getKey());
                }
            }
            assertTrue(moved > 0, "who has no entry cannot stay with a backend that is down");
        }
    }
}
