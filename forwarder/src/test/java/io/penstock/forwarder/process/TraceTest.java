package io.penstock.forwarder.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.forwarder.ForwarderMain;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `penstock trace` beside a forwarder that forwards real connections, and what tshark makes of its files.
@Tag("root")
@Tag("slow")
@Timeout(120)
class TraceTest {
    private static final int NO_LISTENER_PORT = VipNetwork.PORT + 1;

    private final List<Process> started = new ArrayList<>();

    @TempDir
    private Path folder = Path.of("");

    @AfterEach
    void endAll() {
        started.forEach(Process::destroyForcibly);
    }

    private record Output(int status, String out, String err) {}

    private Process trace(VipNetwork net, String name, String... options) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                ForwarderMain.class.getName(),
                "trace",
                "--runtime-dir",
                net.runtimeBase().toString()));
        words.addAll(List.of(options));
        Process process = new ProcessBuilder(words)
                .redirectOutput(folder.resolve(name + ".out").toFile())
                .redirectError(folder.resolve(name + ".err").toFile())
                .start();
        started.add(process);
        for (int i = 0; i < 2_000 && process.isAlive() && !isTracing(name); i++) {
            Thread.sleep(10);
        }
        return process;
    }

    private boolean isTracing(String name) throws IOException {
        return Files.readString(folder.resolve(name + ".err")).contains("tracing");
    }

    private static Path traceFile(VipNetwork net) {
        return net.runtimeBase().resolve("default").resolve("trace.dat");
    }

    private Output ended(Process process, String name) throws IOException, InterruptedException {
        assertTrue(process.waitFor(20, TimeUnit.SECONDS), "it ends by itself");
        return new Output(
                process.exitValue(),
                Files.readString(folder.resolve(name + ".out")),
                Files.readString(folder.resolve(name + ".err")));
    }

    private static void talk(VipNetwork net, String vip) throws Exception {
        for (int i = 0; i < 5; i++) {
            try (Socket socket = net.connect(vip, VipNetwork.PORT)) {
                VipNetwork.ask(socket);
            }
        }
    }

    /// A SYN that nobody answers; nobody waits for it either.
    private static void knock(VipNetwork net) {
        Thread.startVirtualThread(() -> {
            try (Socket _ = net.connect(VipNetwork.VIP6, NO_LISTENER_PORT)) {
                throw new AssertionError("answered");
            } catch (Exception unanswered) {
                // As is meant.
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"xdp", "packet"})
    void shouldShowWhatBecomesOfLivePackets(String port) throws Exception {
        try (VipNetwork net = new VipNetwork(1)) {
            PenstockConfig config = net.config("forwarder.port=" + port);
            try (Forwarder _ = net.start(config)) {
                shouldPrintEachPacket(net);
                shouldWriteDroppedPacketsForTshark(net);
                assertFalse(Files.exists(traceFile(net)), "nothing is left of a trace that ended");
            }
        }
    }

    private void shouldPrintEachPacket(VipNetwork net) throws Exception {
        Process process = trace(net, "all", "tcp", "--client", "10.9.0.0/24", "--duration", "20s", "--limit", "20");
        talk(net, VipNetwork.VIP);
        talk(net, VipNetwork.VIP6);
        Output output = ended(process, "all");
        assertEquals(0, output.status, output.err);
        assertEquals(20, output.out.lines().count(), output.out);
        String form =
                "\\d\\d:\\d\\d:\\d\\d\\.\\d{6} tcp 10\\.9\\.0\\.1:\\d+ > 10\\.9\\.0\\.100:7000 [A-Z+]+, \\d+ bytes:"
                        + " forward tcp b[01] \\(10\\.9\\.0\\.[34]\\)";
        assertTrue(output.out.lines().allMatch(each -> each.matches(form)), output.out);
        assertTrue(output.out.lines().anyMatch(line -> line.contains(" SYN, ")), output.out);
        assertTrue(output.err.contains("20 shown, "), output.err);
    }

    private void shouldWriteDroppedPacketsForTshark(VipNetwork net) throws Exception {
        for (String name : List.of("dropped.pcapng", "dropped.pcap")) {
            Path file = folder.resolve(name);
            Process process = trace(net, name, "--dropped", "--limit", "1", "-w", file.toString());
            knock(net);
            talk(net, VipNetwork.VIP6);
            Output output = ended(process, name);
            assertEquals(0, output.status, output.err);
            assertTrue(output.err.contains("  no_listener (1): for a VIP, on a protocol and port"), output.err);
            String seen = tshark(file, "ipv6.src", "tcp.dstport", "tcp.flags.syn", "frame.len", "frame.comment");
            String comment = name.endsWith("ng") ? "drop no_listener" : "";
            assertEquals("fd09::1|" + NO_LISTENER_PORT + "|1|94|" + comment, seen, "as it came");
        }
    }

    private static String tshark(Path file, String... fields) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(
                List.of("tshark", "-r", file.toString(), "-Tfields", "-Eseparator=|", "-Eaggregator=,"));
        for (String field : fields) {
            words.addAll(List.of("-e", field));
        }
        Process tshark = new ProcessBuilder(words)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String text = new String(tshark.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertEquals(0, tshark.waitFor());
        return text.replace("True", "1");
    }

    /// One looks at a time; whoever is killed stops looking soon; who asks for nonsense is told.
    @Test
    void shouldEndWithWhoeverLooks() throws Exception {
        try (VipNetwork net = new VipNetwork(1)) {
            try (Forwarder _ = net.start(net.config("forwarder.port=packet"))) {
                Process first = trace(net, "first", "--json", "udp", "--backend", "b1");
                Output second = ended(trace(net, "second"), "second");
                assertEquals(1, second.status);
                assertTrue(second.err.contains("one trace at a time"), second.err);
                for (int i = 0; i < 20; i++) {
                    try (var socket = net.datagramSocket(VipNetwork.VIP)) {
                        VipNetwork.ask(socket);
                    }
                }
                first.destroy();
                Output output = ended(first, "first");
                assertEquals(0, output.status, output.err);
                assertTrue(output.out.lines().count() > 0, "20 flows over two backends");
                assertTrue(
                        output.out
                                .lines()
                                .allMatch(line -> line.contains(
                                        "\"verdict\":\"forward\",\"listener\":\"udp\",\"backend\":\"b1\"")),
                        output.out);
                assertFalse(Files.exists(traceFile(net)));

                trace(net, "killed").destroyForcibly().waitFor();
                assertTrue(Files.exists(traceFile(net)));
                for (int i = 0; i < 800 && Files.exists(traceFile(net)); i++) {
                    Thread.sleep(10);
                }
                assertFalse(Files.exists(traceFile(net)), "the forwarder ended it");

                assertEquals(1, ended(trace(net, "listener", "--listener", "nosuch"), "listener").status);
                assertEquals(2, ended(trace(net, "reason", "--reason", "nosuch"), "reason").status);
                assertEquals(2, ended(trace(net, "rate", "--rate", "0"), "rate").status);
            }
        }
    }
}
