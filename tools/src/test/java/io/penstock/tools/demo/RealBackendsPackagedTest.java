package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.tools.Packaged;
import io.penstock.tools.api.ApiClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Real processes end to end: nginx behind `penstock run`, curl and the demo's client in front, on the demo's network.
/// A backend's service is killed, its host cut off, its HTTP turned to 500; each time the last request that failed is
/// set beside what the configuration promises. Then weights, drains and the pool change under load, and none fails. At
/// last the listener is stopped, which interrupts everybody, and started.
///
/// Shows S0-04, S0-05, S0-06, S0-07, S2-11, S3-99, S3-101, S3-102, S3-104.
@Tag("root")
@Tag("slow")
@Timeout(180)
class RealBackendsPackagedTest {
    private static final String VICTIM = "b2";
    private static final int PER_SECOND = 100;
    private static final String VIP = DemoNetwork.VIP + " " + DemoNetwork.PORT;
    /// `interval` × `fall` + `timeout` of the demo's configuration; intervals are jittered by a tenth.
    private static final long PROMISED_MS = 500 * 2 + 400;
    private static final long JITTER_MS = 100;
    /// For a host that is busy with all of this.
    private static final long SLACK_MS = 1_500;
    /// Requests that wait for a silent host give up after five seconds.
    private static final long PATIENCE_MS = 5_500;
    /// Those that are refused or told of an error know at once.
    private static final long SHORT_MS = 2_500;

    private final Map<String, Process> servers = new LinkedHashMap<>();
    private @Nullable DemoNetwork network;
    private @Nullable Balancer balancer;
    private @Nullable Guest client;

    @BeforeEach
    void needsRootAndJars() throws IOException {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
        Assumptions.assumeTrue(
                Program.isInstalled("nginx") && Program.isInstalled("curl"), "nginx and curl are not installed");
    }

    @AfterEach
    void remove() throws Exception {
        if (client != null) {
            client.close();
        }
        if (balancer != null) {
            balancer.close();
        }
        for (Process server : servers.values()) {
            server.destroyForcibly();
            server.waitFor(5, TimeUnit.SECONDS);
        }
        if (network != null) {
            network.close();
        }
    }

    @Test
    void shouldServeThroughFailuresAndChanges() throws Exception {
        DemoNetwork net = DemoNetwork.create();
        network = net;
        for (String backend : DemoNetwork.BACKENDS) {
            startServer(net, backend);
        }
        Guest asking = Guest.client(net);
        client = asking;
        asking.ask("offloads");
        Balancer running = Balancer.start(net, new DemoPlan(PortMode.PACKET, TransportKind.EPOLL, 1, false));
        balancer = running;
        Instance instance = new Instance(Balancer.runtimeFolder(net), Balancer.INSTANCE);
        awaitUp(running, instance);
        assertEquals(1, asking.ask("wait " + VIP + " 20000").get("ok"), log(running));
        for (String backend : DemoNetwork.BACKENDS) {
            assertTrue(instance.awaitHealth(backend, Health.UP, 20_000) >= 0, backend + " is up");
        }
        Map<String, Integer> spread = curl(net, 60);
        assertEquals(60, spread.values().stream().mapToInt(Integer::intValue).sum(), "curl: " + spread);
        assertEquals(3, spread.size(), "curl: " + spread);
        asking.ask("rate " + VIP + " " + PER_SECOND);
        Thread.sleep(500);

        outage(
                net,
                asking,
                instance,
                "its service is killed",
                SHORT_MS,
                () -> server(VICTIM).destroyForcibly(),
                () -> startServer(net, VICTIM));
        outage(
                net,
                asking,
                instance,
                "its host is cut off",
                PATIENCE_MS,
                () -> link(net, "down"),
                () -> link(net, "up"));
        outage(
                net,
                asking,
                instance,
                "its HTTP says 500",
                SHORT_MS,
                () -> Files.createFile(folder(net, VICTIM).resolve("broken")),
                () -> Files.delete(folder(net, VICTIM).resolve("broken")));
        ApiClient api = new ApiClient(
                RuntimeFolder.of(Balancer.runtimeFolder(net), Balancer.INSTANCE).apiSocket(), 10_000);
        changeUnderLoad(api, asking);
        stopAndStart(api, asking);
    }

    private interface Step {
        void run() throws Exception;
    }

