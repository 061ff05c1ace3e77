package io.penstock.sidecar.state;

import io.penstock.control.config.ConfigChange;
import io.penstock.control.config.ConfigEditor;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.ConfigLoader.Loaded;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.Problem;
import io.penstock.control.config.PropertiesFile;
import io.penstock.control.log.Log;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.Snapshots;
import io.penstock.sidecar.health.CheckListener;
import io.penstock.sidecar.health.CheckResult;
import io.penstock.sidecar.health.CheckTarget;
import io.penstock.sidecar.health.HealthChecks;
import io.penstock.sidecar.linux.VipRoutes;
import io.penstock.sidecar.state.SidecarCounters.OfBackend;
import io.penstock.sidecar.state.SidecarCounters.OfProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// The desired state of an instance and the only one who changes it: what the file says, what the checks find, what an
/// operator set by hand. Each change makes a new snapshot, and the snapshot is published.
///
/// All changes happen on one thread, the control thread, one after the other; the public methods hand their work to it.
/// [#view()] may be read by any thread.
public final class DesiredState implements CheckListener, AutoCloseable {
    /// What others see.
    ///
    /// @param config      the configuration in force
    /// @param snapshot    the desired state
    /// @param problems    what is wrong with the file as it is now; empty when it is in force
    /// @param configuring listeners that a change is being applied to
    /// @param publishError why the snapshot could not be published, or null
    public record View(
            PenstockConfig config,
            Snapshot snapshot,
            List<Problem> problems,
            List<Problem> warnings,
            Set<String> configuring,
            @Nullable String publishError) {
        /// Copies the collections.
        public View {
            problems = List.copyOf(problems);
            warnings = List.copyOf(warnings);
            configuring = Set.copyOf(configuring);
        }

        /// {@return a listener, or null}
        public Snapshot.@Nullable Listener listener(String name) {
            return snapshot.listeners().stream()
                    .filter(listener -> listener.config().name().equals(name))
                    .findFirst()
                    .orElse(null);
        }
    }

    /// What came of a change.
    ///
    /// @param view    after it
    /// @param applied whether the forwarder works by it; false when none runs, or it did not take it over in time
    public record Outcome(View view, boolean applied) {}

    /// A change of the file.
    @FunctionalInterface
    public interface Edit {
        /// Makes the change in memory.
        ///
        /// @throws ConfigException for what cannot be expressed as keys
        void apply(ConfigEditor editor) throws ConfigException;
    }

    /// The change cannot be made now, since another one of the same listener is under way.
    public static final class BusyException extends RuntimeException {
        private static final long serialVersionUID = 1;

        BusyException(String listener) {
            super(
                    "listener " + listener + " is configuring: another change of it is being applied",
                    null,
                    false,
                    false);
        }
    }

    /// There is no such listener or backend.
    public static final class UnknownException extends RuntimeException {
        private static final long serialVersionUID = 1;

        UnknownException(String what) {
            super("there is no " + what, null, false, false);
        }
    }

    private static final long APPLY_POLL_MS = 10;
    private static final long APPLY_MOST_MS = 5_000;
    private static final int MOST_LINES = 50;
    private static final long ROUTES_MS = 2_000; // Below most intervals: a link that comes back is soon checked again.

    private final Log configLog = new Log("config");
    private final Log healthLog = new Log("health");
    private final LogBudget healthBudget = new LogBudget(100);
    private final Path file;
    private final SnapshotPublisher publisher;
    private final ForwarderLink forwarder;
    private final SidecarCounters counters;
    private final VipRoutes routes;
    private final ControlThread control = new ControlThread();
    private final BackendTimers drains;
    private final BackendTimers slowStarts;
    private final Set<String> configuring = new HashSet<>();
    private @Nullable HealthChecks checks;
    private @Nullable ConfigWatcher watcher;
    private Runnable afterReload = () -> {};
    private PenstockConfig config;
    private Snapshot snapshot;
    private List<Problem> problems;
    private List<Problem> warnings;
    private volatile View view;

