package io.penstock.sidecar.state;

import io.penstock.control.config.ConfigChange;
import io.penstock.control.config.ConfigLoader.Loaded;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.Problem;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshots;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Where a sidecar begins: the last snapshot of an earlier run, changed to what the file says now.
///
/// @param config    in force
/// @param snapshot  of that configuration
/// @param problems  why the file is not in force; empty when it is
/// @param published the greatest version that was ever published
/// @param isNew     whether the snapshot has to be published
record FirstSnapshot(PenstockConfig config, Snapshot snapshot, List<Problem> problems, long published, boolean isNew) {

    /// Nothing was there before.
    static FirstSnapshot fresh(Loaded loaded, long published) {
        return new FirstSnapshot(
                loaded.config(), Snapshots.from(loaded.config(), published + 1), List.of(), published, true);
    }

    /// Goes on with the listeners of the last snapshot, since the file cannot be used.
    static FirstSnapshot unchanged(Loaded empty, List<Problem> wrong, Snapshot last, long published) {
        boolean isNew = published != last.version();
        Snapshot snapshot = new Snapshot(isNew ? published + 1 : published, last.listeners());
        return new FirstSnapshot(withListeners(empty.config(), last.listeners()), snapshot, wrong, published, isNew);
    }

    /// Goes on from the last snapshot.
    ///
    /// A listener whose VIPs, protocol or ports differ cannot just change. If that was edited while the
    /// forwarder ran, it is refused, as a running sidecar would have refused it; if everything was stopped and
    /// started since, that is deleting and creating.
    static FirstSnapshot resumed(Loaded loaded, Snapshot last, long published, ForwarderLink forwarder, long nowMs) {
        List<Snapshot.Listener> kept = last.listeners();
        PenstockConfig before = withListeners(loaded.config(), kept);
        List<Problem> refusals = ConfigChange.refusals(before, loaded);
        if (!refusals.isEmpty() && forwarder.isAlive() && modifiedMs(loaded) > forwarder.startMs()) {
            return unchanged(new Loaded(before, List.of(), loaded.source()), refusals, last, published);
        }
        kept = kept.stream()
                .filter(listener -> loaded.config().listeners().stream()
                        .filter(now -> now.name().equals(listener.config().name()))
                        .allMatch(now -> ConfigChange.fixedKeysThatDiffer(listener.config(), now)
                                .isEmpty()))
                .toList();
        Snapshot merged = Snapshots.merge(new Snapshot(published, kept), loaded.config(), nowMs);
        boolean isNew = published != last.version() || !merged.listeners().equals(last.listeners());
        Snapshot snapshot = isNew ? merged : last;
        return new FirstSnapshot(loaded.config(), snapshot, List.of(), published, isNew);
    }

    private static PenstockConfig withListeners(PenstockConfig config, List<Snapshot.Listener> listeners) {
        return new PenstockConfig(
                config.instance(),
                config.listenerLimit(),
                config.forwarder(),
                config.sidecar(),
                config.replay(),
                listeners.stream().map(Snapshot.Listener::config).toList());
    }

    private static long modifiedMs(Loaded loaded) {
        long newestMs = 0;
        for (Path path : loaded.source().paths()) {
            try {
                newestMs = Math.max(newestMs, Files.getLastModifiedTime(path).toMillis());
            } catch (IOException e) {
                return Long.MAX_VALUE;
            }
        }
        return newestMs;
    }
}