    private void outage(
            DemoNetwork net, Guest asking, Instance instance, String what, long patienceMs, Step breaks, Step mends)
            throws Exception {
        asking.ask("mark");
        breaks.run();
        long noticedMs = instance.awaitHealth(VICTIM, Health.DOWN, 10_000);
        Thread.sleep(patienceMs);
        ClientLine during = asking.ask("report");
        assertTrue(noticedMs >= 0, () -> what + ": not noticed\n" + log(balancer));
        Map<String, Integer> answers = curl(net, 20);
        System.out.printf(
                "measured: %s: last request that failed was sent %d ms after, noticed after %d ms; interval x fall +"
                        + " timeout is %d ms (intervals up to %d ms longer); %d answered (99 %% within %d ms), %d failed %s%n",
                what,
                during.get("last-failure-ms"),
                noticedMs,
                PROMISED_MS,
                JITTER_MS,
                during.get("ok"),
                during.get("p99-us") / 1_000,
                during.get("failed"),
                during.group("why"));
        // Of a host that is silent a client need not notice more than a delay: it sends its SYN again, and a flow that
        // is
        // half open then gets another backend. A service that answers with RST or 500 is noticed.
        assertTrue(
                during.get("last-failure-ms") < PROMISED_MS + JITTER_MS + SLACK_MS,
                () -> what + ": " + during + "\n" + log(balancer));
        assertEquals(Map.of("b1", 0, "b3", 0).keySet(), answers.keySet(), "curl is answered by the others");
        assertEquals(20, answers.values().stream().mapToInt(Integer::intValue).sum(), "curl: " + answers);

        asking.ask("mark");
        mends.run();
        long upMs = instance.awaitHealth(VICTIM, Health.UP, 10_000);
        assertTrue(upMs >= 0, () -> what + ": not mended\n" + log(balancer));
        Thread.sleep(1_000);
        ClientLine after = asking.ask("report");
        System.out.printf(
                "measured: %s no more: up again after %d ms, first answer after %d ms, %d answered, %d failed%n",
                what, upMs, after.get("first-ms." + VICTIM), after.get("ok"), after.get("failed"));
        assertTrue(after.get("answers." + VICTIM) > 0, () -> what + ": no traffic again: " + after);
        assertEquals(0, after.get("failed"), () -> what + ", recovery: " + after + "\n" + log(balancer));
    }

    private void changeUnderLoad(ApiClient api, Guest asking) throws Exception {
        String backends = "/v1/listeners/" + Balancer.LISTENER + "/backends/";
        ClientLine held = asking.ask("hold " + VIP + " 30");
        asking.ask("mark");
        int changes = 0;
        List<Long> appliedMs = new ArrayList<>();
        for (int round = 0; round < 5; round++) {
            change(api, "PATCH", backends + "b1", "{\"weight\":" + (1 + 97 * round) + "}");
            appliedMs.add(change(api, "POST", backends + "b2/drain", null));
            Thread.sleep(100);
            appliedMs.add(change(api, "POST", backends + "b2/undrain", null));
            change(api, "DELETE", backends + "b3", null);
            Thread.sleep(100);
            change(api, "PUT", backends + "b3", "{\"address\":\"" + DemoNetwork.backendAddress("b3") + "\"}");
            changes += 5;
            Thread.sleep(200);
        }
        change(api, "POST", backends + "b2/drain", null);
        Thread.sleep(1_000);
        ClientLine changed = asking.ask("report");
        assertEquals(0, changed.get("failed"), () -> changed + "\n" + log(balancer));
        asking.ask("mark");
        Thread.sleep(1_000);
        ClientLine drained = asking.ask("report");
        assertEquals(0, drained.get("answers.b2"), () -> "a drained backend gets nothing new: " + drained);
        assertEquals(held.group("alive"), drained.group("alive"), () -> "its flows go on: " + drained + log(balancer));
        change(api, "POST", backends + "b2/undrain", null);
        Thread.sleep(1_000);
        ClientLine after = asking.ask("report");
        System.out.printf(
                "measured: %d changes by the API under %d requests a second and 30 open connections: %d answered, %d"
                        + " failed, %d connections lost%n",
                changes + 2,
                PER_SECOND,
                changed.get("ok") + after.get("ok"),
                changed.get("failed") + after.get("failed"),
                after.group("lost").values().stream().mapToLong(Long::longValue).sum());
        Collections.sort(appliedMs);
        System.out.printf(
                "measured: from a request for a change of state to the answer that the data plane works by it: median"
                        + " %d ms, slowest %d ms of %d%n",
                appliedMs.get(appliedMs.size() / 2), appliedMs.getLast(), appliedMs.size());
        // 100 ms is the promise for a host that is not busy with all of this.
        assertTrue(appliedMs.get(appliedMs.size() / 2) < 300, () -> "ms: " + appliedMs);
        assertEquals(0, after.get("failed"), () -> after + "\n" + log(balancer));
        assertTrue(after.get("answers.b2") > 0, () -> "in again: " + after);
        assertTrue(after.group("lost").isEmpty(), after.toString());
    }

