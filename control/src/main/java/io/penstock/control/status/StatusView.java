package io.penstock.control.status;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.status.StatusReader.BackendStatus;
import io.penstock.control.status.StatusReader.ListenerStatus;
import io.penstock.control.status.StatusReader.Totals;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What an instance does, at one moment: the counts of the status file joined with the listeners of the snapshot.
/// Immutable.
///
/// @param alive           whether the forwarder runs
/// @param uptimeSeconds   since its start; of one that ended, how long it ran
/// @param snapshotVersion of the desired state, 0 for none
/// @param appliedSnapshot what the data plane works by, 0 for none
/// @param listeners       in the order of the configuration
public record StatusView(
        String instance,
        String productVersion,
        boolean alive,
        long uptimeSeconds,
        long pid,
        String port,
        String portMode,
        String transport,
        long snapshotVersion,
        long appliedSnapshot,
        List<WorkerView> workers,
        long flowsUsed,
        long flowCapacity,
        List<ListenerView> listeners) {

    /// One worker.
    ///
    /// @param counters   as of the end of one batch
    /// @param busy       share of cycles that found work, 0..1
    /// @param maxCycleNs the longest duty cycle
    public record WorkerView(
            int index,
            int cpu,
            int queue,
            Map<WorkerCounter, Long> counters,
            long flows,
            double busy,
            long maxCycleNs) {}

    /// One listener.
    ///
    /// @param totals over all backends, those that are gone included
    public record ListenerView(
            ListenerConfig config, ListenerRows.State state, Totals totals, List<BackendView> backends) {}

    /// One backend.
    ///
    /// @param effectiveWeight what the scheduler uses
    public record BackendView(BackendConfig config, int effectiveWeight, Health health, Admin admin, Totals totals) {}

    /// Copies the lists.
    public StatusView {
        workers = List.copyOf(workers);
        listeners = List.copyOf(listeners);
    }

    /// Reads everything once.
    ///
    /// @param reader   of the instance's status file
    /// @param snapshot the desired state, or null where none was written
    public static StatusView of(StatusReader reader, @Nullable Snapshot snapshot) {
        boolean alive = reader.isAlive();
        long endMs = alive ? System.currentTimeMillis() : Math.max(reader.stoppedMs(), reader.heartbeatMs());
        return new StatusView(
                reader.instance(),
                reader.productVersion(),
                alive,
                Math.max(0, (endMs - reader.startMs()) / 1_000),
                reader.pid(),
                reader.port(),
                reader.portMode(),
                reader.transport(),
                snapshot == null ? 0 : snapshot.version(),
                reader.appliedSnapshot(),
                workers(reader),
                reader.flowsUsed(),
                reader.flowCapacity(),
                snapshot == null ? List.of() : listeners(reader.listeners(), snapshot));
    }

    private static List<WorkerView> workers(StatusReader reader) {
        List<WorkerView> workers = new ArrayList<>();
        for (int i = 0; i < reader.workerCount(); i++) {
            workers.add(new WorkerView(
                    i,
                    reader.cpu(i),
                    reader.queue(i),
                    reader.counters(i),
                    reader.flows(i),
                    reader.busyPermille(i) / 1_000.0,
                    reader.maxCycleNs(i)));
        }
        return workers;
    }

    /// Joins the listeners of a snapshot with what the data plane counted for them.
    ///
    /// @param counted  from [StatusReader#listeners()]; may lack listeners that were not applied yet
    /// @param snapshot the desired state
    public static List<ListenerView> listeners(Map<String, ListenerStatus> counted, Snapshot snapshot) {
        List<ListenerView> listeners = new ArrayList<>();
        for (Snapshot.Listener listener : snapshot.listeners()) {
            ListenerStatus status = counted.get(listener.config().name());
            List<BackendView> backends = new ArrayList<>();
            for (Snapshot.Backend backend : listener.backends()) {
                BackendStatus row = status == null
                        ? null
                        : status.backends().get(backend.config().id());
                backends.add(new BackendView(
                        backend.config(),
                        row == null || !row.inUse() ? 0 : row.effectiveWeight(),
                        backend.health(),
                        backend.admin(),
                        row == null ? Totals.ZERO : row.totals()));
            }
            listeners.add(new ListenerView(
                    listener.config(), state(listener), status == null ? Totals.ZERO : status.totals(), backends));
        }
        return listeners;
    }

    /// A listener drains when it runs and an operator drains, or has drained, every one of its backends.
    private static ListenerRows.State state(Snapshot.Listener listener) {
        if (!listener.running()) {
            return ListenerRows.State.STOPPED;
        }
        boolean drains = !listener.backends().isEmpty()
                && listener.backends().stream().noneMatch(backend -> backend.admin() == Admin.IN);
        return drains ? ListenerRows.State.DRAINING : ListenerRows.State.RUNNING;
    }
}
