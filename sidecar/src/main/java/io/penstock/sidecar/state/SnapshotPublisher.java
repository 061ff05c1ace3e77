package io.penstock.sidecar.state;

import io.penstock.control.log.Log;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.snapshot.SnapshotVersion;
import io.penstock.sidecar.state.SidecarCounters.OfProcess;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Hands snapshots to the forwarder: the file first, then the version that says it is there. What fails, such as for
/// want of disk space, leaves the last one in force and is tried again. For the control thread.
final class SnapshotPublisher implements AutoCloseable {
    private static final long COALESCE_MS = 10;
    private static final long RETRY_MS = 1_000;

    private final Log log = new Log("config");
    private final RuntimeFolder folder;
    private final SnapshotVersion announced;
    private final ControlThread control;
    private final SidecarCounters counters;
    private final Supplier<Snapshot> current;
    private final Runnable afterAttempt;
    private @Nullable Future<?> planned;
    private @Nullable String trouble;
    private long published;
    private boolean isDue;

    /// @param current      what is to be published when the time has come
    /// @param afterAttempt called after each, whatever came of it
    SnapshotPublisher(
            RuntimeFolder folder,
            ControlThread control,
            SidecarCounters counters,
            Supplier<Snapshot> current,
            Runnable afterAttempt)
            throws IOException {
        this.folder = folder;
        this.control = control;
        this.counters = counters;
        this.current = current;
        this.afterAttempt = afterAttempt;
        announced = new SnapshotVersion(folder.snapshotVersionFile());
        published = announced.get();
    }

    /// {@return what was published last, by this process or an earlier one} One that an earlier process wrote and was
    /// killed before it could announce is announced now.
    ///
    /// @throws IOException when it is there and cannot be read
    Optional<Snapshot> last() throws IOException {
        Optional<Snapshot> last = SnapshotFile.read(folder);
        last.ifPresent(snapshot -> {
            published = Math.max(published, snapshot.version());
            announced.raise(snapshot.version());
        });
        return last;
    }

    /// {@return the greatest version that was ever published in this folder; a new snapshot has the next one}
    long published() {
        return published;
    }

    /// Lets versions go on from one that is known from elsewhere.
    void goOnFrom(long version) {
        published = Math.max(published, version);
    }

    /// {@return why the current snapshot could not be published, or null}
    @Nullable
    String trouble() {
        return trouble;
    }

    /// Remembers that the current snapshot is a new one.
    void markDue() {
        isDue = true;
    }

    /// Publishes within a few milliseconds: many backends tend to change together, and are then one snapshot.
    void publishSoon() {
        if (planned == null) {
            planned = control.later(this::publishNow, COALESCE_MS);
        }
    }

    /// Publishes the current snapshot if it is new.
    void publishNow() {
        if (planned != null) {
            planned.cancel(false);
            planned = null;
        }
        if (isDue) {
            attempt(current.get());
            afterAttempt.run();
        }
    }

    private void attempt(Snapshot snapshot) {
        try {
            SnapshotFile.write(folder, snapshot);
            announced.raise(snapshot.version());
            published = snapshot.version();
            isDue = false;
            counters.count(OfProcess.PUBLISHED);
            if (trouble != null) {
                log.info("snapshot " + published + " is published, the trouble is over");
                trouble = null;
            }
        } catch (IOException | RuntimeException e) {
            counters.count(OfProcess.PUBLISH_ERRORS);
            String reason = Log.reason(e);
            if (!reason.equals(trouble)) {
                log.error("snapshot " + snapshot.version() + " cannot be published, the forwarder goes on with "
                        + published + "; trying again every second: " + reason);
            }
            trouble = reason;
            planned = control.later(this::publishNow, RETRY_MS);
        }
    }

    @Override
    public void close() {
        announced.close();
    }
}
