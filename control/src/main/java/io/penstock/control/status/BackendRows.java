package io.penstock.control.status;

import static io.penstock.control.status.StatusLayout.get;
import static io.penstock.control.status.StatusLayout.set;

import io.penstock.control.config.Addresses;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;

/// A row of the status file for each backend of each listener, and for each row and worker a *cell* of counts.
///
/// ```
///  cell   0        8            16        24        32
///         +--------+------------+---------+---------+
///         | flows  | new flows  | packets |  bytes  |
///         +--------+------------+---------+---------+
/// ```
///
/// `flows` is a gauge; the others only grow, for as long as the file lives: who takes over a row starts from a base
/// that is kept in the row, so a cell needs no second writer. The same identity (listener, id, address) gets the same
/// row again, also after a restart, and goes on counting. A row that was given back keeps its identity and counts until
/// another identity needs it; then they are added to the retired sums of its listener, in steps that a restart can
/// finish if a kill cuts them short.
///
/// Flow entries name a row and its generation, which rises with each new identity. It has 6 bits, so rows that were
/// given back rest while there are others: at least [#RESTING] of them are left alone unless every row is in use.
///
/// Rows belong to the conductor, cells to the workers. Not thread-safe.
public final class BackendRows {
    /// How many rows there are.
    public static final int CAPACITY = StatusLayout.BACKEND_ROWS;

    /// Flow entries have this many bits for the generation.
    public static final int GENERATIONS = 64;

    /// In a cell: flows that live, a gauge.
    public static final long FLOWS = 0;

    /// In a cell: flows that began.
    public static final long NEW_FLOWS = 8;

    /// In a cell: packets forwarded.
    public static final long PACKETS = 16;

    /// In a cell: bytes forwarded.
    public static final long BYTES = 24;

    /// Rows given back that rest before one of them is used again.
    static final int RESTING = 4096;

    private static final int ROWS_PER_PAGE = 4096 / StatusLayout.BACKEND_ROW;
    private static final int CELLS_PER_PAGE = 4096 / StatusLayout.CELL;
    private static final int SUMS = 3;

    private record Identity(int listener, String id, InetAddress address) {}

    private final StatusFile file;
    private final MemorySegment base;
    private final MemorySegment[] cells;
    private final ListenerRows listeners;
    private final Map<Identity, Integer> rows = new HashMap<>();
    private final LinkedHashSet<Integer> released = new LinkedHashSet<>();
    private final ArrayDeque<Integer> empty = new ArrayDeque<>();
    private int used;

    BackendRows(StatusFile file, MemorySegment base, MemorySegment[] regions, ListenerRows listeners) {
        this.file = file;
        this.base = base;
        this.listeners = listeners;
        cells = new MemorySegment[regions.length];
        for (int i = 0; i < cells.length; i++) {
            cells[i] = regions[i].asSlice(StatusLayout.W_CELLS);
        }
        used = (int) get(base, StatusLayout.H_BACKEND_ROWS);
        for (int row = 0; row < used; row++) {
            switch (use(row)) {
                case StatusLayout.IN_USE -> rows.put(identity(row), row);
                case StatusLayout.RELEASED -> {
                    rows.put(identity(row), row);
                    released.add(row);
                }
                case StatusLayout.MOVING -> {
                    finishMove(row);
                    empty.add(row);
                }
                default -> empty.add(row);
            }
        }
        if ((get(base, StatusLayout.H_MOVES_EPOCH) & 1) == 1) {
            endMove(); // An earlier run was killed in the middle.
        }
        StatusLayout.namesChanged(base);
    }

    /// {@return where the cell of a row begins in [#cells]}
    public static long cell(int row) {
        return (long) row * StatusLayout.CELL;
    }

    /// {@return the cells of a worker, in which it alone writes, with plain or opaque stores}
    public MemorySegment cells(int worker) {
        return cells[worker];
    }

