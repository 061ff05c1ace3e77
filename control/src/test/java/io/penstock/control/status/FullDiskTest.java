package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Addresses;
import io.penstock.control.runtime.AtomicFile;
import io.penstock.control.snapshot.SnapshotVersion;
import io.penstock.testing.SmallDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A full runtime folder is an error with a message, never a fault in the middle of a store.
@Tag("root")
class FullDiskTest {
    private static final int ROOM = 600 << 10;

    @TempDir
    Path folder;

    private @Nullable SmallDisk disk;

    @BeforeEach
    void mount() throws Exception {
        disk = SmallDisk.mount(folder, ROOM);
    }

    @AfterEach
    void unmount() throws Exception {
        if (disk != null) {
            disk.unmount();
        }
    }

    @Test
    void shouldRefuseToStart() throws IOException {
        Files.write(folder.resolve("filler"), new byte[ROOM - (100 << 10)]);

        for (int i = 0; i < 3; i++) {
            IOException full = assertThrows(
                    IOException.class, () -> StatusFile.open(folder.resolve("status.dat"), 1, message -> {}));
            assertTrue(String.valueOf(full.getMessage()).contains("space"), full.getMessage());
        }
    }

    @Test
    void shouldKeepWhatItHasWhenABackendFindsNoRoom() throws IOException {
        Path path = folder.resolve("status.dat");
        try (StatusFile file = StatusFile.open(path, 2, message -> {})) {
            file.started("x", "1", 0);
            int count = 0;
            IOException full = null;
            while (full == null && count < 100_000) {
                try {
                    file.backends().allocate("l", "b" + count, address(count));
                    count++;
                } catch (IOException noRoom) {
                    full = noRoom;
                }
            }
            assertTrue(full != null && String.valueOf(full.getMessage()).contains("space"), "rows: " + count);
            assertTrue(count > 100, "rows: " + count);
            for (int i = 0; i < 1_000; i++) {
                file.errorLog().record(new IllegalStateException("error " + i)); // Has its room from the start.
            }
            assertThrows(IOException.class, () -> file.backends().allocate("l", "more", address(1 << 20)));
            assertEquals(0, file.backends().allocate("l", "b0", address(0)));
            try (StatusReader reader = StatusReader.open(path)) {
                Map<String, StatusReader.ListenerStatus> listeners = reader.listeners();
                assertEquals(
                        count, listeners.values().iterator().next().backends().size());
            }
        }
    }

    @Test
    void shouldKeepTheOldFileWhenANewOneFindsNoRoom() throws IOException {
        Path file = folder.resolve("snapshot.json");
        AtomicFile.write(file, new byte[] {1, 2, 3});

        assertThrows(IOException.class, () -> AtomicFile.write(file, new byte[2 * ROOM]));

        assertEquals(3, Files.size(file));
        AtomicFile.write(file, new byte[ROOM / 2]); // Nothing is left beside that would take the room.
        Files.write(folder.resolve("filler"), new byte[ROOM / 2 - (16 << 10)]);
        assertThrows(IOException.class, () -> {
            Files.write(folder.resolve("more"), new byte[ROOM]);
        });
        assertThrows(IOException.class, () -> new SnapshotVersion(folder.resolve("snapshot.version")).close());
    }

    private static java.net.InetAddress address(int number) {
        return Addresses.of(new byte[] {10, (byte) (number >> 16), (byte) (number >> 8), (byte) number});
    }
}
