package io.penstock.flowtable.schedule;

/// The weight of a backend that is new or has recovered: it grows in four equal steps of time from a fifth to the
/// whole.
///
/// Few and large steps on purpose. A change of weight moves more slots of a Maglev table than the weight is worth,
/// and the surplus is nearly the same for a small change as for a large one: docs/design/maglev.md has the figures.
public final class SlowStart {
    private static final int STEPS = 5; // 1/5, 2/5, 3/5, 4/5, and the whole when the time is over.

    private SlowStart() {}

    /// {@return the effective weight, `1..fullWeight`; 0 for a weight of 0}
    ///
    /// @param fullWeight  configured weight, 0..65535
    /// @param startedMs   when the backend came in, by any clock of ms; 0 for no slow start
    /// @param nowMs       the same clock
    /// @param slowStartMs `listener.*.slow-start`; 0 for none
    public static int weight(int fullWeight, long startedMs, long nowMs, long slowStartMs) {
        int steps = stepsTaken(startedMs, nowMs, slowStartMs);
        return steps == STEPS || fullWeight == 0 ? fullWeight : Math.max(1, fullWeight * steps / STEPS);
    }

    /// {@return the time at which the weight changes next, or [Long#MAX_VALUE] when it does not}
    ///
    /// @param startedMs   when the backend came in; 0 for no slow start
    /// @param nowMs       the same clock
    /// @param slowStartMs `listener.*.slow-start`; 0 for none
    public static long nextChangeMs(long startedMs, long nowMs, long slowStartMs) {
        int steps = stepsTaken(startedMs, nowMs, slowStartMs);
        if (steps == STEPS) {
            return Long.MAX_VALUE;
        }
        // Rounded up: at that time the step is taken.
        return startedMs + (steps * slowStartMs + STEPS - 2) / (STEPS - 1);
    }

    /// {@return 1..STEPS} A clock that went back counts as the start.
    private static int stepsTaken(long startedMs, long nowMs, long slowStartMs) {
        if (slowStartMs <= 0 || startedMs == 0 || nowMs - startedMs >= slowStartMs) {
            return STEPS;
        }
        return 1 + (int) (Math.max(0, nowMs - startedMs) * (STEPS - 1) / slowStartMs);
    }
}
