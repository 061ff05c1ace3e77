package io.penstock.flowtable.schedule;

import io.penstock.flowtable.TickClock;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntPredicate;

/// The Maglev table of a listener and the few before it, for packets in the middle of a connection that has no
/// entry in the flow table. Immutable; the conductor makes the next one whenever the pool changes and publishes it.
///
/// A new flow goes by the newest table. A packet of an older connection without an entry goes to the backend that
/// owned its slot in the *oldest* table that is still kept, unless that backend is gone. A generation is kept for a
/// window of time after it was replaced; see docs/decisions/0020-maglev-generations.md for the reasons and the
/// cases that fail.
///
/// A backend that stops serving (failed, removed, its drain over) loses its claim in all older generations for
/// good: when it comes back, its old connections are lost anyway and others live in its slots. A backend that only
/// drains keeps it.
///
/// Ticks are those of [TickClock]. The conductor calls [#pruned(int)] at least once in ten hours, so that an old
/// generation cannot seem young again.
public final class MaglevHistory {
    /// Generations that are kept, the current one included.
    public static final int GENERATIONS_MAX = 4;

    /// No backend.
    public static final int NONE = -1;

    private static final int KEEP_TICKS_MAX = TickClock.ticksOfMs(TickClock.LONGEST_MS);
    // A quarter of the range of ticks: a generation that is older forgets its birth before it seems young again.
    private static final int LONG_TICKS = 1 << (TickClock.BITS - 2);

    private final int keepTicks;
    private final Generation current;
    private final Generation[] older; // oldest first

    private MaglevHistory(int keepTicks, Generation current, Generation[] older) {
        this.keepTicks = keepTicks;
        this.current = current;
        this.older = older;
    }

    /// A table and the rows that its slots lead to.
    private static final class Generation {
        final MaglevTable table;
        final int[] rows; // row of each backend of the pool, NONE when it has lost its claim
        final int sinceTick; // when it became the newest
        final int untilTick; // when it was replaced; meaningless for the current one
        final boolean isLong; // whether it was the newest for so long that sinceTick says no more

        Generation(MaglevTable table, int[] rows, int sinceTick, int untilTick, boolean isLong) {
            this.table = table;
            this.rows = rows;
            this.sinceTick = sinceTick;
            this.untilTick = untilTick;
            this.isLong = isLong;
        }

        /// The newest from now on.
        static Generation of(MaglevTable table, int nowTicks) {
            return new Generation(table, table.pool().rows, nowTicks, nowTicks, false);
        }

        Generation until(int tick) {
            return new Generation(table, rows, sinceTick, tick, isLong);
        }

        Generation asLong() {
            return new Generation(table, rows, sinceTick, untilTick, true);
        }

        Generation withRows(int[] newRows) {
            return new Generation(table, newRows, sinceTick, untilTick, isLong);
        }

        int row(long hash) {
            return table.isEmpty() ? NONE : rows[table.backend(table.slot(hash))];
        }

        int lifeTicks() {
            return isLong ? Integer.MAX_VALUE : TickClock.elapsed(untilTick, sinceTick);
        }

        boolean isKept(int nowTicks, int keepTicks) {
            // 0 for a worker whose clock reading is older than the change.
            return TickClock.elapsed(nowTicks, untilTick) < keepTicks;
        }
    }

    /// The history of a new listener.
    ///
    /// @param keepTicks how long a table is kept after it was replaced, see [TickClock#ticksOfMs(long)]; 0 for not
    ///     at all
    public static MaglevHistory first(MaglevTable table, int keepTicks, int nowTicks) {
        return new MaglevHistory(checked(keepTicks), Generation.of(table, nowTicks), new Generation[0]);
    }

    private static int checked(int keepTicks) {
        if (keepTicks < 0 || keepTicks > KEEP_TICKS_MAX) {
            throw new IllegalArgumentException("keepTicks=" + keepTicks + " (expected 0.." + KEEP_TICKS_MAX + ")");
        }
        return keepTicks;
    }

    /// {@return the same history with another window, for what it holds as well}
    ///
    /// @param newKeepTicks how long a table is kept after it was replaced
    public MaglevHistory withKeepTicks(int newKeepTicks) {
        return newKeepTicks == keepTicks ? this : new MaglevHistory(checked(newKeepTicks), current, older);
    }

