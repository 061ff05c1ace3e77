package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.flowtable.packet.TcpView;
import io.penstock.flowtable.schedule.MaglevHistory;
import org.jspecify.annotations.Nullable;

/// The common new flow: the first packet of an IPv4 flow to a listener for which the hash alone decides (`mh` without
/// limit, persistence and `max-flows`). A flood of SYNs is made of them, so they too are chosen for and entered in
/// loops of their own. Whatever is not common is left to [FlowForwarding], which does the same and everything else.
///
/// Choosing changes nothing, so it is done for all frames of the batch before any of them is acted on; entering keeps
/// the order of the frames.
///
/// One worker's own.
final class NewFlows {
    /// In [#rows]: not a common one.
    private static final int OTHER = -1;

    private static final int SYN_FIN_RST_ACK = TcpView.SYN | TcpView.FIN | TcpView.RST | TcpView.ACK;
    private static final long DESTINATION_PORT_AND_PROTOCOL = 0xff_0000_ffffL;
    private static final int CREATED = WorkerCounter.FLOWS_CREATED.id();

    private final PathContext context;
    private final Disposition disposition;
    private final FlowForwarding flows;
    private final int[] rows; // chosen for each of the frames that are left, or OTHER
    private long touched;

    NewFlows(PathContext context, Disposition disposition, FlowForwarding flows, int frames) {
        this.context = context;
        this.disposition = disposition;
        this.flows = flows;
        rows = new int[frames];
    }

    /// Chooses a backend for each of the frames that is a common new flow's.
    ///
    /// @param rest    frames, the first `count` of which are left
    /// @param entries where the flow of each frame was found, negative where it was not
    /// @param buckets the home line of each frame's flow
    void choose(int[] rest, int count, long[] entries, long[] buckets) {
        ParsedBatch parsed = context.parsed;
        ListenerTable listeners = context.listeners;
        int[] rows = this.rows;
        int destination = 0;
        long service = -1; // port and protocol that `history` belongs to, with `destination`; none yet
        MaglevHistory history = null;
        for (int n = 0; n < count; n++) {
            int i = rest[n];
            long header = parsed.header(i);
            rows[n] = OTHER;
            if (entries[i] != FlowTable.NONE || ParsedBatch.kindOf(header) != PacketKind.FLOW4) {
                continue;
            }
            long addresses = parsed.addresses[i];
            long transport = parsed.transports[i];
            if ((transport & DESTINATION_PORT_AND_PROTOCOL) != service || (int) addresses != destination) {
                service = transport & DESTINATION_PORT_AND_PROTOCOL;
                destination = (int) addresses;
                history = history(listeners, destination, transport);
            }
            if (history != null
                    && isFirst(header, transport)
                    && !Bogons.isBogon4(listeners, (int) (addresses >>> 32))) {
                rows[n] = choose(history, context.hashes[i], transport);
            }
        }
        touch(rest, count, buckets);
    }

    // A loop of its own, for the reason that PacketPath.touch has.
    private void touch(int[] rest, int count, long[] buckets) {
        FlowTable table = context.flows4;
        int[] rows = this.rows;
        long sum = 0;
        for (int n = 0; n < count; n++) {
            if (rows[n] >= 0) {
                sum += table.touchForInsert(buckets[rest[n]]);
            }
        }
        touched = sum; // Kept, so that the loads are not dead code.
    }

    private static @Nullable MaglevHistory history(ListenerTable listeners, int destination, long transport) {
        int vip = listeners.vip4(destination);
        LiveListener listener = vip == ListenerTable.NONE
                ? null
                : listeners.listener(vip, protocolBit(transport), (int) transport & 0xffff);
        return listener == null ? null : listener.decidedByHash();
    }

    private static int protocolBit(long transport) {
        return PathContext.protocolBit((int) (transport >>> 32));
    }

    /// A packet that may be passed on and begins a flow: a SYN or, of UDP, any.
    private static boolean isFirst(long header, long transport) {
        return ParsedBatch.ttlOf(header) > 1
                && (protocolBit(transport) == 1 || (ParsedBatch.tcpFlagsOf(header) & SYN_FIN_RST_ACK) == TcpView.SYN);
    }

    /// Nobody else is to be asked: there is no other worker, or, of TCP, none that could have chosen otherwise.
    private int choose(MaglevHistory history, long hash, long transport) {
        boolean isAlone = context.otherFlows4.length == 0;
        return isAlone || (protocolBit(transport) == 0 && history.isSettled(hash, context.nowTicks))
                ? history.backendForNew(hash)
                : OTHER;
    }

    /// Enters common new flows as they follow each other, up to the first frame that is none.
    ///
    /// @param rest  as for [#choose], which came before
    /// @param from  index in `rest` of the first frame to look at
    /// @param count as for [#choose]
    /// @return index in `rest` of the first frame that was not dealt with, or `count`
    int forward(int[] rest, int from, int count, long[] buckets) {
        ParsedBatch parsed = context.parsed;
        FlowTable table = context.flows4;
        int[] lengths = context.batch.lengths;
        int[] rows = this.rows;
        int now = context.nowTicks;
        boolean isChanged = context.tablesChanged;
        int created = 0;
        int delivered = 0;
        long bytes = 0;
        int n = from;
        for (; n < count && rows[n] >= 0; n++) {
            int i = rest[n];
            int row = rows[n];
            long addresses = parsed.addresses[i];
            long transport = parsed.transports[i];
            int protocolBit = protocolBit(transport);
            if (isChanged && table.find4(buckets[i], addresses, (int) transport, protocolBit) != FlowTable.NONE) {
                break; // An earlier frame of the batch has made it.
            }
            int state = protocolBit == 0 ? FlowState.HALF_OPEN : FlowState.ESTABLISHED;
            isChanged = true;
            context.tablesChanged = true;
            long entry = table.insert4(
                    buckets[i],
                    addresses,
                    (int) transport,
                    protocolBit,
                    row,
                    context.records.generation(row),
                    state,
                    now);
            if (entry == FlowTable.NONE) {
                flows.beginWithoutEntry(i, row);
                continue;
            }
            context.cells.flowBegan(row);
            long header = parsed.header(i);
            int length = ParsedBatch.packetLengthOf(header);
            table.seen(entry, now, length);
            if (isCommon(row, length)) {
                deliver(i, row, header, length);
                bytes += lengths[i];
                delivered++;
            } else {
                flows.deliver(i, row);
            }
            created++;
        }
        context.counters.add(CREATED, created);
        disposition.forwarded(delivered, bytes);
        return n;
    }

    private boolean isCommon(int row, int length) {
        BackendRecords records = context.records;
        return BackendRecords.forwarding(records.flags(row)) == 0
                && length <= records.linkMtu(row)
                && records.mac(row) != BackendRecords.NO_MAC;
    }

    private void deliver(int i, int row, long header, int length) {
        long frame = context.address + context.batch.offsets[i];
        DirectRewriter.rewrite4(frame, ParsedBatch.l3OffsetOf(header), context.records.mac(row), context.network.mac());
        context.cells.packet(row, length);
        disposition.forwards(i, row);
    }

    /// {@return what the last [#choose] touched}
    long touched() {
        return touched;
    }
}
