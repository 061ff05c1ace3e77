package io.penstock.forwarder.path;

import io.penstock.control.config.Midstream;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.TcpView;
import io.penstock.flowtable.schedule.MaglevHistory;
import io.penstock.flowtable.schedule.Scheduler;

/// TCP and UDP: a known flow goes to its backend, an unknown one gets one, and the client's half of TCP is followed.
///
/// | packet | flow known | flow unknown |
/// |---|---|---|
/// | SYN | half-open, established: stays, unless its backend is down; closing, reset: begins anew | new flow |
/// | data, ACK | goes on; half-open becomes established | `midstream` |
/// | FIN | becomes closing | `midstream` |
/// | RST | becomes reset | dropped |
/// | UDP | goes on | new flow |
///
/// One worker's own.
final class FlowForwarding {
    /// A flow's persistence entry is refreshed when the ticks above this bit change: about once a second.
    private static final int REFRESH_BIT = 6;

    private static final int SYN_FIN_RST = TcpView.SYN | TcpView.FIN | TcpView.RST;

    private static final int NO_LISTENER = WorkerCounter.DROP_NO_LISTENER.id();
    private static final int MIDSTREAM = WorkerCounter.DROP_MIDSTREAM.id();
    private static final int TTL = WorkerCounter.DROP_TTL.id();

    private final PathContext context;
    private final Disposition disposition;
    private final Delivery delivery;
    private final Replies replies;
    private final BackendChoice choice;
    private final FlowKey key;

    FlowForwarding(PathContext context, Disposition disposition, Delivery delivery, Replies replies) {
        this.context = context;
        this.disposition = disposition;
        this.delivery = delivery;
        this.replies = replies;
        choice = new BackendChoice(context);
        key = new FlowKey(context);
    }

    /// Decides on frame `i`, an unfragmented TCP or UDP packet.
    ///
    /// @param entry where its flow was found when the batch began, or [FlowTable#NONE]
    void forward(int i, FlowTable table, long entry) {
        if (context.tablesChanged) {
            forwardAnew(i, table);
        } else if (entry == FlowTable.NONE) {
            unknown(i);
        } else {
            known(i, table, entry);
        }
    }

    /// An earlier frame of this batch may have removed the entry, or given its place to another flow: find it again.
    private void forwardAnew(int i, FlowTable table) {
        long entry = key.load(i).find();
        if (entry == FlowTable.NONE) {
            unknown(i);
        } else {
            known(i, table, entry);
        }
    }

    private void known(int i, FlowTable table, long entry) {
        int row = table.row(entry);
        int flags = context.records.flags(row);
        int protocolBit = table.protocolBit(entry);
        if (isOver(table, entry, row, flags)) {
            beginAnew(i, table, entry);
            return;
        }
        if (BackendRecords.action(flags, protocolBit) != BackendRecords.KEEP) {
            leave(i, table, entry, BackendRecords.action(flags, protocolBit));
            return;
        }
        if (protocolBit == 0 && !followTcp(table, entry, row, flags, context.parsed.tcpFlags(i))) {
            beginAnew(i, table, entry);
            return;
        }
        if ((flags & BackendRecords.PERSISTENT) != 0) {
            refreshPersistence(i, table.lastSeen(entry), row);
        }
        table.seen(entry, context.nowTicks, context.parsed.packetLength(i));
        delivery.deliver(i, row, flags, context.hashes[i]);
    }

    private void beginAnew(int i, FlowTable table, long entry) {
        context.tablesChanged = true;
        table.remove(entry);
        unknown(i);
    }

    /// A backend that is gone, or a flow that was silent for too long.
    private boolean isOver(FlowTable table, long entry, int row, int flags) {
        return isOrphan(table, entry, row, flags)
                || (table.lastSeen(entry) != (context.nowTicks & TickClock.MASK)
                        && context.expiry.isExpired(table, entry, context.nowTicks));
    }

    private boolean isOrphan(FlowTable table, long entry, int row, int flags) {
        return (flags & BackendRecords.IN_USE) == 0 || context.records.generation(row) != table.generation(entry);
    }

    private boolean isAlive(FlowTable table, long entry) {
        int row = table.row(entry);
        return !isOrphan(table, entry, row, context.records.flags(row))
                && !context.expiry.isTimedOut(table, entry, context.nowTicks);
    }

