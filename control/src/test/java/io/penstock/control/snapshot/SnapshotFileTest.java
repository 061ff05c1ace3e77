package io.penstock.control.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.RandomConfig;
import io.penstock.control.config.Seeds;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.SnapshotFile.DamagedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SnapshotFileTest {
    private static final List<Health> HEALTH = List.of(Health.values());
    private static final List<Admin> ADMIN = List.of(Admin.values());

    @TempDir
    Path base;

    private RuntimeFolder folder;

    @BeforeEach
    void create() throws IOException {
        folder = RuntimeFolder.create(base, "test");
    }

    @Test
    void shouldBeReadBackEqual() throws IOException {
        Random random = Seeds.random("SnapshotFileTest");
        assertEquals(Optional.empty(), SnapshotFile.read(folder));
        for (int round = 1; round <= 300; round++) {
            Snapshot snapshot = random(random, round);
            SnapshotFile.write(folder, snapshot);

            assertEquals(Optional.of(snapshot), SnapshotFile.read(folder));
        }
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.snapshotFile())));
    }

    private static Snapshot random(Random random, long version) {
        PenstockConfig config = new RandomConfig(random).config(random.nextInt(4));
        List<Snapshot.Listener> listeners = new ArrayList<>();
        for (ListenerConfig listener : config.listeners()) {
            List<Snapshot.Backend> backends = listener.backends().stream()
                    .map(backend -> new Snapshot.Backend(
                            backend,
                            HEALTH.get(random.nextInt(4)),
                            ADMIN.get(random.nextInt(3)),
                            random.nextBoolean() ? 0 : random.nextLong() >>> 1,
                            random.nextBoolean() ? 0 : random.nextLong() >>> 1))
                    .toList();
            listeners.add(new Snapshot.Listener(listener, random.nextBoolean(), backends));
        }
        return new Snapshot(version, listeners);
    }

    @Test
    void shouldTellAWholeFileFromADamagedOne() {
        Random random = Seeds.random("SnapshotFileTest");
        byte[] whole = SnapshotFile.bytes(random(random, 7));
        for (int length = 0; length < whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThrows(DamagedException.class, () -> SnapshotFile.parse(cut), () -> "cut to " + cut.length);
        }
        for (int round = 0; round < 5_000; round++) {
            byte[] changed = whole.clone();
            changed[random.nextInt(whole.length)] ^= (byte) (1 << random.nextInt(8));
            assertThrows(DamagedException.class, () -> SnapshotFile.parse(changed));
        }
    }

    @Test
    void shouldSayWhatIsWrongWithAFile() throws IOException {
        Files.writeString(folder.snapshotFile(), "penstock-snapshot 9 2 00000000\n{}");
        IOException other = assertThrows(IOException.class, () -> SnapshotFile.read(folder));
        assertTrue(String.valueOf(other.getMessage()).contains("layout v9"), other.getMessage());

        Files.writeString(folder.snapshotFile(), "");
        IOException empty = assertThrows(IOException.class, () -> SnapshotFile.read(folder));
        assertTrue(String.valueOf(empty.getMessage()).contains("cut short"), empty.getMessage());
    }

    @Test
    void shouldAnnounceAVersionOnlyWhenItsFileIsThere() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        Random random = Seeds.random("SnapshotFileTest");
        Snapshot model = random(random, 0);
        try (SnapshotVersion writer = new SnapshotVersion(folder.snapshotVersionFile());
                SnapshotVersion reader = new SnapshotVersion(folder.snapshotVersionFile())) {
            Thread sidecar = Thread.ofPlatform().start(() -> {
                try {
                    for (long version = 1; version <= 300; version++) {
                        SnapshotFile.write(folder, new Snapshot(version, model.listeners()));
                        writer.raise(version);
                    }
                } catch (IOException e) {
                    throw new AssertionError(e);
                } finally {
                    done.set(true);
                }
            });
            while (!done.get()) {
                long announced = reader.get();
                if (announced > 0) {
                    assertTrue(SnapshotFile.read(folder).orElseThrow().version() >= announced);
                }
            }
            sidecar.join();
            assertEquals(300, reader.get());
        }
        assertEquals(64, Files.size(folder.snapshotVersionFile()));
    }

    /// 100 listeners of 1000 backends; the bound is wide for slow machines, the figure is printed.
    @Test
    void shouldBeQuickForTheLargestInstance() throws IOException {
        Random random = new Random(1);
        RandomConfig configs = new RandomConfig(random);
        List<ListenerConfig> listeners = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            listeners.add(configs.listener("l" + i, 1_000));
        }
        PenstockConfig some = configs.config(0);
        PenstockConfig config =
                new PenstockConfig(some.instance(), 100, some.forwarder(), some.sidecar(), some.replay(), listeners);
        Snapshot snapshot = Snapshots.from(config, 1);
        long bestMs = Long.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            long start = System.nanoTime();
            SnapshotFile.write(folder, snapshot);
            assertEquals(
                    100, SnapshotFile.read(folder).orElseThrow().listeners().size());
            bestMs = Math.min(bestMs, (System.nanoTime() - start) / 1_000_000);
        }
        System.out.println("SnapshotFileTest: 100,000 backends written and read in " + bestMs + " ms, "
                + Files.size(folder.snapshotFile()) + " bytes");
        assertTrue(bestMs < 20_000, bestMs + " ms");
    }
}