    /// Finds the row of a backend, or gives it one.
    ///
    /// @param listener name of its listener
    /// @return `0..CAPACITY-1`
    /// @throws IOException when the disk is full, or every row is in use
    public int allocate(String listener, String id, InetAddress address) throws IOException {
        Identity wanted = new Identity(listeners.allocate(listener), id, address);
        Integer known = rows.get(wanted);
        if (known != null) {
            if (use(known) == StatusLayout.RELEASED) {
                released.remove(known);
                setUse(known, StatusLayout.IN_USE, generation(known));
            }
            return known;
        }
        int row = freeRow();
        long at = StatusLayout.backendRow(row);
        set(base, at + StatusLayout.B_LISTENER, wanted.listener);
        set(base, at + StatusLayout.B_WEIGHT, 0);
        set(base, at + StatusLayout.B_EFFECTIVE_WEIGHT, 0);
        StatusLayout.setBytes(base, at + StatusLayout.B_ADDRESS, address.getAddress(), 24);
        StatusLayout.setText(base, at + StatusLayout.B_ID, id, StatusLayout.NAME_BYTES);
        setUse(row, StatusLayout.IN_USE, (generation(row) + 1) % GENERATIONS);
        StatusLayout.namesChanged(base);
        rows.put(wanted, row);
        return row;
    }

    private int freeRow() throws IOException {
        Integer row = empty.poll();
        if (row != null) {
            return row;
        }
        if (released.size() > RESTING || (used == CAPACITY && !released.isEmpty())) {
            return retire(released.removeFirst());
        }
        if (used == CAPACITY) {
            throw new IOException("every one of the " + CAPACITY + " backend rows is in use");
        }
        if (used % ROWS_PER_PAGE == 0) {
            file.reserve(StatusLayout.backendRow(used), 4096);
        }
        if (used % CELLS_PER_PAGE == 0) {
            for (int worker = 0; worker < cells.length; worker++) {
                file.reserve(StatusLayout.worker(worker) + StatusLayout.W_CELLS + cell(used), 4096);
            }
        }
        set(base, StatusLayout.H_BACKEND_ROWS, used + 1L);
        return used++;
    }

    /// Adds the counts of a row to its listener's retired sums and empties it.
    private int retire(int row) {
        rows.remove(identity(row));
        long at = StatusLayout.backendRow(row);
        int listener = (int) get(base, at + StatusLayout.B_LISTENER);
        beginMove();
        for (int i = 0; i < SUMS; i++) {
            set(base, at + StatusLayout.B_RETIRE + 8L * i, listeners.retired(listener, i) + counted(row, i));
        }
        // From here a restart finishes the move: the results are in the row, so doing it twice changes nothing.
        setUse(row, StatusLayout.MOVING, generation(row));
        finishMove(row);
        endMove();
        return row;
    }

    private void finishMove(int row) {
        long at = StatusLayout.backendRow(row);
        int listener = (int) get(base, at + StatusLayout.B_LISTENER);
        for (int i = 0; i < SUMS; i++) {
            listeners.setRetired(listener, i, get(base, at + StatusLayout.B_RETIRE + 8L * i));
        }
        setEmpty(row);
    }

    private void setEmpty(int row) {
        for (int i = 0; i < SUMS; i++) {
            set(base, StatusLayout.backendRow(row) + StatusLayout.B_BASE + 8L * i, sum(row, i));
        }
        setUse(row, StatusLayout.EMPTY, generation(row));
    }

    /// Empties the rows of a listener whose own row another one gets.
    void forgetListener(int listener) {
        beginMove();
        for (int row = 0; row < used; row++) {
            long at = StatusLayout.backendRow(row);
            if (use(row) == StatusLayout.RELEASED && get(base, at + StatusLayout.B_LISTENER) == listener) {
                rows.remove(identity(row));
                released.remove(row);
                setEmpty(row);
                empty.add(row);
            }
        }
        endMove();
        StatusLayout.namesChanged(base);
    }

    /// Gives a backend's row back, when no flow names it any more.
    public void release(int row) {
        assert use(row) == StatusLayout.IN_USE : "row=" + row + " use=" + use(row);
        setUse(row, StatusLayout.RELEASED, generation(row));
        released.add(row);
    }