    /// Follows the client's half of TCP.
    ///
    /// @return false when a SYN asks for a new flow in the place of a finished one
    private boolean followTcp(FlowTable table, long entry, int row, int flags, int tcpFlags) {
        int state = table.state(entry);
        if (state == FlowState.ESTABLISHED && (tcpFlags & SYN_FIN_RST) == 0) {
            return true;
        }
        return followOddTcp(table, entry, row, flags, state, tcpFlags);
    }

    private boolean followOddTcp(FlowTable table, long entry, int row, int flags, int state, int tcpFlags) {
        if (isFirst(tcpFlags)) {
            // A retransmission stays, but not with a backend that is down: its host may have cut the connection, which
            // we do not see, and the client begins a new one from the same port.
            return FlowExpiry.isActive(state) && (flags & BackendRecords.HEALTHY) != 0;
        }
        int next = Math.max(state, stateAfter(tcpFlags));
        if (next != state) {
            if (FlowExpiry.isActive(state) && !FlowExpiry.isActive(next)) {
                context.cells.flowEnded(row);
            }
            table.setState(entry, next);
        }
        return true;
    }

    /// {@return the state that a segment which is no SYN brings a flow to, unless that is in a later one}
    private static int stateAfter(int tcpFlags) {
        return (tcpFlags & TcpView.RST) != 0
                ? FlowState.RESET
                : (tcpFlags & TcpView.FIN) != 0 ? FlowState.CLOSING : FlowState.ESTABLISHED;
    }

    private void refreshPersistence(int i, int lastSeen, int row) {
        if (((lastSeen ^ context.nowTicks) & TickClock.MASK) >>> REFRESH_BIT != 0) {
            LiveListener listener = context.listeners.listener(context.records.listener(row));
            if (listener != null) {
                choice.refresh(listener, key.load(i));
            }
        }
    }

    /// A known flow whose backend is down, drained, removed or stopped.
    private void leave(int i, FlowTable table, long entry, int action) {
        key.load(i);
        if (action == BackendRecords.STOPPED) {
            disposition.dropped(i, WorkerCounter.DROP_LISTENER_STOPPED.id());
        } else if (isFirst(context.parsed.tcpFlags(i)) && key.protocolBit == 0) {
            beginAnew(i, table, entry); // The client does so anyway.
        } else if (action == BackendRecords.RESCHEDULE) {
            move(i, table, entry);
        } else {
            reset(i, table, entry);
        }
    }

    private void move(int i, FlowTable table, long entry) {
        LiveListener listener = context.listeners.listener(context.records.listener(table.row(entry)));
        int row = listener == null ? Scheduler.EMPTY : choice.choose(listener, key);
        if (row < 0) {
            disposition.dropped(i, choice.dropReason(row));
            return;
        }
        context.counters.add(WorkerCounter.FLOWS_MOVED.id(), 1);
        context.expiry.removed(table, entry);
        table.assign(entry, row, context.records.generation(row));
        if (FlowExpiry.isActive(table.state(entry))) {
            context.cells.flowArrived(row);
        }
        if (key.protocolBit == 0) {
            followTcp(table, entry, row, context.records.flags(row), context.parsed.tcpFlags(i));
        }
        continueOn(i, table, entry, row);
    }

    private void reset(int i, FlowTable table, long entry) {
        int state = table.state(entry);
        if (state != FlowState.RESET) {
            context.expiry.removed(table, entry);
            table.setState(entry, FlowState.RESET);
            context.counters.add(WorkerCounter.FLOWS_RESET.id(), 1);
        }
        table.seen(entry, context.nowTicks, context.parsed.packetLength(i));
        replies.reset(i, MIDSTREAM);
    }

    private void continueOn(int i, FlowTable table, long entry, int row) {
        table.seen(entry, context.nowTicks, context.parsed.packetLength(i));
        delivery.deliver(i, row, context.records.flags(row), key.hash);
    }

    /// Decides on frame `i` whose flow has no entry.
    void unknown(int i) {
        key.load(i);
        int vip = context.vipOf(i);
        if (vip == ListenerTable.NONE) {
            disposition.passed(i);
            return;
        }
        LiveListener listener = context.listeners.listener(vip, key.protocolBit, key.destinationPort());
        if (Bogons.isBogon(context, i)) {
            disposition.dropped(i, WorkerCounter.DROP_BOGON.id());
        } else if (listener == null) {
            disposition.dropped(i, NO_LISTENER);
        } else if (!listener.running()) {
            disposition.dropped(i, WorkerCounter.DROP_LISTENER_STOPPED.id());
        } else {
            place(i, listener);
        }
    }

