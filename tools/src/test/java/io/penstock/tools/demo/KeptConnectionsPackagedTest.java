package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusReader.BackendStatus;
import io.penstock.control.status.StatusReader.ListenerStatus;
import io.penstock.control.status.WorkerCounter;
import io.penstock.tools.Packaged;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Long downloads and idle connections, under `mh` and under `wrr` with persistence, while another backend comes and
/// goes, the file is read again, and the forwarder is killed and started: none is lost, none changes its backend, no
/// byte is missing. At last `flows` and `explain` tell of them.
///
/// Shows S2-23, S2-38, S2-43, S2-57 between real kernels.
@Tag("root")
@Tag("slow")
@Timeout(150)
class KeptConnectionsPackagedTest {
    private static final List<Integer> PORTS = List.of(DemoNetwork.PORT, DemoNetwork.PORT + 1);
    private static final int DOWNLOADS = 6; // of each port, as the two below
    private static final int ASKED = 10;
    private static final int SILENT = 10;
    private static final int ROUNDS = 2;
    private static final int KILLS = 2;
    /// Some chunks of a download.
    private static final int PROGRESS_BYTES = 32_768;

    private final List<Guest> guests = new ArrayList<>();
    private @Nullable DemoNetwork network;
    private @Nullable Balancer balancer;

    @BeforeEach
    void needsRootAndJars() throws IOException {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
    }

    @AfterEach
    void remove() throws IOException {
        guests.forEach(Guest::close);
        if (balancer != null) {
            balancer.close();
        }
        if (network != null) {
            network.close();
        }
    }

    @Test
    void shouldKeepConnectionsThroughChangesAndKills() throws Exception {
        DemoNetwork net = DemoNetwork.create();
        network = net;
        for (String backend : DemoNetwork.BACKENDS) {
            List<String> arguments = new ArrayList<>(List.of(backend));
            PORTS.forEach(port -> arguments.add(Integer.toString(port)));
            Guest server = Guest.start(net, backend, KeptServer.class, arguments);
            guests.add(server);
            server.awaitReady();
        }
        Guest client = Guest.start(net, DemoNetwork.CLIENT, KeptClient.class, List.of());
        guests.add(client);
        client.ask("offloads");
        configure(net, "b1", "b2");
        Balancer running = Balancer.start(net, false);
        balancer = running;
        Instance instance = new Instance(Balancer.runtimeFolder(net), Balancer.INSTANCE);
        await("the forwarder is up", instance::isUp);
        for (int port : PORTS) {
            assertEquals(1, client.ask("wait " + vip(port) + " 20000").get("ok"), log());
        }
        awaitHealth(instance, "b1");
        awaitHealth(instance, "b2");
        for (int port : PORTS) {
            client.ask("download " + vip(port) + " " + DOWNLOADS);
            client.ask("idle " + vip(port) + " " + SILENT + " silent");
        }
        client.ask("idle " + vip(PORTS.get(1)) + " " + ASKED + " asked");
        ClientLine asked = client.ask("idle " + vip(PORTS.get(0)) + " " + ASKED + " asked");

        client.ask("mark");
        for (int round = 0; round < ROUNDS; round++) {
            anotherComesAndGoes(net, running, instance, client);
        }
        assertKept(client, ROUNDS + " times another backend came and went");

        client.ask("mark");
        configure(net, "b1", "b2");
        Files.writeString(
                Balancer.configuration(net),
                Files.readString(Balancer.configuration(net))
                        .replace("weight=100", "weight=7")
                        .replace("idle-timeout=300s", "idle-timeout=200s"));
        reload(running);
        await("the other weight", () -> weightOf(net, "b1") == 7);
        assertKept(client, "the file was read again, with another weight and timeout");

        for (int kill = 0; kill < KILLS; kill++) {
            kill(instance, client);
        }
        ClientLine silent = client.ask("wake silent");
        System.out.printf(
                "measured: connections without a packet for all that time: %d go on, %d are lost%n",
                silent.get("alive"), silent.get("lost"));
        assertEquals(2 * SILENT, silent.get("alive"), () -> silent + "\n" + log());
        assertBalanced(instance);
        commandsTellOfThem(net, asked.group("port"));
    }

