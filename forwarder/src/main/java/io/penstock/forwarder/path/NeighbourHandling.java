package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.ArpWriter;
import io.penstock.flowtable.packet.EthernetView;
import io.penstock.flowtable.packet.IcmpView;
import io.penstock.flowtable.packet.NeighbourWriter;
import io.penstock.flowtable.packet.ReplyFrame;
import io.penstock.forwarder.port.FrameBatch;
import java.util.Arrays;

/// ARP and neighbour discovery for the VIPs: questions are answered; claims of others, probes among them, are counted
/// and met with an announcement of our own, for each VIP at most every ten seconds (RFC 5227 §2.4). All that concerns
/// other addresses is the host's. One worker's own.
final class NeighbourHandling {
    private static final int VIP_CLAIMED = WorkerCounter.VIP_CLAIMED.id();
    private static final int MALFORMED = WorkerCounter.DROP_MALFORMED.id();
    private static final int UNSUPPORTED = WorkerCounter.DROP_UNSUPPORTED.id();
    private static final long DEFEND_INTERVAL_NS = 10_000_000_000L;
    /// VIPs whose last defence is remembered; two that share a place also share the interval.
    private static final int DEFENDED = 64;

    private final PathContext context;
    private final Disposition disposition;
    private final ReplyFrame reply = new ReplyFrame();
    private final EthernetView ethernet;
    private final long[] defendedNs = new long[DEFENDED];

    NeighbourHandling(PathContext context, Disposition disposition) {
        this.context = context;
        this.disposition = disposition;
        ethernet = new EthernetView(context.memory);
        Arrays.fill(defendedNs, Long.MIN_VALUE / 2);
    }

    /// Frame `i` is ARP.
    void arp(int i) {
        int claimed = context.listeners.vip4(context.parsed.source4(i));
        if (claimed != ListenerTable.NONE && sourceMac(i) != context.network.mac()) {
            context.counters.add(VIP_CLAIMED, 1);
            if (mayDefend(claimed)) {
                announce4(tag(i), context.parsed.source4(i));
            }
            disposition.passed(i);
        } else if (context.network.arp()
                && context.listeners.vip4(context.parsed.destination4(i)) != ListenerTable.NONE
                && answer4(i)) {
            send(i, ReplyKind.ARP);
        } else {
            disposition.passed(i);
        }
    }

    private boolean answer4(int i) {
        boolean isProbe = context.parsed.source4(i) == 0 && sourceMac(i) != context.network.mac();
        long mac = context.network.mac();
        if (!ArpWriter.reply(context.memory, context.batch.offsets[i], context.parsed, i, mac, reply)) {
            return false;
        }
        context.counters.add(VIP_CLAIMED, isProbe ? 1 : 0); // Who probes an address is about to take it.
        return true;
    }

    /// Frame `i` is a neighbour solicitation or advertisement.
    void neighbourDiscovery(int i) {
        long l4 = context.batch.offsets[i] + context.parsed.l4Offset(i);
        int vip = context.parsed.l4Length(i) < 24
                ? ListenerTable.NONE
                : context.listeners.vip6(
                        NeighbourWriter.targetHigh(context.memory, l4), NeighbourWriter.targetLow(context.memory, l4));
        if (vip == ListenerTable.NONE) {
            aboutOthers(i);
        } else if (context.parsed.icmpType(i) == IcmpView.NEIGHBOUR_ADVERTISEMENT) {
            advertised6(i, vip, l4);
        } else if (context.network.arp()) {
            solicited6(i);
        } else {
            disposition.passed(i);
        }
    }

    /// What is sent to a VIP, but speaks of no VIP, is nobody's: a host does not talk of its neighbours to us.
    private void aboutOthers(int i) {
        if (context.vipOf(i) == ListenerTable.NONE) {
            disposition.passed(i);
        } else {
            disposition.dropped(i, UNSUPPORTED);
        }
    }

    private void solicited6(int i) {
        long frame = context.batch.offsets[i];
        long mac = context.network.mac();
        boolean isProbe = (context.parsed.sourceHigh[i] | context.parsed.sourceLow[i]) == 0 && sourceMac(i) != mac;
        if (NeighbourWriter.isSolicitation(context.memory, frame, context.parsed, i)
                && NeighbourWriter.reply(context.memory, frame, context.parsed, i, mac, reply)) {
            context.counters.add(VIP_CLAIMED, isProbe ? 1 : 0);
            send(i, ReplyKind.ND);
        } else {
            disposition.dropped(i, MALFORMED);
        }
    }

    private void advertised6(int i, int vip, long l4) {
        boolean isClaim = sourceMac(i) != context.network.mac()
                && NeighbourWriter.isAdvertisement(context.memory, context.batch.offsets[i], context.parsed, i);
        if (isClaim) {
            context.counters.add(VIP_CLAIMED, 1);
            if (mayDefend(vip)) {
                announce6(
                        tag(i),
                        NeighbourWriter.targetHigh(context.memory, l4),
                        NeighbourWriter.targetLow(context.memory, l4));
            }
        }
        disposition.passed(i);
    }

    private boolean mayDefend(int vip) {
        int place = vip & DEFENDED - 1;
        if (!context.network.arp() || context.nowNs - defendedNs[place] < DEFEND_INTERVAL_NS) {
            return false;
        }
        defendedNs[place] = context.nowNs;
        return true;
    }

    /// The VLAN in which a claim was heard is the one to answer it in; its priority is the sender's own.
    private int tag(int i) {
        ethernet.wrap(context.batch.offsets[i], context.batch.lengths[i]);
        return ethernet.isTagged() ? ethernet.tag() & 0xfff : EthernetView.NO_TAG;
    }

    /// Adds an announcement of an IPv4 VIP to the batch, if there is room.
    ///
    /// @param tag 802.1Q tag, or [EthernetView#NO_TAG]
    void announce4(int tag, int vip) {
        long room = context.port.borrow();
        if (room >= 0) {
            ArpWriter.announce(context.memory, room, tag, vip, context.network.mac(), reply);
            originate(room);
        }
    }

    /// Adds an announcement of an IPv6 VIP to the batch, if there is room.
    ///
    /// @param tag 802.1Q tag, or [EthernetView#NO_TAG]
    void announce6(int tag, long high, long low) {
        long room = context.port.borrow();
        if (room >= 0) {
            NeighbourWriter.announce(context.memory, room, tag, high, low, context.network.mac(), reply);
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
