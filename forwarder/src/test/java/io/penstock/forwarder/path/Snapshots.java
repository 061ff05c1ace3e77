package io.penstock.forwarder.path;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.snapshot.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/// Snapshots that differ from another one in one thing, as the sidecar would write them.
public final class Snapshots {
    private Snapshots() {}

    private static Snapshot with(Snapshot snapshot, String listener, UnaryOperator<Snapshot.Listener> change) {
        return new Snapshot(
                snapshot.version() + 1,
                snapshot.listeners().stream()
                        .map(each -> each.config().name().equals(listener) ? change.apply(each) : each)
                        .toList());
    }

    private static Snapshot with(
            Snapshot snapshot, String listener, String id, UnaryOperator<Snapshot.Backend> change) {
        return with(
                snapshot,
                listener,
                each -> pool(
                        each,
                        each.backends().stream()
                                .map(backend -> backend.config().id().equals(id) ? change.apply(backend) : backend)
                                .toList()));
    }

    private static Snapshot.Listener pool(Snapshot.Listener listener, List<Snapshot.Backend> backends) {
        ListenerConfig config = listener.config()
                .withBackends(backends.stream().map(Snapshot.Backend::config).toList());
        return new Snapshot.Listener(config, listener.running(), backends);
    }

    /// {@return the same with a backend's checks saying this}
    public static Snapshot health(Snapshot snapshot, String listener, String id, Snapshot.Health health) {
        return with(
                snapshot,
                listener,
                id,
                backend -> new Snapshot.Backend(
                        backend.config(), health, backend.admin(), backend.drainDeadlineMs(), backend.startedMs()));
    }

    /// {@return the same with a backend drained until the deadline, or back in}
    public static Snapshot admin(
            Snapshot snapshot, String listener, String id, Snapshot.Admin admin, long drainDeadlineMs) {
        return with(
                snapshot,
                listener,
                id,
                backend -> new Snapshot.Backend(
                        backend.config(), backend.health(), admin, drainDeadlineMs, backend.startedMs()));
    }

    /// {@return the same with a backend that works since `startedMs`}
    public static Snapshot started(Snapshot snapshot, String listener, String id, long startedMs) {
        return with(
                snapshot,
                listener,
                id,
                backend -> new Snapshot.Backend(
                        backend.config(), Snapshot.Health.UP, backend.admin(), backend.drainDeadlineMs(), startedMs));
    }

    /// {@return the same with another weight}
    public static Snapshot weight(Snapshot snapshot, String listener, String id, int weight) {
        return with(
                snapshot,
                listener,
                id,
                backend -> new Snapshot.Backend(
                        new BackendConfig(
                                id,
                                backend.config().address(),
                                weight,
                                backend.config().forwarding(),
                                backend.config().maxFlows()),
                        backend.health(),
                        backend.admin(),
                        backend.drainDeadlineMs(),
                        backend.startedMs()));
    }

    /// {@return the same without a backend}
    public static Snapshot without(Snapshot snapshot, String listener, String id) {
        Predicate<Snapshot.Backend> stays = backend -> !backend.config().id().equals(id);
        return with(
                snapshot,
                listener,
                each -> pool(each, each.backends().stream().filter(stays).toList()));
    }

    /// {@return the same with a backend more, which is up}
    public static Snapshot with(Snapshot snapshot, String listener, BackendConfig config) {
        return with(snapshot, listener, each -> {
            List<Snapshot.Backend> backends = new ArrayList<>(each.backends());
            backends.add(new Snapshot.Backend(config, Snapshot.Health.UP, Snapshot.Admin.IN, 0, 0));
            return pool(each, backends);
        });
    }

    /// {@return the same with a listener started or stopped}
    public static Snapshot running(Snapshot snapshot, String listener, boolean running) {
        return with(snapshot, listener, each -> new Snapshot.Listener(each.config(), running, each.backends()));
    }

    /// {@return the same without a listener}
    public static Snapshot without(Snapshot snapshot, String listener) {
        return new Snapshot(
                snapshot.version() + 1,
                snapshot.listeners().stream()
                        .filter(each -> !each.config().name().equals(listener))
                        .toList());
    }
}