    private void anotherComesAndGoes(DemoNetwork net, Balancer running, Instance instance, Guest client)
            throws Exception {
        configure(net, "b1", "b2", "b3");
        reload(running);
        awaitHealth(instance, "b3");
        awaitAnswers(client, PORTS.get(0), true); // The other listener's health is one of its own.
        awaitAnswers(client, PORTS.get(1), false);
        configure(net, "b1", "b2");
        reload(running);
        await("b3 is out", () -> weightOf(net, "b3") < 0);
        for (int port : PORTS) {
            assertEquals(0, client.ask("open " + vip(port) + " 10").get("answers.b3"), "new ones go elsewhere");
        }
    }

    /// Until the newcomer answers: at once by hash, never to a client that persistence keeps elsewhere.
    private static void awaitAnswers(Guest client, int port, boolean isExpected) throws Exception {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        long answers = 0;
        do {
            answers += client.ask("open " + vip(port) + " 10").get("answers.b3");
        } while (isExpected && answers == 0 && System.nanoTime() < endNs);
        assertEquals(isExpected, answers > 0, "answers of b3 on port " + port);
    }

    private void kill(Instance instance, Guest client) throws Exception {
        Map<WorkerCounter, Long> before = instance.counters();
        client.ask("mark");
        long startNs = System.nanoTime();
        assertTrue(instance.killAndAwaitNext(20_000), () -> "no other forwarder\n" + log());
        long upMs = (System.nanoTime() - startNs) / 1_000_000;
        long endNs = startNs + TimeUnit.SECONDS.toNanos(45);
        ClientLine outage = client.ask("report");
        long longestMs = outage.get("pause-ms");
        do {
            client.ask("mark");
            Thread.sleep(300);
            outage = client.ask("report");
            longestMs = Math.max(longestMs, outage.get("pause-ms"));
            assertEquals(0, outage.get("lost"), outage + "\n" + log());
            // TCP sends again seldom after a long outage.
        } while (outage.get("least-bytes") < PROGRESS_BYTES && System.nanoTime() < endNs);
        assertTrue(outage.get("least-bytes") >= PROGRESS_BYTES, outage + "\n" + log());
        System.out.printf(
                "measured: killed: another forwarder after %d ms; all downloads are under way after %d ms, their longest"
                        + " pause was %d ms%n",
                upMs, (System.nanoTime() - startNs) / 1_000_000, longestMs);
        assertKept(client, "the forwarder was killed and started");
        for (Map.Entry<WorkerCounter, Long> counter : instance.counters().entrySet()) {
            assertTrue(counter.getValue() >= before.getOrDefault(counter.getKey(), 0L), counter + " went back");
        }
    }

    private void assertKept(Guest client, String when) throws IOException {
        ClientLine downloads = client.ask("report");
        ClientLine asked = client.ask("wake asked");
        System.out.printf(
                "measured: %s: %d downloads go on (%d kB since, longest pause %d ms), %d lost; of idle connections %d"
                        + " answer as before (the slowest within %d ms), %d are lost%n",
                when,
                downloads.get("alive"),
                downloads.get("kb"),
                downloads.get("pause-ms"),
                downloads.get("lost"),
                asked.get("alive"),
                asked.get("slowest-ms"),
                asked.get("lost"));
        assertEquals((long) PORTS.size() * DOWNLOADS, downloads.get("alive"), () -> downloads + "\n" + log());
        assertEquals(0, downloads.get("lost"), () -> downloads + "\n" + log());
        assertTrue(downloads.get("least-bytes") > 0, () -> "one stands still: " + downloads);
        assertEquals((long) PORTS.size() * ASKED, asked.get("alive"), () -> asked + "\n" + log());
    }

    /// For each worker, read at one moment: received = forwarded + replied + passed + the sum of all drops.
    private static void assertBalanced(Instance instance) throws IOException {
        long received = 0;
        long accounted = 0;
        for (Map.Entry<WorkerCounter, Long> counter : instance.counters().entrySet()) {
            if (counter.getKey() == WorkerCounter.RECEIVED) {
                received = counter.getValue();
            } else if (counter.getKey().kind() != WorkerCounter.Kind.NOTE) {
                accounted += counter.getValue();
            }
        }
        assertEquals(received, accounted);
    }

