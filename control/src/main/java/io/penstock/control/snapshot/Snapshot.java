package io.penstock.control.snapshot;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.ListenerConfig;
import java.util.List;

/// The whole desired state at one moment: what is configured, which backends work, what an operator set by hand.
/// Immutable; a later one has a greater version. The sidecar writes it, the forwarder's conductor applies what changed.
///
/// @param version   rises with every snapshot of an instance
/// @param listeners in the order of the configuration
public record Snapshot(long version, List<Listener> listeners) {

    /// A listener and its pool.
    ///
    /// @param config  as in the file, `backends` included
    /// @param running false after `stop`; `config.enabled` is its state at start
    /// @param backends one for each of `config.backends`, in their order
    public record Listener(ListenerConfig config, boolean running, List<Backend> backends) {
        /// Copies the list.
        public Listener {
            backends = List.copyOf(backends);
        }
    }

    /// A backend's state of the moment.
    ///
    /// @param config          as in the file; its weight is the configured one
    /// @param health          what the checks say
    /// @param admin           what the operator says
    /// @param drainDeadlineMs time by [HostClock] at which a drain cuts its flows; 0 for never
    /// @param startedMs       time by [HostClock] from which a slow start counts; 0 for no slow start
    public record Backend(BackendConfig config, Health health, Admin admin, long drainDeadlineMs, long startedMs) {}

    /// What the health checks say of a backend.
    public enum Health implements io.penstock.control.config.Keyword {
        /// Checked and working.
        UP,
        /// Checked and not working.
        DOWN,
        /// Not known yet; counts as working.
        UNKNOWN,
        /// Not checked; counts as working.
        OFF
    }

    /// What the operator says of a backend.
    public enum Admin implements io.penstock.control.config.Keyword {
        /// Takes new flows.
        IN,
        /// Keeps its flows until a deadline, takes no new ones.
        DRAINING,
        /// Takes nothing: the drain is over.
        OUT
    }

    /// Copies the list.
    public Snapshot {
        listeners = List.copyOf(listeners);
    }
}
