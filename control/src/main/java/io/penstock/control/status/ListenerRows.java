package io.penstock.control.status;

import static io.penstock.control.status.StatusLayout.get;
import static io.penstock.control.status.StatusLayout.set;

import io.penstock.control.config.Keyword;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;

/// A row of the status file for each listener: its name, its state, and the counts of backends that are long gone. The
/// same name gets the same row again, also after a restart. The conductor's own; not thread-safe.
public final class ListenerRows {
    /// How many rows there are.
    public static final int CAPACITY = StatusLayout.LISTENER_ROWS;

    private static final int ROWS_PER_PAGE = 4096 / StatusLayout.LISTENER_ROW;

    /// What a listener does at present.
    public enum State implements Keyword {
        /// Takes new flows.
        RUNNING,
        /// Takes nothing.
        STOPPED,
        /// Keeps its flows, takes no new ones.
        DRAINING
    }

    private final StatusFile file;
    private final MemorySegment base;
    private final Map<String, Integer> rows = new HashMap<>();
    private final LinkedHashSet<Integer> released = new LinkedHashSet<>();
    private int used;

    ListenerRows(StatusFile file, MemorySegment base) {
        this.file = file;
        this.base = base;
        used = (int) get(base, StatusLayout.H_LISTENER_ROWS);
        for (int row = 0; row < used; row++) {
            long at = StatusLayout.listenerRow(row);
            int use = (int) get(base, at + StatusLayout.L_USE);
            if (use != StatusLayout.EMPTY) {
                rows.put(name(row), row);
            }
            if (use != StatusLayout.IN_USE) {
                released.add(row);
            }
        }
    }

    /// Finds the row of a listener, or gives it one.
    ///
    /// @return `0..CAPACITY-1`
    /// @throws IOException when the disk is full, or every row is in use
    public int allocate(String name) throws IOException {
        Integer known = rows.get(name);
        if (known != null) {
            released.remove(known);
            set(base, StatusLayout.listenerRow(known) + StatusLayout.L_USE, StatusLayout.IN_USE);
            return known;
        }
        // Rows of listeners that are gone keep their counts as long as others are free.
        int row = used < CAPACITY ? freshRow() : reusedRow();
        long at = StatusLayout.listenerRow(row);
        set(base, at + StatusLayout.L_STATE, StatusLayout.code(State.RUNNING));
        for (int i = 0; i < 3; i++) {
            set(base, at + StatusLayout.L_RETIRED + 8L * i, 0);
        }
        StatusLayout.setText(base, at + StatusLayout.L_NAME, name, StatusLayout.NAME_BYTES);
        set(base, at + StatusLayout.L_USE, StatusLayout.IN_USE);
        StatusLayout.namesChanged(base);
        rows.put(name, row);
        return row;
    }

    private int freshRow() throws IOException {
        if (used % ROWS_PER_PAGE == 0) {
            file.reserve(StatusLayout.listenerRow(used), 4096);
        }
        set(base, StatusLayout.H_LISTENER_ROWS, used + 1L);
        return used++;
    }

    private int reusedRow() throws IOException {
        if (released.isEmpty()) {
            throw new IOException("every one of the " + CAPACITY + " listener rows is in use");
        }
        int row = released.removeFirst();
        file.backends().forgetListener(row);
        set(base, StatusLayout.listenerRow(row) + StatusLayout.L_USE, StatusLayout.EMPTY);
        rows.remove(name(row));
        return row;
    }

    /// Gives a listener's row back, after those of its backends. Its counts stay until another listener needs the row.
    public void release(int row) {
        set(base, StatusLayout.listenerRow(row) + StatusLayout.L_USE, StatusLayout.RELEASED);
        released.add(row);
    }

    /// {@return the listener that has or had a row}
    public String name(int row) {
        return StatusLayout.text(base, StatusLayout.listenerRow(row) + StatusLayout.L_NAME, StatusLayout.NAME_BYTES);
    }

    /// Publishes what a listener does.
    public void publish(int row, State state) {
        set(base, StatusLayout.listenerRow(row) + StatusLayout.L_STATE, StatusLayout.code(state));
    }

    long retired(int row, int column) {
        return get(base, StatusLayout.listenerRow(row) + StatusLayout.L_RETIRED + 8L * column);
    }

    void setRetired(int row, int column, long value) {
        set(base, StatusLayout.listenerRow(row) + StatusLayout.L_RETIRED + 8L * column, value);
    }
}
