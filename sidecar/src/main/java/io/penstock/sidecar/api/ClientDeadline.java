package io.penstock.sidecar.api;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Time limits for a client: to send a whole request once it began, to take a whole response, and to stay silent
/// between two. A client that trickles bytes gains nothing: the limits count from the first byte, not from the latest.
///
/// Stands behind the HTTP codec, so that it sees where messages end.
@SuppressWarnings("FutureReturnValueIgnored") // A connection is written to and closed without waiting.
final class ClientDeadline extends ChannelDuplexHandler {
    private final long requestMs;
    private final long idleMs;
    private final long responseMs;
    private @Nullable ScheduledFuture<?> deadline;
    private boolean reading;

    ClientDeadline(long requestMs, long idleMs, long responseMs) {
        this.requestMs = requestMs;
        this.idleMs = idleMs;
        this.responseMs = responseMs;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        reading = true; // The first request must not keep us waiting either.
        closeAfter(context, requestMs);
        context.fireChannelActive();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        if (!reading) {
            reading = true;
            closeAfter(context, requestMs);
        }
        if (message instanceof LastHttpContent) {
            cancel(); // From here on it is our time that passes.
        }
        context.fireChannelRead(message);
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        if (deadline == null) {
            closeAfter(context, responseMs);
        }
        if (message instanceof LastHttpContent) {
            promise = promise.unvoid();
            promise.addListener(written -> {
                reading = false;
                closeAfter(context, idleMs);
            });
        }
        context.write(message, promise);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        cancel();
        context.fireChannelInactive();
    }

    private void closeAfter(ChannelHandlerContext context, long delayMs) {
        cancel();
        if (context.channel().isActive()) {
            deadline = context.executor().schedule(() -> closeNow(context), delayMs, TimeUnit.MILLISECONDS);
        }
    }

    private static void closeNow(ChannelHandlerContext context) {
        context.close();
    }

    private void cancel() {
        ScheduledFuture<?> pending = deadline;
        if (pending != null) {
            pending.cancel(false);
            deadline = null;
        }
    }
}