    private void place(int i, LiveListener listener) {
        long entry = key.find(); // Another frame of this batch may just have made it.
        if (entry != FlowTable.NONE) {
            known(i, key.table, entry);
        } else if (key.protocolBit == 0 && !isFirst(context.parsed.tcpFlags(i))) {
            midstream(i, listener);
        } else if (key.protocolBit == 1 && key.findElsewhere()) {
            adopt(i, listener, key.elsewhereRow, FlowState.ESTABLISHED);
        } else if (key.protocolBit == 0 && isRetransmittedSyn(listener)) {
            adopt(i, listener, key.elsewhereRow, key.elsewhereState);
        } else {
            begin(i, listener, key.protocolBit == 0 ? FlowState.HALF_OPEN : FlowState.ESTABLISHED);
        }
    }

    /// Whether a SYN belongs to a flow that another worker knows, and stays with its backend as it would there.
    /// Where the hash alone decides, as it did there, nobody is asked: a flood of SYNs then costs no misses in the
    /// tables of all others.
    private boolean isRetransmittedSyn(LiveListener listener) {
        if (isDecidedByHash(listener) || !key.findElsewhere() || !FlowExpiry.isActive(key.elsewhereState)) {
            return false;
        }
        int flags = context.records.flags(key.elsewhereRow);
        return (flags & BackendRecords.HEALTHY) != 0 && BackendRecords.action(flags, 0) == BackendRecords.KEEP;
    }

    private boolean isDecidedByHash(LiveListener listener) {
        MaglevHistory history = listener.history();
        return history != null
                && history.isSettled(key.hash, context.nowTicks)
                && !listener.hasMaxFlows()
                && listener.persistenceTicks() == 0;
    }

    /// A new flow: limit, choice, entry, delivery.
    private void begin(int i, LiveListener listener, int state) {
        if (context.parsed.ttl(i) <= 1 && endsHere(i, choice.peek(listener, key))) {
            disposition.dropped(i, TTL);
            return;
        }
        if (!listener.newFlowLimit().tryAcquire(context.nowNs)) {
            disposition.dropped(i, WorkerCounter.DROP_RATE_LIMITED.id());
            return;
        }
        int row = choice.choose(listener, key);
        if (row < 0) {
            disposition.dropped(i, choice.dropReason(row));
        } else {
            enter(i, listener, row, state);
        }
    }

    /// Whether a packet may not be passed on to a backend: then it begins no flow either, or whoever looks for the way
    /// with small TTLs would leave a half-open flow at each try.
    private boolean endsHere(int i, int row) {
        return context.parsed.ttl(i) <= 1 && row >= 0 && BackendRecords.forwarding(context.records.flags(row)) == 0;
    }

    private void enter(int i, LiveListener listener, int row, int state) {
        long entry = key.insert(row, context.records.generation(row), state);
        if (entry == FlowTable.NONE) {
            beginWithoutEntry(i, listener, row);
            return;
        }
        context.cells.flowBegan(row);
        context.counters.add(WorkerCounter.FLOWS_CREATED.id(), 1);
        continueOn(i, key.table, entry, row);
    }

    /// Delivers frame `i`, whose flow has just been entered by [NewFlows].
    void deliver(int i, int row) {
        delivery.deliver(i, row, context.records.flags(row), context.hashes[i]);
    }

    /// [NewFlows] has chosen a row for frame `i` and found no room.
    void beginWithoutEntry(int i, int row) {
        key.load(i);
        LiveListener listener = context.listeners.listener(context.records.listener(row));
        if (listener == null) {
            disposition.dropped(i, NO_LISTENER);
        } else {
            beginWithoutEntry(i, listener, row);
        }
    }

    /// The table is full. A flow of `mh` can do without an entry: the hash alone finds its backend again.
    private void beginWithoutEntry(int i, LiveListener listener, int row) {
        if (!listener.isMaglev()) {
            disposition.dropped(i, WorkerCounter.DROP_FLOW_TABLE_FULL.id());
            return;
        }
        int settled = settled(listener, row);
        if (listener.hasMaxFlows() && !choice.admits(settled)) {
            disposition.dropped(i, WorkerCounter.DROP_MAX_FLOWS.id());
        } else {
            goWithoutEntry(i, listener, settled);
        }
    }

    /// Where the later packets of a flow will go that has no entry.
    private int settled(LiveListener listener, int row) {
        MaglevHistory history = listener.history();
        int settled = history == null ? row : history.backendForMidflow(key.hash, context.nowTicks);
        return settled == MaglevHistory.NONE ? row : settled;
    }

