package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.WorkerCounter;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Hours of virtual time on three workers: clients come, talk and go; segments are lost and overtake each other; NICs
/// spread flows anew; backends fail, recover, drain, leave, come and change their weight; listeners stop and start; the
/// forwarder restarts. After each step: nobody's connection moved without a cause, the sums balance, no entry leaks.
///
/// Shows S2-38, S2-42, S2-43, S2-57, S2-59, S2-68.
@Tag("slow")
class FlowSimulationTest {
    private static final int STEPS = Integer.getInteger("penstock.steps", 30_000);
    private static final int WORKERS = 3;
    private static final long PERSISTENCE_MS = 300_000;
    /// Timeouts (110 s and 60 s) are never met while a connection is used: a step takes less than 20 s.
    private static final long LONGEST_PAUSE_MS = 60_000;
    private static final long HALF_OPEN_PAUSE_MS = 15_000;

    private static final String CONFIG = """
            listener.mh.vip=203.0.113.10
            listener.mh.protocol=tcp
            listener.mh.ports=80
            listener.mh.on-backend-down=keep
            listener.mh.drain-deadline=120s
            listener.mh.health=none
            listener.wrr.vip=203.0.113.11
            listener.wrr.protocol=tcp
            listener.wrr.ports=80
            listener.wrr.scheduler=wrr
            listener.wrr.persistence=300s
            listener.wrr.on-backend-down=reset
            listener.wrr.drain-deadline=0
            listener.wrr.health=none
            listener.lc.vip=203.0.113.12
            listener.lc.protocol=tcp
            listener.lc.ports=80
            listener.lc.scheduler=lc
            listener.lc.on-backend-down=reschedule
            listener.lc.on-backend-removed=reset
            listener.lc.health=none
            listener.udp.vip=203.0.113.13
            listener.udp.protocol=udp
            listener.udp.ports=all
            listener.udp.scheduler=swrr
            listener.udp.slow-start=60s
            listener.udp.idle-timeout=110s
            listener.udp.health=none
            """ + backends("mh") + backends("wrr") + backends("lc") + backends("udp");

    private static final List<String> LISTENERS = List.of("mh", "wrr", "lc", "udp");

    private static String backends(String listener) {
        StringBuilder text = new StringBuilder();
        for (int i = 1; i <= 5; i++) {
            text.append("listener.%s.backend.b%d=10.0.0.%d weight=%d%n".formatted(listener, i, i, i * 10));
        }
        return text.toString();
    }

    /// A client's connection, as the client sees it.
    private static final class Connection {
        final String listener;
        final String vip;
        final String client;
        final int port;
        int worker;

        @Nullable
        String backend;

        boolean isAnswered;
        boolean isEstablished;
        boolean isClosing;
        /// Something has happened since it began that excuses a move or a reset.
        boolean isExcused;
        /// It has moved and its packets have changed their worker: the first worker may remember what was before.
        boolean hasMoved;
        boolean hasChangedWorker;
        long lastSeenMs;

        Connection(String listener, String vip, String client, int port, int worker) {
            this.listener = listener;
            this.vip = vip;
            this.client = client;
            this.port = port;
            this.worker = worker;
        }

        boolean isUdp() {
            return listener.equals("udp");
        }

        byte[] packet(int flags) {
            return isUdp() ? Frames.udp(client, port, vip, 53, 20) : Frames.tcp(client, port, vip, 80, flags, 30);
        }
    }

    /// A packet on its way.
    private record Sent(Connection connection, int flags, int worker) {}

    /// A backend, or a place for one.
    private static final class Server {
        boolean isIn = true;
        boolean isUp = true;
        boolean isDraining;
    }

    private final long seed = Long.getLong("penstock.seed", System.nanoTime());
    private final SplittableRandom random = new SplittableRandom(seed);
    private final TestWorkers workers = new TestWorkers(CONFIG, WORKERS, 1 << 13);
    private final Map<String, Server> servers = new TreeMap<>();
    private final Set<String> stopped = new HashSet<>();
    private final List<Connection> connections = new ArrayList<>();
    private final ArrayDeque<Sent> wire = new ArrayDeque<>();
    /// By listener and client: the backend that session persistence owes the client, and until when at least.
    private final Map<String, String> owed = new HashMap<>();
    private final Map<String, Long> owedSinceMs = new HashMap<>();
    private final Map<String, Integer> happened = new TreeMap<>();
    private long nowMs;
    private int nextPort = 1024;

