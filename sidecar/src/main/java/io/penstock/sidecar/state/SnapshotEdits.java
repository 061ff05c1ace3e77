package io.penstock.sidecar.state;

import io.penstock.control.snapshot.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// Finds and replaces parts of a snapshot's listeners; nothing is changed in place.
final class SnapshotEdits {
    private SnapshotEdits() {}

    /// {@return the place of a listener, or -1}
    static int indexOf(List<Snapshot.Listener> listeners, String name) {
        for (int i = 0; i < listeners.size(); i++) {
            if (listeners.get(i).config().name().equals(name)) {
                return i;
            }
        }
        return -1;
    }

    /// {@return the place of a backend, or -1}
    static int indexOf(Snapshot.Listener listener, String id) {
        for (int i = 0; i < listener.backends().size(); i++) {
            if (listener.backends().get(i).config().id().equals(id)) {
                return i;
            }
        }
        return -1;
    }

    /// {@return the listeners with one backend replaced; the same list where the change changes nothing}
    ///
    /// @param at      place of the listener
    /// @param backend place of the backend in it
    static List<Snapshot.Listener> withBackend(
            List<Snapshot.Listener> listeners, int at, int backend, UnaryOperator<Snapshot.Backend> change) {
        Snapshot.Listener listener = listeners.get(at);
        Snapshot.Backend before = listener.backends().get(backend);
        Snapshot.Backend after = change.apply(before);
        if (after.equals(before)) {
            return listeners;
        }
        List<Snapshot.Backend> backends = new ArrayList<>(listener.backends());
        backends.set(backend, after);
        return with(listeners, at, new Snapshot.Listener(listener.config(), listener.running(), backends));
    }

    /// {@return the listeners with one of them replaced}
    static List<Snapshot.Listener> with(List<Snapshot.Listener> listeners, int at, Snapshot.Listener listener) {
        List<Snapshot.Listener> changed = new ArrayList<>(listeners);
        changed.set(at, listener);
        return changed;
    }
}
