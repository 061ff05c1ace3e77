package io.penstock.sidecar.health;

import io.penstock.control.snapshot.Snapshot.Health;

/// Turns single results into a state: `rise` consecutive successes make a backend up, `fall` consecutive failures make
/// it down. A result of the other kind starts the count anew.
final class RiseFall {
    private final int rise;
    private final int fall;
    private Health health;
    private int streak; // of results that speak against the present state

    /// @param health the state to go on from
    RiseFall(int rise, int fall, Health health) {
        this.rise = rise;
        this.fall = fall;
        this.health = health;
    }

    /// {@return the state now}
    Health health() {
        return health;
    }

    /// Counts one result.
    ///
    /// @return whether the state changed
    boolean record(boolean success) {
        return switch (health) {
            case UP -> against(!success, fall, Health.DOWN);
            case DOWN -> against(success, rise, Health.UP);
            case UNKNOWN, OFF -> first(success);
        };
    }

    private boolean against(boolean speaksAgainst, int needed, Health next) {
        streak = speaksAgainst ? streak + 1 : 0;
        return streak >= needed && become(next);
    }

    // Nothing is known yet: the sign of the streak says which way it points.
    private boolean first(boolean success) {
        if (success) {
            streak = Math.max(streak, 0) + 1;
            return streak >= rise && become(Health.UP);
        }
        streak = Math.min(streak, 0) - 1;
        return -streak >= fall && become(Health.DOWN);
    }

    private boolean become(Health next) {
        health = next;
        streak = 0;
        return true;
    }
}
