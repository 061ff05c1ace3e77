package io.penstock.flowtable.schedule;

/// Whether a backend may take one more flow (`max-flows`). Called by every worker, must not allocate or block.
@FunctionalInterface
public interface Admission {
    /// Refuses nobody.
    Admission ALL = row -> true;

    /// {@return whether the backend in this row of the table of all backends may take a new flow}
    boolean admits(int row);
}