    private void stopAndStart(ApiClient api, Guest asking) throws Exception {
        String listener = "/v1/listeners/" + Balancer.LISTENER;
        change(api, "POST", listener + "/stop", null);
        Thread.sleep(500);
        asking.ask("mark");
        Thread.sleep(1_500);
        ClientLine stopped = asking.ask("report");
        assertEquals(0, stopped.get("held-requests"), () -> "connections go on: " + stopped + "\n" + log(balancer));
        assertEquals(0, stopped.get("ok"), () -> "new ones: " + stopped);
        change(api, "POST", listener + "/start", null);
        Thread.sleep(500);
        asking.ask("mark");
        Thread.sleep(1_000);
        ClientLine started = asking.ask("report");
        assertTrue(started.get("ok") > PER_SECOND / 2, started.toString());
        assertEquals(0, started.get("failed"), started.toString());
        System.out.println("measured: stopped, then started: of 30 connections "
                + started.group("lost").values().stream()
                        .mapToLong(Long::longValue)
                        .sum() + " ended");
    }

    /// {@return ms until the answer, which comes when the forwarder works by the change}
    private static long change(ApiClient api, String method, String path, @Nullable String json) throws IOException {
        long startNs = System.nanoTime();
        ApiClient.Answer answer = api.send(method, path, json);
        assertTrue(answer.status() / 100 == 2, () -> method + " " + path + ": " + answer);
        return (System.nanoTime() - startNs) / 1_000_000;
    }

    // ---- hosts

    private static Path folder(DemoNetwork net, String backend) {
        return net.folder().resolve("nginx-" + backend);
    }

    private Process server(String backend) {
        return java.util.Objects.requireNonNull(servers.get(backend));
    }

    private void startServer(DemoNetwork net, String backend) throws IOException {
        Path folder = Files.createDirectories(folder(net, backend));
        Path file = folder.resolve("nginx.conf");
        Files.writeString(file, """
                daemon off;
                master_process off;
                pid %1$s/nginx.pid;
                error_log stderr warn;
                events { worker_connections 1024; }
                http {
                  access_log off;
                  client_body_temp_path %1$s/body;
                  proxy_temp_path %1$s/proxy;
                  fastcgi_temp_path %1$s/fastcgi;
                  uwsgi_temp_path %1$s/uwsgi;
                  scgi_temp_path %1$s/scgi;
                  keepalive_requests 100000;
                  server {
                    listen %2$d backlog=1024;
                    location / {
                      if (-f %1$s/broken) { return 500; }
                      add_header X-Backend %3$s;
                      add_header X-Client $remote_addr:$remote_port;
                      return 200 "%3$s\\n";
                    }
                  }
                }
                """.formatted(folder, DemoNetwork.PORT, backend));
        servers.put(
                backend,
                new ProcessBuilder(net.on(backend, List.of("nginx", "-e", "stderr", "-c", file.toString())))
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("log").toFile())
                        .start());
    }

    private static void link(DemoNetwork net, String state) throws IOException {
        Program.run("ip", "-netns", net.namespace("switch"), "link", "set", VICTIM, state);
    }

    /// {@return how often each backend answered}
    private static Map<String, Integer> curl(DemoNetwork net, int requests) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "curl",
                "-s",
                "--max-time",
                "10",
                "-H",
                "Connection: close",
                "http://" + DemoNetwork.VIP + "/?[1-" + requests + "]"));
        Process process = new ProcessBuilder(net.on(DemoNetwork.CLIENT, command))
                .redirectErrorStream(true)
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        assertEquals(0, process.waitFor(), out);
        Map<String, Integer> answers = new TreeMap<>();
        out.lines().forEach(line -> answers.merge(line, 1, Integer::sum));
        return answers;
    }

    private static void awaitUp(Balancer running, Instance instance) throws InterruptedException {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!instance.isUp()) {
            assertTrue(
                    running.isAlive() && System.nanoTime() < endNs, () -> "the forwarder is not up\n" + log(running));
            Thread.sleep(50);
        }
    }

    private static String log(@Nullable Balancer running) {
        try {
            return running == null ? "" : String.join("\n", running.lastLines(60));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
