package io.penstock.tools.api;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A client of the sidecar's API over its Unix socket: HTTP/1.1, one request a connection. The JDK's own HTTP client
/// knows no Unix sockets.
public final class ApiClient {
    private static final int ANSWER_LENGTH_MAX = 16 << 20;

    /// What came back.
    ///
    /// @param status HTTP status
    /// @param body   decoded from UTF-8
    public record Answer(int status, String body) {}

    /// The sidecar cannot be reached.
    public static final class Unreachable extends IOException {
        private static final long serialVersionUID = 1;

        Unreachable(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    private final Path socket;
    private final int timeoutMs;

    /// @param socket    `api.sock` of an instance's runtime folder
    /// @param timeoutMs for the whole exchange
    public ApiClient(Path socket, int timeoutMs) {
        this.socket = socket;
        this.timeoutMs = timeoutMs;
    }

    /// Sends a request and reads the answer.
    ///
    /// @param path begins with `/v1/`; names in it percent-encoded
    /// @param json the body, or null for none
    /// @throws Unreachable when no sidecar listens
    /// @throws IOException when the answer does not come in time or is none
    public Answer send(String method, String path, @Nullable String json) throws IOException {
        byte[] body = json == null ? new byte[0] : json.getBytes(StandardCharsets.UTF_8);
        String head = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + (json == null ? "" : "Content-Type: application/json\r\n")
                + "Content-Length: " + body.length + "\r\n\r\n";
        ByteBuffer request = ByteBuffer.allocate(head.length() + body.length);
        request.put(head.getBytes(StandardCharsets.US_ASCII)).put(body).flip();
        try (SocketChannel channel = connect();
                Selector selector = Selector.open()) {
            while (request.hasRemaining()) {
                channel.write(request); // A request is shorter than the socket's buffer: no turn is lost.
            }
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ);
            return parse(readAll(channel, selector));
        }
    }

    private SocketChannel connect() throws IOException {
        if (!Files.exists(socket)) {
            throw new Unreachable(socket + " does not exist", null);
        }
        try {
            return SocketChannel.open(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            throw new Unreachable(socket + ": " + e.getMessage(), e);
        }
    }

    private byte[] readAll(SocketChannel channel, Selector selector) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(64 << 10);
        long endNs = System.nanoTime() + timeoutMs * 1_000_000L;
        while (true) {
            long leftMs = (endNs - System.nanoTime()) / 1_000_000;
            if (leftMs <= 0 || selector.select(leftMs) == 0) {
                throw new IOException("the sidecar did not answer within " + timeoutMs + " ms");
            }
            selector.selectedKeys().clear();
            buffer.clear();
            if (channel.read(buffer) < 0) {
                return answer.toByteArray();
            }
            answer.write(buffer.array(), 0, buffer.position());
            if (answer.size() > ANSWER_LENGTH_MAX) {
                throw new IOException("the sidecar's answer is longer than " + ANSWER_LENGTH_MAX + " bytes");
            }
        }
    }

    private static Answer parse(byte[] answer) throws IOException {
        String text = new String(answer, StandardCharsets.ISO_8859_1);
        int end = text.indexOf("\r\n\r\n");
        if (end < 0 || !text.startsWith("HTTP/1.1 ") || end < 12) {
            throw new IOException("the sidecar's answer is not HTTP/1.1");
        }
        String head = text.substring(0, end).toLowerCase(Locale.ROOT);
        String body = text.substring(end + 4);
        if (head.contains("\r\ntransfer-encoding: chunked")) {
            body = unchunk(body);
        }
        return new Answer(
                Integer.parseInt(text.substring(9, 12)),
                new String(body.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
    }

    /// RFC 9112 section 7.1, without trailers.
    private static String unchunk(String chunks) throws IOException {
        StringBuilder body = new StringBuilder();
        int at = 0;
        while (true) {
            int line = chunks.indexOf("\r\n", at);
            if (line < 0) {
                throw new IOException("the sidecar's answer ended early");
            }
            int length =
                    Integer.parseInt(chunks.substring(at, line).split(";", 2)[0].strip(), 16);
            if (length == 0) {
                return body.toString();
            }
            if (line + 2 + length + 2 > chunks.length()) {
                throw new IOException("the sidecar's answer ended early");
            }
            body.append(chunks, line + 2, line + 2 + length);
            at = line + 2 + length + 2;
        }
    }
}