    /// Makes the first snapshot of this run from the file and from what an earlier run left; nothing is published or
    /// checked before [#start].
    ///
    /// @param file        the configuration
    /// @param loaded      what the file says, or, where it cannot be used, an empty configuration: then
    ///                    the listeners of the last snapshot stay as they are
    /// @param wrong       what is wrong with the file; empty where it can be used
    public DesiredState(Path file, Loaded loaded, List<Problem> wrong, RuntimeFolder folder, SidecarCounters counters)
            throws IOException {
        this.file = file;
        this.counters = counters;
        publisher = new SnapshotPublisher(folder, control, counters, () -> snapshot, this::followed);
        forwarder = new ForwarderLink(folder);
        routes = new VipRoutes(folder.instance());
        drains = new BackendTimers(control, new DrainEnds());
        slowStarts = new BackendTimers(control, new SlowStartEnds());
        warnings = loaded.warnings();
        FirstSnapshot first = first(loaded, wrong);
        config = first.config();
        snapshot = first.snapshot();
        problems = first.problems();
        if (first.isNew()) {
            publisher.markDue();
        }
        if (wrong.isEmpty() && !problems.isEmpty()) {
            logAll(problems);
            configLog.error("the listeners stay as they are until the file is mended");
        }
        view = newView();
    }

    private FirstSnapshot first(Loaded loaded, List<Problem> wrong) {
        Snapshot last = null;
        try {
            last = publisher.last().orElse(null);
        } catch (IOException e) {
            configLog.error("the last snapshot cannot be read, so nothing is known of the backends", e);
        }
        publisher.goOnFrom(forwarder.appliedSnapshot());
        long published = publisher.published();
        if (last == null) {
            return FirstSnapshot.fresh(loaded, published);
        }
        return wrong.isEmpty()
                ? FirstSnapshot.resumed(loaded, last, published, forwarder, HostClock.nowMs())
                : FirstSnapshot.unchanged(loaded, wrong, last, published);
    }

    /// Begins to publish, to check and to watch the file.
    ///
    /// @param newAfterReload called on the control thread each time the file was read, whatever came of it
    public void start(HealthChecks newChecks, Runnable newAfterReload) {
        control.tell(() -> {
            checks = newChecks;
            afterReload = newAfterReload;
            followed();
            publisher.publishNow();
            updateChecks();
            var _ = control.later(this::refreshRoutes, ROUTES_MS);
            watcher = new ConfigWatcher(() -> control.tell(() -> reload(false)));
            reload(false); // It may have changed since it was read.
        });
    }

    /// {@return what is now}
    public View view() {
        return view;
    }

    // ---- the file

    /// Reads the file again, changed or not.
    public CompletableFuture<View> reload() {
        return control.ask(() -> {
            reload(true);
            return view;
        });
    }

    private void reload(boolean asked) {
        try {
            PropertiesFile source = PropertiesFile.load(file);
            while (watcher != null && watcher.watch(source.paths())) {
                source = PropertiesFile.load(file); // What is new may have changed before it was watched.
            }
            Loaded loaded = ConfigLoader.load(source);
            refuse(ConfigChange.refusals(config, loaded));
            takeOver(loaded, asked);
        } catch (ConfigException e) {
            refused(e.problems(), asked);
        } catch (OutOfMemoryError e) {
            refused(
                    List.of(new Problem(
                            file.toString(),
                            1,
                            "file",
                            "takes more memory than the sidecar has",
                            "a smaller file, or a larger -Xmx in PENSTOCK_JAVA_OPTS")),
                    asked);
        }
        view = newView();
        afterReload.run();
    }

    private void refused(List<Problem> wrong, boolean asked) {
        counters.count(OfProcess.RELOAD_ERRORS);
        if (asked || !wrong.equals(problems)) {
            logAll(wrong);
            configLog.error(file + " is not taken over, everything stays as it was");
        }
        problems = wrong;
    }

    private static void refuse(List<Problem> refusals) throws ConfigException {
        if (!refusals.isEmpty()) {
            throw new ConfigException(refusals);
        }
    }

