package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.FlowExplainer.Explanation;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// `explain` asks the packet path: what it says happens, and asking changes nothing.
class FlowExplainerTest {
    private static final int WORKERS = 2;
    private static final int QUESTIONS = 20_000;
    private static final List<String> SCHEDULERS = List.of("mh", "wrr", "swrr", "lc", "wlc", "sh");
    private static final List<String> BACKENDS = List.of("a", "b", "c");

    /// A TCP listener for each scheduler on port 81 and up, one for UDP on port 53, and some with limits.
    private static String config() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < SCHEDULERS.size(); i++) {
            listener(text, SCHEDULERS.get(i), "tcp", 81 + i, "scheduler=" + SCHEDULERS.get(i));
        }
        listener(text, "udp", "udp", 53, "scheduler=wrr");
        listener(text, "sticky", "tcp", 90, "scheduler=rr", "persistence=60s");
        listener(text, "moves", "tcp", 91, "scheduler=lc", "on-backend-down=reschedule");
        listener(text, "resets", "tcp", 92, "on-backend-down=reset", "on-backend-removed=reset");
        listener(text, "limited", "tcp", 93, "max-new-flows=5");
        listener(text, "full", "tcp", 94);
        return text.toString().replaceAll("(listener.full.backend.*)", "$1 max-flows=9");
    }

    private static void listener(StringBuilder text, String name, String protocol, int port, String... options) {
        String key = "listener." + name + ".";
        text.append(key + "vip=203.0.113.10,2001:db8::10\n" + key + "protocol=" + protocol + "\n");
        text.append(key + "ports=" + port + "\n" + key + "health=none\n");
        for (String option : options) {
            text.append(key + option + "\n");
        }
        for (int i = 0; i < BACKENDS.size(); i++) {
            text.append(key + "backend." + BACKENDS.get(i) + "=10.0.0." + (1 + i) + "\n");
        }
    }

    @Test
    void shouldSayWhatHappens() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("FlowExplainerTest: -Dpenstock.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Map<String, Integer> reasons = new TreeMap<>();
        try (TestWorkers workers = new TestWorkers(config(), WORKERS, 1 << 14)) {
            for (int i = 0; i < QUESTIONS; i++) {
                if (random.nextInt(20) == 0) {
                    change(workers, random);
                }
                reasons.merge(ask(workers, random), 1, Integer::sum);
            }
            workers.assertBalanced();
        }
        System.out.println("FlowExplainerTest: " + reasons);
        assertTrue(
                reasons.keySet()
                        .containsAll(List.of(
                                "flow_entry",
                                "persistence",
                                "maglev_slot",
                                "scheduler",
                                "pass",
                                "no_listener",
                                "no_backend",
                                "listener_stopped",
                                "bogon",
                                "midstream",
                                "rate_limited",
                                "max_flows")),
                reasons.toString());
    }

    private static String ask(TestWorkers workers, SplittableRandom random) {
        boolean isV6 = random.nextInt(4) == 0;
        boolean isUdp = random.nextInt(10) == 0;
        int host = random.nextInt(100) == 0 ? 0 : 1 + random.nextInt(40);
        String client = (isV6 ? "2001:db8:1::" : "198.51.100.") + host;
        if (host == 0) {
            client = isV6 ? "ff02::1" : "127.0.0.1"; // nobody's source address
        }
        String vip = isV6 ? "2001:db8::10" : "203.0.113.10";
        if (random.nextInt(100) == 0) {
            vip = isV6 ? "2001:db8::11" : "203.0.113.11"; // no VIP
        }
        int clientPort = 1000 + random.nextInt(10);
        int port = isUdp ? 53 : random.nextInt(4) == 0 ? 92 : 80 + random.nextInt(15);
        Explanation first = workers.explain(client, clientPort, vip, port, isUdp);
        long created = workers.counted(WorkerCounter.FLOWS_CREATED);
        Explanation said = workers.explain(client, clientPort, vip, port, isUdp);
        assertEquals(first, said, "asked twice");
        assertEquals(created, workers.counted(WorkerCounter.FLOWS_CREATED), "asked, not sent");
        boolean isKnown = said.reason().equals("flow_entry") || said.reason().equals("midstream");
        byte[] packet = isUdp
                ? Frames.udp(client, clientPort, vip, port, 9)
                : Frames.tcp(client, clientPort, vip, port, isKnown ? Frames.ACK : Frames.SYN, 0);
        // As a NIC does: a flow that moved on one worker may be remembered as it was by another.
        String verdict = workers.verdict((host + clientPort + port) % WORKERS, packet);
        assertEquals(expected(workers, said), verdict, () -> said + " for port " + port);
        if (said.reason().equals("maglev_slot")) {
            assertTrue(said.slot() >= 0, said.toString());
        }
        return said.reason();
    }

    private static String expected(TestWorkers workers, Explanation said) {
        if (said.row() >= 0) {
            return "forward " + said.listener() + " " + workers.backendOf(said.row());
        }
        return switch (said.reason()) {
            case "pass" -> "pass";
            case "midstream" -> "reply rst"; // The listeners' way to drop what is in mid-flow.
            default -> "drop " + said.reason();
        };
    }

    private static void change(TestWorkers workers, SplittableRandom random) {
        Snapshot now = workers.snapshot();
        Snapshot.Listener listener =
                now.listeners().get(random.nextInt(now.listeners().size()));
        String name = listener.config().name();
        String id = BACKENDS.get(random.nextInt(BACKENDS.size()));
        boolean isIn =
                listener.backends().stream().anyMatch(each -> each.config().id().equals(id));
        switch (random.nextInt(6)) {
            case 0, 1 -> {
                if (isIn) {
                    workers.apply(Snapshots.health(now, name, id, random.nextBoolean() ? Health.DOWN : Health.UP));
                }
            }
            case 2 -> {
                if (isIn) {
                    Admin admin = random.nextBoolean() ? Admin.DRAINING : Admin.IN;
                    workers.apply(Snapshots.admin(now, name, id, admin, 0));
                }
            }
            case 3 -> {
                if (isIn) {
                    workers.apply(Snapshots.weight(now, name, id, random.nextInt(4)));
                }
            }
            case 4 -> workers.apply(Snapshots.running(now, name, random.nextInt(4) != 0));
            default -> {
                // A whole sweep: a flow that is over counts until its worker meets it.
                workers.advanceMs(2_200 + random.nextInt(1_000));
                workers.rest();
            }
        }
    }
}
