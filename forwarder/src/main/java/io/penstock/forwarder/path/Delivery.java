package io.penstock.forwarder.path;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.DirectRewriter;
import io.penstock.flowtable.packet.Encapsulator;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.Ipv4View;
import io.penstock.flowtable.packet.Ipv6View;
import io.penstock.flowtable.packet.MssClamp;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.TcpView;
import java.util.Objects;

/// The last step: the frame is rewritten where it lies and goes to its backend, directly or through a tunnel.
/// One worker's own.
final class Delivery {
    private static final int NO_NEIGHBOUR = WorkerCounter.DROP_NO_NEIGHBOUR.id();
    private static final int TTL = WorkerCounter.DROP_TTL.id();
    private static final int TOO_BIG = WorkerCounter.DROP_TOO_BIG.id();

    private final PathContext context;
    private final Disposition disposition;
    private final Replies replies;
    private final PacketSplitter splitter;

    Delivery(PathContext context, Disposition disposition, Replies replies) {
        this.context = context;
        this.disposition = disposition;
        this.replies = replies;
        splitter = new PacketSplitter(context);
    }

    /// Sends frame `i` to a backend.
    ///
    /// @param flags    of the backend's record
    /// @param flowHash the same for all packets of a flow
    void deliver(int i, int row, int flags, long flowHash) {
        long mac = context.records.mac(row);
        if (mac == BackendRecords.NO_MAC) {
            disposition.dropped(i, NO_NEIGHBOUR);
        } else if (BackendRecords.forwarding(flags) == 0) {
            direct(i, row, mac);
        } else {
            tunnel(i, row, flags, flowHash, mac);
        }
    }

    private void direct(int i, int row, long mac) {
        if (context.parsed.ttl(i) <= 1) {
            disposition.dropped(i, TTL);
        } else if (context.parsed.packetLength(i) > context.records.linkMtu(row)) {
            tooBigForLink(i, row, mac);
        } else {
            rewrite(i, mac);
            context.cells.packet(row, context.parsed.packetLength(i));
            disposition.forwarded(i, row);
        }
    }

    private void rewrite(int i, long mac) {
        long frame = context.batch.offsets[i];
        int l3Offset = context.parsed.l3Offset(i);
        if (context.parsed.kind(i) == PacketKind.FLOW4 || !context.isV6(i)) {
            DirectRewriter.rewrite4(context.memory, frame, l3Offset, mac, context.network.mac());
        } else {
            DirectRewriter.rewrite6(context.memory, frame, l3Offset, mac, context.network.mac());
        }
    }

    /// More than the link carries, as any router would treat it. What is beyond the link tells the client by itself.
    private void tooBigForLink(int i, int row, long mac) {
        int length = context.parsed.packetLength(i);
        int first = context.batch.size;
        if (context.parsed.dontFragment(i)) {
            replies.tooBig(i, context.records.linkMtu(row), TOO_BIG);
        } else if (splitter.split(i, context.records.linkMtu(row))) {
            rewrite(i, mac);
            for (int piece = first; piece < context.batch.size; piece++) {
                rewrite(piece, mac);
                disposition.originated(piece);
            }
            context.cells.packet(row, length);
            disposition.forwarded(i, row);
        } else {
            disposition.dropped(i, TOO_BIG);
        }
    }

    private void tunnel(int i, int row, int flags, long flowHash, long mac) {
        int tunnel = BackendRecords.forwarding(flags);
        boolean outerIsV6 = BackendRecords.outerIsV6(flags);
        int overhead = Encapsulator.overhead(tunnel, outerIsV6);
        int room = context.records.pathMtu(row, context.nowNs) - overhead;
        if ((outerIsV6 ? context.network.source6() : context.network.source4()) == null) {
            disposition.dropped(i, NO_NEIGHBOUR); // Nowhere that the tunnel could begin.
        } else if (context.parsed.packetLength(i) > room) {
            tooBig(i, row, flags, flowHash, mac, room);
        } else {
            clampMss(i, row, room);
            encapsulate(i, row, flags, flowHash, mac);
            context.cells.packet(row, context.parsed.packetLength(i));
            disposition.forwarded(i, row);
        }
    }

    /// The packet is carried whole: its own TTL stays, since to it the tunnel is one hop behind us.
    private void encapsulate(int i, int row, int flags, long flowHash, long mac) {
        int tunnel = BackendRecords.forwarding(flags);
        boolean outerIsV6 = BackendRecords.outerIsV6(flags);
        long frame = context.batch.offsets[i];
        int l3Offset = context.parsed.l3Offset(i);
        int length = context.parsed.packetLength(i);
        context.batch.lengths[i] = l3Offset + Encapsulator.overhead(tunnel, outerIsV6) + length;
        context.batch.offsets[i] = outerIsV6
                ? encapsulate6(frame, l3Offset, length, tunnel, row, flowHash, mac)
                : encapsulate4(frame, l3Offset, length, tunnel, row, flowHash, mac);
    }

    private long encapsulate4(long frame, int l3Offset, int length, int tunnel, int row, long flowHash, long mac) {
        IpKey source = Objects.requireNonNull(context.network.source4());
        long addresses = source.low() << 32 | (context.records.outerLow(row) & 0xffff_ffffL);
        return Encapsulator.encapsulate4(
                context.memory, frame, l3Offset, length, tunnel, addresses, flowHash, mac, context.network.mac());
    }

    private long encapsulate6(long frame, int l3Offset, int length, int tunnel, int row, long flowHash, long mac) {
        IpKey source = Objects.requireNonNull(context.network.source6());
        return Encapsulator.encapsulate6(
                context.memory,
                frame,
                l3Offset,
                length,
                tunnel,
                source.high(),
                source.low(),
                context.records.outerHigh(row),
                context.records.outerLow(row),
                flowHash,
                mac,
                context.network.mac());
    }

    private void clampMss(int i, int row, int room) {
        if (context.parsed.protocol(i) != IpProtocol.TCP || (context.parsed.tcpFlags(i) & TcpView.SYN) == 0) {
            return;
        }
        LiveListener listener = context.listeners.listener(context.records.listener(row));
        if (listener == null || listener.mssClamp() == ListenerConfig.MSS_OFF || isFragment(i)) {
            return;
        }
        int fits = room - (context.isV6(i) ? Ipv6View.LENGTH : Ipv4View.LENGTH) - TcpView.LENGTH;
        int mss = listener.mssClamp() == ListenerConfig.MSS_AUTO ? fits : listener.mssClamp();
        MssClamp.clamp(context.memory, context.batch.offsets[i] + context.parsed.l4Offset(i), mss);
    }

    private boolean isFragment(int i) {
        return context.parsed.kind(i) == PacketKind.FRAGMENT4 || context.parsed.kind(i) == PacketKind.FRAGMENT6;
    }

    /// Too big for the way to the backend: the client is told, or, where it allows that, the packet is split.
    private void tooBig(int i, int row, int flags, long flowHash, long mac, int room) {
        if (context.parsed.dontFragment(i)) {
            replies.tooBig(i, room, TOO_BIG);
            return;
        }
        int first = context.batch.size;
        int length = context.parsed.packetLength(i);
        if (!splitter.split(i, room)) {
            disposition.dropped(i, TOO_BIG);
            return;
        }
        encapsulate(i, row, flags, flowHash, mac);
        for (int piece = first; piece < context.batch.size; piece++) {
            encapsulate(piece, row, flags, flowHash, mac);
            disposition.originated(piece);
        }
        context.cells.packet(row, length);
        disposition.forwarded(i, row);
    }
}