    private void logAll(List<Problem> all) {
        all.stream().limit(MOST_LINES).forEach(problem -> configLog.error(problem.text()));
        if (all.size() > MOST_LINES) {
            configLog.error("and " + (all.size() - MOST_LINES) + " more problems (penstock check " + file + ")");
        }
    }

    /// Logs the first of many warnings, and how many more there are.
    public void logWarnings(List<Problem> all) {
        all.stream().limit(MOST_LINES).forEach(warning -> configLog.warn(warning.warningText()));
        if (all.size() > MOST_LINES) {
            configLog.warn("and " + (all.size() - MOST_LINES) + " more warnings (penstock check " + file + ")");
        }
    }

    private void takeOver(Loaded loaded, boolean asked) {
        boolean mended = !problems.isEmpty();
        problems = List.of();
        counters.count(OfProcess.RELOADS);
        if (!loaded.warnings().equals(warnings)) {
            logWarnings(loaded.warnings());
        }
        warnings = loaded.warnings();
        List<String> changes = ConfigSummary.changes(config, loaded.config());
        ConfigChange.restarts(config, loaded).forEach(problem -> configLog.warn(problem.warningText()));
        config = loaded.config();
        Snapshot merged = Snapshots.merge(snapshot, config, HostClock.nowMs());
        if (!merged.listeners().equals(snapshot.listeners())) {
            replace(merged.listeners());
            publisher.publishNow();
            updateChecks();
        }
        changes.stream().limit(MOST_LINES).forEach(configLog::info);
        if (changes.size() > MOST_LINES) {
            configLog.info("and " + (changes.size() - MOST_LINES) + " more changes");
        }
        if (mended || asked || !changes.isEmpty()) {
            configLog.info(file + " is in force, version " + snapshot.version()
                    + (changes.isEmpty() ? ", nothing changed" : ""));
        }
    }

    private void updateChecks() {
        routes.replace(CheckPlan.paths(snapshot));
        checkAsPlanned();
    }

    private void refreshRoutes() {
        if (routes.refresh()) {
            checkAsPlanned();
        }
        var _ = control.later(this::refreshRoutes, ROUTES_MS);
    }

    private void checkAsPlanned() {
        if (checks != null) {
            checks.update(CheckPlan.checks(snapshot, routes));
        }
    }

    /// Changes the file and takes it over.
    ///
    /// @param listener the listener that is changed, which must not have another change under way
    /// @param exists   whether it must exist, or must not
    /// @return fails with [ConfigException], [BusyException], [UnknownException] or [IOException] when nothing was
    ///     changed
    public CompletableFuture<Outcome> edit(String listener, boolean exists, Edit edit) {
        return change(listener, () -> {
            Loaded loaded = preview(listener, exists, edit, true);
            takeOver(loaded, false);
        });
    }

    /// Finds out what a change of the file would do, and does not do it.
    ///
    /// @return the configuration as it would be
    public CompletableFuture<PenstockConfig> rehearse(String listener, boolean exists, Edit edit) {
        return control.ask(() -> preview(listener, exists, edit, false).config());
    }

    private Loaded preview(String listener, boolean exists, Edit edit, boolean save)
            throws ConfigException, IOException {
        boolean known = view.listener(listener) != null;
        if (exists && !known) {
            throw new UnknownException("listener " + listener);
        }
        ConfigEditor editor = ConfigEditor.open(file);
        edit.apply(editor);
        Loaded loaded = editor.preview();
        refuse(ConfigChange.refusals(config, loaded));
        if (save) {
            editor.save();
        }
        return loaded;
    }

    // ---- what operators set by hand

    /// Starts or stops a listener, until told otherwise; the file does not change.
    public CompletableFuture<Outcome> setRunning(String listener, boolean running) {
        return change(listener, () -> {
            int at = indexOf(listener);
            Snapshot.Listener before = snapshot.listeners().get(at);
            if (before.running() != running) {
                replace(SnapshotEdits.with(
                        snapshot.listeners(), at, new Snapshot.Listener(before.config(), running, before.backends())));
                configLog.info("listener " + listener + (running ? " is started" : " is stopped") + " by hand");
                publisher.publishNow();
            }
        });
    }

