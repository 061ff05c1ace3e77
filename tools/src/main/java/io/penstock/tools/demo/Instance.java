package io.penstock.tools.demo;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusReader.BackendStatus;
import io.penstock.control.status.StatusReader.ListenerStatus;
import io.penstock.control.status.WorkerCounter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What the demo's instance says of itself in its status file. One thread only.
final class Instance {
    private static final int POLL_MS = 10;

    private final Path statusFile;
    private @Nullable StatusReader reader;

    /// @param base stands in for `/run/penstock`
    Instance(Path base, String instance) {
        statusFile = RuntimeFolder.of(base, instance).statusFile();
    }

    /// {@return whether the forwarder runs and works by a configuration}
    boolean isUp() {
        try {
            return reader().isAlive() && reader().appliedSnapshot() > 0;
        } catch (IOException e) {
            return false; // It is just starting.
        }
    }

    /// {@return the forwarder's process}
    long pid() throws IOException {
        return reader().pid();
    }

    /// {@return how frames are taken: what was asked for and what was obtained}
    String portMode() throws IOException {
        String port = reader().port();
        String mode = reader().portMode();
        return mode.startsWith(port) ? mode : port + ", " + mode;
    }

    /// {@return what wakes the workers}
    String transport() throws IOException {
        return reader().transport();
    }

    /// {@return a counter over all workers}
    long counter(WorkerCounter counter) throws IOException {
        return reader().counters().getOrDefault(counter, 0L);
    }

    /// {@return all counters over all workers, read at one moment so that their sum holds under load}
    Map<WorkerCounter, Long> counters() throws IOException {
        return reader().counters();
    }

    /// {@return every drop reason that was met, with its count}
    static Map<String, Long> drops(Map<WorkerCounter, Long> counters) {
        Map<String, Long> drops = new TreeMap<>();
        counters.forEach((counter, count) -> {
            if (counter.kind() == WorkerCounter.Kind.DROP && count > 0) {
                drops.put(counter.label(), count);
            }
        });
        return drops;
    }

    /// Waits until the data plane works by a state of health.
    ///
    /// @return ms until then, or -1 when it did not come in time
    long awaitHealth(String backend, Health health, long limitMs) throws IOException, InterruptedException {
        long startNs = System.nanoTime();
        while (health(backend) != health) {
            if (System.nanoTime() - startNs > limitMs * 1_000_000) {
                return -1;
            }
            Thread.sleep(POLL_MS);
        }
        return (System.nanoTime() - startNs) / 1_000_000;
    }

    /// Kills the forwarder as a crash would, and waits until the next one is up.
    ///
    /// @return whether it came in time
    boolean killAndAwaitNext(long limitMs) throws IOException, InterruptedException {
        long pid = reader().pid();
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        long endNs = System.nanoTime() + limitMs * 1_000_000;
        while (System.nanoTime() - endNs < 0) {
            if (reader().pid() != pid && isUp()) {
                return true;
            }
            Thread.sleep(POLL_MS);
        }
        return false;
    }

    private @Nullable Health health(String backend) throws IOException {
        ListenerStatus listener = reader().listeners().get(Balancer.LISTENER);
        BackendStatus status = listener == null ? null : listener.backends().get(backend);
        return status == null ? null : status.health();
    }

    private StatusReader reader() throws IOException {
        StatusReader open = reader;
        if (open == null) {
            open = StatusReader.open(statusFile);
            reader = open;
        }
        open.refresh();
        return open;
    }
}
