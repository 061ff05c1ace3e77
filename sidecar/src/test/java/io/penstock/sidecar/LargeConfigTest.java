package io.penstock.sidecar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.snapshot.SnapshotFile;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// 100 listeners of 1000 backends each: from a reading of the file to a published snapshot in under a second.
@Tag("slow")
@Timeout(60)
class LargeConfigTest {
    private static final int LISTENERS = 100;
    private static final int BACKENDS = 1000;

    @TempDir
    Path folder;

    private static String file(int weight) {
        StringBuilder file = new StringBuilder();
        for (int l = 0; l < LISTENERS; l++) {
            String listener = "listener.service" + l;
            file.append(listener).append(".vip=203.0.113.").append(l + 1).append('\n');
            file.append(listener).append(".ports=80\n");
            file.append(listener).append(".health=none\n");
            for (int b = 0; b < BACKENDS; b++) {
                file.append(listener)
                        .append(".backend.server")
                        .append(b)
                        .append("=10.")
                        .append(l)
                        .append('.')
                        .append(b / 250)
                        .append('.')
                        .append(b % 250 + 1)
                        .append(" weight=")
                        .append(weight)
                        .append('\n');
            }
        }
        return file.toString();
    }

    @Test
    void shouldApplyAHundredThousandBackendsInASecond() throws Exception {
        try (TestInstance instance = new TestInstance(folder, file(1))) {
            Sidecar sidecar = instance.start();
            TestInstance.await(
                    "published", () -> Files.exists(instance.runtime().snapshotFile()));
            var threads = ManagementFactory.getThreadMXBean();
            long control = controlThread();
            List<Long> wallMs = new ArrayList<>();
            List<Long> cpuMs = new ArrayList<>();
            for (int weight = 2; weight <= 7; weight++) {
                long version = sidecar.state().view().snapshot().version();
                // Asked before the watcher has noticed, and after it has looked at the one before: the time of the work
                // alone.
                Thread.sleep(800);
                instance.write(file(weight));
                long cpuNs = threads.getThreadCpuTime(control);
                long startNs = System.nanoTime();
                sidecar.state().reload().get(20, TimeUnit.SECONDS);
                wallMs.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNs));
                cpuMs.add(TimeUnit.NANOSECONDS.toMillis(threads.getThreadCpuTime(control) - cpuNs));
                assertTrue(sidecar.state().view().snapshot().version() > version);
                assertEquals(
                        weight,
                        sidecar.state()
                                .view()
                                .snapshot()
                                .listeners()
                                .getLast()
                                .backends()
                                .getLast()
                                .config()
                                .weight());
            }
            assertEquals(
                    7,
                    SnapshotFile.read(instance.runtime())
                            .orElseThrow()
                            .listeners()
                            .getLast()
                            .backends()
                            .getLast()
                            .config()
                            .weight());
            List<Long> sorted = new ArrayList<>(wallMs);
            Collections.sort(sorted);
            System.out.printf(
                    "measured: %d x %d backends, all changed, %d bytes of file: best %d ms, median %d ms, first %d ms; CPU time of the control thread %s ms%n",
                    LISTENERS,
                    BACKENDS,
                    Files.size(instance.file()),
                    sorted.getFirst(),
                    sorted.get(sorted.size() / 2),
                    wallMs.getFirst(),
                    cpuMs);
            // Time of our own, on however busy a machine.
            assertTrue(Collections.min(cpuMs) < 1_000, () -> "ms: " + cpuMs);
        }
    }

    private static long controlThread() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("ps-control"))
                .mapToLong(Thread::threadId)
                .max() // The newest, should one of an earlier test be about to end.
                .orElseThrow();
    }
}