    /// The history after a change: of the pool, or of what still serves.
    ///
    /// @param table   of the new pool; the current one when only `serves` changed
    /// @param serves  whether the backend in a row still takes packets of its old connections: it works, or drains;
    ///     false for a row that another backend has now
    public MaglevHistory next(MaglevTable table, IntPredicate serves, int nowTicks) {
        Generation[] kept = kept(nowTicks);
        if (table == current.table) {
            return new MaglevHistory(keepTicks, current, claims(kept, table.pool(), serves));
        }
        kept = Arrays.copyOf(kept, kept.length + 1);
        kept[kept.length - 1] = current.until(nowTicks);
        if (kept.length == GENERATIONS_MAX) {
            kept = withoutShortest(kept);
        }
        return new MaglevHistory(keepTicks, Generation.of(table, nowTicks), claims(kept, table.pool(), serves));
    }

    /// {@return the same history without the generations whose window is over}
    public MaglevHistory pruned(int nowTicks) {
        Generation[] kept = kept(nowTicks);
        boolean isNewlyLong = !current.isLong && TickClock.elapsed(nowTicks, current.sinceTick) >= LONG_TICKS;
        if (kept.length == older.length && !isNewlyLong) {
            return this;
        }
        return new MaglevHistory(keepTicks, isNewlyLong ? current.asLong() : current, kept);
    }

    /// {@return the newest table}
    public MaglevTable table() {
        return current.table;
    }

    /// {@return how many generations are held, the current one included}
    public int generations() {
        return older.length + 1;
    }

    /// {@return the row of the backend that a new flow gets, or [#NONE] when the pool is empty}
    public int backendForNew(long hash) {
        return current.row(hash);
    }

    /// Where a packet goes that is in the middle of a connection and has no entry. A new flow for which no entry
    /// can be made goes there as well, so that its later packets follow it.
    ///
    /// @return the row of the backend, or [#NONE] when there is none
    public int backendForMidflow(long hash, int nowTicks) {
        for (Generation generation : older) {
            if (generation.isKept(nowTicks, keepTicks)) {
                int row = generation.row(hash);
                if (row != NONE) {
                    return row;
                }
            }
        }
        return current.row(hash);
    }

    /// {@return whether all generations that are kept agree on this hash} When they do not, a new flow needs an entry
    /// in the flow table.
    public boolean isSettled(long hash, int nowTicks) {
        if (older.length == 0) {
            return true;
        }
        int now = current.row(hash);
        for (Generation generation : older) {
            if (generation.isKept(nowTicks, keepTicks)) {
                int row = generation.row(hash);
                if (row != NONE && row != now) {
                    return false;
                }
            }
        }
        return true;
    }

    /// {@return the older generations whose window is not over}
    private Generation[] kept(int nowTicks) {
        return Arrays.stream(older)
                .filter(generation -> generation.isKept(nowTicks, keepTicks))
                .toArray(Generation[]::new);
    }

    /// Drops the generation that was the newest for the shortest time: the fewest connections began under it.
    private static Generation[] withoutShortest(Generation[] generations) {
        int shortest = 0;
        for (int i = 1; i < generations.length; i++) {
            if (generations[i].lifeTicks() < generations[shortest].lifeTicks()) {
                shortest = i;
            }
        }
        int dropped = shortest;
        Generation[] left = new Generation[generations.length - 1];
        Arrays.setAll(left, i -> generations[i < dropped ? i : i + 1]);
        return left;
    }

    /// Takes away the claims of what no longer serves, and of rows that now belong to another backend.
    private static Generation[] claims(Generation[] generations, Pool now, IntPredicate serves) {
        Map<Integer, Long> identities = new HashMap<>();
        for (int i = 0; i < now.size(); i++) {
            identities.put(now.rows[i], now.identities[i]);
        }
        Generation[] claims = new Generation[generations.length];
        Arrays.setAll(claims, i -> claims(generations[i], identities, serves));
        return claims;
    }

    private static Generation claims(Generation generation, Map<Integer, Long> identities, IntPredicate serves) {
        Pool pool = generation.table.pool();
        int[] rows = generation.rows.clone();
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] != NONE) {
                long before = pool.identities[i];
                boolean isOther = identities.getOrDefault(rows[i], before) != before;
                rows[i] = isOther || !serves.test(rows[i]) ? NONE : rows[i];
            }
        }
        return generation.withRows(rows);
    }
}
