package io.penstock.sidecar.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.BackendRows;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.sidecar.FakeForwarder;
import io.penstock.sidecar.TestInstance;
import java.io.OutputStream;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `/metrics` of a running sidecar.
@Timeout(60)
class MetricsTest {
    private static final String FILE = """
            listener.web.vip=203.0.113.10
            listener.web.ports=80
            listener.web.health=none
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12 weight=300
            """;
    private static final Pattern SAMPLE =
            Pattern.compile("([a-z_]+)(\\{([a-z]+=\"[^\"]*\",?)+})? (-?[0-9.E-]+|NaN|\\+Inf)");

    @TempDir
    Path folder;

    private TestInstance instance;

    @BeforeEach
    void prepare() throws Exception {
        instance = new TestInstance(folder, FILE);
    }

    @AfterEach
    void stop() throws Exception {
        instance.close();
    }

    private FakeForwarder start(String file) throws Exception {
        instance.write(file);
        FakeForwarder forwarder = instance.startForwarder(System.currentTimeMillis());
        instance.start();
        return forwarder;
    }

    @Test
    void shouldTellWhatTheForwarderCounted() throws Exception {
        FakeForwarder forwarder = start(FILE);
        WorkerCounters counters =
                new WorkerCounters(forwarder.status().worker(1).counters());
        counters.add(WorkerCounter.RECEIVED.id(), 7);
        counters.add(WorkerCounter.FORWARDED.id(), 4);
        counters.add(WorkerCounter.DROP_NO_LISTENER.id(), 3);
        counters.publish();
        BackendRows rows = forwarder.status().backends();
        forwarder.status().listeners().allocate("web");
        int row = rows.allocate("web", "b", InetAddress.getByName("10.0.0.12"));
        rows.cells(0).set(ValueLayout.JAVA_LONG, BackendRows.cell(row) + BackendRows.PACKETS, 4);
        rows.cells(1).set(ValueLayout.JAVA_LONG, BackendRows.cell(row) + BackendRows.PACKETS, 5);

        String text = instance.send("GET", "/metrics").body();
        for (String line : List.of(
                "penstock_received_total{worker=\"1\"} 7",
                "penstock_received_total{worker=\"0\"} 0",
                "penstock_forwarded_total{worker=\"1\"} 4",
                "penstock_dropped_total{worker=\"1\",reason=\"no_listener\"} 3",
                "penstock_backend_packets_total{listener=\"web\",backend=\"b\"} 9",
                "penstock_listener_packets_total{listener=\"web\"} 9",
                "penstock_backend_weight{listener=\"web\",backend=\"b\"} 300",
                "penstock_backend_up{listener=\"web\",backend=\"a\"} 1",
                "penstock_listener_up{listener=\"web\"} 1",
                "penstock_forwarder_up 1",
                "penstock_config_errors 0")) {
            assertTrue(text.contains("\n" + line + "\n"), () -> line + " is not in\n" + text);
        }
    }

    @Test
    void shouldKeepToTheFormat() throws Exception {
        start(FILE);
        String text = instance.send("GET", "/metrics").body();
        assertTrue(text.endsWith("\n"));
        TreeMap<String, String> types = new TreeMap<>();
        String family = "";
        for (String line : text.split("\n")) {
            if (line.startsWith("# TYPE ")) {
                String[] words = line.split(" ");
                family = words[2];
                assertEquals(null, types.put(family, words[3]), "one group for each name: " + family);
                assertEquals(words[3].equals("counter"), family.endsWith("_total"), family);
            } else if (!line.startsWith("# HELP ")) {
                Matcher sample = SAMPLE.matcher(line);
                assertTrue(sample.matches(), line);
                assertEquals(family, sample.group(1));
                assertTrue(family.startsWith("penstock_"), family);
            }
        }
        assertTrue(types.size() > 40, types::toString);
    }

    @Test
    void shouldWorkWithoutAForwarder() throws Exception {
        instance.start();
        String text = instance.send("GET", "/metrics").body();
        assertTrue(text.contains("penstock_backend_up{listener=\"web\",backend=\"a\"} 1\n"), text);
        assertTrue(!text.contains("penstock_received_total"), text);
    }

    @Test
    @Tag("slow")
    void shouldPassPromtool() throws Exception {
        Path promtool = Path.of("/usr/bin/promtool");
        Assumptions.assumeTrue(Files.isExecutable(promtool), "promtool is not installed (package prometheus)");
        FakeForwarder forwarder = start(FILE);
        new io.penstock.control.status.LatencyHistogram(
                        forwarder.status().worker(0).latency())
                .record(1_000);
        String text = instance.send("GET", "/metrics").body();
        assertTrue(text.contains("penstock_packet_processing_seconds_count{worker=\"0\"} 1\n"), text);
        Process check = new ProcessBuilder(promtool.toString(), "check", "metrics")
                .redirectErrorStream(true)
                .start();
        try (OutputStream in = check.getOutputStream()) {
            in.write(text.getBytes(StandardCharsets.UTF_8));
        }
        String said = new String(check.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(check.waitFor(30, TimeUnit.SECONDS));
        assertEquals("", said);
        assertEquals(0, check.exitValue());
    }

    @Test
    @Tag("slow")
    void shouldScrapeTenThousandBackendsQuickly() throws Exception {
        StringBuilder file = new StringBuilder();
        for (int l = 0; l < 100; l++) {
            file.append("listener.service")
                    .append(l)
                    .append(".vip=203.0.113.")
                    .append(l + 1)
                    .append('\n');
            file.append("listener.service").append(l).append(".ports=80\n");
            file.append("listener.service").append(l).append(".health=none\n");
            for (int b = 0; b < 100; b++) {
                file.append("listener.service")
                        .append(l)
                        .append(".backend.server")
                        .append(b)
                        .append("=10.0.")
                        .append(l)
                        .append('.')
                        .append(b + 1)
                        .append('\n');
            }
        }
        FakeForwarder forwarder = start(file.toString());
        for (int l = 0; l < 100; l++) {
            forwarder.status().listeners().allocate("service" + l);
            for (int b = 0; b < 100; b++) {
                int row = forwarder
                        .status()
                        .backends()
                        .allocate("service" + l, "server" + b, InetAddress.getByName("10.0." + l + "." + (b + 1)));
                forwarder
                        .status()
                        .backends()
                        .cells(0)
                        .set(ValueLayout.JAVA_LONG, BackendRows.cell(row) + BackendRows.BYTES, 123_456_789_012L + row);
            }
        }
        List<Long> ms = new ArrayList<>();
        int bytes = 0;
        for (int i = 0; i < 40; i++) {
            long startNs = System.nanoTime();
            bytes = instance.send("GET", "/metrics").body().length();
            ms.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNs));
        }
        Collections.sort(ms);
        System.out.printf(
                "measured: scrape of 100 listeners x 100 backends, %d bytes: median %d ms, best %d ms%n",
                bytes, ms.get(ms.size() / 2), ms.getFirst());
        // The client here is a JDK HttpClient that makes a String of it all, so the best is nearest to our own part.
        assertTrue(ms.getFirst() < 50, () -> "ms: " + ms);
    }
}
