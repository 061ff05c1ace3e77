package io.penstock.bench.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JvmStopsTest {
    @TempDir
    private Path folder = Path.of("");

    @Test
    void shouldKeepTheLongest() {
        JvmStops stops = JvmStops.of(List.of(
                "Safepoint \"Cleanup\", Time since last: 1 ns, At safepoint: 2 ns, Total: 1500000 ns, Threads: 0 runnable",
                "Using Serial",
                "Safepoint \"ICBufferFull\", Time since last: 9 ns, Total:       700000 ns"));
        assertEquals(new JvmStops(2, 1.5), stops);
        assertTrue(stops.toString().contains("2 times while they were measured, for 1.5 ms"), stops::toString);
    }

    @Test
    void shouldReadWhatThisJvmWrites() throws Exception {
        Path file = folder.resolve("stops");
        Process java = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "-XX:+UseSerialGC",
                        "-Xmx16m",
                        JvmStops.option(file),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Collecting.class.getName())
                .inheritIO()
                .start();
        assertTrue(java.waitFor(30, TimeUnit.SECONDS));
        JvmStops all = JvmStops.read(file, 0);
        assertTrue(all.times() >= 3 && all.longestMs() > 0, all::toString);
        assertEquals(JvmStops.NONE, JvmStops.read(file, Files.size(file)));
    }

    /// Stops all threads of its JVM three times.
    static final class Collecting {
        private Collecting() {}

        public static void main(String[] arguments) {
            for (int i = 0; i < 3; i++) {
                System.gc();
            }
        }
    }
}