    /// Gives a row that is in use another generation, so that flow entries which name it are void. Its counts go on.
    public void renew(int row) {
        assert use(row) == StatusLayout.IN_USE : "row=" + row + " use=" + use(row);
        setUse(row, StatusLayout.IN_USE, (generation(row) + 1) % GENERATIONS);
    }

    /// {@return the generation of a row, `0..GENERATIONS-1`: what flow entries keep beside the row}
    public int generation(int row) {
        return StatusLayout.generation(get(base, StatusLayout.backendRow(row) + StatusLayout.B_WORD));
    }

    /// {@return whether a backend has the row at present}
    public boolean isInUse(int row) {
        return use(row) == StatusLayout.IN_USE;
    }

    /// {@return how many rows were ever used: all of them are below it}
    public int used() {
        return used;
    }

    /// {@return the listener of the backend that has or had a row}
    public String listener(int row) {
        return listeners.name((int) get(base, StatusLayout.backendRow(row) + StatusLayout.B_LISTENER));
    }

    /// {@return the id of the backend that has or had a row}
    public String id(int row) {
        return StatusLayout.text(base, StatusLayout.backendRow(row) + StatusLayout.B_ID, StatusLayout.NAME_BYTES);
    }

    /// {@return the address of the backend that has or had a row}
    public InetAddress address(int row) {
        return Addresses.of(StatusLayout.bytes(base, StatusLayout.backendRow(row) + StatusLayout.B_ADDRESS, 24));
    }

    /// Publishes what the data plane works by.
    ///
    /// @param weight          the configured one
    /// @param effectiveWeight what the scheduler uses: 0 for a backend that takes no new flows
    public void publish(int row, Health health, Admin admin, int weight, int effectiveWeight) {
        long at = StatusLayout.backendRow(row);
        set(base, at + StatusLayout.B_WEIGHT, weight);
        set(base, at + StatusLayout.B_EFFECTIVE_WEIGHT, effectiveWeight);
        long word = StatusLayout.word(use(row), generation(row), health, admin);
        set(base, at + StatusLayout.B_WORD, word);
    }

    /// {@return flows that live at a backend, over all workers; may lag a batch behind}
    public long flows(int row) {
        long flows = 0;
        for (MemorySegment worker : cells) {
            flows += get(worker, cell(row) + FLOWS);
        }
        return flows;
    }

    /// Sets every gauge of flows to 0, for a forwarder that counts them anew from its tables. Only before workers run.
    public void zeroFlows() {
        for (MemorySegment worker : cells) {
            for (int row = 0; row < used; row++) {
                set(worker, cell(row) + FLOWS, 0);
            }
        }
    }

    private long counted(int row, int column) {
        return sum(row, column) - get(base, StatusLayout.backendRow(row) + StatusLayout.B_BASE + 8L * column);
    }

    private long sum(int row, int column) {
        long sum = 0;
        for (MemorySegment worker : cells) {
            sum += get(worker, cell(row) + NEW_FLOWS + 8L * column);
        }
        return sum;
    }

    private Identity identity(int row) {
        int listener = (int) get(base, StatusLayout.backendRow(row) + StatusLayout.B_LISTENER);
        return new Identity(listener, id(row), address(row));
    }

    private int use(int row) {
        return StatusLayout.use(get(base, StatusLayout.backendRow(row) + StatusLayout.B_WORD));
    }

    private void setUse(int row, int use, int generation) {
        set(
                base,
                StatusLayout.backendRow(row) + StatusLayout.B_WORD,
                StatusLayout.word(use, generation, Health.UNKNOWN, Admin.IN));
    }

    private void beginMove() {
        set(base, StatusLayout.H_MOVES_EPOCH, get(base, StatusLayout.H_MOVES_EPOCH) | 1);
    }

    private void endMove() {
        set(base, StatusLayout.H_MOVES_EPOCH, (get(base, StatusLayout.H_MOVES_EPOCH) | 1) + 1);
    }
}
