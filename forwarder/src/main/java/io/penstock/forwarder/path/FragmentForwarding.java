package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.AffinityTable;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.forwarder.port.FrameBatch;

/// Fragments: the first one, which has the ports, decides; the others of its datagram follow it, whatever their order
/// and whichever worker they come to.
///
/// What a first fragment decided is kept in a table of all workers, by addresses, identification and protocol. A later
/// fragment that comes before its first one is copied and waits, at most [#PATIENCE_MS], in room for [#WAITING_MAX]
/// frames a worker; what finds no room or waits too long is dropped and counted. One worker's own, but for that table.
final class FragmentForwarding {
    /// How long a fragment waits for its first one: far longer than networks reorder, far shorter than hosts
    /// reassemble.
    static final long PATIENCE_MS = 2_000;
    /// Frames that may wait, a worker.
    static final int WAITING_MAX = 512;
    /// How long a decision is kept: as long as Linux waits for the rest of a datagram, `ipfrag_time`.
    private static final int DECISION_TICKS = TickClock.ticksOfMs(30_000);
    /// How often the decisions of other workers are looked for.
    private static final long PASS_INTERVAL_NS = 1_000_000;
    /// In the table in place of a backend's row: the datagram is dropped, the "generation" is the reason's id.
    private static final int DROPPED_ROW = (1 << 20) - 1;

    private static final int TIMEOUT = WorkerCounter.DROP_FRAGMENT_TIMEOUT.id();

    private final PathContext context;
    private final Disposition disposition;
    private final Delivery delivery;
    private final FlowForwarding flows;
    private final WaitingFragments waiting = new WaitingFragments(WAITING_MAX);
    private long lastPassNs = Long.MIN_VALUE / 2;
    /// Whether a fragment that waits may go on with the next pass.
    private boolean isAwaited;

    FragmentForwarding(PathContext context, Disposition disposition, Delivery delivery, FlowForwarding flows) {
        this.context = context;
        this.disposition = disposition;
        this.delivery = delivery;
        this.flows = flows;
    }

    /// Decides on frame `i`, a fragment.
    void forward(int i) {
        if (context.vipOf(i) == ListenerTable.NONE) {
            disposition.passed(i);
        } else if (Bogons.isBogon(context, i)) {
            disposition.dropped(i, WorkerCounter.DROP_BOGON.id());
        } else if (context.parsed.fragmentOffsets[i] == 0) {
            first(i);
        } else if (!mayCarryPorts(i)) {
            disposition.dropped(i, WorkerCounter.DROP_UNSUPPORTED.id());
        } else {
            later(i);
        }
    }

    private boolean isTransport(int i) {
        int protocol = context.parsed.protocol(i);
        return protocol == IpProtocol.TCP || protocol == IpProtocol.UDP;
    }

    /// An IPv6 fragment may name an extension header that stands before TCP or UDP; only ICMPv6 is told apart.
    private boolean mayCarryPorts(int i) {
        return isTransport(i)
                || (context.parsed.kind(i) == PacketKind.FRAGMENT6 && context.parsed.protocol(i) != IpProtocol.ICMPV6);
    }

    private void first(int i) {
        if (!isTransport(i)) {
            disposition.dropped(i, WorkerCounter.DROP_UNSUPPORTED.id());
            return;
        }
        long fingerprint = fingerprint(i);
        flows.forwardFirstFragment(i);
        int outcome = disposition.outcome(i);
        if (outcome == WorkerCounter.FORWARDED.id()) {
            int row = disposition.detail(i);
            context.counters.add(WorkerCounter.FRAGMENTS.id(), 1);
            decide(fingerprint, row, context.records.generation(row));
        } else {
            decide(fingerprint, DROPPED_ROW, reasonForTheRest(i, outcome));
        }
    }

    /// Why the rest of a datagram goes nowhere whose first fragment was dropped, or answered in its place.
    private int reasonForTheRest(int i, int outcome) {
        if (outcome != WorkerCounter.REPLIED.id()) {
            return outcome;
        }
        return disposition.detail(i) == ReplyKind.TOO_BIG.code()
                ? WorkerCounter.DROP_TOO_BIG.id()
                : WorkerCounter.DROP_MIDSTREAM.id();
    }

