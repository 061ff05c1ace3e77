package io.penstock.sidecar.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.HealthConfig;
import io.penstock.control.config.HealthConfig.CodeRange;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.HealthTarget;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.sidecar.health.HealthChecks.Wanted;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Ten thousand checks every three seconds on one thread: none falls behind, none errs.
@Tag("slow")
class ManyChecksTest {
    private static final int BACKENDS = 10_000;
    private static final int SERVERS = 20;
    private static final long INTERVAL_MS = 3_000;
    private static final long WARM_UP_MS = 4_000;
    private static final long MEASURE_MS = 5_000;

    @ParameterizedTest
    @EnumSource(names = {"TCP", "HTTP"})
    void shouldKeepUpOnOneThread(HealthKind kind) throws Exception {
        AtomicLong done = new AtomicLong();
        AtomicLong notOk = new AtomicLong();
        CheckListener counting = new CheckListener() {
            @Override
            public void changed(CheckTarget target, Health health, String reason) {
                if (health == Health.DOWN) {
                    System.out.println(target.backend() + ": " + reason);
                }
            }

            @Override
            public void checked(CheckTarget target, CheckResult result) {
                done.incrementAndGet();
                if (result.verdict() != CheckResult.Verdict.OK) {
                    notOk.incrementAndGet();
                    System.out.println(target.probed() + ": " + result);
                }
            }
        };
        try (Servers servers = new Servers();
                Checking checking = new Checking();
                HealthChecks checks = new HealthChecks(checking.loop(), counting, new Random(2))) {
            long threadId = checking.loop()
                    .submit(() -> Thread.currentThread().threadId())
                    .get(5, TimeUnit.SECONDS);
            checks.update(targets(kind, servers));
            Thread.sleep(WARM_UP_MS);

            // A busy test machine may keep us from our time in one window, hardly in all.
            Window window = Window.measure(checks, done, threadId);
            for (int more = 0; more < 2 && !window.isInTime(); more++) {
                window = Window.measure(checks, done, threadId);
            }
            System.out.printf(
                    "measured: %s, %d checks every %d ms: %.0f checks/s, greatest lag %d ms, %.0f %% of one core%n",
                    kind, BACKENDS, INTERVAL_MS, window.rate, window.lagMs, window.cpuShare * 100);
            assertEquals(0, notOk.get(), "checks that did not succeed");
            assertTrue(window.isInTime(), window::toString);
        }
    }

    private record Window(double rate, long lagMs, double cpuShare) {
        static Window measure(HealthChecks checks, AtomicLong done, long threadId) throws InterruptedException {
            var threads = ManagementFactory.getThreadMXBean();
            checks.takeGreatestLagNs();
            long doneBefore = done.get();
            long cpuBeforeNs = threads.getThreadCpuTime(threadId);
            long startNs = System.nanoTime();
            Thread.sleep(MEASURE_MS);
            double seconds = (System.nanoTime() - startNs) / 1e9;
            return new Window(
                    (done.get() - doneBefore) / seconds,
                    TimeUnit.NANOSECONDS.toMillis(checks.takeGreatestLagNs()),
                    (threads.getThreadCpuTime(threadId) - cpuBeforeNs) / 1e9 / seconds);
        }

        boolean isInTime() {
            return rate > 0.95 * BACKENDS * 1000 / INTERVAL_MS && lagMs < INTERVAL_MS / 3;
        }
    }

    private static List<Wanted> targets(HealthKind kind, Servers servers) throws Exception {
        HealthConfig health = new HealthConfig(
                kind,
                0,
                INTERVAL_MS,
                2_000,
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
        List<Wanted> wanted = new ArrayList<>();
        for (int i = 0; i < BACKENDS; i++) {
            InetAddress address = InetAddress.getByAddress(new byte[] {127, 1, (byte) (i >> 8), (byte) i});
            int port = servers.ports.get(i % SERVERS);
            wanted.add(new Wanted(
                    new CheckTarget("l" + i % 100, "b" + i, address, List.of(address), port, 0, health),
                    Health.UNKNOWN));
        }
        return wanted;
    }

    /// Accepts, answers what is asked, and forgets; on a thread of its own.
    private static final class Servers implements AutoCloseable {
        private static final byte[] ANSWER =
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        private final Selector selector = Selector.open();
        private final List<Integer> ports = new ArrayList<>();
        private final Thread thread;

        Servers() throws IOException {
            for (int i = 0; i < SERVERS; i++) {
                ServerSocketChannel server = ServerSocketChannel.open();
                server.bind(new InetSocketAddress(0), 4096);
                server.configureBlocking(false).register(selector, SelectionKey.OP_ACCEPT);
                ports.add(server.socket().getLocalPort());
            }
            thread = Thread.ofPlatform().daemon().start(this::serve);
        }

        private void serve() {
            ByteBuffer in = ByteBuffer.allocateDirect(4096);
            while (!Thread.currentThread().isInterrupted()) {
                try {
                    selector.select(key -> serve(key, in));
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }
        }

        private void serve(SelectionKey key, ByteBuffer in) {
            try {
                if (key.channel() instanceof ServerSocketChannel server) {
                    for (SocketChannel client = server.accept(); client != null; client = server.accept()) {
                        client.configureBlocking(false).register(selector, SelectionKey.OP_READ);
                    }
                } else if (key.channel() instanceof SocketChannel client) {
                    in.clear();
                    if (client.read(in) > 0) {
                        client.write(ByteBuffer.wrap(ANSWER));
                    } else {
                        client.close();
                    }
                }
            } catch (IOException e) {
                key.cancel();
                try {
                    key.channel().close();
                } catch (IOException ignored) {
                    // It was reset by the check, as it should be.
                }
            }
        }

        @Override
        public void close() throws IOException {
            thread.interrupt();
            while (thread.isAlive()) {
                Thread.onSpinWait();
            }
            for (SelectionKey key : selector.keys()) {
                key.channel().close();
            }
            selector.close();
        }
    }
}
