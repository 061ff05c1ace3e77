package io.penstock.forwarder.path;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.Encapsulator;
import io.penstock.flowtable.packet.IcmpQuote;
import io.penstock.flowtable.packet.IcmpView;
import io.penstock.flowtable.packet.PacketKind;

/// ICMP and ICMPv6.
///
/// | message | to | becomes |
/// |---|---|---|
/// | echo request | a VIP | answered while a listener there has a usable backend |
/// | error about a packet VIP → client | a VIP | goes to the backend of that flow; `mh` needs no entry to know it |
/// | error about our own outer packet | our tunnel address | an error for the client; the backend's path MTU is lowered
/// |
/// | neighbour discovery | | [NeighbourHandling] |
///
/// One worker's own.
final class IcmpHandling {
    private static final int UNRELATED = WorkerCounter.DROP_ICMP_UNRELATED.id();
    private static final int TOO_BIG = WorkerCounter.DROP_TOO_BIG.id();
    private static final int UNSUPPORTED = WorkerCounter.DROP_UNSUPPORTED.id();
    /// RFC 1191 §6.3: a lowered path MTU is tried again after ten minutes.
    private static final long MTU_AGE_NS = 600_000_000_000L;
    /// The smallest path MTUs worth believing (RFC 791, RFC 8200 §5): less would be an attack.
    private static final int MTU_MIN_4 = 552;
    private static final int MTU_MIN_6 = 1280;

    /// Each error about a tunnel has us look through all backends. A backend's path tells its MTU with one.
    private static final int TUNNEL_ERRORS_PER_SECOND = 500;

    private final PathContext context;
    private final Disposition disposition;
    private final Delivery delivery;
    private final Replies replies;
    private final FlowForwarding flows;
    private final NeighbourHandling neighbours;
    private final RateLimiter tunnelErrors = new RateLimiter(TUNNEL_ERRORS_PER_SECOND);
    private final IcmpQuote quote = new IcmpQuote();
    private final FlowKey key;

    IcmpHandling(
            PathContext context,
            Disposition disposition,
            Delivery delivery,
            Replies replies,
            FlowForwarding flows,
            NeighbourHandling neighbours) {
        this.context = context;
        this.disposition = disposition;
        this.delivery = delivery;
        this.replies = replies;
        this.flows = flows;
        this.neighbours = neighbours;
        key = new FlowKey(context);
    }

    /// Decides on frame `i`, an ICMP or ICMPv6 message.
    void handle(int i) {
        boolean isV6 = context.parsed.kind(i) == PacketKind.ICMP6;
        int type = context.parsed.icmpType(i);
        if (isV6 && (type == IcmpView.NEIGHBOUR_SOLICITATION || type == IcmpView.NEIGHBOUR_ADVERTISEMENT)) {
            neighbours.neighbourDiscovery(i);
            return;
        }
        int vip = context.vipOf(i);
        if (vip == ListenerTable.NONE) {
            aboutTunnel(i, isV6);
        } else if (Bogons.isBogon(context, i)) {
            disposition.dropped(i, WorkerCounter.DROP_BOGON.id());
        } else if (type == (isV6 ? IcmpView.ECHO_REQUEST_V6 : IcmpView.ECHO_REQUEST)) {
            echo(i, vip);
        } else if (isError(type, isV6)) {
            relay(i, isV6);
        } else {
            disposition.dropped(i, UNSUPPORTED);
        }
    }

    private static boolean isError(int type, boolean isV6) {
        return isV6
                ? type >= IcmpView.UNREACHABLE_V6 && type <= IcmpView.PARAMETER_PROBLEM_V6
                : type == IcmpView.UNREACHABLE || type == IcmpView.TIME_EXCEEDED || type == IcmpView.PARAMETER_PROBLEM;
    }

    private void echo(int i, int vip) {
        if (context.listeners.answersEcho(vip)) {
            replies.echo(i, UNSUPPORTED);
        } else {
            disposition.dropped(i, WorkerCounter.DROP_NO_BACKEND.id());
        }
    }

    /// An error that quotes what a backend sent to its client as the VIP.
    private void relay(int i, boolean isV6) {
        if (!quote.parseFlow(context.memory, context.batch.offsets[i], context.parsed, i)
                || quote.isKeyV6() != isV6
                || !isSentToItsVip(i, isV6)) {
            disposition.dropped(i, UNRELATED);
            return;
        }
        loadKey();
        int row = rowOfKey();
        int flags = row < 0 ? 0 : context.records.flags(row);
        if ((flags & BackendRecords.IN_USE) == 0) {
            disposition.dropped(i, UNRELATED);
            return;
        }
        context.counters.add(WorkerCounter.ICMP_RELAYED.id(), 1);
        delivery.deliver(i, row, flags, key.hash);
    }

    /// The quoted packet came from the VIP that the error is sent to; anything else is a forgery.
    private boolean isSentToItsVip(int i, boolean isV6) {
        return isV6
                ? quote.keyDestinationHigh() == context.parsed.destinationHigh[i]
                        && quote.keyDestinationLow() == context.parsed.destinationLow[i]
                : (int) quote.keyAddresses() == context.parsed.destination4(i);
    }

