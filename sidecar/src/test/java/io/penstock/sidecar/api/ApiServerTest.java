package io.penstock.sidecar.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.handler.codec.http.HttpMethod;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The HTTP server by itself, with clients that mean well and others that do not.
@Timeout(20)
class ApiServerTest {
    private static final String TOKEN = "0123456789abcdef";
    private static final ApiLimits LIMITS = new ApiLimits(1000, 2048, 8, 4, 2, 300, 500, 300);

    private final MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final HttpClient client = HttpClient.newHttpClient();
    private final Router router = new Router()
            .add(HttpMethod.GET, "/healthz", request -> done(Response.text(200, "text/plain", "ok")))
            .add(
                    HttpMethod.GET,
                    "/late",
                    request -> CompletableFuture.supplyAsync(
                            () -> Response.text(200, "text/plain", "late"),
                            CompletableFuture.delayedExecutor(20, TimeUnit.MILLISECONDS)))
            .add(HttpMethod.GET, "/broken", request -> CompletableFuture.failedFuture(new IOException("disk on fire")))
            .add(
                    HttpMethod.POST,
                    "/echo/{name}",
                    request -> done(Response.text(
                            200,
                            "text/plain",
                            request.name("name") + ":" + new String(request.body(), StandardCharsets.UTF_8))));
    private final AtomicInteger refused = new AtomicInteger();
    private final ApiServer server = new ApiServer(group.next(), router, LIMITS, refused::incrementAndGet);
    private InetSocketAddress address = new InetSocketAddress(0);

    @TempDir
    Path folder;

