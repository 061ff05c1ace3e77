package io.penstock.forwarder.process;

import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.BackendRows;
import io.penstock.control.status.ListenerRows;
import io.penstock.control.status.StatusFile;
import io.penstock.forwarder.path.BackendRowSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.util.HashMap;
import java.util.Map;

/// Backend rows from the status file, where tools see what the data plane works by. A listener's row goes when it has
/// left the snapshot and no backend row of it is in use. Conductor only.
final class StatusRows implements BackendRowSource {
    private final BackendRows backends;
    private final ListenerRows listeners;
    private final Map<String, Integer> listenerRows = new HashMap<>();
    private final Map<String, Integer> rowsInUse = new HashMap<>();
    private final boolean[] counted;

    StatusRows(StatusFile status) {
        backends = status.backends();
        listeners = status.listeners();
        counted = new boolean[BackendRows.CAPACITY];
    }

    /// Reads which rows an earlier process left in use.
    void resume() {
        for (int row = 0; row < backends.used(); row++) {
            if (backends.isInUse(row)) {
                count(row, backends.listener(row));
            }
        }
    }

    private void count(int row, String listener) {
        if (!counted[row]) {
            counted[row] = true;
            rowsInUse.merge(listener, 1, Integer::sum);
        }
    }

    @Override
    public int allocate(String listener, String id, InetAddress address) {
        try {
            if (!listenerRows.containsKey(listener)) {
                listenerRows.put(listener, listeners.allocate(listener));
            }
            int row = backends.allocate(listener, id, address);
            count(row, listener);
            return row;
        } catch (IOException full) {
            throw new UncheckedIOException(full);
        }
    }

    @Override
    public int generation(int row) {
        return backends.generation(row);
    }

    @Override
    public void renew(int row) {
        backends.renew(row);
    }

    @Override
    public void publish(int row, Snapshot.Backend backend, int effectiveWeight) {
        backends.publish(
                row, backend.health(), backend.admin(), backend.config().weight(), effectiveWeight);
    }

    @Override
    public void publish(Snapshot.Listener listener, boolean takesNew) {
        Integer row = listenerRows.get(listener.config().name());
        if (row != null) {
            listeners.publish(row, state(listener, takesNew));
        }
    }

    private static ListenerRows.State state(Snapshot.Listener listener, boolean takesNew) {
        if (!listener.running()) {
            return ListenerRows.State.STOPPED;
        }
        boolean drains = !takesNew
                && listener.backends().stream().anyMatch(backend -> backend.admin() == Snapshot.Admin.DRAINING);
        return drains ? ListenerRows.State.DRAINING : ListenerRows.State.RUNNING;
    }

    @Override
    public void release(int row) {
        String listener = backends.listener(row);
        backends.release(row);
        counted[row] = false;
        if (rowsInUse.merge(listener, -1, Integer::sum) == 0) {
            rowsInUse.remove(listener);
            Integer listenerRow = listenerRows.remove(listener);
            if (listenerRow != null) {
                listeners.release(listenerRow);
            }
        }
    }
}
