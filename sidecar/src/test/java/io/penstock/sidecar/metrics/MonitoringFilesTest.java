package io.penstock.sidecar.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.LatencyHistogram;
import io.penstock.sidecar.FakeForwarder;
import io.penstock.sidecar.TestInstance;
import io.penstock.sidecar.TestJson;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The alert rules and the dashboard that are shipped, against a real Prometheus and a sidecar's own metrics: they
/// parse, do what they say, and name nothing that is not there.
@Tag("slow")
@Timeout(60)
class MonitoringFilesTest {
    private static final Path RULES = Path.of("../tuning/prometheus");
    private static final Path DASHBOARD = Path.of("../tuning/grafana/penstock.json");
    private static final Pattern METRIC = Pattern.compile("penstock_[a-z_]+");
    private static final String FILE = """
            listener.web.vip=203.0.113.10
            listener.web.ports=80
            listener.web.health=none
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12 weight=0
            """;

    @TempDir
    Path folder;

    private TestInstance instance;

    @BeforeEach
    void start() throws Exception {
        instance = new TestInstance(folder, FILE);
        FakeForwarder forwarder = instance.startForwarder(System.currentTimeMillis());
        new LatencyHistogram(forwarder.status().worker(0).latency()).record(1_000);
        instance.start();
        TestInstance.await("API", () -> instance.sidecar().apiAddress() != null);
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/promtool")), "Prometheus is not installed (package prometheus)");
    }

    @AfterEach
    void stop() throws Exception {
        instance.close();
    }

    @Test
    void shouldHaveAlertsThatDoWhatTheySay() throws Exception {
        assertTrue(promtool("check", "rules", RULES.resolve("alerts.yml").toString())
                .contains("SUCCESS"));
        assertTrue(promtool("test", "rules", RULES.resolve("alerts-test.yml").toString())
                .contains("SUCCESS"));
    }

    @Test
    void shouldNameOnlyMetricsThatThereAre() throws Exception {
        Set<String> known = names(instance.send("GET", "/metrics").body());
        for (Path file : List.of(RULES.resolve("alerts.yml"), RULES.resolve("alerts-test.yml"), DASHBOARD)) {
            for (String name : names(Files.readString(file))) {
                assertTrue(known.contains(name), () -> file + ": " + name + " is not among " + known);
            }
        }
    }

    @Test
    void shouldHaveADashboardOfQueriesThatParse() throws Exception {
        TestJson dashboard = TestJson.parse(Files.readString(DASHBOARD));
        List<String> queries = new ArrayList<>();
        Set<String> places = new TreeSet<>();
        for (TestJson panel : dashboard.at("panels").elements()) {
            TestJson place = panel.at("gridPos");
            assertTrue(places.add(place.text("x") + "," + place.text("y")), () -> "two panels in one place: " + panel);
            panel.at("targets").elements().forEach(target -> queries.add(target.text("expr")));
        }
        assertTrue(queries.size() > 30, () -> "queries: " + queries.size());
        StringBuilder rules = new StringBuilder("groups:\n- name: dashboard\n  rules:\n");
        for (int i = 0; i < queries.size(); i++) {
            String query =
                    queries.get(i).replace("$__rate_interval", "1m").replaceAll("\\$(instance|listener|job)", "x");
            assertTrue(!query.contains("$"), query);
            rules.append("  - record: query")
                    .append(i)
                    .append("\n    expr: '")
                    .append(query)
                    .append("'\n");
        }
        Path file = folder.resolve("queries.yml");
        Files.writeString(file, rules);
        promtool("check", "rules", file.toString());
    }

    @Test
    void shouldBeScrapedByPrometheus() throws Exception {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/prometheus")), "Prometheus is not installed (package prometheus)");
        int port = TestInstance.freePort();
        int target = java.util.Objects.requireNonNull(instance.sidecar().apiAddress())
                .getPort();
        Path config = folder.resolve("prometheus.yml");
        Files.writeString(config, """
                global: { scrape_interval: 500ms, evaluation_interval: 500ms }
                rule_files: [ "%s" ]
                scrape_configs:
                  - job_name: penstock
                    static_configs: [ { targets: [ "127.0.0.1:%d" ] } ]
                """.formatted(
                        RULES.resolve("alerts.yml").toAbsolutePath().normalize(), target));
        Path log = folder.resolve("prometheus.log");
        Process prometheus = new ProcessBuilder(
                        "/usr/bin/prometheus",
                        "--config.file=" + config,
                        "--storage.tsdb.path=" + folder.resolve("tsdb"),
                        "--web.listen-address=127.0.0.1:" + port)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try (HttpClient client = HttpClient.newHttpClient()) {
            long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            String up = "";
            while (!up.equals("1") && System.nanoTime() < endNs) {
                Thread.sleep(200);
                up = query(client, port, "up{job=\"penstock\"}");
            }
            assertEquals("1", up, () -> read(log));
            assertEquals("1", query(client, port, "count(penstock_backend_up{listener=\"web\",backend=\"a\"} == 1)"));
            assertEquals("2", query(client, port, "penstock_listener_backends{listener=\"web\"}"));
            assertEquals("2", query(client, port, "count(penstock_received_total)"), "two workers");
            String samples = query(client, port, "scrape_samples_scraped");
            assertTrue(Double.parseDouble(samples) > 80, "samples: " + samples);
            assertEquals(
                    samples, query(client, port, "scrape_samples_post_metric_relabeling"), "none of them is refused");
        } finally {
            prometheus.destroy();
            if (!prometheus.waitFor(10, TimeUnit.SECONDS)) {
                prometheus.destroyForcibly();
            }
        }
    }

    // The value of the first series that a query finds; empty where there is none.
    private static String query(HttpClient client, int port, String query) throws InterruptedException {
        URI uri = URI.create(
                "http://127.0.0.1:" + port + "/api/v1/query?query=" + URLEncoder.encode(query, StandardCharsets.UTF_8));
        try {
            String answer = client.send(
                            HttpRequest.newBuilder(uri)
                                    .timeout(Duration.ofSeconds(5))
                                    .build(),
                            BodyHandlers.ofString())
                    .body();
            List<TestJson> found = TestJson.parse(answer).at("data/result").elements();
            return found.isEmpty() ? "" : found.getFirst().text("value/1");
        } catch (IOException starting) {
            return "";
        }
    }

    private static Set<String> names(String text) {
        Matcher matcher = METRIC.matcher(text);
        Set<String> names = new TreeSet<>();
        while (matcher.find()) {
            names.add(matcher.group());
        }
        return names.stream().filter(name -> !name.endsWith("_")).collect(Collectors.toSet());
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String promtool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("/usr/bin/promtool"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(30, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), said);
        return said;
    }
}
