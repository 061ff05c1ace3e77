package io.penstock.sidecar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.snapshot.SnapshotVersion;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The real process, killed with SIGKILL at any moment, with its file changing under it. What it published is whole
/// each time, versions only rise, and the next one takes over without a change of health that did not happen.
@Tag("slow")
@Timeout(120)
class SidecarKillTest {
    private static final int KILLS = 10;

    @TempDir
    Path folder;

    private long version;
    /// The first sidecar of which a snapshot was seen that says that a is up.
    private int firstUp = Integer.MAX_VALUE;

    @Test
    void shouldTakeOverWhereverTheLastOneWasKilled() throws Exception {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("SidecarKillTest seed " + seed);
        Random random = new Random(seed);
        RuntimeFolder runtime = RuntimeFolder.of(folder.resolve("run"), "default");
        try (ServerSocket up = new ServerSocket(0, 500, InetAddress.getLoopbackAddress())) {
            int port = up.getLocalPort();
            Thread.ofPlatform().daemon().start(() -> accept(up));
            for (int kill = 0; kill <= KILLS; kill++) {
                write(port, kill * 1000);
                boolean last = kill == KILLS;
                Process sidecar = start(kill);
                try {
                    // Every other one may publish before it is killed, however busy the host.
                    long before = version;
                    boolean waits = last || kill % 2 == 0;
                    long endNs = System.nanoTime()
                            + TimeUnit.MILLISECONDS.toNanos(waits ? 20_000 : 300 + random.nextInt(1_200));
                    int round = kill * 1000;
                    while (System.nanoTime() < endNs && !(waits && (last ? isDone(runtime) : version > before))) {
                        write(port, ++round);
                        Thread.sleep(random.nextInt(20));
                        look(runtime, kill);
                    }
                    Thread.sleep(random.nextInt(100));
                    assertTrue(sidecar.isAlive(), () -> "it ended by itself: " + log());
                } finally {
                    sidecar.destroyForcibly();
                    assertTrue(sidecar.waitFor(10, TimeUnit.SECONDS));
                }
                look(runtime, kill);
            }
            assertTrue(isDone(runtime), () -> "not up and down: " + log());
            try (SnapshotVersion announced = new SnapshotVersion(runtime.snapshotVersionFile())) {
                assertEquals(version, announced.get(), "what was written was told");
            }
            assertTrue(version > KILLS / 2, "snapshots: " + version);
            for (int i = 0; i <= KILLS; i++) {
                assertGoesUpOnceAndStays(i);
            }
        }
    }

    /// Who is killed between what it says and what it publishes leaves it to the next one to say it again.
    private void assertGoesUpOnceAndStays(int number) throws IOException {
        List<String> changes = log(number)
                .lines()
                .filter(line -> line.contains("(127.0.0.1) is "))
                .toList();
        assertTrue(
                changes.isEmpty()
                        || (number <= firstUp
                                && changes.size() == 1
                                && changes.getFirst().endsWith(" is up, was unknown")),
                () -> "sidecar " + number + ", a is known to be up since " + firstUp + ": " + changes);
    }

    private static void accept(ServerSocket server) {
        try {
            while (true) {
                server.accept().close();
            }
        } catch (IOException closed) {
            // The test is over.
        }
    }

    // Nobody listens on 127.0.0.2: it is down from first to last.
    private void write(int port, int round) throws IOException {
        Path beside = folder.resolve("new.properties");
        Files.writeString(beside, """
                sidecar.api=off
                listener.web.vip=203.0.113.10
                listener.web.ports=%d
                listener.web.health.interval=100ms
                listener.web.health.timeout=100ms
                listener.web.backend.a=127.0.0.1 weight=%d
                listener.web.backend.b=127.0.0.2
                """.formatted(port, 1 + round));
        Files.move(
                beside,
                folder.resolve("penstock.properties"),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
    }

    private Process start(int number) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "io.penstock.sidecar.SidecarMain",
                        "sidecar",
                        "-c",
                        folder.resolve("penstock.properties").toString(),
                        "--runtime-dir",
                        folder.resolve("run").toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log." + number).toFile())
                .start();
    }

    private String log() {
        StringBuilder all = new StringBuilder();
        try {
            for (int i = 0; i <= KILLS && Files.exists(folder.resolve("log." + i)); i++) {
                all.append(log(i));
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return all.toString();
    }

    private void look(RuntimeFolder runtime, int number) throws IOException {
        Optional<Snapshot> published = SnapshotFile.read(runtime); // throws where it is damaged
        if (published.isPresent()) {
            long now = published.get().version();
            assertTrue(now >= version, "version " + now + " after " + version);
            version = now;
            if (isUp(published.get())) {
                firstUp = Math.min(firstUp, number);
            }
        }
        if (Files.exists(runtime.snapshotVersionFile())) {
            try (SnapshotVersion announced = new SnapshotVersion(runtime.snapshotVersionFile())) {
                long told = announced.get(); // First this, then the file: it is never behind what was told.
                long written = SnapshotFile.read(runtime).map(Snapshot::version).orElse(0L);
                assertTrue(told <= written, () -> "version " + told + " was announced, the file has " + written);
            }
        }
    }

    private String log(int number) throws IOException {
        return Files.readString(folder.resolve("log." + number));
    }

    private static boolean isUp(Snapshot snapshot) {
        return snapshot.listeners().stream()
                .anyMatch(web -> web.backends().getFirst().health() == Health.UP);
    }

    private static boolean isDone(RuntimeFolder runtime) throws IOException {
        return SnapshotFile.read(runtime).stream()
                .flatMap(snapshot -> snapshot.listeners().stream())
                .anyMatch(web -> web.backends().getFirst().health() == Health.UP
                        && web.backends().getLast().health() == Health.DOWN);
    }
}
