package io.penstock.sidecar.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.HealthConfig;
import io.penstock.control.config.HealthConfig.CodeRange;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.HealthTarget;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.sidecar.health.HealthChecks.Wanted;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Shows S2-80, S2-81.
class HealthChecksTest implements CheckListener {
    record Change(String listener, String backend, Health health, String reason) {}

    record Checked(String backend, CheckResult.Verdict verdict, long atNs) {}

    private final BlockingQueue<Change> changes = new LinkedBlockingQueue<>();
    private final BlockingQueue<Checked> checked = new LinkedBlockingQueue<>();
    private final Checking checking = new Checking();
    private final HealthChecks checks = new HealthChecks(checking.loop(), this, new Random(1));

    @Override
    public void changed(CheckTarget target, Health health, String reason) {
        changes.add(new Change(target.listener(), target.backend(), health, reason));
    }

    @Override
    public void checked(CheckTarget target, CheckResult result) {
        checked.add(new Checked(target.backend(), result.verdict(), System.nanoTime()));
    }

    @AfterEach
    void close() {
        checks.close();
        checking.close();
    }

    @Test
    void shouldRaiseAWorkingBackendAndFallWithADeadOne() throws Exception {
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        checks.update(List.of(wanted("web", "a", server.getLocalPort(), Health.UNKNOWN)));
        assertEquals(new Change("web", "a", Health.UP, ""), changes.poll(5, TimeUnit.SECONDS));

        server.close();
        assertEquals(new Change("web", "a", Health.DOWN, "connection refused"), changes.poll(5, TimeUnit.SECONDS));
    }

    @Test
    void shouldKeepTheSameServerApartInTwoListeners() throws Exception {
        try (ServerSocket up = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            int closedPort = closedPort();
            checks.update(List.of(
                    wanted("web", "a", up.getLocalPort(), Health.UNKNOWN),
                    wanted("mail", "a", closedPort, Health.UNKNOWN)));
            Change first = changes.poll(5, TimeUnit.SECONDS);
            Change second = changes.poll(5, TimeUnit.SECONDS);
            assertTrue(List.of(first, second).contains(new Change("web", "a", Health.UP, "")));
            assertTrue(List.of(first, second).contains(new Change("mail", "a", Health.DOWN, "connection refused")));
        }
    }

    @Test
    void shouldReportNothingThatIsAsItWasKnown() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            checks.update(List.of(wanted("web", "a", server.getLocalPort(), Health.UP)));
            for (int i = 0; i < 5; i++) {
                checked.poll(5, TimeUnit.SECONDS);
            }
            assertNull(changes.poll());
        }
    }

    @Test
    void shouldNotJudgeABackendByAFaultOfItsOwn() throws Exception {
        CheckTarget target = Checking.target("255.255.255.255", 80, fast(HealthKind.TCP));
        checks.update(List.of(new Wanted(target, Health.UP)));
        for (int i = 0; i < 5; i++) {
            assertEquals(
                    CheckResult.Verdict.FAULT, checked.poll(5, TimeUnit.SECONDS).verdict());
        }
        assertNull(changes.poll());
    }

    @Test
    void shouldNotDisturbAnUnchangedCheckByAnUpdate() throws Exception {
        // Two failures make it fall; were the count lost with each update, it would never get there.
        List<Wanted> wanted = List.of(wanted("web", "a", closedPort(), Health.UP));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (changes.isEmpty() && System.nanoTime() < deadline) {
            checks.update(wanted);
            Thread.sleep(5);
        }
        assertEquals(Health.DOWN, changes.take().health());
    }

    @Test
    void shouldKeepTheStateWhenOnlyTheWayOfCheckingChanges() throws Exception {
        checks.update(List.of(wanted("web", "a", closedPort(), Health.UP)));
        assertEquals(Health.DOWN, changes.poll(5, TimeUnit.SECONDS).health());
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            checks.update(List.of(wanted("web", "a", server.getLocalPort(), Health.UNKNOWN)));
            assertEquals(Health.UP, changes.poll(5, TimeUnit.SECONDS).health());
        }
    }

    @Test
    void shouldStopCheckingWhatIsNotWantedAnyMore() throws Exception {
        checks.update(List.of(wanted("web", "a", closedPort(), Health.UP)));
        checked.poll(5, TimeUnit.SECONDS);
        checks.update(List.of());
        checking.loop().submit(() -> {}).sync();
        checked.clear();
        assertNull(checked.poll(400, TimeUnit.MILLISECONDS));
    }

    @Test
    void shouldJitterTheIntervalByATenthAtMost() throws Exception {
        checks.update(List.of(wanted("web", "a", closedPort(), Health.DOWN)));
        List<Long> gapsMs = new ArrayList<>();
        long beforeNs = checked.poll(5, TimeUnit.SECONDS).atNs();
        for (int i = 0; i < 20; i++) {
            long atNs = checked.poll(5, TimeUnit.SECONDS).atNs();
            gapsMs.add(TimeUnit.NANOSECONDS.toMillis(atNs - beforeNs));
            beforeNs = atNs;
        }
        // Ticks of 8 ms and a busy test machine blur the gaps; their mean is the interval.
        double mean = gapsMs.stream().mapToLong(gap -> gap).average().orElseThrow();
        assertTrue(mean > 90 && mean < 125, () -> "mean " + mean + " ms of " + gapsMs);
        assertFalse(gapsMs.stream().distinct().count() == 1, gapsMs::toString);
    }

    private static Wanted wanted(String listener, String backend, int port, Health known) {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        return new Wanted(
                new CheckTarget(listener, backend, loopback, List.of(loopback), port, 0, fast(HealthKind.TCP)), known);
    }

    private static HealthConfig fast(HealthKind kind) {
        return new HealthConfig(
                kind,
                0,
                100,
                100,
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

    private static int closedPort() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            return server.getLocalPort();
        }
    }
}
