package io.penstock.sidecar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Clients that are slow, huge, malformed and many, all at once, against a whole sidecar: the command line gets in all
/// the while, checks go on in time and find nothing that did not happen, and afterwards all is as before.
@Tag("slow")
@Timeout(60)
class HostileClientTest {
    private static final long ATTACK_MS = 5_000;

    @TempDir
    Path folder;

    private final AtomicLong connections = new AtomicLong();
    private volatile boolean over;

    private interface Attack {
        void on(Socket socket, Random random) throws IOException, InterruptedException;
    }

    @Test
    void shouldKeepApiAndChecksAlive() throws Exception {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("HostileClientTest seed " + seed);
        try (ServerSocket up = new ServerSocket(0, 500, InetAddress.getLoopbackAddress());
                TestInstance instance = new TestInstance(folder, """
                        listener.web.vip=203.0.113.10
                        listener.web.ports=%d
                        listener.web.health.interval=100ms
                        listener.web.health.timeout=1s
                        listener.web.backend.a=127.0.0.1
                        """.formatted(up.getLocalPort()))) {
            Thread.ofPlatform().daemon().start(() -> accept(up));
            Sidecar sidecar = instance.start();
            String ok = "penstock_health_checks_ok_total{listener=\"web\",backend=\"a\"}";
            TestInstance.await("API", () -> sidecar.apiAddress() != null);
            TestInstance.await(
                    "up", () -> instance.backend("web", "a").health().text().equals("up"));
            int port = java.util.Objects.requireNonNull(sidecar.apiAddress()).getPort();
            double checksBefore = instance.metric(ok);

            comeAllAtOnce(port);
            TestInstance.await("room again", () -> isAnswering(instance));
            assertTrue(instance.metric("penstock_api_connections_refused_total") > 0, "more than there is room for");

            List<Thread> attackers = new ArrayList<>();
            List<Attack> attacks = List.of(
                    HostileClientTest::saysNothing,
                    HostileClientTest::trickles,
                    HostileClientTest::sendsAHugeBody,
                    HostileClientTest::sendsHugeHeaders,
                    HostileClientTest::sendsNoise,
                    HostileClientTest::neverReads,
                    HostileClientTest::resets);
            for (int i = 0; i < 20 * attacks.size(); i++) {
                Attack attack = attacks.get(i % attacks.size());
                Random random = new Random(seed + i);
                attackers.add(Thread.ofVirtual().start(() -> repeat(port, attack, random)));
            }
            long startNs = System.nanoTime();
            long slowestMs = 0;
            int asked = 0;
            while (System.nanoTime() - startNs < TimeUnit.MILLISECONDS.toNanos(ATTACK_MS)) {
                long askNs = System.nanoTime();
                assertTrue(local(instance.runtime().apiSocket()).startsWith("HTTP/1.1 200"), "over the Unix socket");
                slowestMs = Math.max(slowestMs, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - askNs));
                asked++;
                Thread.sleep(20);
            }
            double seconds = (System.nanoTime() - startNs) / 1e9;
            over = true;
            for (Thread attacker : attackers) {
                attacker.join(10_000);
            }
            TestInstance.await("the API answers over TCP again", () -> isAnswering(instance));
            double checks = instance.metric(ok) - checksBefore;
            System.out.printf(
                    "measured: %d hostile connections in %.1f s; %d requests of the command line, slowest %d ms; %.0f"
                            + " checks of a backend checked every 100 ms%n",
                    connections.get(), seconds, asked, slowestMs, checks);
            assertTrue(connections.get() > 100, "hostile connections: " + connections);
            assertTrue(slowestMs < 3_000, "slowest request, ms: " + slowestMs);
            assertTrue(checks > seconds * 10 / 2, "checks: " + checks);
            assertEquals(0, instance.metric("penstock_health_transitions_total{listener=\"web\",backend=\"a\"}"));
            assertEquals(200, instance.send("GET", "/v1/listeners").status());
        }
    }

    private static void accept(ServerSocket server) {
        try {
            while (true) {
                server.accept().close();
            }
        } catch (IOException closed) {
            // The test is over.
        }
    }

    private static void comeAllAtOnce(int port) throws IOException {
        List<Socket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 80; i++) {
                sockets.add(new Socket(InetAddress.getLoopbackAddress(), port));
            }
            sockets.getLast().setSoTimeout(5_000);
            assertEquals(-1, sockets.getLast().getInputStream().read(), "the last is closed at once");
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    private static boolean isAnswering(TestInstance instance) {
        try {
            return instance.send("GET", "/healthz").status() == 200;
        } catch (IOException | InterruptedException e) {
            return false;
        }
    }

    private static String local(Path socket) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            channel.write(ByteBuffer.wrap("GET /v1/listeners HTTP/1.1\r\nHost: penstock\r\nConnection: close\r\n\r\n"
                    .getBytes(StandardCharsets.US_ASCII)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private void repeat(int port, Attack attack, Random random) {
        while (!over) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                socket.setSoTimeout(1_000);
                connections.incrementAndGet();
                attack.on(socket, random);
            } catch (IOException closedOnUs) {
                // As it should be. Then the next.
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private static void saysNothing(Socket socket, Random random) throws IOException {
        socket.setSoTimeout(4_000);
        socket.getInputStream().read();
    }

    private static void trickles(Socket socket, Random random) throws IOException, InterruptedException {
        byte[] request = "POST /v1/listeners HTTP/1.1\r\nHost: localhost\r\nX-Name: value\r\n"
                .getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < 30; i++) {
            socket.getOutputStream().write(request[i]);
            Thread.sleep(30);
        }
    }

    private static void sendsAHugeBody(Socket socket, Random random) throws IOException {
        OutputStream out = socket.getOutputStream();
        String framing = random.nextBoolean() ? "Transfer-Encoding: chunked" : "Content-Length: 1000000000";
        out.write(("POST /v1/listeners HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + framing
                        + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        byte[] chunk = ("10000\r\n" + "[".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < 200; i++) {
            out.write(chunk);
        }
        socket.getInputStream().read();
    }

    private static void sendsHugeHeaders(Socket socket, Random random) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write("GET /healthz HTTP/1.1\r\n".getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < 1_000; i++) {
            out.write(
                    ("X-" + random.nextInt() + ": " + "v".repeat(1_000) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        }
        socket.getInputStream().read();
    }

    private static void sendsNoise(Socket socket, Random random) throws IOException {
        byte[] noise = new byte[1 + random.nextInt(20_000)];
        random.nextBytes(noise);
        socket.getOutputStream().write(noise);
        socket.shutdownOutput();
        socket.getInputStream().readAllBytes();
    }

    private static void neverReads(Socket socket, Random random) throws IOException, InterruptedException {
        byte[] request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < 200; i++) {
            socket.getOutputStream().write(request);
        }
        Thread.sleep(2_000);
    }

    private static void resets(Socket socket, Random random) throws IOException {
        socket.getOutputStream().write("GET /v1/listeners HTTP/1.1\r\nHost: lo".getBytes(StandardCharsets.US_ASCII));
        socket.setSoLinger(true, 0);
    }
}
