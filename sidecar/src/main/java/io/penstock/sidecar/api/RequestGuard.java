package io.penstock.sidecar.api;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Refuses what must not even have its body read: broken HTTP, no token, a browser lured to us by some page, a body
/// that is too large or not JSON.
///
/// A server without a token trusts whoever reaches the loopback address. A browser on this host reaches it too, on
/// behalf of any page that it shows: so a request that carries `Origin`, which browsers add and tools do not, is
/// refused, and so is a `Host` that is a name other than localhost (a name can be pointed at 127.0.0.1 by its owner).
@SuppressWarnings("FutureReturnValueIgnored") // A connection is written to and closed without waiting.
final class RequestGuard extends ChannelInboundHandlerAdapter {
    private static final Set<String> JSON_TYPES = Set.of("application/json", "application/merge-patch+json");
    private static final long LINGER_MS = 2_000;

    /// Where a request came from, and what it therefore needs.
    ///
    /// @param local over the Unix socket: the file's permissions decided who may
    /// @param token asked each time, since it may change; null for none
    record Door(boolean local, Supplier<@Nullable ApiToken> token) {}

    private final Door door;
    private final int maxBodyBytes;
    private long bodyBytes;
    private boolean refused;

    RequestGuard(Door door, int maxBodyBytes) {
        this.door = door;
        this.maxBodyBytes = maxBodyBytes;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (refused) {
            ReferenceCountUtil.release(message);
            return;
        }
        ApiProblem problem = problem(message);
        if (problem == null) {
            context.fireChannelRead(message);
        } else {
            ReferenceCountUtil.release(message);
            refuse(context, problem);
        }
    }

    private @Nullable ApiProblem problem(Object message) {
        if (message instanceof HttpRequest request) {
            bodyBytes = 0;
            ApiProblem problem = requestProblem(request);
            if (problem != null) {
                return problem;
            }
        }
        if (message instanceof HttpContent content) {
            bodyBytes += content.content().readableBytes();
            if (bodyBytes > maxBodyBytes) {
                return tooLarge();
            }
            return content.decoderResult().isFailure() ? decoderProblem(content.decoderResult()) : null;
        }
        return null;
    }

    private ApiProblem tooLarge() {
        return new ApiProblem(413, "a body may have " + maxBodyBytes + " bytes");
    }

    private @Nullable ApiProblem requestProblem(HttpRequest request) {
        if (request.decoderResult().isFailure()) {
            return decoderProblem(request.decoderResult());
        }
        ApiToken token = door.token.get();
        boolean open = door.local || isHealthz(request);
        if (!open && token != null && !token.isIn(request.headers().get(HttpHeaderNames.AUTHORIZATION))) {
            return new ApiProblem(401, "this request needs the token: Authorization: Bearer TOKEN");
        }
        if (!door.local && request.headers().contains(HttpHeaderNames.ORIGIN)) {
            return new ApiProblem(403, "requests from web pages are not answered");
        }
        if (!door.local && token == null && !isLocalHost(request.headers().get(HttpHeaderNames.HOST))) {
            return new ApiProblem(403, "without a token only an address or localhost is a valid Host");
        }
        if (HttpUtil.getContentLength(request, 0L) > maxBodyBytes) {
            return tooLarge();
        }
        return hasBody(request) && !isJson(request)
                ? new ApiProblem(415, "a body needs Content-Type: application/json")
                : null;
    }

    private static boolean isHealthz(HttpRequest request) {
        boolean reads =
                request.method().equals(HttpMethod.GET) || request.method().equals(HttpMethod.HEAD);
        return reads && request.uri().replaceFirst("\\?.*", "").equals("/healthz");
    }

    private static boolean hasBody(HttpRequest request) {
        return HttpUtil.getContentLength(request, 0L) > 0 || HttpUtil.isTransferEncodingChunked(request);
    }

    private static boolean isJson(HttpRequest request) {
        CharSequence type = HttpUtil.getMimeType(request);
        return type != null && JSON_TYPES.contains(type.toString().toLowerCase(java.util.Locale.ROOT));
    }

    private static boolean isLocalHost(@Nullable String host) {
        if (host == null || host.startsWith("[")) {
            return true; // none (HTTP/1.0), or an IPv6 address
        }
        String name = host.replaceFirst(":\\d*$", "");
        return name.equalsIgnoreCase("localhost") || NetUtil.isValidIpV4Address(name);
    }

    private static ApiProblem decoderProblem(DecoderResult result) {
        Throwable cause = result.cause();
        if (cause instanceof TooLongHttpHeaderException) {
            return new ApiProblem(431, "the headers are too long");
        }
        if (cause instanceof TooLongHttpLineException) {
            return new ApiProblem(414, "the request line is too long");
        }
        return new ApiProblem(400, "this is not HTTP/1.1 as RFC 9112 has it");
    }

    // The client may still be sending. Were the connection closed at once, the kernel would answer that with a RST, and
    // the client would lose our response: so what comes is read and thrown away for a moment.
    private void refuse(ChannelHandlerContext context, ApiProblem problem) {
        refused = true;
        Response response = problem.response();
        if (problem.status() == 401) {
            response = response.with("WWW-Authenticate", "Bearer");
        }
        HttpResponses.write(context, response, false, false, true).addListener(written -> {
            if (!written.isSuccess() || !(context.channel() instanceof DuplexChannel duplex)) {
                context.close();
                return;
            }
            duplex.shutdownOutput();
            context.channel().config().setAutoRead(true);
            context.executor().schedule(() -> context.close(), LINGER_MS, TimeUnit.MILLISECONDS);
        });
    }
}
