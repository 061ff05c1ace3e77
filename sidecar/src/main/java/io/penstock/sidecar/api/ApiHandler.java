package io.penstock.sidecar.api;

import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.CodecException;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.penstock.control.log.Log;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/// Answers the requests of one connection, one after the other: nothing more is read from the connection until the
/// response of the last request has been taken. What a client sent ahead (pipelining) waits here, at most one buffer
/// full.
@SuppressWarnings("FutureReturnValueIgnored") // A connection is written to and closed without waiting.
final class ApiHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
    private static final int MAX_PARAMETERS = 16;
    private static final Set<HttpMethod> READS = Set.of(HttpMethod.GET, HttpMethod.HEAD);
    /// What requests that change something may carry behind the `?`.
    private static final Set<String> PARAMETERS = Set.of("dry_run", "deadline");

    private final Log log = new Log("api");
    private final Router router;
    private final ArrayDeque<FullHttpRequest> waiting = new ArrayDeque<>();
    private boolean busy;

    ApiHandler(Router router) {
        this.router = router;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        context.read();
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest http) {
        waiting.addLast(http.retain());
        next(context);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        waiting.forEach(FullHttpRequest::release);
        waiting.clear();
    }

    private void next(ChannelHandlerContext context) {
        if (busy) {
            return;
        }
        FullHttpRequest http = waiting.pollFirst();
        if (http == null) {
            context.read();
            return;
        }
        busy = true;
        try {
            serve(context, http);
        } finally {
            http.release();
        }
    }

    private void serve(ChannelHandlerContext context, FullHttpRequest http) {
        boolean head = http.method().equals(HttpMethod.HEAD);
        boolean keepAlive = HttpUtil.isKeepAlive(http);
        boolean chunked = http.protocolVersion().equals(HttpVersion.HTTP_1_1);
        String what = http.method() + " " + http.uri(); // The request itself is gone when the answer comes later.
        CompletionStage<Response> answer;
        try {
            answer = answer(http);
        } catch (RuntimeException e) {
            answer = CompletableFuture.failedFuture(e);
        }
        answer.whenCompleteAsync(
                (response, failure) ->
                        reply(context, failure == null ? response : response(what, failure), head, keepAlive, chunked),
                context.executor());
    }

    private CompletionStage<Response> answer(FullHttpRequest http) {
        QueryStringDecoder uri =
                new QueryStringDecoder(http.uri(), java.nio.charset.StandardCharsets.UTF_8, true, MAX_PARAMETERS);
        String path = uri.path();
        if (!path.startsWith("/")) {
            throw new ApiProblem(400, "a path starts with /");
        }
        Router.Match match = router.match(http.method(), path);
        Map<String, String> query = new HashMap<>();
        for (Map.Entry<String, List<String>> parameter : uri.parameters().entrySet()) {
            query.put(parameter.getKey(), parameter.getValue().getLast());
        }
        Request request = new Request(match.names(), query, ByteBufUtil.getBytes(http.content()));
        if (!READS.contains(http.method())) {
            request.refuseUnknown(PARAMETERS);
        }
        return match.action().handle(request);
    }

    private Response response(String what, Throwable failure) {
        @Nullable Throwable cause = failure;
        while (cause instanceof CompletionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause instanceof ApiProblem problem) {
            return problem.response();
        }
        if (cause instanceof IllegalArgumentException) { // Netty's decoder: a broken %-escape.
            return new ApiProblem(400, "the request target cannot be decoded").response();
        }
        log.error(what, failure);
        return new ApiProblem(500, Log.reason(failure)).response();
    }

    private void reply(
            ChannelHandlerContext context, Response response, boolean head, boolean keepAlive, boolean chunked) {
        ChannelFuture written = HttpResponses.write(context, response, head, keepAlive, chunked);
        boolean stays = keepAlive && (chunked || response.stream() == null);
        written.addListener(done -> {
            if (stays && done.isSuccess()) {
                busy = false;
                next(context);
            } else {
                context.close();
            }
        });
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        // Clients that hang up, or send what cannot be read, are no news; nor may they fill the log.
        if (!(cause instanceof IOException || cause instanceof CodecException)) {
            log.error("connection", cause);
        }
        context.close();
    }
}
