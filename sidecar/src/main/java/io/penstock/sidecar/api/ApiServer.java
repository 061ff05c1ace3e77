package io.penstock.sidecar.api;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.stream.ChunkedWriteHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Serves the API over TCP and over a Unix socket, on one event loop of its own: whatever a client does to it, the
/// checks run on another.
///
/// [#openTcp], [#closeTcp] and [#openLocal] are called by one thread at a time.
final class ApiServer implements AutoCloseable {
    private static final int BACKLOG = 128;

    private final EventLoop loop;
    private final Router router;
    private final ApiLimits limits;
    private final Runnable onRefusal;
    private volatile @Nullable ApiToken token;
    private @Nullable Channel tcp;
    private @Nullable Channel local;

    /// @param loop      an epoll event loop
    /// @param onRefusal called on it for each connection that is closed because there are too many
    ApiServer(EventLoop loop, Router router, ApiLimits limits, Runnable onRefusal) {
        this.loop = loop;
        this.router = router;
        this.limits = limits;
        this.onRefusal = onRefusal;
    }

    /// Listens for TCP connections, in place of where it listened before.
    ///
    /// @param secret what every request needs; null for none, which only a loopback address may do without
    /// @return where it listens, with the port that port 0 became
    InetSocketAddress openTcp(InetSocketAddress address, @Nullable ApiToken secret) throws IOException {
        if (secret == null && !address.getAddress().isLoopbackAddress()) {
            throw new IOException("sidecar.api=" + address.getAddress().getHostAddress() + ":" + address.getPort()
                    + " is not a loopback address: set sidecar.api-token-file");
        }
        closeTcp();
        token = secret;
        RequestGuard.Door door = new RequestGuard.Door(false, () -> token);
        Channel opened = open(
                EpollServerSocketChannel::new,
                address,
                new ConnectionLimit(limits.connections(), limits.connectionsEach(), onRefusal),
                door);
        tcp = opened;
        return (InetSocketAddress) opened.localAddress();
    }

    /// From now on requires this token; connections that are open stay open.
    void useToken(@Nullable ApiToken secret) {
        token = secret;
    }

    /// Listens no more for TCP connections.
    void closeTcp() {
        Channel open = tcp;
        if (open != null) {
            open.close().awaitUninterruptibly(5, TimeUnit.SECONDS);
            tcp = null;
        }
    }

    /// Listens on a Unix socket that only our own user may open. What is left of an earlier one is removed: call it
    /// only when no other process can be using it.
    void openLocal(Path socket) throws IOException {
        Files.deleteIfExists(socket);
        local = open(
                EpollServerDomainSocketChannel::new,
                new DomainSocketAddress(socket.toFile()),
                new ConnectionLimit(limits.localConnections(), Integer.MAX_VALUE, onRefusal),
                new RequestGuard.Door(true, () -> null));
        // The folder is private, so nobody else could open it before this.
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    }

    private Channel open(
            Supplier<? extends ServerChannel> kind,
            SocketAddress address,
            ConnectionLimit connections,
            RequestGuard.Door door)
            throws IOException {
        var bound = new ServerBootstrap()
                .group(loop)
                .channelFactory(kind::get)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.AUTO_READ, false) // One request at a time: see ApiHandler.
                .childHandler(new Pipeline(connections, door))
                .bind(address)
                .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            throw new IOException(
                    "cannot listen on " + address + ": " + bound.cause().getMessage(), bound.cause());
        }
        return bound.channel();
    }

    @Override
    public void close() {
        closeTcp();
        Channel open = local;
        if (open != null) {
            open.close().awaitUninterruptibly(5, TimeUnit.SECONDS);
            local = null;
        }
    }

    private final class Pipeline extends ChannelInitializer<Channel> {
        private final ConnectionLimit connections;
        private final RequestGuard.Door door;

        Pipeline(ConnectionLimit connections, RequestGuard.Door door) {
            this.connections = connections;
            this.door = door;
        }

        @Override
        protected void initChannel(Channel channel) {
            HttpDecoderConfig decoder = new HttpDecoderConfig()
                    .setMaxInitialLineLength(limits.headerBytes() / 2)
                    .setMaxHeaderSize(limits.headerBytes());
            channel.pipeline()
                    .addLast(connections)
                    .addLast(new HttpServerCodec(decoder))
                    .addLast(new ClientDeadline(limits.requestMs(), limits.idleMs(), limits.responseMs()))
                    .addLast(new RequestGuard(door, limits.bodyBytes()))
                    .addLast(new HttpObjectAggregator(limits.bodyBytes()))
                    .addLast(new ChunkedWriteHandler())
                    .addLast(new ApiHandler(router));
        }
    }
}
