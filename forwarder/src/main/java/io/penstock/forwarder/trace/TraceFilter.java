package io.penstock.forwarder.trace;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PortSet;
import io.penstock.control.config.Protocol;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.IpProtocol;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.ParsedBatch;
import io.penstock.forwarder.path.Disposition;
import io.penstock.forwarder.path.IpKey;
import org.jspecify.annotations.Nullable;

/// Which frames a trace is about: those that fit all that is set. Immutable; the workers ask it.
public final class TraceFilter {
    /// In a set of protocols.
    public static final int TCP = 1;

    /// In a set of protocols.
    public static final int UDP = 2;

    /// In a set of protocols: ICMP and ICMPv6.
    public static final int ICMP = 4;

    /// In a set of protocols.
    public static final int ARP = 8;

    /// Every frame.
    public static final TraceFilter ALL = new TraceFilter(0, null, null, null, null, null);

    private final int protocols;
    private final @Nullable Network client;
    private final @Nullable IpKey vip;
    private final @Nullable Target target;
    private final boolean @Nullable [] rows;
    private final boolean @Nullable [] outcomes;

    /// @param protocols the set of them, 0 for any
    /// @param client    where the packet comes from, or null
    /// @param vip       where it goes, or null
    /// @param target    the listener that it is for, or null
    /// @param rows      rows of backends, of which one must have got it; or null
    /// @param outcomes  ids of the counters that may have counted it, as indexes; or null
    public TraceFilter(
            int protocols,
            @Nullable Network client,
            @Nullable IpKey vip,
            @Nullable Target target,
            boolean @Nullable [] rows,
            boolean @Nullable [] outcomes) {
        this.protocols = protocols;
        this.client = client;
        this.vip = vip;
        this.target = target;
        this.rows = rows == null ? null : rows.clone();
        this.outcomes = outcomes == null ? null : outcomes.clone();
    }

    /// {@return whether frame `i` is one of those}
    boolean matches(ParsedBatch parsed, int i, Disposition disposition) {
        int outcome = disposition.outcome(i);
        if (outcomes != null && (outcome < 0 || !outcomes[outcome])) {
            return false;
        }
        int backend = outcome == WorkerCounter.FORWARDED.id() ? disposition.detail(i) : -1;
        return (protocols == 0 || (protocols & protocol(parsed, i)) != 0)
                && (client == null || client.holdsSource(parsed, i))
                && (vip == null || isTo(vip, parsed, i))
                && (rows == null || contains(rows, backend))
                && (target == null || contains(target.rows, backend) || target.isDestination(parsed, i));
    }

    private static boolean contains(boolean[] rows, int row) {
        return row >= 0 && row < rows.length && rows[row];
    }

    private static int protocol(ParsedBatch parsed, int i) {
        byte kind = parsed.kind(i);
        if (kind == PacketKind.ARP) {
            return ARP;
        }
        if (!TracedFrame.hasAddresses(kind)) {
            return 0;
        }
        return switch (parsed.protocol(i)) {
            case IpProtocol.TCP -> TCP;
            case IpProtocol.UDP -> UDP;
            case IpProtocol.ICMP, IpProtocol.ICMPV6 -> ICMP;
            default -> 0;
        };
    }

    private static boolean isTo(IpKey address, ParsedBatch parsed, int i) {
        byte kind = parsed.kind(i);
        if (!TracedFrame.hasAddresses(kind) || TracedFrame.isV6(kind) != address.isV6()) {
            return false;
        }
        return address.isV6()
                ? parsed.destinationHigh[i] == address.high() && parsed.destinationLow[i] == address.low()
                : parsed.destination4(i) == (int) address.low();
    }

    /// A network of clients.
    ///
    /// @param address one of its addresses
    /// @param prefix  bits that all have in common
    public record Network(IpKey address, int prefix) {
        private boolean holdsSource(ParsedBatch parsed, int i) {
            byte kind = parsed.kind(i);
            if (!TracedFrame.hasAddresses(kind)) {
                return false;
            }
            return TracedFrame.isV6(kind)
                    ? holds(true, parsed.sourceHigh[i], parsed.sourceLow[i])
                    : holds(false, 0, parsed.source4(i));
        }

        /// {@return whether an address is in it; of IPv4 the low 32 bits of `low` count}
        public boolean holds(boolean isV6, long high, long low) {
            if (isV6 != address.isV6()) {
                return false;
            }
            if (!isV6) {
                return prefix == 0 || ((low ^ address.low()) & 0xffff_ffffL) >>> (32 - prefix) == 0;
            }
            boolean highFits = prefix == 0 || (high ^ address.high()) >>> Math.max(0, 64 - prefix) == 0;
            return highFits && (prefix <= 64 || (low ^ address.low()) >>> (128 - prefix) == 0);
        }
    }

    /// A listener as a destination: its VIPs, protocol and ports, none of which change while it exists. What
    /// went to one of its backends is for it too, such as an ICMP error or a later fragment, which name no
    /// port.
    public static final class Target {
        private final IpKey[] vips;
        private final int protocol;
        private final int[] firstPorts;
        private final int[] lastPorts;
        private final boolean[] rows;

        /// @param rows rows of its backends, as indexes
        public Target(ListenerConfig listener, boolean[] rows) {
            vips = listener.vips().stream().map(IpKey::of).toArray(IpKey[]::new);
            protocol = listener.protocol() == Protocol.TCP ? TCP : UDP;
            firstPorts = listener.ports().ranges().stream()
                    .mapToInt(PortSet.Range::first)
                    .toArray();
            lastPorts = listener.ports().ranges().stream()
                    .mapToInt(PortSet.Range::last)
                    .toArray();
            this.rows = rows.clone();
        }

        private boolean isDestination(ParsedBatch parsed, int i) {
            if (parsed.kind(i) > PacketKind.FRAGMENT6 || protocol(parsed, i) != protocol) {
                return false;
            }
            for (IpKey each : vips) {
                if (isTo(each, parsed, i)) {
                    return hasPort(parsed.destinationPort(i));
                }
            }
            return false;
        }

        private boolean hasPort(int port) {
            for (int range = 0; range < firstPorts.length; range++) {
                if (port >= firstPorts[range] && port <= lastPorts[range]) {
                    return true;
                }
            }
            return false;
        }
    }
}
