package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;

/// When a flow of this worker is over, and the accounts it leaves behind.
///
/// A flow that ran out of time is found when a packet asks for it, when an insert needs its place, or by the sweep,
/// which passes over the whole table every [#PASS_TICKS] ticks or, where it is large, less often, some lines a duty
/// cycle.
final class FlowExpiry implements FlowTable.Owner {
    /// Half-open flows.
    private static final int HALF_OPEN_TICKS = TickClock.ticksOfMs(60_000);
    /// Flows whose client sent a FIN.
    private static final int CLOSING_TICKS = TickClock.ticksOfMs(120_000);
    /// Flows whose client sent a RST.
    private static final int RESET_TICKS = TickClock.ticksOfMs(10_000);
    /// One pass over the table takes about two seconds,
    private static final int PASS_TICKS = 128;
    /// or longer where that would be more lines than this in a tick: half a million a second. A large table has
    /// 17 s for a pass: in two seconds the sweep took several nanoseconds of every packet.
    private static final long LINES_PER_TICK_MAX = 8_192;
    /// Most lines in one duty cycle: about a microsecond of work.
    private static final int LINES_AT_ONCE = 64;

    private final PathContext context;
    private long lastSweepTicks;
    private long owed4;
    private long owed6;

    FlowExpiry(PathContext context) {
        this.context = context;
        context.flows4.setOwner(this);
        context.flows6.setOwner(this);
    }

    @Override
    public boolean isExpired(FlowTable table, long entry, int nowTicks) {
        boolean expired = isTimedOut(table, entry, nowTicks);
        if (expired) {
            context.counters.add(WorkerCounter.FLOWS_EXPIRED.id(), 1);
        }
        return expired;
    }

    /// {@return whether a flow has been silent for too long} Unlike [#isExpired] this only looks.
    boolean isTimedOut(FlowTable table, long entry, int nowTicks) {
        return TickClock.elapsed(nowTicks, table.lastSeen(entry)) > timeoutTicks(table, entry);
    }

    private int timeoutTicks(FlowTable table, long entry) {
        int state = table.state(entry);
        return state == FlowState.ESTABLISHED ? establishedTicks(table, entry) : timeoutTicks(state, 0);
    }

    /// {@return how long a flow in this state may be silent}
    ///
    /// @param idleTicks the listener's idle timeout
    static int timeoutTicks(int state, int idleTicks) {
        return switch (state) {
            case FlowState.HALF_OPEN -> HALF_OPEN_TICKS;
            case FlowState.CLOSING -> CLOSING_TICKS;
            case FlowState.RESET -> RESET_TICKS;
            default -> idleTicks;
        };
    }

    private int establishedTicks(FlowTable table, long entry) {
        int row = table.row(entry);
        boolean stale = (context.records.flags(row) & BackendRecords.IN_USE) == 0
                || context.records.generation(row) != table.generation(entry);
        return stale ? 0 : context.records.idleTicks(row);
    }

    @Override
    public void removed(FlowTable table, long entry) {
        if (isActive(table.state(entry))) {
            context.cells.flowEnded(table.row(entry));
        }
    }

    /// {@return whether a flow counts as one of its backend's: neither closing, reset nor gone}
    static boolean isActive(int state) {
        return state == FlowState.HALF_OPEN || state == FlowState.ESTABLISHED;
    }

    /// Sweeps what is owed, at most [#LINES_AT_ONCE] lines of each table.
    ///
    /// @return whether more is owed, so that the worker does not rest yet
    boolean sweep() {
        long ticks = context.nowNs >>> TickClock.SHIFT;
        long passed = Math.min(PASS_TICKS, ticks - lastSweepTicks);
        if (passed > 0) {
            lastSweepTicks = ticks;
            owed4 = owed(context.flows4, owed4, passed);
            owed6 = owed(context.flows6, owed6, passed);
        }
        owed4 -= sweep(context.flows4, owed4);
        owed6 -= sweep(context.flows6, owed6);
        return owed4 > 0 || owed6 > 0;
    }

    private static long owed(FlowTable table, long owed, long passedTicks) {
        return table.size() == 0 ? 0 : Math.min(table.lineCount(), owed + linesIn(table, passedTicks));
    }

    private static long linesIn(FlowTable table, long ticks) {
        return Math.clamp(table.lineCount() * ticks / PASS_TICKS, 1, LINES_PER_TICK_MAX * ticks);
    }

    private int sweep(FlowTable table, long owed) {
        int lines = (int) Math.min(LINES_AT_ONCE, owed);
        if (lines > 0) {
            table.sweep(lines, context.nowTicks);
        }
        return lines;
    }
}
