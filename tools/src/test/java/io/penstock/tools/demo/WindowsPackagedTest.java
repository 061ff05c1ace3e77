package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import io.penstock.tools.Packaged;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What an operator sees of a running instance in windows of 80 and 160 columns: a real terminal of that size, real
/// connections meanwhile. `-Dpenstock.transcripts=write` keeps it as `docs/transcripts/windows.txt`.
@Tag("root")
@Tag("slow")
@Timeout(180)
class WindowsPackagedTest {
    private static final Path TRANSCRIPT = Path.of("..", "docs", "transcripts", "windows.txt");
    private static final int CONNECTIONS = 300;
    private static final int WAIT_MS = 30_000;
    private static final String COLOUR = "\u001b\\[[0-9;]*m";

    private final List<Guest> servers = new ArrayList<>();
    private final List<String> transcript = new ArrayList<>();
    private DemoNetwork network;
    private Balancer balancer;
    private Guest client;

    @BeforeEach
    void start() throws Exception {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
        network = DemoNetwork.create();
        for (String backend : DemoNetwork.BACKENDS) {
            servers.add(Guest.server(network, backend, false));
        }
        client = Guest.client(network);
        client.ask("offloads");
        balancer = Balancer.start(network, new DemoPlan(PortMode.AUTO, TransportKind.EPOLL, 1, false));
        assertEquals(
                1,
                client.ask("wait " + DemoNetwork.VIP + " " + DemoNetwork.PORT + " " + WAIT_MS)
                        .get("ok"));
    }

    @AfterEach
    void remove() throws Exception {
        if (client != null) {
            client.close();
        }
        servers.forEach(Guest::close);
        if (network != null) {
            if (balancer != null) {
                balancer.close();
            }
            network.close();
        }
    }

    @Test
    void shouldFollowTheWindow() throws Exception {
        transcript.add(
                "# WindowsPackagedTest: the demo's network, looked at in windows of two sizes while clients connect.");
        for (int width : new int[] {80, 160}) {
            for (String command :
                    List.of("listeners", "backends", "status", "counters", "flows --limit 3", "top --once")) {
                Process load = load();
                List<String> lines = window(width, command);
                load.destroy();
                load.waitFor();
                assertEquals(
                        List.of(),
                        lines.stream().filter(line -> line.length() > width).toList(),
                        command + " in " + width + " columns");
                assertTrue(lines.size() > 1, command + ": " + lines);
                transcript.add("");
                transcript.add("# " + width + " columns");
                transcript.add("$ penstock " + command);
                transcript.addAll(lines);
            }
        }
        if ("write".equals(System.getProperty("penstock.transcripts"))) {
            Files.write(TRANSCRIPT, transcript, StandardCharsets.UTF_8);
        }
    }

    /// Connections one after the other, so that the rates are not 0; some to a port that no listener covers.
    private Process load() throws IOException {
        String loop =
                "for i in $(seq %d); do curl -s -o /dev/null -m 2 http://%s:%d/; curl -s -o /dev/null -m 0.02 http://%s:%d/; done"
                        .formatted(
                                CONNECTIONS, DemoNetwork.VIP, DemoNetwork.PORT, DemoNetwork.VIP, DemoNetwork.PORT + 1);
        return new ProcessBuilder(network.on(DemoNetwork.CLIENT, List.of("sh", "-c", "(" + loop + ") & " + loop)))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    /// Runs a command on a terminal of `width` columns, as script(1) makes one.
    private List<String> window(int width, String command) throws Exception {
        Path penstock = Path.of("..", "tools", "penstock").toRealPath();
        String line = "stty cols %d rows 50; exec %s %s --runtime-dir %s"
                .formatted(width, penstock, command, Balancer.runtimeFolder(network));
        Path seen = network.folder().resolve("seen");
        ProcessBuilder builder = new ProcessBuilder("script", "-qec", line, "/dev/null")
                .redirectInput(ProcessBuilder.Redirect.PIPE)
                .redirectErrorStream(true)
                .redirectOutput(seen.toFile());
        builder.environment().put("PENSTOCK_BUILD", "never");
        builder.environment().put("PENSTOCK_JAVA", System.getProperty("java.home", ""));
        builder.environment().put("TERM", "xterm");
        builder.environment().put("LC_ALL", "C.UTF-8");
        builder.environment().remove("COLUMNS");
        Process process = builder.start();
        assertTrue(process.waitFor(30, TimeUnit.SECONDS), command + " ends");
        String text = Files.readString(seen);
        assertEquals(0, process.exitValue(), text);
        boolean hasStates = !command.startsWith("counters") && !command.startsWith("flows");
        assertEquals(hasStates, text.matches("(?s).*" + COLOUR + ".*"), "states have colours on a terminal: " + text);
        String plain = text.replaceAll(COLOUR, "").replace("\r", "");
        assertFalse(plain.contains("\u001b"), plain);
        return plain.lines().toList();
    }
}