    private void decide(long fingerprint, int row, int generation) {
        context.sharedFragments.put(fingerprint, row, generation, context.nowTicks);
        isAwaited |= waiting.holds(fingerprint);
    }

    private void later(int i) {
        long fingerprint = fingerprint(i);
        int decision = context.sharedFragments.find(fingerprint, context.nowTicks, DECISION_TICKS);
        if (decision != AffinityTable.NONE) {
            follow(i, fingerprint, decision);
        } else {
            hold(i, fingerprint);
        }
    }

    private void follow(int i, long fingerprint, int decision) {
        int row = AffinityTable.row(decision);
        if (row == DROPPED_ROW) {
            disposition.dropped(i, AffinityTable.generation(decision));
            return;
        }
        int flags = context.records.flags(row);
        boolean isCurrent = (flags & BackendRecords.IN_USE) != 0
                && context.records.generation(row) == AffinityTable.generation(decision);
        if (!isCurrent) {
            disposition.dropped(i, WorkerCounter.DROP_NO_BACKEND.id());
            return;
        }
        context.counters.add(WorkerCounter.FRAGMENTS.id(), 1);
        delivery.deliver(i, row, flags, fingerprint);
    }

    private void hold(int i, long fingerprint) {
        FrameBatch batch = context.batch;
        int ticket = waiting.hold(context.memory, batch.offsets[i], batch.lengths[i], fingerprint, context.nowNs);
        if (ticket < 0) {
            disposition.dropped(i, WorkerCounter.DROP_FRAGMENT_TABLE_FULL.id());
        } else {
            disposition.held(i, ticket);
        }
    }

    private long fingerprint(int i) {
        return context.parsed.kind(i) == PacketKind.FRAGMENT6
                ? context.hash.fragment6(
                        context.parsed.sourceHigh[i],
                        context.parsed.sourceLow[i],
                        context.parsed.destinationHigh[i],
                        context.parsed.destinationLow[i],
                        context.parsed.fragmentIds[i])
                : context.hash.fragment4(
                        context.parsed.addresses[i], context.parsed.fragmentIds[i], context.parsed.protocol(i) & 0xff);
    }

    /// Sends on what waited for a first fragment that has come meanwhile, here or with another worker, and drops what
    /// waited too long. Called once a cycle.
    void releaseWaiting() {
        // What another worker decides is looked for now and then only: the pass over all that waits has its price, and
        // who sends fragments without a beginning must not make every cycle pay it.
        if (!waiting.isEmpty() && (isAwaited || context.nowNs - lastPassNs >= PASS_INTERVAL_NS)) {
            lastPassNs = context.nowNs;
            isAwaited = false;
            pass();
        }
    }

    private void pass() {
        int next;
        for (int slot = waiting.first(); slot >= 0; slot = next) {
            next = waiting.after(slot);
            long fingerprint = waiting.fingerprint(slot);
            int decision = context.sharedFragments.find(fingerprint, context.nowTicks, DECISION_TICKS);
            if (context.nowNs - waiting.sinceNs(slot) > PATIENCE_MS * 1_000_000) {
                disposition.expired(waiting.ticket(slot), TIMEOUT);
                waiting.remove(slot);
            } else if (decision != AffinityTable.NONE) {
                release(slot, fingerprint, decision);
            }
        }
    }

    private void release(int slot, long fingerprint, int decision) {
        long room = context.port.borrow();
        if (room < 0) {
            isAwaited = true; // The next cycle tries again.
            return;
        }
        int i = context.batch.size;
        int length = waiting.copyTo(slot, context.memory, room);
        if (!context.batch.addOriginated(room, length)) {
            context.port.giveBack(room);
            isAwaited = true;
            return;
        }
        PacketParser.parse(context.memory, room, length, context.parsed, i);
        follow(i, fingerprint, decision);
        disposition.released(i, waiting.ticket(slot));
        waiting.remove(slot);
    }
}