    private void loadKey() {
        int protocolBit = PathContext.protocolBit(quote.keyProtocol());
        if (quote.isKeyV6()) {
            key.set(
                    true,
                    quote.keySourceHigh(),
                    quote.keySourceLow(),
                    quote.keyDestinationHigh(),
                    quote.keyDestinationLow(),
                    quote.keyPorts(),
                    protocolBit);
        } else {
            long addresses = quote.keyAddresses();
            key.set(false, 0, addresses >>> 32, 0, addresses & 0xffff_ffffL, quote.keyPorts(), protocolBit);
        }
    }

    private int rowOfKey() {
        int vip = key.isV6
                ? context.listeners.vip6(key.destinationHigh, key.destinationLow)
                : context.listeners.vip4((int) key.destinationLow);
        LiveListener listener = vip == ListenerTable.NONE
                ? null
                : context.listeners.listener(vip, key.protocolBit, key.destinationPort());
        return listener == null || !listener.running() ? ListenerTable.NONE : flows.rowOf(listener, key);
    }

    /// An error to an address that is no VIP: ours to read when it quotes our outer packet, the host's otherwise.
    private void aboutTunnel(int i, boolean isV6) {
        int type = context.parsed.icmpType(i);
        boolean isOurs = isError(type, isV6)
                && isTunnelSource(i, isV6)
                && quote.parseTunnel(context.memory, context.batch.offsets[i], context.parsed, i)
                && isFromTunnelSource();
        if (!isOurs) {
            disposition.passed(i);
        } else if (!tunnelErrors.tryAcquire(context.nowNs)) {
            disposition.dropped(i, WorkerCounter.DROP_RATE_LIMITED.id());
        } else if (!isAboutOurs()) {
            disposition.dropped(i, UNRELATED); // A forgery would have us send errors to whom it likes.
        } else if (quote.isTooBig(isV6)) {
            tooBig(i);
        } else if (isEndOfTheWay(type, isV6)) {
            tellUnreachable(i);
        } else {
            disposition.dropped(i, UNRELATED);
        }
    }

    /// {@return whether the quoted outer packet went to a backend of ours, and what it carried, as far as quoted, to a
    /// VIP}
    private boolean isAboutOurs() {
        boolean toBackend =
                context.records.isTunnelEnd(quote.isOuterV6(), outerDestinationHigh(), outerDestinationLow());
        if (!toBackend || !quote.hasInner()) {
            return toBackend;
        }
        int vip = quote.isKeyV6()
                ? context.listeners.vip6(quote.keyDestinationHigh(), quote.keyDestinationLow())
                : context.listeners.vip4((int) quote.keyAddresses());
        return vip != ListenerTable.NONE;
    }

    private long outerDestinationHigh() {
        return quote.isOuterV6() ? quote.outerDestinationHigh() : 0;
    }

    private long outerDestinationLow() {
        return quote.isOuterV6() ? quote.outerDestinationLow() : quote.outerDestination4() & 0xffff_ffffL;
    }

    /// A parameter problem is in a header of ours, which the client knows nothing of.
    private static boolean isEndOfTheWay(int type, boolean isV6) {
        return isV6
                ? type == IcmpView.UNREACHABLE_V6 || type == IcmpView.TIME_EXCEEDED_V6
                : type == IcmpView.UNREACHABLE || type == IcmpView.TIME_EXCEEDED;
    }

    private void tellUnreachable(int i) {
        if (quote.hasInner()) {
            replies.unreachableForQuoted(i, quote.innerOffset(), quote.innerLength(), quote.isKeyV6(), UNRELATED);
        } else {
            disposition.dropped(i, UNRELATED);
        }
    }

    private boolean isTunnelSource(int i, boolean isV6) {
        IpKey source = isV6 ? context.network.source6() : context.network.source4();
        return source != null
                && (isV6
                        ? source.high() == context.parsed.destinationHigh[i]
                                && source.low() == context.parsed.destinationLow[i]
                        : (int) source.low() == context.parsed.destination4(i));
    }

    private boolean isFromTunnelSource() {
        IpKey source = quote.isOuterV6() ? context.network.source6() : context.network.source4();
        return source != null
                && (quote.isOuterV6()
                        ? source.high() == quote.outerSourceHigh() && source.low() == quote.outerSourceLow()
                        : (int) source.low() == quote.outerSource4());
    }

    private void tooBig(int i) {
        int mtu = Math.max(quote.mtu(), quote.isOuterV6() ? MTU_MIN_6 : MTU_MIN_4);
        context.records.lowerPathMtus(
                quote.isOuterV6(), outerDestinationHigh(), outerDestinationLow(), mtu, context.nowNs + MTU_AGE_NS);
        if (quote.hasInner()) {
            int room = mtu - Encapsulator.overhead(quote.tunnel(), quote.isOuterV6());
            replies.tooBigForQuoted(i, quote.innerOffset(), quote.innerLength(), room, TOO_BIG);
        } else {
            // The router quoted too little to know the client; the next big packet is answered from the lowered MTU.
            disposition.dropped(i, TOO_BIG);
        }
    }
}