    /// Lets a backend's flows end and gives it no new ones.
    ///
    /// @param deadlineMs after which its flows are cut; 0 for never, -1 for the listener's `drain-deadline`
    public CompletableFuture<Outcome> drain(String listener, String backend, long deadlineMs) {
        return change(listener, () -> {
            Snapshot.Listener found = snapshot.listeners().get(indexOf(listener));
            long afterMs = deadlineMs < 0 ? found.config().drainDeadlineMs() : deadlineMs;
            long endMs = afterMs == 0 ? 0 : HostClock.nowMs() + afterMs;
            setAdmin(listener, backend, Admin.DRAINING, endMs);
            configLog.info("listener " + listener + ": backend " + backend + " drains by hand"
                    + (afterMs == 0 ? "" : ", its flows are cut in " + afterMs / 1000.0 + " s"));
            publisher.publishNow();
        });
    }

    /// Ends a drain: the backend takes new flows again.
    public CompletableFuture<Outcome> undrain(String listener, String backend) {
        return change(listener, () -> {
            setAdmin(listener, backend, Admin.IN, 0);
            configLog.info("listener " + listener + ": backend " + backend + " takes flows again");
            publisher.publishNow();
        });
    }

    private void setAdmin(String listener, String backend, Admin admin, long endMs) {
        boolean found = updateBackend(
                listener,
                backend,
                before -> new Snapshot.Backend(before.config(), before.health(), admin, endMs, before.startedMs()));
        if (!found) {
            throw new UnknownException("backend " + backend + " in listener " + listener);
        }
    }

    private final class DrainEnds implements BackendTimers.Plan {
        @Override
        public long timeMs(Snapshot.Listener listener, Snapshot.Backend backend) {
            return backend.admin() == Admin.DRAINING && backend.drainDeadlineMs() != 0
                    ? backend.drainDeadlineMs()
                    : BackendTimers.NONE;
        }

        @Override
        public void ended(String listener, String backend, long timeMs) {
            updateBackend(
                    listener,
                    backend,
                    before -> new Snapshot.Backend(
                            before.config(), before.health(), Admin.OUT, timeMs, before.startedMs()));
            configLog.info("listener " + listener + ": backend " + backend + " is drained, its deadline has passed");
            publisher.publishNow();
        }
    }

    private final class SlowStartEnds implements BackendTimers.Plan {
        @Override
        public long timeMs(Snapshot.Listener listener, Snapshot.Backend backend) {
            return backend.startedMs() == 0
                    ? BackendTimers.NONE
                    : backend.startedMs() + listener.config().slowStartMs();
        }

        @Override
        public void ended(String listener, String backend, long timeMs) {
            long startedMs = timeMs - slowStartMs(listener);
            updateBackend(
                    listener,
                    backend,
                    before -> before.startedMs() != startedMs
                            ? before
                            : new Snapshot.Backend(
                                    before.config(), before.health(), before.admin(), before.drainDeadlineMs(), 0));
            publisher.publishSoon();
        }
    }

    // ---- what the checks find

    @Override
    public void checked(CheckTarget target, CheckResult result) {
        OfBackend what = switch (result.verdict()) {
            case OK -> OfBackend.OK;
            case FAILED -> OfBackend.FAILED;
            case FAULT -> OfBackend.FAULT;
        };
        counters.count(target.listener(), target.backend(), what);
    }

    @Override
    public void changed(CheckTarget target, Health health, String reason) {
        control.tell(() -> healthChanged(target, health, reason));
    }

    private void healthChanged(CheckTarget target, Health health, String reason) {
        boolean[] changed = new boolean[1];
        updateBackend(target.listener(), target.backend(), before -> {
            Health was = before.health();
            // A late word about an address that the backend has no more, or that is not checked any more, is no news.
            if (was == health || was == Health.OFF || !before.config().address().equals(target.address())) {
                return before;
            }
            changed[0] = true;
            if (was != Health.UNKNOWN || health == Health.DOWN) {
                counters.count(target.listener(), target.backend(), OfBackend.TRANSITIONS);
            }
            logHealth(target, was, health, reason);
            long startedMs = health == Health.UP && was == Health.DOWN && slowStartMs(target.listener()) > 0
                    ? HostClock.nowMs()
                    : before.startedMs();
            return new Snapshot.Backend(before.config(), health, before.admin(), before.drainDeadlineMs(), startedMs);
        });
        if (changed[0]) {
            view = newView();
            publisher.publishSoon();
        }
    }

