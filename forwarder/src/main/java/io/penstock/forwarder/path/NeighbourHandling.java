package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.ArpWriter;
import io.penstock.flowtable.packet.EthernetView;
import io.penstock.flowtable.packet.IcmpView;
import io.penstock.flowtable.packet.NeighbourWriter;
import io.penstock.flowtable.packet.ReplyFrame;
import io.penstock.forwarder.port.FrameBatch;

/// ARP and neighbour discovery for the VIPs: questions are answered, claims of others are counted and answered with an
/// announcement of our own at most every ten seconds (RFC 5227 §2.4). All that concerns other addresses is the host's.
/// One worker's own.
final class NeighbourHandling {
    private static final int VIP_CLAIMED = WorkerCounter.VIP_CLAIMED.id();
    private static final long DEFEND_INTERVAL_NS = 10_000_000_000L;

    private final PathContext context;
    private final Disposition disposition;
    private final ReplyFrame reply = new ReplyFrame();
    private final EthernetView ethernet;
    private long defendedNs = Long.MIN_VALUE / 2;

    NeighbourHandling(PathContext context, Disposition disposition) {
        this.context = context;
        this.disposition = disposition;
        ethernet = new EthernetView(context.memory);
    }

    /// Frame `i` is ARP.
    void arp(int i) {
        int sender = context.parsed.source4(i);
        int target = context.parsed.destination4(i);
        if (context.listeners.vip4(sender) != ListenerTable.NONE && sourceMac(i) != context.network.mac()) {
            context.counters.add(VIP_CLAIMED, 1);
            if (context.network.arp()) {
                defend4(sender);
            }
            disposition.passed(i);
        } else if (context.network.arp()
                && context.listeners.vip4(target) != ListenerTable.NONE
                && ArpWriter.reply(
                        context.memory, context.batch.offsets[i], context.parsed, i, context.network.mac(), reply)) {
            send(i, ReplyKind.ARP);
        } else {
            disposition.passed(i);
        }
    }

    /// Frame `i` is a neighbour solicitation or advertisement.
    void neighbourDiscovery(int i) {
        long frame = context.batch.offsets[i];
        long l4 = frame + context.parsed.l4Offsets[i];
        boolean isVip = context.parsed.l4Length(i) >= 24
                && context.listeners.vip6(
                                NeighbourWriter.targetHigh(context.memory, l4),
                                NeighbourWriter.targetLow(context.memory, l4))
                        != ListenerTable.NONE;
        if (!isVip) {
            disposition.passed(i);
        } else if (context.parsed.icmpType(i) == IcmpView.NEIGHBOUR_ADVERTISEMENT) {
            claimed6(i, l4);
        } else if (context.network.arp()
                && NeighbourWriter.isSolicitation(context.memory, frame, context.parsed, i)
                && NeighbourWriter.reply(context.memory, frame, context.parsed, i, context.network.mac(), reply)) {
            send(i, ReplyKind.ND);
        } else {
            disposition.passed(i);
        }
    }

    private void claimed6(int i, long l4) {
        if (sourceMac(i) != context.network.mac()) {
            context.counters.add(VIP_CLAIMED, 1);
            if (context.network.arp() && mayDefend()) {
                announce6(
                        NeighbourWriter.targetHigh(context.memory, l4), NeighbourWriter.targetLow(context.memory, l4));
            }
        }
        disposition.passed(i);
    }

    private void defend4(int vip) {
        if (mayDefend()) {
            announce4(vip);
        }
    }

    private boolean mayDefend() {
        if (context.nowNs - defendedNs < DEFEND_INTERVAL_NS) {
            return false;
        }
        defendedNs = context.nowNs;
        return true;
    }

    /// Adds an announcement of an IPv4 VIP to the batch, if there is room.
    void announce4(int vip) {
        long room = context.port.borrow();
        if (room >= 0) {
            ArpWriter.announce(context.memory, room, vip, context.network.mac(), reply);
            originate(room);
        }
    }

    /// Adds an announcement of an IPv6 VIP to the batch, if there is room.
    void announce6(long high, long low) {
        long room = context.port.borrow();
        if (room >= 0) {
            NeighbourWriter.announce(context.memory, room, high, low, context.network.mac(), reply);
            originate(room);
        }
    }

    private void originate(long room) {
        FrameBatch batch = context.batch;
        if (batch.addOriginated(reply.offset, reply.length)) {
            disposition.originated(batch.size - 1);
        } else {
            context.port.giveBack(room);
        }
    }

    private long sourceMac(int i) {
        return ethernet.wrap(context.batch.offsets[i], context.batch.lengths[i]).source();
    }

    private void send(int i, ReplyKind kind) {
        context.batch.offsets[i] = reply.offset;
        context.batch.lengths[i] = reply.length;
        disposition.replied(i, kind);
    }
}