    @BeforeEach
    void open() throws Exception {
        address = server.openTcp(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), null);
    }

    @AfterEach
    void close() {
        server.close();
        client.close();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    @Test
    void shouldAnswer() throws Exception {
        HttpResponse<String> response = get("/healthz");
        assertEquals(200, response.statusCode());
        assertEquals("ok", response.body());
        assertEquals("no-store", response.headers().firstValue("cache-control").orElse(""));
    }

    @Test
    void shouldAnswerHeadWithoutABody() throws Exception {
        HttpResponse<String> response = send(request("/healthz").method("HEAD", HttpRequest.BodyPublishers.noBody()));
        assertEquals(200, response.statusCode());
        assertEquals("2", response.headers().firstValue("content-length").orElse(""));
        assertEquals("", response.body());
    }

    @Test
    void shouldAnswerPipelinedRequestsInOrder() throws Exception {
        String answers = raw(head("GET /late HTTP/1.1")
                + head("GET /healthz HTTP/1.1")
                + head("GET /late HTTP/1.1", "Connection: close"));
        List<String> bodies =
                answers.lines().filter(line -> line.matches("(ok|late).*")).toList();
        assertEquals(3, answers.split("HTTP/1.1 200", -1).length - 1, answers);
        assertEquals("lateHTTP/1.1 200 OK", bodies.getFirst(), answers);
        assertEquals("late", bodies.getLast(), answers);
    }

    @ParameterizedTest(name = "{0} {1}: {2}")
    @CsvSource({"GET,/none,404", "DELETE,/healthz,405", "POST,/healthz,405", "GET,/broken,500", "GET,/%zz,400"})
    void shouldExplainWhatItCannotDo(String method, String path, int status) throws Exception {
        String answer = raw(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assertTrue(answer.startsWith("HTTP/1.1 " + status), answer);
        assertTrue(answer.contains("content-type: application/problem+json"), answer);
        assertTrue(answer.contains("\"status\":" + status), answer);
    }

    @Test
    void shouldNameTheMethodsThatAPathHas() throws Exception {
        String answer = raw("DELETE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assertTrue(answer.toLowerCase(Locale.ROOT).contains("\r\nallow: get, head\r\n"), answer);
    }

    @Test
    void shouldAskForTheTokenExceptAtHealthz() throws Exception {
        server.useToken(token(TOKEN));
        assertEquals(200, get("/healthz").statusCode());
        assertEquals(
                200,
                send(request("/healthz").method("HEAD", HttpRequest.BodyPublishers.noBody()))
                        .statusCode());
        HttpResponse<String> without = get("/late");
        assertEquals(401, without.statusCode());
        assertEquals("Bearer", without.headers().firstValue("www-authenticate").orElse(""));
        assertEquals(
                401,
                send(request("/late").header("Authorization", "Bearer " + TOKEN + "x"))
                        .statusCode());
        assertEquals(
                401,
                send(request("/late").header("Authorization", "Basic " + TOKEN)).statusCode());
        assertEquals(
                200,
                send(request("/late").header("Authorization", "Bearer " + TOKEN))
                        .statusCode());
        assertEquals(
                200,
                send(request("/late").header("Authorization", "bearer  " + TOKEN))
                        .statusCode());
    }

    @Test
    void shouldAskForTheTokenBeforeItTakesABody() throws Exception {
        server.useToken(token(TOKEN));
        String answer = raw(head("POST /echo/a HTTP/1.1", "Content-Type: application/json", "Content-Length: 900"));
        assertTrue(answer.startsWith("HTTP/1.1 401"), answer);
    }

    @Test
    void shouldNotBindElsewhereThanLoopbackWithoutAToken() throws Exception {
        IOException refusal =
                assertThrows(IOException.class, () -> server.openTcp(new InetSocketAddress("0.0.0.0", 0), null));
        assertTrue(String.valueOf(refusal).contains("api-token-file"), refusal::toString);
        server.openTcp(new InetSocketAddress("0.0.0.0", 0), token(TOKEN));
    }

    @Test
    void shouldRefuseATokenThatIsNone() throws Exception {
        Path file = folder.resolve("short");
        Files.writeString(file, "secret\n");
        assertTrue(String.valueOf(assertThrows(IOException.class, () -> ApiToken.read(file)))
                .contains("6 characters"));
    }

    @ParameterizedTest(name = "{0}: {1} gives {2}")
    @CsvSource({
        "Origin,   http://evil.example, 403",
        "Host,     evil.example,        403",
        "Host,     evil.example:9650,   403",
        "Host,     127.0.0.1:9650,      200",
        "Host,     [::1]:9650,          200",
        "Host,     localhost,           200",
    })
    void shouldNotServeWebPages(String header, String value, int status) throws Exception {
        String host = header.equals("Host") ? "" : "Host: localhost\r\n";
        String answer =
                raw("GET /healthz HTTP/1.1\r\n" + host + header + ": " + value + "\r\nConnection: close\r\n\r\n");
        assertTrue(answer.startsWith("HTTP/1.1 " + status), answer);
    }

    @ParameterizedTest(name = "{0} bytes, {1}, {2}: {3}")
    @CsvSource({
        "1000, application/json,             length,  200",
        "1000, application/json;charset=x,   length,  200",
        "1000, application/merge-patch+json, chunked, 200",
        "1001, application/json,             length,  413",
        "1001, application/json,             chunked, 413",
        "90000,application/json,             chunked, 413",
        "10,   text/plain,                   length,  415",
    })
    void shouldBoundBodies(int bytes, String type, String framing, int status) throws Exception {
        byte[] body = "x".repeat(bytes).getBytes(StandardCharsets.US_ASCII);
        HttpRequest.BodyPublisher publisher = framing.equals("length")
                ? HttpRequest.BodyPublishers.ofByteArray(body)
                : HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(body));
        HttpResponse<String> response =
                send(request("/echo/a").header("Content-Type", type).POST(publisher));
        assertEquals(status, response.statusCode(), response.body());
        if (status == 200) {
            assertEquals("a:" + "x".repeat(bytes), response.body());
        }
    }

    @Test
    void shouldBoundHeadersAndTheRequestLine() throws Exception {
        assertTrue(raw("GET /healthz HTTP/1.1\r\nX: " + "x".repeat(3000) + "\r\n\r\n")
                .startsWith("HTTP/1.1 431"));
        assertTrue(raw("GET /" + "x".repeat(3000) + " HTTP/1.1\r\n\r\n").startsWith("HTTP/1.1 414"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\u0000\u0001\u0002\r\n\r\n",
                "GET\r\n\r\n",
                "GET / HTTP/9\r\n\r\n",
                "\u0016\u0003\u0001 a client hello\r\n\r\n"
            })
    void shouldRefuseWhatIsNotHttp(String bytes) throws Exception {
        String answer = raw(bytes);
        assertTrue(answer.startsWith("HTTP/1.1 400"), () -> "answer: " + answer);
    }

    @Test
    void shouldRefuseARequestWithTwoLengths() throws Exception {
        String answer = raw(head(
                        "POST /echo/a HTTP/1.1",
                        "Content-Type: application/json",
                        "Content-Length: 2",
                        "Content-Length: 3")
                + "abc");
        assertTrue(answer.startsWith("HTTP/1.1 400"), answer);
    }

    @Test
    void shouldCloseASlowClientAndServeTheOthers() throws Exception {
        try (Socket slow = new Socket(address.getAddress(), address.getPort())) {
            slow.setSoTimeout(5_000);
            OutputStream out = slow.getOutputStream();
            long startNs = System.nanoTime();
            boolean open = true;
            out.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n".getBytes(StandardCharsets.US_ASCII));
            for (int i = 0; open && i < 100; i++) {
                assertEquals(200, get("/healthz").statusCode());
                Thread.sleep(20);
                try {
                    out.write("X-Slow: 1\r\n".getBytes(StandardCharsets.US_ASCII)); // always a little more
                    open = slow.getInputStream().available() >= 0;
                } catch (IOException closed) {
                    open = false;
                }
            }
            long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNs);
            assertTrue(!open && ms < 2_000, "still open after " + ms + " ms");
        }
    }

    @Test
    void shouldCloseAClientThatSaysNothing() throws Exception {
        try (Socket silent = new Socket(address.getAddress(), address.getPort())) {
            silent.setSoTimeout(5_000);
            assertEquals(-1, silent.getInputStream().read());
        }
    }

    @Test
    void shouldBoundConnectionsAndRecover() throws Exception {
        List<Socket> sockets = new ArrayList<>();
        try {
            for (int i = 0; i < 50; i++) {
                Socket socket = new Socket(address.getAddress(), address.getPort());
                socket.setSoTimeout(5_000);
                sockets.add(socket);
            }
            assertEquals(-1, sockets.getLast().getInputStream().read(), "the last is closed at once");
            assertEquals(42, refused.get());
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        int status = 0;
        while (status != 200 && System.nanoTime() < deadline) {
            try {
                status = get("/healthz").statusCode();
            } catch (IOException stillFull) {
                Thread.sleep(10);
            }
        }
        assertEquals(200, status);
    }

    @Test
    void shouldKeepTheUnixSocketPrivateAndOpenWithoutAToken() throws Exception {
        server.useToken(token(TOKEN));
        Path socket = folder.resolve("api.sock");
        Files.writeString(socket, "left over");
        server.openLocal(socket);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            channel.write(ByteBuffer.wrap("GET /late HTTP/1.1\r\nHost: penstock\r\nConnection: close\r\n\r\n"
                    .getBytes(StandardCharsets.US_ASCII)));
            InputStream in = Channels.newInputStream(channel);
            String answer = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
            assertTrue(answer.startsWith("HTTP/1.1 200") && answer.endsWith("late"), answer);
        }
    }

    private ApiToken token(String secret) throws IOException {
        Path file = folder.resolve("token");
        Files.writeString(file, secret + "\n");
        return ApiToken.read(file);
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + address.getPort() + path))
                .version(HttpClient.Version.HTTP_1_1);
    }

    private HttpResponse<String> get(String path) throws Exception {
        return send(request(path));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return client.send(request.build(), BodyHandlers.ofString());
    }

    private static String head(String requestLine, String... headers) {
        String more = headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n";
        return requestLine + "\r\nHost: localhost\r\n" + more + "\r\n";
    }

    private String raw(String request) throws IOException {
        try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
            socket.setSoTimeout(5_000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    private static CompletableFuture<Response> done(Response response) {
        return CompletableFuture.completedFuture(response);
    }
}
