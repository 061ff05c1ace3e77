package io.penstock.tools.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.tools.FakeSidecar;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiClientTest {
    @TempDir
    private Path folder;

    private FakeSidecar sidecar;

    @BeforeEach
    void serve() throws IOException {
        sidecar = new FakeSidecar(folder.resolve("api.sock"));
    }

    @AfterEach
    void close() throws IOException {
        sidecar.close();
    }

    @Test
    void shouldSendARequestAndReadTheAnswer() throws Exception {
        sidecar.willSend("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"a\":\"\u00e4\u20ac\"}");
        ApiClient.Answer answer = client().send("PUT", "/v1/listeners/web", "{\"w\":3}");

        assertEquals(200, answer.status());
        assertEquals("{\"a\":\"\u00e4\u20ac\"}", answer.body());
        String request = sidecar.request();
        assertTrue(request.startsWith("PUT /v1/listeners/web HTTP/1.1\r\nHost: localhost\r\n"), request);
        assertTrue(request.contains("\r\nContent-Length: 7\r\n"), request);
        assertTrue(request.endsWith("\r\n\r\n{\"w\":3}"), request);
    }

    @Test
    void shouldReadAnAnswerInChunks() throws Exception {
        sidecar.willSend(
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
            sidecar.willSend(nonsense);
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
}