    @Test
    void shouldKeepItsPromisesForHours() {
        System.out.println("FlowSimulationTest: -Dpenstock.seed=" + seed);
        for (String listener : LISTENERS) {
            for (int i = 1; i <= 5; i++) {
                servers.put(listener + " b" + i, new Server());
            }
        }
        for (int step = 0; step < STEPS; step++) {
            try {
                step();
            } catch (AssertionError e) {
                throw new AssertionError("step " + step + " at " + nowMs + " ms: " + e.getMessage(), e);
            }
        }
        System.out.printf(
                "FlowSimulationTest: %.1f virtual hours, %d packets, %d connections open, %s%n",
                nowMs / 3_600_000.0, workers.counted(WorkerCounter.RECEIVED), connections.size(), happened);
        assertTrue(nowMs > 3_600_000, "hours of virtual time: " + nowMs);
        letAllEnd();
        workers.close();
    }

    private void step() {
        int pauseMs = random.nextInt(100) == 0 ? random.nextInt(20_000) : random.nextInt(400);
        nowMs += pauseMs;
        workers.advanceMs(pauseMs);
        if (random.nextInt(30) == 0) {
            change();
        }
        if (random.nextInt(10) < 6) {
            open();
        }
        for (int i = connections.size() / 30; i >= 0 && !connections.isEmpty(); i--) {
            talk(connections.get(random.nextInt(connections.size())));
        }
        keepAlive();
        deliver();
        if (random.nextInt(20) == 0) {
            workers.rest();
            workers.assertBalanced();
        }
        assertTrue(workers.activeFlows() >= 0);
    }

    private void count(String what) {
        happened.merge(what, 1, Integer::sum);
    }

    // Clients

    private void open() {
        String listener = LISTENERS.get(random.nextInt(LISTENERS.size()));
        String vip = "203.0.113.1" + LISTENERS.indexOf(listener);
        String client = "198.51.100." + (1 + random.nextInt(200));
        nextPort = nextPort == 65_535 ? 1024 : nextPort + 1;
        Connection connection = new Connection(listener, vip, client, nextPort, random.nextInt(WORKERS));
        connections.add(connection);
        send(connection, Frames.SYN);
    }

    private void talk(Connection connection) {
        int action = random.nextInt(100);
        if (connection.isUdp()) {
            if (action < 10) {
                connections.remove(connection);
            } else {
                send(connection, 0);
            }
        } else if (!connection.isAnswered) {
            send(connection, Frames.SYN); // again
        } else if (action < 8) {
            connection.isClosing = true;
            send(connection, Frames.FIN | Frames.ACK);
            connections.remove(connection);
        } else if (action < 11) {
            connection.isClosing = true;
            send(connection, Frames.RST);
            connections.remove(connection);
        } else {
            send(connection, Frames.ACK);
        }
        if (random.nextInt(connection.isEstablished ? 500 : 50) == 0) {
            connection.worker = random.nextInt(WORKERS); // the NIC spreads its flows anew
            connection.hasChangedWorker = true;
        }
    }

    private void keepAlive() {
        for (Connection connection : List.copyOf(connections)) {
            long pauseMs = nowMs - connection.lastSeenMs;
            if (pauseMs > LONGEST_PAUSE_MS || (pauseMs > HALF_OPEN_PAUSE_MS && !connection.isEstablished)) {
                send(connection, connection.isAnswered ? Frames.ACK : Frames.SYN);
            }
        }
    }

    private void send(Connection connection, int flags) {
        if (random.nextInt(40) == 0) {
            count("lost");
            return;
        }
        Sent sent = new Sent(connection, flags, connection.worker);
        if (random.nextInt(20) == 0) {
            wire.addFirst(sent); // overtakes
        } else {
            wire.addLast(sent);
        }
    }

