package io.penstock.sidecar.state;

import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;

/// Remembers what ends by itself for each backend: a drain, a slow start. For the control thread.
final class BackendTimers {
    /// No end to wait for.
    static final long NONE = -1;

    private record Key(String listener, String backend, long timeMs) {}

    /// What ends.
    interface Plan {
        /// {@return the time by [HostClock] at which it ends, or [#NONE]}
        long timeMs(Snapshot.Listener listener, Snapshot.Backend backend);

        /// The end has come.
        ///
        /// @param timeMs what [#timeMs] said; something else may be under way by now
        void ended(String listener, String backend, long timeMs);
    }

    private final ControlThread control;
    private final Plan plan;
    private final Map<Key, Future<?>> timers = new HashMap<>();

    BackendTimers(ControlThread control, Plan plan) {
        this.control = control;
        this.plan = plan;
    }

    /// Plans every end of a snapshot that is not planned yet, and forgets those that are not wanted any more.
    void follow(Snapshot snapshot) {
        Set<Key> wanted = new HashSet<>();
        for (Snapshot.Listener listener : snapshot.listeners()) {
            for (Snapshot.Backend backend : listener.backends()) {
                long timeMs = plan.timeMs(listener, backend);
                if (timeMs != NONE) {
                    Key key = new Key(listener.config().name(), backend.config().id(), timeMs);
                    wanted.add(key);
                    timers.computeIfAbsent(key, each -> start(each));
                }
            }
        }
        timers.entrySet().removeIf(timer -> {
            boolean over = !wanted.contains(timer.getKey());
            if (over) {
                timer.getValue().cancel(false);
            }
            return over;
        });
    }

    private Future<?> start(Key key) {
        return control.later(
                () -> {
                    timers.remove(key);
                    plan.ended(key.listener, key.backend, key.timeMs);
                },
                Math.max(0, key.timeMs - HostClock.nowMs()));
    }
}
