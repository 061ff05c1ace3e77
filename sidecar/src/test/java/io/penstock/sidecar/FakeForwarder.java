package io.penstock.sidecar;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.SnapshotVersion;
import io.penstock.control.status.StatusFile;
import java.io.IOException;

/// Stands in for a forwarder: gives signs of life and says that it works by each new snapshot.
public final class FakeForwarder implements AutoCloseable {
    private final StatusFile status;
    private final SnapshotVersion version;
    private final Thread thread;
    private volatile boolean applies = true;
    private volatile boolean ended;

    /// @param startMs when it pretends to have started
    public FakeForwarder(RuntimeFolder folder, long startMs) throws IOException {
        status = StatusFile.open(folder.statusFile(), 2, message -> {});
        version = new SnapshotVersion(folder.snapshotVersionFile());
        status.started(folder.instance(), "test", startMs);
        status.heartbeat(System.currentTimeMillis());
        thread = Thread.ofPlatform().daemon().start(this::run);
    }

    private void run() {
        while (!ended) {
            status.heartbeat(System.currentTimeMillis());
            if (applies) {
                status.appliedSnapshot(version.get());
            }
            try {
                Thread.sleep(2);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /// Lets it take over new snapshots, or not.
    public void applies(boolean now) {
        applies = now;
    }

    /// {@return the status file, for counting}
    public StatusFile status() {
        return status;
    }

    @Override
    public void close() throws IOException {
        ended = true;
        while (thread.isAlive()) {
            Thread.onSpinWait();
        }
        status.stopped(System.currentTimeMillis());
        status.close();
        version.close();
    }
}
