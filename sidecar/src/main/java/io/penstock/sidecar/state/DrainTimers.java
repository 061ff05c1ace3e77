package io.penstock.sidecar.state;

import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;

/// Remembers when each drain ends. Deadlines are wall-clock times in snapshots; once planned they are monotonic, and
/// only a restart looks at the wall clock again. For the control thread.
final class DrainTimers {
    private record Key(String listener, String backend) {}

    /// Hears that a deadline has passed.
    @FunctionalInterface
    interface Ended {
        void ended(String listener, String backend);
    }

    private final ControlThread control;
    private final LongSupplier wallClockMs;
    private final Ended listener;
    private final Map<Key, Future<?>> timers = new HashMap<>();

    DrainTimers(ControlThread control, LongSupplier wallClockMs, Ended listener) {
        this.control = control;
        this.wallClockMs = wallClockMs;
        this.listener = listener;
    }

    /// Plans the end of every drain of a snapshot that has none planned, and forgets those of backends that are gone or
    /// drain no more.
    void follow(Snapshot snapshot) {
        Set<Key> draining = new HashSet<>();
        for (Snapshot.Listener each : snapshot.listeners()) {
            for (Snapshot.Backend backend : each.backends()) {
                if (backend.admin() == Admin.DRAINING && backend.drainDeadlineMs() != 0) {
                    Key key = new Key(each.config().name(), backend.config().id());
                    draining.add(key);
                    timers.computeIfAbsent(key, _ -> plan(key, backend.drainDeadlineMs()));
                }
            }
        }
        timers.entrySet().removeIf(timer -> {
            boolean over = !draining.contains(timer.getKey());
            if (over) {
                timer.getValue().cancel(false);
            }
            return over;
        });
    }

    /// Forgets the end of one drain, whose deadline changes.
    void forget(String listenerName, String backend) {
        Future<?> timer = timers.remove(new Key(listenerName, backend));
        if (timer != null) {
            timer.cancel(false);
        }
    }

    private Future<?> plan(Key key, long deadlineMs) {
        long delayMs = Math.max(0, deadlineMs - wallClockMs.getAsLong());
        return control.later(
                () -> {
                    timers.remove(key);
                    listener.ended(key.listener, key.backend);
                },
                delayMs);
    }
}
