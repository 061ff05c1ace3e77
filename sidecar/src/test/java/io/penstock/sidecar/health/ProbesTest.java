package io.penstock.sidecar.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.penstock.control.config.HealthConfig.CodeRange;
import io.penstock.control.config.HealthKind;
import io.penstock.sidecar.health.CheckResult.Verdict;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every kind of check against a real server on the loopback. Shows S0-05, S2-11.
class ProbesTest {
    private final Checking checking = new Checking();
    private final InetAddress loopback = InetAddress.getLoopbackAddress();

    @TempDir
    Path folder;

    @BeforeEach
    void allowOthersIntoTheFolder() throws Exception {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @AfterEach
    void close() {
        checking.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void shouldSucceedWhenTcpIsAccepted(String address) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName(address))) {
            assertEquals(CheckResult.OK, tcp(address, server.getLocalPort()));
        }
    }

    @Test
    void shouldFailWhenTcpIsRefused() throws Exception {
        assertEquals(CheckResult.failed("connection refused"), tcp("127.0.0.1", freePort()));
    }

    @Test
    void shouldFailWhenTcpIsNotAnswered() throws Exception {
        // A full accept queue: the kernel then drops SYNs.
        try (ServerSocket server = new ServerSocket(0, 1, loopback);
                Socket one = new Socket(loopback, server.getLocalPort());
                Socket two = new Socket(loopback, server.getLocalPort())) {
            assertTrue(one.isConnected() && two.isConnected());
            assertEquals(CheckResult.failed("no connection in time"), tcp("127.0.0.1", server.getLocalPort()));
        }
    }

    @Test
    void shouldBlameItselfForAFamilyOrRouteItDoesNotHave() throws Exception {
        // Class E has no route anywhere: connect(2) itself refuses, nothing was sent.
        CheckResult result = tcp("255.255.255.255", 80);
        assertEquals(Verdict.FAULT, result.verdict(), result.reason());
    }

    @Test
    void shouldLeaveNoConnectionBehind() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, loopback)) {
            assertEquals(CheckResult.OK, tcp("127.0.0.1", server.getLocalPort()));
            String port = String.format(":%04X", server.getLocalPort());
            List<String> timeWait = Files.readAllLines(Path.of("/proc/net/tcp")).stream()
                    .filter(line -> line.contains(port + " 06 "))
                    .toList();
            assertTrue(timeWait.isEmpty(), () -> "TIME_WAIT: " + timeWait);
        }
    }

    @ParameterizedTest(name = "{0} with {1}-{2} expected: {3}")
    @CsvSource({
        "200,200,299,OK",
        "204,200,299,OK",
        "299,200,299,OK",
        "300,200,299,FAILED",
        "500,200,299,FAILED",
        "503,500,503,OK"
    })
    void shouldJudgeHttpByItsCode(int code, int first, int last, Verdict expected) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(loopback, 0), 0);
        AtomicReference<String> host = new AtomicReference<>("");
        server.createContext("/healthz", exchange -> {
            host.set(exchange.getRequestHeaders().getFirst("Host"));
            exchange.sendResponseHeaders(code, -1);
            exchange.close();
        });
        server.start();
        try {
            CheckResult result = checking.check(Checking.target(
                    "127.0.0.1",
                    server.getAddress().getPort(),
                    Checking.http(HealthKind.HTTP, "/healthz", "shop.example", new CodeRange(first, last))));
            assertEquals(expected, result.verdict());
            assertEquals("shop.example", host.get());
            if (expected == Verdict.FAILED) {
                assertEquals("HTTP " + code, result.reason());
            }
        } finally {
            server.stop(0);
        }
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            value = {
                "HTTP/1.1 200 OK\\r\\n                                              | OK",
                "HTTP/1.0 200\\n                                                    | OK",
                "HTTP/1.1 103 Early Hints\\r\\nLink: </a>\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\n | OK",
                "HTTP/1.1 103 Early Hints\\r\\n\\r\\nHTTP/1.1 500 No\\r\\n             | FAILED",
                "SSH-2.0-OpenSSH_9.2\\r\\n                                          | FAILED",
                "HTTP/1.1 2000 OK\\r\\n                                             | FAILED",
                "HTTP/2 200\\r\\n                                                   | FAILED",
            })
    void shouldReadOnlyWhatHttpIs(String answer, Verdict expected) throws Exception {
        try (ServerSocket server = answering(answer.replace("\\r", "\r").replace("\\n", "\n"))) {
            assertEquals(expected, http(server.getLocalPort()).verdict());
        }
    }

    @Test
    void shouldGiveUpOnEndlessHeaders() throws Exception {
        try (ServerSocket server = answering("x".repeat(100_000))) {
            CheckResult result = http(server.getLocalPort());
            assertEquals(Verdict.FAILED, result.verdict());
            assertTrue(result.reason().contains("8192"), result.reason());
        }
    }

    @Test
    void shouldFailWhenHttpAcceptsAndSaysNothing() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, loopback)) {
            assertEquals(CheckResult.failed("no answer in time"), http(server.getLocalPort()));
        }
    }

    @Test
    void shouldCheckHttpsWithoutKnowingTheCertificate() throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress(loopback, 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(selfSigned()));
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        try {
            assertEquals(CheckResult.OK, https(server.getAddress().getPort()));
        } finally {
            server.stop(0);
        }
    }

    @Test
    void shouldFailWhenTlsIsNotSpoken() throws Exception {
        try (ServerSocket server = answering("HTTP/1.1 400 Bad Request\r\n\r\n")) {
            CheckResult result = https(server.getLocalPort());
            assertEquals(Verdict.FAILED, result.verdict(), result.reason());
        }
    }

    @ParameterizedTest(name = "send {0}, expect {1}, answered {2}: {3}")
    @CsvSource({
        "ping,     pong,   pong!,  OK",
        "ping,     pong,   pon,    FAILED",
        "ping,     pong,   nope,   FAILED",
        "0x01ff,   0x706f, pong,   OK",
        "ping,     ,       nope,   OK",
        "ping,     ,       ,       OK",
        "ping,     pong,   ,       FAILED",
    })
    void shouldJudgeUdpByItsAnswer(String send, String receive, String answer, Verdict expected) throws Exception {
        try (DatagramSocket server = new DatagramSocket(0, loopback)) {
            AtomicReference<byte[]> received = new AtomicReference<>(new byte[0]);
            Thread.ofPlatform().daemon().start(() -> answer(server, answer, received));
            CheckResult result =
                    checking.check(Checking.target("127.0.0.1", server.getLocalPort(), Checking.udp(send, receive)));
            assertEquals(expected, result.verdict(), result.reason());
            assertEquals(
                    new String(UdpProbe.payload(send), StandardCharsets.ISO_8859_1),
                    new String(received.get(), StandardCharsets.ISO_8859_1));
        }
    }

    @Test
    void shouldFailWhenUdpIsRefused() throws Exception {
        int port;
        try (DatagramSocket server = new DatagramSocket(0, loopback)) {
            port = server.getLocalPort();
        }
        assertEquals(
                Verdict.FAILED,
                checking.check(Checking.target("127.0.0.1", port, Checking.udp("x", null)))
                        .verdict());
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void shouldPing(String address) throws Exception {
        CheckResult result = checking.check(Checking.target(address, 0, Checking.health(HealthKind.ICMP)));
        Assumptions.assumeFalse(result.reason().startsWith("no ICMP socket"), result.reason());
        assertEquals(CheckResult.OK, result);
    }

    @Test
    void shouldHandTheScriptItsArgumentsAndNoPrivileges() throws Exception {
        Path out = folder.resolve("out");
        Files.createFile(out);
        Files.setPosixFilePermissions(out, PosixFilePermissions.fromString("rw-rw-rw-"));
        CheckResult result = script("echo \"$1 $2 $PENSTOCK_LISTENER $PENSTOCK_BACKEND $(id -u)\" > " + out
                + "; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status >> " + out);
        assertEquals(CheckResult.OK, result);
        List<String> lines = Files.readAllLines(out);
        String user = ProcessHandle.current().info().user().orElse("").equals("root")
                ? "65534"
                : lines.getFirst().replaceAll(".* ", "");
        assertEquals("127.0.0.1 7 web a " + user, lines.getFirst());
        assertTrue(lines.contains("CapEff:\t0000000000000000"), lines::toString);
        assertTrue(lines.contains("NoNewPrivs:\t1"), lines::toString);
    }

    @Test
    void shouldJudgeAScriptByItsExitCode() throws Exception {
        assertEquals(CheckResult.failed("the script ended with 3"), script("exit 3"));
    }

    @Test
    void shouldBlameItselfWhenTheScriptIsMissing() throws Exception {
        CheckResult result = checking.check(Checking.target(
                "127.0.0.1", 7, Checking.script(folder.resolve("none").toString())));
        assertEquals(Verdict.FAULT, result.verdict(), result.reason());
    }

    @Test
    void shouldKillAScriptAndItsChildrenAtTheTimeLimit() throws Exception {
        Path pids = folder.resolve("pids");
        Files.createFile(pids);
        Files.setPosixFilePermissions(pids, PosixFilePermissions.fromString("rw-rw-rw-"));
        CheckResult result = script("sleep 60 & echo $! > " + pids + "; echo $$ >> " + pids + "; wait");
        assertEquals(CheckResult.failed("the script did not end in time"), result);
        List<Long> started =
                Files.readAllLines(pids).stream().map(Long::valueOf).toList();
        assertEquals(2, started.size());
        for (long pid : started) {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
            while (isRunning(pid) && System.nanoTime() < deadline) {
                Thread.sleep(10);
            }
            assertFalse(isRunning(pid), "process " + pid + " is left");
        }
    }

    // A zombie that nobody has reaped yet does not run.
    private static boolean isRunning(long pid) throws Exception {
        Path stat = Path.of("/proc/" + pid + "/stat");
        try {
            return !Files.readString(stat).replaceFirst(".*\\) ", "").startsWith("Z");
        } catch (java.io.IOException e) {
            return false;
        }
    }

    private CheckResult tcp(String address, int port) throws Exception {
        return checking.check(Checking.target(address, port, Checking.health(HealthKind.TCP)));
    }

    private CheckResult http(int port) throws Exception {
        return checking.check(Checking.target("127.0.0.1", port, Checking.health(HealthKind.HTTP)));
    }

    private CheckResult https(int port) throws Exception {
        return checking.check(Checking.target("127.0.0.1", port, Checking.patient(HealthKind.HTTPS)));
    }

    private CheckResult script(String body) throws Exception {
        Path program = folder.resolve("check.sh");
        Files.writeString(program, "#!/bin/sh\n" + body + "\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        return checking.check(Checking.target("127.0.0.1", 7, Checking.script(program.toString())));
    }

    private static int freePort() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            return server.getLocalPort();
        }
    }

    private ServerSocket answering(String answer) throws Exception {
        ServerSocket server = new ServerSocket(0, 50, loopback);
        Thread.ofPlatform().daemon().start(() -> {
            try (Socket client = server.accept();
                    InputStream in = client.getInputStream();
                    OutputStream out = client.getOutputStream()) {
                in.read(new byte[4096]);
                out.write(answer.getBytes(StandardCharsets.ISO_8859_1));
                out.flush();
                in.read(); // until the check closes
            } catch (java.io.IOException e) {
                // The check hung up on us, as it does.
            }
        });
        return server;
    }

    private static void answer(DatagramSocket server, String answer, AtomicReference<byte[]> received) {
        try {
            DatagramPacket packet = new DatagramPacket(new byte[100], 100);
            server.receive(packet);
            received.set(java.util.Arrays.copyOf(packet.getData(), packet.getLength()));
            if (answer != null) {
                byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
                server.send(new DatagramPacket(bytes, bytes.length, packet.getSocketAddress()));
            }
        } catch (java.io.IOException e) {
            // The test is over.
        }
    }

    private SSLContext selfSigned() throws Exception {
        Path store = folder.resolve("server.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "a",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=elsewhere.example",
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        "changeit",
                        "-keystore",
                        store.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("keytool.log").toFile())
                .start();
        assertEquals(0, keytool.waitFor());
        KeyStore keys = KeyStore.getInstance(store.toFile(), "changeit".toCharArray());
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, "changeit".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        return context;
    }
}
