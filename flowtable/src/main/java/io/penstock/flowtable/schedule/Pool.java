package io.penstock.flowtable.schedule;

import java.util.Arrays;

/// The backends that a scheduler may choose from: only usable ones, in the order of the configuration. Immutable.
///
/// A scheduler speaks of a backend by its index here; [#row(int)] is its row in the forwarder's table of all
/// backends, [#identity(int)] is what other machines call it too.
public final class Pool {
    /// Most backends in one pool: an index fits an unsigned 16-bit slot.
    public static final int SIZE_MAX = 1 << 16;

    /// Greatest weight.
    public static final int WEIGHT_MAX = 65_535;

    /// A pool without a backend; its listener has none that works.
    public static final Pool EMPTY = new Pool(new int[0], new int[0], new long[0], 0);

    // Read by the schedulers of this package without copying, never written.
    final int[] rows;
    final int[] weights;
    final long[] identities;
    private final int configured;

    /// `rows[i]`, `weights[i]` and `identities[i]` belong together; the arrays are copied.
    ///
    /// @param rows       rows in the table of all backends, not negative
    /// @param weights    effective weights, 1..65535
    /// @param identities [BackendIdentity] of each backend's address
    /// @param configured backends that the listener has, usable or not: the Maglev table's size follows this
    ///     number, so that it does not change when a backend fails
    /// @throws IllegalArgumentException when the arrays disagree or a value is out of range
    public Pool(int[] rows, int[] weights, long[] identities, int configured) {
        int size = rows.length;
        if (weights.length != size || identities.length != size) {
            throw new IllegalArgumentException(
                    "rows=" + size + " weights=" + weights.length + " identities=" + identities.length);
        }
        if (configured < size || configured > SIZE_MAX) {
            throw new IllegalArgumentException(
                    "configured=" + configured + " (expected " + size + ".." + SIZE_MAX + ")");
        }
        this.rows = rows.clone();
        this.weights = weights.clone();
        this.identities = identities.clone();
        this.configured = configured;
        for (int i = 0; i < size; i++) {
            if (this.weights[i] < 1 || this.weights[i] > WEIGHT_MAX) {
                throw new IllegalArgumentException(
                        "weights[" + i + "]=" + this.weights[i] + " (expected 1.." + WEIGHT_MAX + ")");
            }
            if (this.rows[i] < 0) {
                throw new IllegalArgumentException("rows[" + i + "]=" + this.rows[i]);
            }
        }
    }

    /// A pool all of whose configured backends are usable.
    ///
    /// @see #Pool(int[], int[], long[], int)
    public static Pool of(int[] rows, int[] weights, long[] identities) {
        return new Pool(rows, weights, identities, rows.length);
    }

    /// {@return how many backends there are}
    public int size() {
        return rows.length;
    }

    /// {@return how many backends the listener has, usable or not}
    public int configured() {
        return configured;
    }

    /// {@return the row of the backend at `index` in the table of all backends}
    public int row(int index) {
        return rows[index];
    }

    /// {@return the effective weight of the backend at `index`}
    public int weight(int index) {
        return weights[index];
    }

    /// {@return the keyed hash of the address of the backend at `index`}
    public long identity(int index) {
        return identities[index];
    }

    /// {@return the index of the backend with this row, or -1}
    public int indexOfRow(int row) {
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] == row) {
                return i;
            }
        }
        return -1;
    }

    /// Asks the backends one after the other.
    ///
    /// @param from index of the one that is asked first, `0..size-1`
    /// @return the index of the first that takes a flow, or [Scheduler#FULL]
    int firstAdmitted(int from, Admission admission) {
        int size = rows.length;
        for (int i = 0; i < size; i++) {
            int index = from + i < size ? from + i : from + i - size;
            if (admission.admits(rows[index])) {
                return index;
            }
        }
        return Scheduler.FULL;
    }

    /// {@return whether both hold the same backends in the same order, whatever their weights}
    boolean hasSameBackends(Pool other) {
        return Arrays.equals(identities, other.identities) && Arrays.equals(rows, other.rows);
    }

    /// {@return whether both make the same Maglev table and the same rotation}
    public boolean isSame(Pool other) {
        return configured == other.configured && hasSameBackends(other) && Arrays.equals(weights, other.weights);
    }
}