    private void goWithoutEntry(int i, LiveListener listener, int row) {
        listener.statelessWindow().extend(context.nowNs + listener.idleTimeoutMs() * 1_000_000L);
        context.counters.add(WorkerCounter.FLOWS_STATELESS.id(), 1);
        delivery.deliver(i, row, context.records.flags(row), key.hash);
    }

    /// A TCP packet that is no SYN and has no entry with us.
    private void midstream(int i, LiveListener listener) {
        int state = stateAfter(context.parsed.tcpFlags(i));
        if (key.findElsewhere()) {
            adopt(i, listener, key.elsewhereRow, Math.max(key.elsewhereState, state));
        } else if (listener.midstream() == Midstream.ADOPT
                || (listener.isMaglev() && listener.statelessWindow().isOpen(context.nowNs))) {
            int row = choice.chooseForMidflow(listener, key);
            if (row < 0) {
                disposition.dropped(i, choice.dropReason(row));
            } else {
                adopt(i, listener, row, state);
            }
        } else if (listener.midstream() == Midstream.RESET && state != FlowState.RESET) {
            replies.reset(i, MIDSTREAM);
        } else {
            disposition.dropped(i, MIDSTREAM);
        }
    }

    /// A flow that began with another worker, another machine or without an entry.
    private void adopt(int i, LiveListener listener, int row, int state) {
        int action = BackendRecords.action(context.records.flags(row), key.protocolBit);
        if (action == BackendRecords.RESET) {
            replies.reset(i, MIDSTREAM);
            return;
        }
        if (action != BackendRecords.KEEP) {
            begin(i, listener, FlowState.ESTABLISHED);
            return;
        }
        if (endsHere(i, row)) {
            disposition.dropped(i, TTL);
            return;
        }
        long entry = key.insert(row, context.records.generation(row), state);
        if (entry == FlowTable.NONE) {
            adoptWithoutEntry(i, listener, row);
            return;
        }
        if (FlowExpiry.isActive(state)) {
            context.cells.flowArrived(row);
        }
        continueOn(i, key.table, entry, row);
    }

    private void adoptWithoutEntry(int i, LiveListener listener, int row) {
        if (listener.isMaglev()) {
            goWithoutEntry(i, listener, row);
        } else {
            disposition.dropped(i, WorkerCounter.DROP_FLOW_TABLE_FULL.id());
        }
    }

    /// Decides on frame `i`, the first fragment of a datagram, like on a whole packet.
    void forwardFirstFragment(int i) {
        key.loadFragment(i);
        long entry = key.find();
        if (entry == FlowTable.NONE) {
            unknown(i);
        } else {
            known(i, key.table, entry);
        }
    }

    /// The row of the flow that the client's packet with this key would belong to, without making one.
    ///
    /// @return the row, or [FlowTable#NONE]
    int rowOf(LiveListener listener, FlowKey key) {
        long entry = key.find();
        if (entry != FlowTable.NONE && isAlive(key.table, entry)) {
            return key.table.row(entry);
        }
        if (key.findElsewhere()) {
            return key.elsewhereRow;
        }
        return listener.isMaglev() ? choice.chooseForMidflow(listener, key) : (int) FlowTable.NONE;
    }

    /// Frames for a VIP that nobody can forward; the others are the host's.
    void refuse(int i, byte kind) {
        if (kind == PacketKind.MALFORMED) {
            disposition.dropped(i, WorkerCounter.DROP_MALFORMED.id());
        } else if (kind == PacketKind.NOT_IP || context.vipOf(i) == ListenerTable.NONE) {
            disposition.passed(i);
        } else if (kind == PacketKind.BAD_CHECKSUM4) {
            disposition.dropped(i, WorkerCounter.DROP_BAD_CHECKSUM.id());
        } else if (kind == PacketKind.OTHER4 || kind == PacketKind.OTHER6) {
            disposition.dropped(i, WorkerCounter.DROP_UNSUPPORTED.id());
        } else {
            disposition.dropped(i, WorkerCounter.DROP_MALFORMED.id());
        }
    }

    /// {@return whether a segment asks for a new connection: of SYN, ACK, FIN and RST it has SYN alone}
    private static boolean isFirst(int tcpFlags) {
        return (tcpFlags & (SYN_FIN_RST | TcpView.ACK)) == TcpView.SYN;
    }
}
