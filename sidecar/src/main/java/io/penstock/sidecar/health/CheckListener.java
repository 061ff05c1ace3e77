package io.penstock.sidecar.health;

import io.penstock.control.snapshot.Snapshot.Health;

/// Hears what the checks find. Called on the check thread, so it must not block.
public interface CheckListener {
    /// A backend's state changed.
    ///
    /// @param reason the last failure in words, or empty for a recovery
    void changed(CheckTarget target, Health health, String reason);

    /// One check is over, whatever its result.
    default void checked(CheckTarget target, CheckResult result) {}
}
