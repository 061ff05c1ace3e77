package io.penstock.sidecar.api;

import io.netty.buffer.ByteBuf;
import io.netty.handler.stream.ChunkedInput;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What goes back. Its status and headers do not change; a body that is made piece by piece can be sent once.
final class Response {
    static final String JSON = "application/json";
    static final String PROBLEM = "application/problem+json";

    private final int status;
    private final String contentType;
    private final byte[] body;
    private final Map<String, String> headers;
    private final @Nullable ChunkedInput<ByteBuf> stream;

    private Response(
            int status,
            String contentType,
            byte[] body,
            Map<String, String> headers,
            @Nullable ChunkedInput<ByteBuf> stream) {
        this.status = status;
        this.contentType = contentType;
        this.body = body;
        this.headers = headers;
        this.stream = stream;
    }

    /// {@return a document}
    static Response document(int status, String contentType, byte[] document) {
        return new Response(status, contentType, document, Map.of(), null);
    }

    /// {@return a JSON document}
    static Response json(int status, Json.Writer writer) {
        return document(status, JSON, Json.write(writer));
    }

    /// {@return a text}
    static Response text(int status, String contentType, String text) {
        return document(status, contentType, text.getBytes(StandardCharsets.UTF_8));
    }

    /// {@return a body that is made as the client takes it}
    static Response streaming(String contentType, ChunkedInput<ByteBuf> stream) {
        return new Response(200, contentType, new byte[0], Map.of(), stream);
    }

    /// {@return done, and nothing to say}
    static Response noContent() {
        return new Response(204, "", new byte[0], Map.of(), null);
    }

    /// {@return the same with one more header}
    Response with(String header, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(header, value);
        return new Response(status, contentType, body, more, stream);
    }

    /// {@return the same with status 201}
    Response created() {
        return new Response(201, contentType, body, headers, stream);
    }

    int status() {
        return status;
    }

    /// {@return empty where there is no body}
    String contentType() {
        return contentType;
    }

    /// {@return the whole body; the caller must not change it}
    byte[] body() {
        return body;
    }

    /// {@return headers beside those that every response has}
    Map<String, String> headers() {
        return headers;
    }

    /// {@return a body in place of [#body()], or null}
    @Nullable
    ChunkedInput<ByteBuf> stream() {
        return stream;
    }
}