    // The network

    /// Delivers what is on the wire, most of it.
    private void deliver() {
        int late = random.nextInt(3);
        while (wire.size() > late) {
            Sent sent = wire.removeFirst();
            String verdict = workers.verdict(sent.worker, sent.connection.packet(sent.flags));
            count(verdict.startsWith("forward") ? "forward" : verdict);
            sent.connection.lastSeenMs = nowMs;
            judge(sent, verdict);
        }
    }

    /// The client's view: may this have happened?
    private void judge(Sent sent, String verdict) {
        Connection connection = sent.connection;
        if (!verdict.startsWith("forward")) {
            judgeRefusal(connection, verdict);
            return;
        }
        String[] words = verdict.split(" ");
        assertEquals(connection.listener, words[1]);
        if (!words[2].equals(connection.backend)) {
            judgeChoice(connection, words[2]);
        }
        connection.backend = words[2];
        connection.isAnswered = true;
        connection.isEstablished |= (sent.flags & Frames.SYN) == 0;
        remember(connection);
    }

    private void judgeChoice(Connection connection, String backend) {
        if (connection.backend != null) {
            Server before = server(connection.listener, connection.backend);
            boolean isHalfOpen = !connection.isUdp() && !connection.isEstablished && !before.isUp;
            boolean isRemembered = connection.hasMoved && connection.hasChangedWorker;
            assertTrue(
                    connection.isExcused || connection.isClosing || isHalfOpen || isRemembered,
                    connection.listener + " moved from " + connection.backend + " to " + backend);
            connection.hasMoved = true;
            if (isRemembered) {
                connection.isExcused = false;
                return;
            }
            count("moved");
        }
        Server server = server(connection.listener, backend);
        assertTrue(
                server.isIn && server.isUp && !server.isDraining,
                "a new flow went to " + backend + " of " + connection.listener);
        checkPersistence(connection, backend);
        connection.isExcused = false;
    }

    private void judgeRefusal(Connection connection, String verdict) {
        switch (verdict) {
            case "drop listener_stopped" -> assertTrue(stopped.contains(connection.listener), verdict);
            case "drop no_backend" -> {
                assertEquals(0, usable(connection.listener), verdict);
                connection.isExcused = true; // what is still on the wire comes too late
                connections.remove(connection);
            }
            case "reply rst", "drop midstream" -> {
                assertTrue(
                        connection.isExcused || connection.isClosing,
                        verdict + " for " + connection.listener + " on " + connection.backend);
                connections.remove(connection);
            }
            default -> throw new AssertionError(verdict + " for " + connection.listener);
        }
    }

    /// What happens to a backend now is a reason for its flows to move or end.
    private void excuse(String listener, String id) {
        connections.stream()
                .filter(each -> each.listener.equals(listener) && id.equals(each.backend))
                .forEach(each -> each.isExcused = true);
        wire.stream()
                .map(Sent::connection)
                .filter(each -> each.listener.equals(listener) && id.equals(each.backend))
                .forEach(each -> each.isExcused = true);
    }

    private Server server(String listener, @Nullable String id) {
        Server server = servers.get(listener + " " + id);
        if (server == null) {
            throw new AssertionError("nobody is " + listener + " " + id);
        }
        return server;
    }

