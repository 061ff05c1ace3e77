package io.penstock.sidecar.api;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpChunkedInput;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;

/// Writes our responses as HTTP.
@SuppressWarnings("FutureReturnValueIgnored") // A connection is written to and closed without waiting.
final class HttpResponses {
    private HttpResponses() {}

    /// Writes one response.
    ///
    /// @param head      whether the request was a HEAD: then the body stays here, its length does not
    /// @param keepAlive whether the connection stays open afterwards
    /// @param chunked   whether the client understands chunks (HTTP/1.1)
    /// @return done when all of it was written
    static ChannelFuture write(
            ChannelHandlerContext context, Response response, boolean head, boolean keepAlive, boolean chunked) {
        HttpResponseStatus status = HttpResponseStatus.valueOf(response.status());
        if (response.stream() == null) {
            byte[] body = response.body();
            HttpResponse full = new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, status, head ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(body));
            setHeaders(full, response, keepAlive);
            if (response.status() != 204) {
                full.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.length);
            }
            return context.writeAndFlush(full);
        }
        HttpResponse start = new DefaultHttpResponse(HttpVersion.HTTP_1_1, status);
        setHeaders(start, response, keepAlive && chunked);
        HttpUtil.setTransferEncodingChunked(start, chunked);
        if (head) {
            closeQuietly(response);
            context.write(start, context.voidPromise());
            return context.writeAndFlush(io.netty.handler.codec.http.LastHttpContent.EMPTY_LAST_CONTENT);
        }
        context.write(start, context.voidPromise());
        return context.writeAndFlush(new HttpChunkedInput(response.stream()));
    }

    private static void setHeaders(HttpResponse http, Response response, boolean keepAlive) {
        if (!response.contentType().isEmpty()) {
            http.headers().set(HttpHeaderNames.CONTENT_TYPE, response.contentType());
        }
        http.headers().set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE);
        http.headers().set("x-content-type-options", "nosniff");
        response.headers().forEach((name, value) -> http.headers().set(name, value));
        if (!keepAlive) {
            http.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
    }

    private static void closeQuietly(Response response) {
        try {
            if (response.stream() != null) {
                response.stream().close();
            }
        } catch (Exception e) {
            throw new IllegalStateException("a body made in memory", e);
        }
    }
}
