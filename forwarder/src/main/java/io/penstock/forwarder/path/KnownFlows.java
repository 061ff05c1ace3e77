package io.penstock.forwarder.path;

import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.flowtable.packet.TcpView;

/// The common packet: of an established IPv4 flow, without SYN, FIN and RST, to a healthy backend on the link. Nothing
/// about it calls for a decision, so a batch's common packets are forwarded in one loop of loads and comparisons, and
/// what they add to the counters is added once. Whatever is not common in any respect is left to [FlowForwarding],
/// which does the same and everything else; each condition here is one of its branches.
///
/// All common packets of a batch come before all others. That changes nothing: a common packet changes no state but
/// times and counts, and none of the others can turn an established, unexpired flow of a healthy backend into something
/// that its next packet would not go on with: FIN and RST let it pass, a SYN stays with a healthy backend, and a new
/// flow takes nobody's place who is alive. But for one case: behind a FIN or RST of its flow in the same batch, whose
/// entry a new flow then takes or a SYN begins anew, a segment still goes to the backend that the flow had. There it
/// belongs: no client goes on with a new connection whose SYN has not left yet.
///
/// One worker's own.
final class KnownFlows {
    private static final int SYN_FIN_RST = TcpView.SYN | TcpView.FIN | TcpView.RST;

    private final PathContext context;
    private final Disposition disposition;
    private final int[] rest;

    KnownFlows(PathContext context, Disposition disposition, int frames) {
        this.context = context;
        this.disposition = disposition;
        rest = new int[frames];
    }

    /// Forwards the common packets of the batch.
    ///
    /// @param entries where the flow of each frame was found, negative where it was not
    /// @return how many frames are left; [#rest] tells which
    int forward(int received, long[] entries) {
        ParsedBatch parsed = context.parsed;
        long[] offsets = context.batch.offsets;
        int[] lengths = context.batch.lengths;
        int[] rest = this.rest;
        long memory = context.address;
        int left = 0;
        long bytes = 0;
        for (int i = 0; i < received; i++) {
            long header = parsed.header(i);
            if (entries[i] >= 0 && ParsedBatch.kindOf(header) == PacketKind.FLOW4 && isCommon(entries[i], header)) {
                deliver(i, entries[i], header, memory + offsets[i]);
                bytes += lengths[i];
            } else {
                rest[left++] = i;
            }
        }
        disposition.forwarded(received - left, bytes);
        return left;
    }

    /// {@return the frames that were left, in order}
    int[] rest() {
        return rest;
    }

    private boolean isCommon(long entry, long header) {
        FlowTable flows = context.flows4;
        BackendRecords records = context.records;
        int row = flows.row(entry);
        return flows.state(entry) == FlowState.ESTABLISHED
                && (ParsedBatch.tcpFlagsOf(header) & SYN_FIN_RST) == 0
                && BackendRecords.isCommon(records.flags(row), flows.protocolBit(entry))
                && records.generation(row) == flows.generation(entry)
                && TickClock.elapsed(context.nowTicks, flows.lastSeen(entry)) <= records.idleTicks(row)
                && ParsedBatch.ttlOf(header) > 1
                && ParsedBatch.packetLengthOf(header) <= records.linkMtu(row)
                && records.mac(row) != BackendRecords.NO_MAC;
    }

    private void deliver(int i, long entry, long header, long frame) {
        int row = context.flows4.row(entry);
        int length = ParsedBatch.packetLengthOf(header);
        long mac = context.records.mac(row);
        context.flows4.seen(entry, context.nowTicks, length);
        DirectRewriter.rewrite4(frame, ParsedBatch.l3OffsetOf(header), mac, context.network.mac());
        context.cells.packet(row, length);
        disposition.forwards(i, row);
    }
}
