package io.penstock.sidecar.api;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import io.penstock.control.config.SidecarConfig;
import io.penstock.control.log.Log;
import io.penstock.sidecar.metrics.Metrics;
import io.penstock.sidecar.state.DesiredState;
import io.penstock.sidecar.state.ForwarderLink;
import io.penstock.sidecar.state.SidecarCounters;
import io.penstock.sidecar.state.SidecarCounters.OfProcess;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The API of an instance: on a Unix socket always, over TCP where the configuration says so.
///
/// A TCP address that cannot be had, or a token that cannot be read, does not stop the sidecar, whose checks matter
/// more: it is said, and tried again.
public final class Api implements AutoCloseable {
    private static final long RETRY_S = 5;

    private final Log log = new Log("api");
    private final EventLoop loop;
    private final Router router;
    private final ApiServer server;
    private @Nullable SidecarConfig config;
    private volatile @Nullable InetSocketAddress address;
    private @Nullable ScheduledFuture<?> retry;
    private @Nullable String lastTrouble;

    /// @param loop      an epoll event loop that serves nothing else
    /// @param file      the configuration, as the operator named it
    /// @param forwarder for the API alone
    /// @param trouble   why the sidecar does not do its work, or empty
    public Api(
            EventLoop loop,
            Path file,
            DesiredState state,
            ForwarderLink forwarder,
            SidecarCounters counters,
            Metrics metrics,
            Supplier<Optional<String>> trouble) {
        this.loop = loop;
        ApiLimits limits = ApiLimits.DEFAULT;
        ApiRoutes routes = new ApiRoutes(file, state, forwarder, metrics, trouble::get, limits, loop);
        router = routes.router();
        server = new ApiServer(loop, router, limits, () -> counters.count(OfProcess.API_REFUSED));
    }

    /// Listens on the Unix socket.
    ///
    /// @throws IOException when that cannot be
    public void openLocal(Path socket) throws IOException {
        server.openLocal(socket);
    }

    /// Listens over TCP where and how the configuration says, and reads the token's file anew. Never from the API's own
    /// event loop.
    public synchronized void configure(SidecarConfig now) {
        if (retry != null) {
            retry.cancel(false);
            retry = null;
        }
        boolean moves = config == null || !java.util.Objects.equals(config.api(), now.api());
        config = now;
        try {
            open(now, moves || address == null);
            lastTrouble = null;
        } catch (IOException e) {
            String trouble = Log.reason(e);
            if (!trouble.equals(lastTrouble)) {
                log.error("no API over TCP, trying again every " + RETRY_S + " s", e);
            }
            lastTrouble = trouble;
            // Binding waits for the event loop, so it is not done on it.
            retry = loop.schedule(
                    () -> Thread.ofPlatform().daemon().name("ps-api-retry").start(() -> configure(now)),
                    RETRY_S,
                    TimeUnit.SECONDS);
        }
    }

    private void open(SidecarConfig now, boolean moves) throws IOException {
        InetSocketAddress wanted = now.api();
        if (wanted == null) {
            server.closeTcp();
            address = null;
            return;
        }
        String tokenFile = now.apiTokenFile();
        ApiToken token = tokenFile == null ? null : ApiToken.read(Path.of(tokenFile));
        if (moves) {
            server.closeTcp();
            address = null;
            address = server.openTcp(wanted, token);
            log.info("serving on http:/" + address + (token == null ? "" : ", with a token"));
        } else if (token != null || wanted.getAddress().isLoopbackAddress()) {
            server.useToken(token);
        }
    }

    /// {@return every request that it knows, such as `GET /v1/listeners/{name}`}
    public List<String> routes() {
        return router.routes().stream()
                .map(route -> route.method() + " " + route.template())
                .toList();
    }

    /// {@return where it listens over TCP, or null}
    public @Nullable InetSocketAddress address() {
        return address;
    }

    @Override
    public synchronized void close() {
        if (retry != null) {
            retry.cancel(false);
        }
        server.close();
    }
}
