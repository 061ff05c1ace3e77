package io.penstock.sidecar.api;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Closes what goes beyond the number of connections that a server socket may have, in all and, from other hosts, for
/// each address. One for each server socket; all its connections are on one event loop.
@SuppressWarnings("FutureReturnValueIgnored") // A connection is written to and closed without waiting.
@ChannelHandler.Sharable
final class ConnectionLimit extends ChannelInboundHandlerAdapter {
    private final int most;
    private final int mostEach;
    private final Runnable onRefusal;
    private final Map<InetAddress, Integer> each = new HashMap<>();
    private int open;

    /// @param mostEach  for each remote address that is not loopback
    /// @param onRefusal called for each connection that is closed, on the event loop
    ConnectionLimit(int most, int mostEach, Runnable onRefusal) {
        this.most = most;
        this.mostEach = mostEach;
        this.onRefusal = onRefusal;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        InetAddress remote = remote(context.channel());
        int ofThis = remote == null ? 0 : each.getOrDefault(remote, 0);
        if (open >= most || ofThis >= mostEach) {
            onRefusal.run();
            context.close();
            return;
        }
        open++;
        if (remote != null) {
            each.put(remote, ofThis + 1);
        }
        context.channel().closeFuture().addListener(closed -> {
            open--;
            if (remote != null) {
                each.computeIfPresent(remote, (address, count) -> count == 1 ? null : count - 1);
            }
        });
        context.fireChannelActive();
    }

    private static @Nullable InetAddress remote(Channel channel) {
        return channel.remoteAddress() instanceof InetSocketAddress remote
                        && !remote.getAddress().isLoopbackAddress()
                ? remote.getAddress()
                : null;
    }
}
