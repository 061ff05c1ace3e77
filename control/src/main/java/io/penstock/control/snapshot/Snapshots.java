package io.penstock.control.snapshot;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Makes snapshots from configurations.
public final class Snapshots {
    private Snapshots() {}

    /// Makes the first snapshot of a configuration: nothing is known of the backends, and nothing was set by hand.
    public static Snapshot from(PenstockConfig config, long version) {
        List<Snapshot.Listener> listeners = new ArrayList<>();
        for (ListenerConfig listener : config.listeners()) {
            List<Snapshot.Backend> backends = new ArrayList<>();
            for (BackendConfig backend : listener.backends()) {
                backends.add(new Snapshot.Backend(backend, unknown(listener), Admin.IN, 0, 0));
            }
            listeners.add(new Snapshot.Listener(listener, listener.enabled(), backends));
        }
        return new Snapshot(version, listeners);
    }

    /// Makes the snapshot that follows a change of the configuration. What stayed keeps its health, its slow start and
    /// what an operator set; a backend is the same as long as listener, id and address are. `enabled` starts
    /// or stops a listener only when it changed, so that a reload does not undo a `stop`.
    ///
    /// @param previous the snapshot in force
    /// @param config   the new configuration
    /// @param nowMs    time by [HostClock], from which new backends start slowly
    /// @return with a version one above the previous
    public static Snapshot merge(Snapshot previous, PenstockConfig config, long nowMs) {
        Map<String, Snapshot.Listener> before = new HashMap<>();
        previous.listeners().forEach(listener -> before.put(listener.config().name(), listener));
        List<Snapshot.Listener> listeners = new ArrayList<>();
        for (ListenerConfig listener : config.listeners()) {
            listeners.add(merge(before.get(listener.name()), listener, nowMs));
        }
        return new Snapshot(previous.version() + 1, listeners);
    }

    private static Snapshot.Listener merge(Snapshot.@Nullable Listener previous, ListenerConfig config, long nowMs) {
        Map<String, Snapshot.Backend> before = new HashMap<>();
        boolean running = config.enabled();
        if (previous != null) {
            previous.backends().forEach(backend -> before.put(backend.config().id(), backend));
            running = config.enabled() == previous.config().enabled() ? previous.running() : config.enabled();
        }
        List<Snapshot.Backend> backends = new ArrayList<>();
        for (BackendConfig backend : config.backends()) {
            Snapshot.Backend was = before.get(backend.id());
            if (was == null || !was.config().address().equals(backend.address())) {
                // A listener that is new as a whole has no loaded neighbours to spare a backend from.
                long startedMs = previous != null && config.slowStartMs() > 0 ? nowMs : 0;
                backends.add(new Snapshot.Backend(backend, unknown(config), Admin.IN, 0, startedMs));
            } else {
                backends.add(new Snapshot.Backend(
                        backend, health(was.health(), config), was.admin(), was.drainDeadlineMs(), was.startedMs()));
            }
        }
        return new Snapshot.Listener(config, running, backends);
    }

    private static Health unknown(ListenerConfig listener) {
        return listener.health().kind() == HealthKind.NONE ? Health.OFF : Health.UNKNOWN;
    }

    private static Health health(Health was, ListenerConfig listener) {
        boolean checked = listener.health().kind() != HealthKind.NONE;
        return checked == (was != Health.OFF) ? was : unknown(listener);
    }
}
