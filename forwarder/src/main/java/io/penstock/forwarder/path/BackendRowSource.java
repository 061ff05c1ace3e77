package io.penstock.forwarder.path;

import io.penstock.control.snapshot.Snapshot;
import java.net.InetAddress;

/// Gives each backend its row: the number by which flow entries, records and cells call it. Conductor only.
public interface BackendRowSource {
    /// {@return the row of a backend, the same for the same backend as long as it is not released}
    int allocate(String listener, String id, InetAddress address);

    /// {@return which owner of the row this is, `0..63`}
    int generation(int row);

    /// The row's backend stays, but flows that name it are over: it gets another generation.
    void renew(int row);

    /// Says what the data plane works by now.
    ///
    /// @param effectiveWeight what the scheduler uses: 0 for a backend that takes no new flows
    default void publish(int row, Snapshot.Backend backend, int effectiveWeight) {
        // Nobody looks on, in replay and benchmarks.
    }

    /// Says what a listener does now.
    ///
    /// @param takesNew whether a new flow would find a backend
    default void publish(Snapshot.Listener listener, boolean takesNew) {
        // As above.
    }

    /// Gives a row back. Nothing names it any more.
    void release(int row);
}
