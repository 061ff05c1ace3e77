package io.penstock.tools.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiClientTest {
    @TempDir
    private Path folder;

    private final BlockingQueue<String> requests = new ArrayBlockingQueue<>(10);
    private final BlockingQueue<String> answers = new ArrayBlockingQueue<>(10);
    private ServerSocketChannel server;

    @BeforeEach
    void serve() throws IOException {
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(folder.resolve("api.sock")));
        Thread.ofPlatform().daemon().start(this::answer);
    }

    @AfterEach
    void close() throws IOException {
        server.close();
    }

    @Test
    void shouldSendARequestAndReadTheAnswer() throws Exception {
        answers.add("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"a\":\"\u00e4\u20ac\"}");
        ApiClient.Answer answer = client().send("PUT", "/v1/listeners/web", "{\"w\":3}");

        assertEquals(200, answer.status());
        assertEquals("{\"a\":\"\u00e4\u20ac\"}", answer.body());
        String request = requests.poll(5, TimeUnit.SECONDS);
        assertTrue(request.startsWith("PUT /v1/listeners/web HTTP/1.1\r\nHost: localhost\r\n"), request);
        assertTrue(request.contains("\r\nContent-Length: 7\r\n"), request);
        assertTrue(request.endsWith("\r\n\r\n{\"w\":3}"), request);
    }

    @Test
    void shouldReadAnAnswerInChunks() throws Exception {
        answers.add(
                "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"d\"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n");

        assertEquals(new ApiClient.Answer(409, "{\"d\":1}"), client().send("GET", "/", null));
    }

    @Test
    void shouldSayWhenNobodyListens() {
        ApiClient none = new ApiClient(folder.resolve("none.sock"), 1_000);

        assertThrows(ApiClient.Unreachable.class, () -> none.send("GET", "/", null));
    }

    @Test
    void shouldNotWaitForEver() {
        ApiClient client = new ApiClient(folder.resolve("api.sock"), 100);

        IOException e = assertThrows(IOException.class, () -> client.send("GET", "/", null));
        assertTrue(String.valueOf(e.getMessage()).contains("100 ms"), e.getMessage());
    }

    @Test
    void shouldRefuseWhatIsNoAnswer() {
        for (String nonsense : new String[] {"", "HTTP/1.1", "SMTP 220 hello\r\n\r\n"}) {
            answers.add(nonsense);
            assertThrows(IOException.class, () -> client().send("GET", "/", null), nonsense);
        }
    }

    @Test
    void shouldFlattenADocument() throws Exception {
        assertEquals(
                Map.of("a.b", "1", "c.0", "x", "c.1.d", "true"),
                FlatJson.parse("{\"a\":{\"b\":1,\"n\":null},\"c\":[\"x\",{\"d\":true}],\"e\":[]}"));
        assertEquals(Map.of(), FlatJson.parse(""));
    }

    private ApiClient client() {
        return new ApiClient(folder.resolve("api.sock"), 5_000);
    }

    private void answer() {
        try {
            while (true) {
                SocketChannel channel = server.accept();
                ByteBuffer buffer = ByteBuffer.allocate(4096);
                // The client writes its whole request at once.
                channel.read(buffer);
                requests.add(new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8));
                String answer = answers.poll(1, TimeUnit.SECONDS);
                if (answer != null) {
                    channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                }
                channel.close();
            }
        } catch (IOException | InterruptedException e) {
            // The test is over.
        }
    }
}
