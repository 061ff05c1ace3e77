package io.penstock.sidecar.health;

import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.penstock.control.config.HealthConfig;
import io.penstock.control.config.HealthConfig.CodeRange;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.HealthTarget;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A check thread for a test, and short ways to name what it checks.
@SuppressWarnings("FutureReturnValueIgnored") // Netty futures of a test that waits by other means.
final class Checking implements AutoCloseable {
    private final MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final EventLoop loop = group.next();
    private final Probes probes = new Probes(loop);

    EventLoop loop() {
        return loop;
    }

    /// {@return the outcome of one check, or what the silence says after its time limit}
    CheckResult check(CheckTarget target) throws Exception {
        CompletableFuture<CheckResult> result = new CompletableFuture<>();
        loop.execute(() -> {
            Probe.Attempt attempt = probes.of(target).start(result::complete);
            loop.schedule(
                    () -> {
                        if (!result.isDone()) {
                            result.complete(attempt.giveUp());
                        }
                    },
                    target.health().timeoutMs(),
                    TimeUnit.MILLISECONDS);
        });
        return result.get(10, TimeUnit.SECONDS);
    }

    static CheckTarget target(String address, int port, HealthConfig health) {
        InetAddress parsed = address(address);
        return new CheckTarget("web", "a", parsed, List.of(parsed), port, 0, health);
    }

    static InetAddress address(String literal) {
        try {
            return InetAddress.getByName(literal);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(literal, e);
        }
    }

    static HealthConfig health(HealthKind kind) {
        return http(kind, "/", null, new CodeRange(200, 299));
    }

    static HealthConfig http(HealthKind kind, String path, @Nullable String host, CodeRange... expect) {
        return new HealthConfig(
                kind, 0, 200, 500, 2, 2, path, host, List.of(expect), "", null, null, HealthTarget.BACKEND, false);
    }

    /// A first TLS handshake loads hundreds of classes.
    static HealthConfig patient(HealthKind kind) {
        return new HealthConfig(
                kind,
                0,
                200,
                8_000,
                2,
                2,
                "/",
                null,
                List.of(new CodeRange(200, 299)),
                "",
                null,
                null,
                HealthTarget.BACKEND,
                false);
    }

    static HealthConfig udp(String send, @Nullable String receive) {
        return new HealthConfig(
                HealthKind.UDP,
                0,
                200,
                500,
                2,
                2,
                "/",
                null,
                List.of(),
                send,
                receive,
                null,
                HealthTarget.BACKEND,
                false);
    }

    static HealthConfig script(String program) {
        return new HealthConfig(
                HealthKind.SCRIPT,
                0,
                200,
                500,
                2,
                2,
                "/",
                null,
                List.of(),
                "",
                null,
                program,
                HealthTarget.BACKEND,
                false);
    }

    @Override
    public void close() {
        loop.submit(probes::close).awaitUninterruptibly();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