    private static void commandsTellOfThem(DemoNetwork net, Map<String, Long> ports) throws Exception {
        for (Map.Entry<String, Long> known : ports.entrySet()) {
            Packaged.Result explained = run(
                    net,
                    "explain",
                    "tcp",
                    DemoNetwork.CLIENT_ADDRESS + ":" + known.getValue(),
                    vip(PORTS.get(0)).replace(' ', ':'),
                    "--json");
            String said = explained.out();
            assertTrue(
                    said.contains("\"listener\":\"web\"")
                            && said.contains("\"backend\":\"" + known.getKey() + "\"")
                            && said.contains("\"reason\":\"flow_entry\"")
                            && said.contains("\"slot\":null")
                            && said.contains("\"health\":\"up\""),
                    explained::toString);
            Packaged.Result flows = run(net, "flows", "web", "--backend", known.getKey(), "--json");
            assertTrue(
                    flows.out()
                            .lines()
                            .allMatch(line -> line.contains("\"backend\":\"" + known.getKey() + "\"")
                                    && line.contains("\"listener\":\"web\"")),
                    flows::toString);
            assertEquals(
                    1,
                    flows.out()
                            .lines()
                            .filter(line -> line.contains("\"client_port\":" + known.getValue() + ",")
                                    && line.contains("\"state\":\"established\""))
                            .count(),
                    flows::toString);
        }
        Packaged.Result limited = run(net, "flows", "--client", DemoNetwork.CLIENT_ADDRESS + "/32", "--limit", "3");
        assertTrue(limited.out().contains(" more; --limit was 3"), limited::toString);
        Packaged.Result none = run(net, "flows", "--client", "192.0.2.0/24", "--json");
        assertEquals("", none.out());
    }

    private static Packaged.Result run(DemoNetwork net, String... command) throws Exception {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of(
                "--instance",
                Balancer.INSTANCE,
                "--runtime-dir",
                Balancer.runtimeFolder(net).toString()));
        Packaged.Result result = Packaged.run(20, all.toArray(String[]::new));
        assertEquals(0, result.exitCode(), result::toString);
        return result;
    }

    // The instance

    private static String vip(int port) {
        return DemoNetwork.VIP + " " + port;
    }

    private static void configure(DemoNetwork net, String... backends) throws IOException {
        StringBuilder text = new StringBuilder("""
                instance=%s
                forwarder.interface=%s
                forwarder.idle=block
                forwarder.flows=16k
                forwarder.huge-pages=off
                sidecar.api=off
                listener.web.scheduler=mh
                listener.rot.scheduler=wrr
                listener.rot.persistence=600s
                """.formatted(Balancer.INSTANCE, DemoNetwork.INTERFACE));
        List<String> listeners = List.of(Balancer.LISTENER, "rot");
        for (int i = 0; i < listeners.size(); i++) {
            text.append("""
                    listener.%1$s.vip=%2$s
                    listener.%1$s.protocol=tcp
                    listener.%1$s.ports=%3$d
                    listener.%1$s.idle-timeout=300s
                    listener.%1$s.health=tcp
                    listener.%1$s.health.interval=200ms
                    listener.%1$s.health.timeout=10s
                    listener.%1$s.health.fall=3
                    """.formatted(listeners.get(i), DemoNetwork.VIP, PORTS.get(i)));
            for (String backend : backends) {
                text.append("listener.%s.backend.%s=%s weight=100%n"
                        .formatted(listeners.get(i), backend, DemoNetwork.backendAddress(backend)));
            }
        }
        Files.writeString(Balancer.configuration(net), text);
    }

    private static void reload(Balancer running) throws IOException {
        Program.run("sh", "-c", "kill -HUP " + running.pid());
    }

    /// {@return the weight that the data plane works by, or -1 when the backend takes no new flows}
    private static int weightOf(DemoNetwork net, String backend) throws IOException {
        RuntimeFolder folder = RuntimeFolder.of(Balancer.runtimeFolder(net), Balancer.INSTANCE);
        try (StatusReader status = StatusReader.open(folder.statusFile())) {
            ListenerStatus listener = status.listeners().get(Balancer.LISTENER);
            BackendStatus known = listener == null ? null : listener.backends().get(backend);
            return known == null || !known.inUse() || known.admin() != Admin.IN ? -1 : known.weight();
        }
    }

    private void awaitHealth(Instance instance, String backend) throws Exception {
        assertTrue(instance.awaitHealth(backend, Health.UP, 20_000) >= 0, () -> backend + " is not up\n" + log());
    }

    private interface Condition {
        boolean isMet() throws IOException;
    }

    private void await(String what, Condition condition) throws Exception {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.isMet()) {
            assertTrue(System.nanoTime() < endNs, () -> what + ": does not come\n" + log());
            Thread.sleep(50);
        }
    }

    private String log() {
        try {
            return balancer == null ? "" : String.join("\n", balancer.lastLines(60));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
