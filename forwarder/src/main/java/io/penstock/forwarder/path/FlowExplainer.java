package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.schedule.MaglevScheduler;
import org.jspecify.annotations.Nullable;

/// What the packet path would do with the next packet of a 5-tuple: the same lookups, tables and schedulers as for a
/// real one, with nothing changed by the question. An unknown TCP flow is taken to begin with a SYN, the packet to have
/// hops left and no fragments, and the table of the worker it comes to, which only the NIC knows, to have room.
///
/// One thread, the conductor's, on a [PathContext] of its own whose *other* tables are those of all workers.
public final class FlowExplainer {
    private static final int NO_ROW = -1;
    private static final int NO_SLOT = -1;

    private final PathContext context;
    private final FlowKey key;
    private final BackendChoice choice;

    /// @param context its own, over the records and shared tables of the workers
    public FlowExplainer(PathContext context) {
        this.context = context;
        key = new FlowKey(context);
        choice = new BackendChoice(context);
    }

    /// The answer.
    ///
    /// @param listener the listener's name, or null when the packet is for none
    /// @param row      the backend's row, or -1
    /// @param reason   `flow_entry`, `persistence`, `maglev_slot`, `scheduler`, `pass`, or a drop counter's name
    /// @param slot     of the Maglev table, or -1
    public record Explanation(@Nullable String listener, int row, String reason, int slot) {}

    /// Explains.
    ///
    /// @param ports       source port in the high half, destination port in the low one
    /// @param protocolBit 0 for TCP, 1 for UDP
    public Explanation explain(
            ListenerTable listeners, IpKey source, IpKey destination, int ports, int protocolBit, long nowNs) {
        context.listeners = listeners;
        context.nowNs = nowNs;
        context.nowTicks = TickClock.ticks(nowNs);
        key.set(source.isV6(), source.high(), source.low(), destination.high(), destination.low(), ports, protocolBit);
        int vip = destination.isV6()
                ? listeners.vip6(destination.high(), destination.low())
                : listeners.vip4((int) destination.low());
        if (vip == ListenerTable.NONE) {
            return new Explanation(null, NO_ROW, "pass", NO_SLOT);
        }
        LiveListener listener = listeners.listener(vip, protocolBit, ports & 0xffff);
        if (Bogons.isBogon(listeners, source)) {
            return dropped(listener, WorkerCounter.DROP_BOGON);
        }
        if (listener == null) {
            return dropped(null, WorkerCounter.DROP_NO_LISTENER);
        }
        if (!listener.running()) {
            return dropped(listener, WorkerCounter.DROP_LISTENER_STOPPED);
        }
        if (key.findElsewhere() && FlowExpiry.isActive(key.elsewhereState)) {
            return known(listener);
        }
        return listener.newFlowLimit().hasRoom(nowNs)
                ? begun(listener)
                : dropped(listener, WorkerCounter.DROP_RATE_LIMITED);
    }

    private Explanation known(LiveListener listener) {
        int row = key.elsewhereRow;
        return switch (BackendRecords.action(context.records.flags(row), key.protocolBit)) {
            case BackendRecords.KEEP -> reachable(listener, row, "flow_entry", NO_SLOT);
            case BackendRecords.RESET -> dropped(listener, WorkerCounter.DROP_MIDSTREAM);
            case BackendRecords.STOPPED -> dropped(listener, WorkerCounter.DROP_LISTENER_STOPPED);
            default -> begun(listener);
        };
    }

    private Explanation begun(LiveListener listener) {
        int persistent = choice.peekPersistence(listener, key);
        if (persistent >= 0) {
            return reachable(listener, persistent, "persistence", NO_SLOT);
        }
        int row = choice.peekScheduler(listener, key);
        if (row < 0) {
            return dropped(listener, WorkerCounter.of(choice.dropReason(row)));
        }
        if (listener.scheduler() instanceof MaglevScheduler maglev) {
            int slot = maglev.table().slot(maglev.hashOf(key.hash, key.clientHash(listener)));
            return reachable(listener, row, "maglev_slot", slot);
        }
        return reachable(listener, row, "scheduler", NO_SLOT);
    }

    private Explanation reachable(LiveListener listener, int row, String reason, int slot) {
        boolean isReachable = context.records.mac(row) != BackendRecords.NO_MAC;
        String why = isReachable ? reason : WorkerCounter.DROP_NO_NEIGHBOUR.label();
        return new Explanation(listener.name(), row, why, slot);
    }

    private static Explanation dropped(@Nullable LiveListener listener, WorkerCounter reason) {
        return new Explanation(listener == null ? null : listener.name(), NO_ROW, reason.label(), NO_SLOT);
    }
}