    private long slowStartMs(String listener) {
        return snapshot.listeners().get(indexOf(listener)).config().slowStartMs();
    }

    private void logHealth(CheckTarget target, Health was, Health health, String reason) {
        String line = "listener " + target.listener() + ": backend " + target.backend() + " ("
                + target.address().getHostAddress() + ") is " + health.text() + ", was " + was.text()
                + (reason.isEmpty() ? "" : ": " + reason);
        healthBudget.spend(suppressed -> {
            if (suppressed > 0) {
                healthLog.warn(suppressed + " more changes of health within the last second");
            }
            if (health == Health.DOWN) {
                healthLog.warn(line);
            } else {
                healthLog.info(line);
            }
        });
    }

    // ---- changing

    /// {@return whether there is such a backend}
    private boolean updateBackend(String listener, String backend, UnaryOperator<Snapshot.Backend> change) {
        int at = SnapshotEdits.indexOf(snapshot.listeners(), listener);
        int place = at < 0 ? -1 : SnapshotEdits.indexOf(snapshot.listeners().get(at), backend);
        if (place < 0) {
            return false;
        }
        replace(SnapshotEdits.withBackend(snapshot.listeners(), at, place, change));
        return true;
    }

    private int indexOf(String listener) {
        int at = SnapshotEdits.indexOf(snapshot.listeners(), listener);
        if (at < 0) {
            throw new UnknownException("listener " + listener);
        }
        return at;
    }

    @SuppressWarnings(
            "ReferenceEquality") // The same list means that nothing changed; equal ones are rare and harmless.
    private void replace(List<Snapshot.Listener> listeners) {
        if (listeners != snapshot.listeners()) {
            snapshot = new Snapshot(publisher.published() + 1, listeners);
            publisher.markDue();
        }
    }

    // After each publication, and not with each of the changes that it brings together.
    private void followed() {
        drains.follow(snapshot);
        slowStarts.follow(snapshot);
        view = newView();
    }

    private View newView() {
        return new View(config, snapshot, problems, warnings, configuring, publisher.trouble());
    }

    private interface Change {
        void run() throws ConfigException, IOException;
    }

    // Runs a change of one listener. Until the forwarder works by it, or none runs, the listener is configuring, and
    // further changes of it are refused.
    private CompletableFuture<Outcome> change(String listener, Change change) {
        CompletableFuture<Outcome> done = new CompletableFuture<>();
        var _ = control.ask(() -> {
                    if (configuring.contains(listener)) {
                        throw new BusyException(listener);
                    }
                    change.run();
                    configuring.add(listener);
                    view = newView();
                    long giveUpNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(APPLY_MOST_MS);
                    awaitApplied(listener, snapshot.version(), giveUpNs, done);
                    return view;
                })
                .exceptionally(failure -> {
                    done.completeExceptionally(failure);
                    return view;
                });
        return done;
    }

    private void awaitApplied(String listener, long version, long giveUpNs, CompletableFuture<Outcome> done) {
        boolean applied = forwarder.isAlive() && forwarder.appliedSnapshot() >= version;
        if (applied || !forwarder.isAlive() || System.nanoTime() - giveUpNs > 0) {
            configuring.remove(listener);
            view = newView();
            done.complete(new Outcome(view, applied));
        } else {
            var _ = control.later(() -> awaitApplied(listener, version, giveUpNs, done), APPLY_POLL_MS);
        }
    }

    @Override
    public void close() {
        if (watcher != null) {
            watcher.close();
        }
        control.ask(() -> {
                    publisher.publishNow();
                    routes.close();
                    return view;
                })
                .exceptionally(failure -> {
                    configLog.error("stopping", failure);
                    return view;
                })
                .join();
        control.close();
        forwarder.close();
        publisher.close();
    }
}
