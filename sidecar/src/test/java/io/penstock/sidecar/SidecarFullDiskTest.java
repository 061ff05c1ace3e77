package io.penstock.sidecar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.testing.SmallDisk;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A sidecar whose files, and the instance's runtime folder, are on a disk that fills up. It goes on with what is in
/// memory, says what is wrong, changes no file by half, and makes up for it once there is room.
@Tag("root")
@Timeout(60)
class SidecarFullDiskTest {
    private static final String FILE = """
            listener.web.vip=203.0.113.10
            listener.web.ports=80
            listener.web.health=none
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            """;

    @TempDir
    Path folder;

    private @Nullable SmallDisk disk;

    @BeforeEach
    void mount() throws Exception {
        disk = SmallDisk.mount(folder, 4 << 20);
    }

    @AfterEach
    void unmount() throws Exception {
        if (disk != null) {
            disk.unmount();
        }
    }

    private Path fill() throws IOException {
        Path filler = folder.resolve("filler");
        byte[] block = new byte[4096];
        try (OutputStream out = Files.newOutputStream(filler)) {
            for (int i = 0; i < 10_000; i++) {
                out.write(block);
            }
        } catch (IOException full) {
            return filler;
        }
        throw new AssertionError("the disk does not fill up");
    }

    private static Snapshot published(TestInstance instance) {
        try {
            return SnapshotFile.read(instance.runtime()).orElseThrow();
        } catch (IOException e) {
            throw new AssertionError("the snapshot on the full disk is damaged", e);
        }
    }

    @Test
    void shouldGoOnWithAFullDiskAndMakeUpForItLater() throws Exception {
        try (TestInstance instance = new TestInstance(folder, FILE)) {
            Sidecar sidecar = instance.start();
            TestInstance.await(
                    "published", () -> Files.exists(instance.runtime().snapshotFile()));
            Snapshot before = published(instance);
            String text = instance.text();
            Path filler = fill();

            TestInstance.Answer patch = instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":\"lc\"}");
            assertEquals(503, patch.status(), patch.body());
            assertTrue(patch.body().contains("No space left"), patch.body());
            assertEquals(text, instance.text(), "the file is as it was");
            assertEquals(before.listeners(), sidecar.state().view().snapshot().listeners(), "and so is the state");

            TestInstance.Answer stop = instance.send("POST", "/v1/listeners/web/stop");
            assertEquals(200, stop.status(), stop.body());
            assertTrue(stop.json().text("note").contains("not in the data plane yet"), stop.body());
            assertEquals(before, published(instance), "what was published is whole");
            assertEquals(503, instance.send("GET", "/healthz").status());
            assertTrue(instance.metric("penstock_snapshot_publish_errors_total") >= 1);
            assertEquals(200, instance.send("GET", "/v1/listeners").status());

            Files.delete(filler);
            TestInstance.await("published after all", () -> published(instance).version() > before.version());
            assertEquals(false, published(instance).listeners().getFirst().running());
            assertEquals(200, instance.send("GET", "/healthz").status());
            assertEquals(
                    200,
                    instance.send("PATCH", "/v1/listeners/web", "{\"scheduler\":\"lc\"}")
                            .status());
            assertTrue(instance.text().contains("listener.web.scheduler=lc"));
        }
    }

    @Test
    void shouldCountNewBackendsInMemoryWhileTheDiskIsFull() throws Exception {
        try (TestInstance instance = new TestInstance(folder, FILE)) {
            instance.start();
            fill();
            StringBuilder many = new StringBuilder(FILE.replace("health=none", "health=tcp"))
                    .append("listener.web.health.interval=300s\n");
            for (int i = 0; i < 3_000; i++) { // More than the counters' file has room for.
                many.append("listener.web.backend.n")
                        .append(i)
                        .append("=127.2.")
                        .append(i / 250)
                        .append('.')
                        .append(i % 250 + 1)
                        .append('\n');
            }
            // Elsewhere, since here it would not fit: a link to it, as configuration folders have.
            Path elsewhere = Files.createTempFile("penstock", ".properties");
            try {
                Files.writeString(elsewhere, instance.text().lines().findFirst().orElseThrow() + "\n" + many);
                Files.delete(instance.file());
                Files.createSymbolicLink(instance.file(), elsewhere);
                TestInstance.await(
                        "3002 backends",
                        () -> instance.sidecar()
                                        .state()
                                        .view()
                                        .snapshot()
                                        .listeners()
                                        .getFirst()
                                        .backends()
                                        .size()
                                == 3_002);
                TestInstance.await("checked", () -> failed(instance, "n2999") == 1);
                assertEquals(503, instance.send("GET", "/healthz").status());
            } finally {
                Files.delete(elsewhere);
            }
        }
    }

    private static double failed(TestInstance instance, String backend) {
        try {
            return instance.metric("penstock_health_checks_failed_total{listener=\"web\",backend=\"" + backend + "\"}");
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