    private long usable(String listener) {
        return servers.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(listener + " "))
                .filter(entry -> entry.getValue().isIn && entry.getValue().isUp && !entry.getValue().isDraining)
                .count();
    }

    private void remember(Connection connection) {
        if (connection.listener.equals("wrr") && connection.backend != null) {
            String client = connection.client;
            if (connection.backend.equals(owed.getOrDefault(client, connection.backend))) {
                owed.put(client, connection.backend);
                owedSinceMs.put(client, nowMs);
            }
        }
    }

    /// A new connection of a client that was not idle goes where its last ones went, unless nobody may go there now.
    private void checkPersistence(Connection connection, String backend) {
        if (!connection.listener.equals("wrr")) {
            return;
        }
        String before = owed.get(connection.client);
        boolean isRecent = nowMs - owedSinceMs.getOrDefault(connection.client, 0L) < PERSISTENCE_MS - 2_000;
        if (before != null && isRecent && !before.equals(backend)) {
            Server server = server("wrr", before);
            assertTrue(
                    !server.isIn || !server.isUp || server.isDraining,
                    "client " + connection.client + " of " + before + " was sent to " + backend);
        } else if (before != null && isRecent) {
            count("persistent");
        }
        owed.put(connection.client, backend);
        owedSinceMs.put(connection.client, nowMs);
    }

    // The world

    private void change() {
        String listener = LISTENERS.get(random.nextInt(LISTENERS.size()));
        String id = "b" + (1 + random.nextInt(5));
        Server server = server(listener, id);
        Snapshot now = workers.snapshot();
        switch (random.nextInt(8)) {
            case 0, 1 -> {
                if (server.isIn && (!server.isUp || random.nextInt(3) == 0)) {
                    server.isUp = !server.isUp;
                    if (!listener.equals("mh")) { // which keeps its flows
                        excuse(listener, id);
                    }
                    workers.apply(
                            server.isUp
                                    ? Snapshots.started(now, listener, id, workers.nowMs())
                                    : Snapshots.health(now, listener, id, Health.DOWN));
                    count(server.isUp ? "recovered" : "failed");
                }
            }
            case 2 -> {
                if (server.isIn
                        && servers.values().stream().filter(each -> !each.isIn).count() < 6) {
                    server.isIn = false;
                    if (!listener.equals("wrr")) { // whose drains have no deadline
                        excuse(listener, id);
                    }
                    workers.apply(Snapshots.without(now, listener, id));
                    count("removed");
                } else if (!server.isIn) {
                    add(listener, id, server, now);
                }
            }
            case 3 -> {
                if (!server.isIn) {
                    add(listener, id, server, now);
                }
            }
            case 4 -> {
                if (server.isIn) {
                    server.isDraining = !server.isDraining;
                    workers.apply(Snapshots.admin(now, listener, id, server.isDraining ? Admin.DRAINING : Admin.IN, 0));
                    count(server.isDraining ? "drained" : "undrained");
                }
            }
            case 5 -> {
                if (server.isIn) {
                    workers.apply(Snapshots.weight(now, listener, id, 1 + random.nextInt(100)));
                    count("weighted");
                }
            }
            case 6 -> {
                boolean stops = stopped.isEmpty() && random.nextInt(3) == 0;
                if (stops) {
                    stopped.add(listener);
                    for (int i = 1; i <= 5; i++) {
                        excuse(listener, "b" + i); // It may be longer than the flows live.
                    }
                    workers.apply(Snapshots.running(now, listener, false));
                    count("stopped");
                } else {
                    List.copyOf(stopped)
                            .forEach(each -> workers.apply(Snapshots.running(workers.snapshot(), each, true)));
                    stopped.clear();
                }
            }
            default -> {
                if (random.nextInt(4) == 0) {
                    workers.restart();
                    count("restarted");
                }
            }
        }
    }

    private void add(String listener, String id, Server server, Snapshot now) {
        BackendConfig config = new BackendConfig(id, InetAddress.ofLiteral("10.0.0." + id.substring(1)), 30, null, 0);
        workers.apply(Snapshots.with(now, listener, config));
        server.isIn = true;
        server.isUp = true;
        server.isDraining = false;
        count("added");
    }

    /// Nobody talks any more: after the longest timeout the tables are empty and only configured rows are in use.
    private void letAllEnd() {
        for (int i = 0; i < 700; i++) {
            workers.advanceMs(1_000);
            workers.rest();
        }
        assertEquals(0, workers.entries(), "entries leaked");
        assertEquals(0, workers.activeFlows(), "active flows leaked");
        workers.advanceMs(1_000);
        long configured = workers.snapshot().listeners().stream()
                .mapToLong(listener -> listener.backends().size())
                .sum();
        assertEquals(configured, workers.rowsInUse(), "rows leaked");
        workers.assertBalanced();
    }
}
