package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.tools.Packaged;
import io.penstock.tools.api.ApiClient;
import io.penstock.tools.run.Launcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Forwarder and sidecar as processes of their own, under real connections: killed with SIGKILL one by one and both at
/// once, started in either order. Connections go on, and no backend changes its health.
@Tag("root")
@Tag("slow")
@Timeout(200)
class KilledProcessesPackagedTest {
    private static final String VIP = DemoNetwork.VIP + " " + DemoNetwork.PORT;
    private static final int HELD = 20;

    private final Map<String, Process> processes = new HashMap<>();
    private @Nullable Stage stage;

    @BeforeEach
    void needsRootAndJars() throws IOException {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
    }

    @AfterEach
    void remove() throws Exception {
        for (String name : List.copyOf(processes.keySet())) {
            kill(name);
        }
        if (stage != null) {
            stage.close();
        }
    }

    @Test
    void shouldGoOnWhoeverIsKilledAndWhoeverIsFirst() throws Exception {
        DemoNetwork network = DemoNetwork.create();
        Stage made = new Stage(network, false);
        stage = made;
        for (String backend : DemoNetwork.BACKENDS) {
            made.startServer(backend);
        }
        Guest client = made.startClient();
        client.ask("offloads");
        Files.writeString(
                Balancer.configuration(network),
                // Patient checks: what is shown is that nothing is made up, on however busy a host.
                Balancer.properties(new DemoPlan(PortMode.PACKET, TransportKind.EPOLL, 1, false))
                        .replace("health.timeout=400ms", "health.timeout=10s"));
        start(network, "sidecar");
        start(network, "forwarder");
        Instance instance = new Instance(Balancer.runtimeFolder(network), Balancer.INSTANCE);
        awaitUp(network, instance);
        assertEquals(1, client.ask("wait " + VIP + " 20000").get("ok"), log(network));
        for (String backend : DemoNetwork.BACKENDS) {
            assertTrue(instance.awaitHealth(backend, Health.UP, 20_000) >= 0, backend + " is up");
        }
        client.ask("hold " + VIP + " " + HELD);
        client.ask("rate " + VIP + " 50");
        Thread.sleep(500);

        client.ask("mark");
        kill("sidecar");
        Thread.sleep(2_000);
        start(network, "sidecar");
        awaitApi(network);
        Thread.sleep(1_000);
        ClientLine without = client.ask("report");
        System.out.printf(
                "measured: without a sidecar: %d answered, %d failed, longest pause of %d open connections %d ms%n",
                without.get("ok"), without.get("failed"), HELD, without.get("pause-ms"));
        assertEquals(0, without.get("failed"), () -> without + "\n" + log(network));
        assertTrue(without.get("ok") > 100, () -> without + "\n" + log(network));
        assertAllAlive(network, without);

        bothKilled(network, instance, client, "sidecar", "forwarder");
        bothKilled(network, instance, client, "forwarder", "sidecar");
        assertEquals(0, transitions(network), () -> "changes of health\n" + log(network));
    }

    private void bothKilled(DemoNetwork network, Instance instance, Guest client, String first, String second)
            throws Exception {
        long pid = instance.pid();
        long startNs = System.nanoTime();
        kill("forwarder");
        kill("sidecar");
        start(network, first);
        Thread.sleep(300);
        start(network, second);
        long endNs = startNs + TimeUnit.SECONDS.toNanos(30);
        while (instance.pid() == pid) {
            assertTrue(System.nanoTime() < endNs, () -> "no other forwarder\n" + log(network));
            Thread.sleep(20);
        }
        awaitUp(network, instance);
        long upMs = (System.nanoTime() - startNs) / 1_000_000;
        awaitApi(network);
        // Connections go on when TCP sends again, which after a long outage it does seldom.
        ClientLine line;
        do {
            client.ask("mark");
            Thread.sleep(400);
            line = client.ask("report");
            assertAllAlive(network, line);
        } while (line.get("pause-ms") > 350 && System.nanoTime() < startNs + TimeUnit.SECONDS.toNanos(55));
        System.out.printf(
                "measured: both killed, %s first: the forwarder is up after %d ms, all %d open connections go on after"
                        + " %d ms%n",
                first, upMs, HELD, (System.nanoTime() - startNs) / 1_000_000);
        assertTrue(line.get("pause-ms") < 2_000, line + "\n" + log(network));
    }

    private static void assertAllAlive(DemoNetwork network, ClientLine line) {
        assertEquals(
                HELD,
                line.group("alive").values().stream().mapToLong(Long::longValue).sum(),
                () -> line + "\n" + log(network));
    }

    private static long transitions(DemoNetwork network) throws IOException {
        ApiClient.Answer answer = api(network).send("GET", "/metrics", null);
        assertEquals(200, answer.status());
        return answer.body()
                .lines()
                .filter(line -> line.startsWith("penstock_health_transitions_total{"))
                .mapToLong(line -> Long.parseLong(line.substring(line.lastIndexOf(' ') + 1)))
                .sum();
    }

    private static ApiClient api(DemoNetwork network) {
        RuntimeFolder folder = RuntimeFolder.of(Balancer.runtimeFolder(network), Balancer.INSTANCE);
        return new ApiClient(folder.apiSocket(), 5_000);
    }

    private static void awaitApi(DemoNetwork network) throws InterruptedException {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
        int status = 0;
        while (status != 200) {
            assertTrue(System.nanoTime() < endNs, () -> "no API\n" + log(network));
            try {
                status = api(network).send("GET", "/v1/status", null).status();
            } catch (IOException starting) {
                Thread.sleep(50);
            }
        }
    }

    private static void awaitUp(DemoNetwork network, Instance instance) throws InterruptedException {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!instance.isUp()) {
            assertTrue(System.nanoTime() < endNs, () -> "the forwarder is not up\n" + log(network));
            Thread.sleep(20);
        }
    }

    private void start(DemoNetwork network, String command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(network.on(
                        DemoNetwork.FORWARDER,
                        List.of(
                                Launcher.path().toString(),
                                command,
                                "-c",
                                Balancer.configuration(network).toString(),
                                "--runtime-dir",
                                Balancer.runtimeFolder(network).toString())))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        network.folder().resolve("log").toFile()));
        builder.environment().put("PENSTOCK_BUILD", "never");
        builder.environment().put("PENSTOCK_JAVA", System.getProperty("java.home", ""));
        processes.put(command, builder.start()); // Every program in between executes the next: this is the JVM.
    }

    private void kill(String command) throws InterruptedException {
        Process process = processes.remove(command);
        if (process != null) {
            process.destroyForcibly();
            assertTrue(process.waitFor(5, TimeUnit.SECONDS));
        }
    }

    private static String log(DemoNetwork network) {
        Path log = network.folder().resolve("log");
        try {
            List<String> lines = Files.readAllLines(log);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
