package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.changed;
import static io.penstock.forwarder.model.Bytes.checksum;
import static io.penstock.forwarder.model.Bytes.fromHex;
import static io.penstock.forwarder.model.Bytes.hex;
import static io.penstock.forwarder.model.Bytes.join;
import static io.penstock.forwarder.model.Bytes.mac;
import static io.penstock.forwarder.model.Bytes.put16;
import static io.penstock.forwarder.model.Bytes.slice;
import static io.penstock.forwarder.model.Bytes.sum;
import static io.penstock.forwarder.model.Bytes.u16;
import static io.penstock.forwarder.model.Bytes.u32;
import static io.penstock.forwarder.model.Bytes.u8;
import static io.penstock.forwarder.model.ModelFrames.NOTHING;

import io.penstock.control.config.Forwarding;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Midstream;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.ReplayConfig;
import io.penstock.control.config.SchedulerKind;
import io.penstock.forwarder.model.ModelListener.Association;
import io.penstock.forwarder.model.ModelListener.Backend;
import io.penstock.forwarder.model.ModelListener.Entropy;
import io.penstock.forwarder.model.ModelPacket.Kind;
import io.penstock.forwarder.model.ModelQuote.Quoted;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What must become of each frame, by what the product promises. Where that leaves a choice (which backend a hash
/// leads to, which source port a flow's tunnel has) the model takes the answer that it is shown, checks that it is one
/// of those allowed, and insists on it from then on: a flow has a set of backends that it may have, which each packet
/// can only narrow.
final class ModelPath {
    static final int SYN = 2;
    static final int FIN = 1;
    static final int RST = 4;
    static final int ACK = 16;

    /// The flow table's clock, 2^24 ns. Test traffic comes at whole ticks, so that the model need not round.
    static final long TICK_NS = 1L << 24;

    private static final long FRAGMENT_PATIENCE_NS = 2_000_000_000L;
    private static final long FRAGMENT_MEMORY_MS = 30_000;
    private static final int HELD_LENGTH_MAX = 1792;
    private static final long CLAIM_INTERVAL_NS = 10_000_000_000L;
    private static final long PATH_MTU_AGE_NS = 600_000_000_000L;

    private enum State {
        HALF_OPEN,
        ESTABLISHED,
        CLOSING,
        RESET
    }

    private static final class Flow {
        final ModelListener listener;
        final Set<Backend> backends;
        State state;
        long lastTick;
        final String client;
        boolean wasOver;

        Flow(ModelListener listener, Set<Backend> backends, State state, String client) {
            this.listener = listener;
            this.backends = backends;
            this.state = state;
            this.client = client;
        }
    }

    private record Decision(
            @Nullable ModelListener listener, Set<Backend> backends, String verdict, long tick, Entropy entropy) {}

    private record Held(long number, ModelPacket packet, long tick) {}

    private record PathMtu(int mtu, long untilNs) {}

    /// What one backend would get.
    private record Result(String verdict, List<byte[]> frames) {}

    /// What became of a flow's packet: whom it may have gone to, and the verdict that was seen.
    private record Outcome(@Nullable ModelListener listener, Set<Backend> backends, String verdict) {}

    private final List<ModelListener> listeners;
    private final ReplayConfig network;
    private final boolean arp;
    private final ModelOutput output;
    private final Map<String, Flow> flows = new HashMap<>();
    private final Map<String, Entropy> entropies = new HashMap<>();
    private final Map<String, Decision> decisions = new HashMap<>();
    private final List<Held> held = new ArrayList<>();
    private final Map<String, PathMtu> pathMtus = new HashMap<>();
    private final Map<String, Long> claimsAnsweredNs = new HashMap<>();
    /// The backends of which a rotation has just taken one.
    private @Nullable Set<Backend> turn;
    private long tick;

    ModelPath(PenstockConfig config, ModelOutput output) {
        listeners = config.listeners().stream().map(ModelListener::new).toList();
        network = config.replay();
        arp = config.forwarder().arp();
        this.output = output;
    }

    /// Decides on a frame and compares.
    void frame(long number, long tick, byte[] frame) {
        this.tick = tick;
        decide(number, ModelPacket.read(frame));
        releaseHeld();
    }

    /// No frame comes any more.
    void end() {
        tick += 3_600_000_000_000L / TICK_NS;
        releaseHeld();
    }

    /// Forgets flows that were over a thousand frames ago: the table has swept them since.
    void purge() {
        flows.values().removeIf(flow -> isOver(flow) && flow.wasOver);
        flows.values().forEach(flow -> flow.wasOver = isOver(flow));
    }

    int flows() {
        return flows.size();
    }

    private long nowNs() {
        return tick * TICK_NS;
    }

    private static long ticks(long ms) {
        return (ms * 1_000_000 + TICK_NS - 1) / TICK_NS;
    }

    private long elapsedTicks(Flow flow) {
        return tick - flow.lastTick;
    }

    private static long timeoutTicks(Flow flow) {
        return switch (flow.state) {
            case HALF_OPEN -> ticks(60_000);
            case ESTABLISHED -> ticks(flow.listener.config.idleTimeoutMs());
            case CLOSING -> ticks(120_000);
            case RESET -> ticks(10_000);
        };
    }

    private boolean isOver(Flow flow) {
        return elapsedTicks(flow) > timeoutTicks(flow);
    }

    private boolean isVip(String address) {
        return listeners.stream().anyMatch(listener -> listener.vips.contains(address));
    }

    private @Nullable ModelListener listener(String vip, boolean isTcp, int port) {
        return listeners.stream()
                .filter(listener -> listener.covers(vip, isTcp, port))
                .findFirst()
                .orElse(null);
    }

    private boolean isBogon(String source) {
        boolean isHost = source.length() == 8
                ? ModelPacket.isHost(source)
                        || (Integer.parseInt(source.substring(0, 2), 16) >= 240 && !source.equals("ffffffff"))
                : ModelPacket.isHost(source);
        return !isHost || isVip(source);
    }

    private void expect(long number, String verdict, byte[]... frames) {
        String seen = output.verdict(number);
        if (!seen.equals(verdict)) {
            throw new AssertionError("frame " + number + ": " + seen + ", model: " + verdict);
        }
        for (int i = 0; i < frames.length; i++) {
            byte[] sent = output.sent(i);
            if (!Arrays.equals(sent, frames[i])) {
                throw new AssertionError("frame " + number + ": " + verdict + "\n  sent  "
                        + (sent == null ? "nothing" : hex(sent)) + "\n  model " + hex(frames[i]));
            }
        }
        output.take(frames.length);
    }

    private void drop(long number, String reason) {
        expect(number, "drop " + reason);
    }

    private void decide(long number, ModelPacket packet) {
        turn = null;
        switch (packet.kind) {
            case BROKEN -> drop(number, "malformed");
            case FOREIGN -> expect(number, "pass");
            case ARP -> arp(number, packet);
            case FLOW -> flow(number, packet);
            case ICMP -> icmp(number, packet);
            default -> {
                if (!isVip(packet.destination)) {
                    expect(number, "pass");
                } else if (packet.kind == Kind.FRAGMENT) {
                    fragment(number, packet);
                } else {
                    drop(
                            number,
                            packet.kind == Kind.BROKEN_IP
                                    ? "malformed"
                                    : packet.kind == Kind.BAD_SUM ? "bad_checksum" : "unsupported");
                }
            }
        }
    }

    // Flows

    private Outcome flow(long number, ModelPacket packet) {
        Flow flow = flows.get(packet.flowKey());
        boolean isSyn = packet.protocol == ModelPacket.TCP && (packet.flags & (SYN | FIN | RST | ACK)) == SYN;
        if (flow != null && (isOver(flow) || (isSyn && flow.state.compareTo(State.CLOSING) >= 0))) {
            flows.remove(packet.flowKey());
            flow = null;
        }
        return flow == null ? unknown(number, packet, isSyn) : known(number, packet, flow, isSyn);
    }

    private Outcome known(long number, ModelPacket packet, Flow flow, boolean isSyn) {
        if (packet.protocol == ModelPacket.TCP && !isSyn) {
            State next = stateAfter(packet.flags);
            flow.state = next.compareTo(flow.state) > 0 ? next : flow.state;
        }
        refresh(flow);
        flow.lastTick = tick;
        return deliver(number, packet, flow.listener, flow.backends, entropy(packet.flowKey()));
    }

    private static State stateAfter(int flags) {
        return (flags & RST) != 0 ? State.RESET : (flags & FIN) != 0 ? State.CLOSING : State.ESTABLISHED;
    }

    private Outcome unknown(long number, ModelPacket packet, boolean isSyn) {
        boolean isTcp = packet.protocol == ModelPacket.TCP;
        ModelListener listener = listener(packet.destination, isTcp, packet.destinationPort);
        if (!isVip(packet.destination)) {
            return ended(number, "pass");
        } else if (isBogon(packet.source)) {
            return ended(number, "drop bogon");
        } else if (listener == null) {
            return ended(number, "drop no_listener");
        } else if (!listener.config.enabled()) {
            return ended(number, "drop listener_stopped");
        } else if (isTcp && !isSyn) {
            return midstream(number, packet, listener);
        }
        if (packet.ttl <= 1 && output.verdict(number).equals("drop ttl")) {
            return goesNoFurther(number, packet, listener);
        }
        Set<Backend> backends = choose(listener, packet);
        if (backends.isEmpty()) {
            return ended(number, "drop no_backend");
        }
        return begin(number, packet, listener, backends, isTcp ? State.HALF_OPEN : State.ESTABLISHED);
    }

    /// It begins no flow, takes no turn and is not remembered.
    private Outcome goesNoFurther(long number, ModelPacket packet, ModelListener listener) {
        Set<Backend> backends = listener.config.scheduler() == SchedulerKind.MH
                ? byHash(listener, packet.flowKey())
                : listener.anyUsable();
        return deliver(number, packet, listener, backends, entropy(packet.flowKey()));
    }

    private Outcome ended(long number, String verdict, byte[]... frames) {
        expect(number, verdict, frames);
        return new Outcome(null, Set.of(), verdict);
    }

    private Outcome begin(long number, ModelPacket packet, ModelListener listener, Set<Backend> backends, State state) {
        Flow flow = new Flow(listener, backends, state, packet.source);
        flow.lastTick = tick;
        Outcome outcome = deliver(number, packet, listener, backends, entropy(packet.flowKey()));
        if (!outcome.verdict.equals("drop ttl")) {
            flows.put(packet.flowKey(), flow);
        }
        return outcome;
    }

    private Outcome midstream(long number, ModelPacket packet, ModelListener listener) {
        if (listener.config.midstream() == Midstream.ADOPT) {
            return begin(number, packet, listener, byHash(listener, packet.flowKey()), stateAfter(packet.flags));
        }
        boolean isAnswered = listener.config.midstream() == Midstream.RESET
                && (packet.flags & RST) == 0
                && packet.isBetweenStations()
                && ModelPacket.isHost(packet.source)
                && (packet.kind == Kind.FLOW || (packet.flags & ACK) != 0);
        return isAnswered ? ended(number, "reply rst", reset(packet)) : ended(number, "drop midstream");
    }

    /// RFC 9293 section 3.10.7.1.
    private static byte[] reset(ModelPacket packet) {
        byte[] segment = packet.transport();
        byte[] client = fromHex(packet.source);
        byte[] vip = fromHex(packet.destination);
        boolean acknowledges = (packet.flags & ACK) != 0;
        int data = segment.length - (u8(segment, 12) >>> 4) * 4;
        int syn = (packet.flags & SYN) != 0 ? 1 : 0;
        int fin = (packet.flags & FIN) != 0 ? 1 : 0;
        byte[] reset = ModelFrames.tcp(
                vip,
                client,
                packet.destinationPort,
                packet.sourcePort,
                acknowledges ? u32(segment, 8) : 0,
                acknowledges ? 0 : u32(segment, 4) + data + syn + fin,
                acknowledges ? RST : RST | ACK,
                0,
                NOTHING,
                NOTHING);
        return packet.isV6
                ? ModelFrames.back(packet, 0x86dd, ModelFrames.ip6(vip, client, 6, 0, 0, 64, reset))
                : ModelFrames.back(packet, 0x0800, ModelFrames.ip4(vip, client, 6, 0, 0, 0x4000, 64, NOTHING, reset));
    }

    // Who gets a new flow

    private Set<Backend> choose(ModelListener listener, ModelPacket packet) {
        if (listener.usable.isEmpty()) {
            return Set.of();
        }
        return listener.config.persistenceMs() > 0 ? byAssociation(listener, packet) : schedule(listener, packet);
    }

    private Set<Backend> byAssociation(ModelListener listener, ModelPacket packet) {
        String client = listener.client(packet.source);
        Association association = listener.associations.get(client);
        long idle = association == null ? Long.MAX_VALUE : tick - association.lastTick;
        long window = ticks(listener.config.persistenceMs());
        if (association != null && idle <= window - REFRESH_TICKS && !association.isUnsure) {
            association.lastTick = tick;
            return association.backends;
        }
        boolean isSurelyOver = association == null || (idle > window && !association.isUnsure);
        Set<Backend> backends = isSurelyOver ? schedule(listener, packet) : listener.anyUsable();
        if (!isSurelyOver) {
            listener.last = null; // Whether the rotation turned is not known.
        }
        listener.associations.put(client, new Association(backends, tick));
        return backends;
    }

    /// A known flow's packets refresh the association about once a second.
    private static final long REFRESH_TICKS = 66;

    private void refresh(Flow flow) {
        Association association = flow.listener.associations.get(flow.listener.client(flow.client));
        if (association == null) {
            return;
        }
        long idle = tick - association.lastTick;
        long window = ticks(flow.listener.config.persistenceMs());
        if (idle > window + REFRESH_TICKS) {
            return;
        }
        association.isUnsure |= idle > window - REFRESH_TICKS;
        association.lastTick = tick;
    }

    private Set<Backend> schedule(ModelListener listener, ModelPacket packet) {
        return switch (listener.config.scheduler()) {
            case MH -> byHash(listener, packet.flowKey());
            case SH -> byHash(listener, listener.client(packet.source));
            case WRR, RR -> {
                turn = listener.next();
                yield turn;
            }
            case LC -> fewestFlows(listener);
            default -> listener.anyUsable();
        };
    }

    private static Set<Backend> byHash(ModelListener listener, String key) {
        return listener.hashed.computeIfAbsent(key, _ -> listener.anyUsable());
    }

    /// Who can be the one with the fewest active flows: a flow that ran out of time may be counted still, and of some
    /// flows it is not known where they went.
    private Set<Backend> fewestFlows(ModelListener listener) {
        Map<Backend, Integer> least = new HashMap<>();
        Map<Backend, Integer> most = new HashMap<>();
        for (Flow flow : flows.values()) {
            if (flow.listener == listener && flow.state.compareTo(State.CLOSING) < 0) {
                flow.backends.forEach(backend -> most.merge(backend, 1, Integer::sum));
                if (flow.backends.size() == 1 && !isOver(flow)) {
                    flow.backends.forEach(backend -> least.merge(backend, 1, Integer::sum));
                }
            }
        }
        Set<Backend> fewest = listener.anyUsable();
        fewest.removeIf(backend -> listener.usable.stream()
                .anyMatch(other -> most.getOrDefault(other, 0) < least.getOrDefault(backend, 0)));
        return fewest;
    }

    // The way to a backend

    private Entropy entropy(String key) {
        return entropies.computeIfAbsent(key, _ -> new Entropy());
    }

    /// Which of the backends got the packet?
    @SuppressWarnings("ReferenceEquality") // The very set that the rotation gave out, not one like it.
    private Outcome deliver(
            long number, ModelPacket packet, ModelListener listener, Set<Backend> candidates, Entropy entropy) {
        String seen = output.verdict(number);
        Set<Backend> fitting = new LinkedHashSet<>();
        Result best = null;
        List<Result> others = new ArrayList<>();
        for (Backend backend : candidates) {
            Result result = send(packet, listener, backend, entropy);
            if (fits(result, seen)) {
                fitting.add(backend);
                best = result;
            } else {
                others.add(result);
            }
        }
        if (best == null) {
            throw mismatch(number, seen, others);
        }
        output.take(best.frames.size());
        if (candidates.size() > fitting.size()) {
            candidates.retainAll(fitting);
        }
        if (turn == candidates) {
            listener.last = fitting.size() == 1 ? fitting.iterator().next() : null;
            turn = null;
        }
        return new Outcome(listener, candidates, best.verdict);
    }

    private boolean fits(Result result, String seen) {
        if (!result.verdict.equals(seen)) {
            return false;
        }
        for (int i = 0; i < result.frames.size(); i++) {
            if (!Arrays.equals(output.sent(i), result.frames.get(i))) {
                return false;
            }
        }
        return true;
    }

    private AssertionError mismatch(long number, String seen, List<Result> possible) {
        StringBuilder text = new StringBuilder("frame " + number + ": " + seen);
        byte[] sent = output.sent(0);
        text.append("\n  sent  ").append(sent == null ? "nothing" : hex(sent));
        for (Result result : possible) {
            text.append("\n  model ").append(result.verdict);
            result.frames.forEach(frame -> text.append("\n        ").append(hex(frame)));
        }
        return new AssertionError(text.toString());
    }

    private Result send(ModelPacket packet, ModelListener listener, Backend backend, Entropy entropy) {
        String verdict = "forward " + listener.config.name() + " " + backend.id();
        byte[] nextHop = nextHop(backend);
        boolean isDirect = backend.forwarding() == Forwarding.DR;
        if (isDirect && packet.ttl <= 1) {
            return new Result("drop ttl", List.of());
        }
        int room = isDirect ? network.mtu() : pathMtu(backend) - backend.overhead();
        if (isDirect && packet.packet.length <= room) {
            return new Result(verdict, List.of(direct(packet, packet.frame, nextHop)));
        }
        if (packet.packet.length <= room) {
            byte[] inner = clamped(packet, listener, room);
            return new Result(verdict, List.of(tunnel(packet, inner, backend, nextHop, entropy, 0)));
        }
        if (packet.mayNotFragment) {
            byte[] error = tooBig(packet, packet.packet, room);
            return error == null ? new Result("drop too_big", List.of()) : new Result("reply too_big", List.of(error));
        }
        List<byte[]> pieces = split(packet, room);
        if (pieces.isEmpty()) {
            return new Result("drop too_big", List.of());
        }
        List<byte[]> frames = new ArrayList<>();
        for (byte[] piece : pieces) {
            frames.add(
                    isDirect
                            ? direct(packet, join(slice(packet.frame, 0, packet.l3), piece), nextHop)
                            : tunnel(packet, piece, backend, nextHop, entropy, frames.size()));
        }
        return new Result(verdict, frames);
    }

    private byte[] nextHop(Backend backend) {
        for (Map.Entry<InetAddress, Long> neighbour : network.neighbours().entrySet()) {
            if (Arrays.equals(neighbour.getKey().getAddress(), backend.address())) {
                return mac(neighbour.getValue());
            }
        }
        return mac(network.nextHopMac());
    }

    private int pathMtu(Backend backend) {
        PathMtu learned = pathMtus.get(hex(backend.address()));
        return learned != null && nowNs() < learned.untilNs ? learned.mtu : network.mtu();
    }

    /// Another destination MAC, one hop less; nothing else.
    private byte[] direct(ModelPacket packet, byte[] received, byte[] nextHop) {
        byte[] frame = join(nextHop, mac(network.localMac()), slice(received, 12, received.length));
        if (packet.isV6) {
            frame[packet.l3 + 7]--;
        } else {
            frame[packet.l3 + 8]--;
            put16(frame, packet.l3 + 10, 0);
            int headerLength = (frame[packet.l3] & 0xf) * 4;
            put16(frame, packet.l3 + 10, checksum(sum(slice(frame, packet.l3, packet.l3 + headerLength))));
        }
        return frame;
    }

    /// The MSS on a SYN, lowered to fit.
    private static byte[] clamped(ModelPacket packet, ModelListener listener, int room) {
        int wanted = listener.config.mssClamp();
        if (packet.kind != Kind.FLOW
                || packet.protocol != ModelPacket.TCP
                || (packet.flags & SYN) == 0
                || wanted == ListenerConfig.MSS_OFF) {
            return packet.packet;
        }
        int mss = wanted == ListenerConfig.MSS_AUTO ? room - (packet.isV6 ? 40 : 20) - 20 : wanted;
        byte[] clamped = packet.packet.clone();
        int end = packet.l4 + (u8(clamped, packet.l4 + 12) >>> 4) * 4;
        int at = packet.l4 + 20;
        while (at < end) {
            int option = u8(clamped, at);
            if (option == 1) {
                at++;
                continue;
            }
            int length = at + 1 < end ? u8(clamped, at + 1) : 0;
            if (option == 0 || length < 2 || at + length > end) {
                break;
            }
            if (option == 2 && length == 4) {
                lower(clamped, packet.l4, at + 2, mss);
                break;
            }
            at += length;
        }
        return clamped;
    }

    private static void lower(byte[] packet, int l4, int at, int mss) {
        int offered = u16(packet, at);
        if (offered > mss) {
            put16(packet, at, mss);
            boolean straddles = (at - l4) % 2 != 0;
            int before = straddles ? Short.toUnsignedInt(Short.reverseBytes((short) offered)) : offered;
            int after = straddles ? Short.toUnsignedInt(Short.reverseBytes((short) mss)) : mss;
            put16(packet, l4 + 16, changed(u16(packet, l4 + 16), before, after));
        }
    }

    /// The packet whole in an outer header. The source port and the flow label are whatever was sent, as long as they
    /// are the flow's.
    private byte[] tunnel(
            ModelPacket packet, byte[] inner, Backend backend, byte[] nextHop, Entropy entropy, int ahead) {
        learn(packet.l3, backend, entropy, output.sent(ahead));
        int trafficClass = packet.isV6 ? u32(inner, 0) >>> 20 & 0xff : u8(inner, 1);
        byte[] us = (backend.isV6() ? network.localAddress6() : network.localAddress()).getAddress();
        int protocol = switch (backend.forwarding()) {
            case GUE -> 17;
            case GRE -> 47;
            default -> packet.isV6 ? 41 : 4;
        };
        byte[] payload = switch (backend.forwarding()) {
            case GUE -> ModelFrames.udp(us, backend.address(), entropy.sourcePort, 6080, backend.isV6(), inner);
            case GRE -> join(new byte[] {0, 0}, fromHex(packet.isV6 ? "86dd" : "0800"), inner);
            default -> inner;
        };
        byte[] outer = backend.isV6()
                ? ModelFrames.ip6(us, backend.address(), protocol, trafficClass, entropy.label, 64, payload)
                : ModelFrames.ip4(us, backend.address(), protocol, trafficClass, 0, 0x4000, 64, NOTHING, payload);
        return ModelFrames.ethernet(
                nextHop, mac(network.localMac()), packet.tag(), backend.isV6() ? 0x86dd : 0x0800, outer);
    }

    private static void learn(int l3, Backend backend, Entropy entropy, byte @Nullable [] sent) {
        int l4 = l3 + (backend.isV6() ? 40 : 20);
        if (sent == null || sent.length < l4 + 8 || u16(sent, l3 - 2) != (backend.isV6() ? 0x86dd : 0x0800)) {
            return;
        }
        int label = u32(sent, l3) & 0xfffff;
        if (backend.isV6() && entropy.label < 0 && label != 0) {
            entropy.label = label;
        }
        boolean isDynamic = u16(sent, l4) >= 0xc000 && u16(sent, l4 + 2) == 6080;
        if (backend.forwarding() == Forwarding.GUE && entropy.sourcePort < 0 && isDynamic) {
            entropy.sourcePort = u16(sent, l4);
        }
    }

    /// RFC 791 section 3.2, with at most 16 fragments behind the first.
    private static List<byte[]> split(ModelPacket packet, int mtu) {
        byte[] whole = packet.packet;
        byte[] data = packet.transport();
        int unit = (mtu - packet.l4) / 8 * 8;
        if (mtu < 68 || packet.l3 + mtu > HELD_LENGTH_MAX || (data.length - 1) / unit > 16) {
            return List.of();
        }
        List<byte[]> pieces = new ArrayList<>();
        for (int from = 0; from < data.length; from += unit) {
            byte[] piece = slice(data, from, Math.min(data.length, from + unit));
            boolean isLast = from + unit >= data.length;
            int flagsAndOffset = (!isLast || packet.more ? 0x2000 : 0) | (packet.fragmentOffset + from) / 8;
            byte[] options = slice(whole, 20, packet.l4);
            pieces.add(ModelFrames.ip4(
                    slice(whole, 12, 16),
                    slice(whole, 16, 20),
                    u8(whole, 9),
                    u8(whole, 1),
                    u16(whole, 4),
                    flagsAndOffset,
                    u8(whole, 8),
                    from == 0 ? options : copied(options),
                    piece));
        }
        return pieces;
    }

    /// The options that every fragment has.
    private static byte[] copied(byte[] options) {
        byte[] copied = NOTHING;
        int at = 0;
        while (at < options.length && options[at] != 0) {
            int length = options[at] == 1 ? 1 : at + 1 < options.length ? u8(options, at + 1) : 0;
            if (length == 0 || (length == 1 && options[at] != 1) || at + length > options.length) {
                break;
            }
            if ((options[at] & 0x80) != 0) {
                copied = join(copied, slice(options, at, at + length));
            }
            at += length;
        }
        return Arrays.copyOf(copied, (copied.length + 3) / 4 * 4);
    }

    /// {@return the frame that tells a sender how big its packets may be, or null when it must not be told}
    ///
    /// @param asked the frame that is answered
    /// @param about the sender's packet, as far as it is there
    private static byte @Nullable [] tooBig(ModelPacket asked, byte[] about, int mtu) {
        return error(asked, about, 4, 2, 0, mtu);
    }

    /// {@return the frame that tells a sender that its packet did not arrive, or null when it must not be told}
    ///
    /// @param code4 code of "destination unreachable" for an IPv4 sender
    private static byte @Nullable [] error(ModelPacket asked, byte[] about, int code4, int type6, int code6, int rest) {
        if (!asked.isBetweenStations() || !mayBeReported(about)) {
            return null;
        }
        if (u8(about, 0) >>> 4 == 6) {
            byte[] to = slice(about, 8, 24);
            byte[] from = slice(about, 24, 40);
            byte[] quote = slice(about, 0, Math.min(about.length, 1280 - 48));
            byte[] error = ModelFrames.icmp6(from, to, type6, code6, rest, quote);
            return ModelFrames.back(asked, 0x86dd, ModelFrames.ip6(from, to, 58, 0, 0, 64, error));
        }
        byte[] quote = slice(about, 0, Math.min(about.length, 576 - 28));
        byte[] error = ModelFrames.icmp(3, code4, rest, quote, 0);
        byte[] packet = ModelFrames.ip4(
                slice(about, 16, 20), slice(about, 12, 16), 1, 0xc0, u16(about, 4), 0, 64, NOTHING, error);
        return ModelFrames.back(asked, 0x0800, packet);
    }

    /// RFC 1122 section 3.2.2, RFC 4443 section 2.4 e.
    private static boolean mayBeReported(byte[] about) {
        boolean isV6 = u8(about, 0) >>> 4 == 6;
        Quoted packet = ModelQuote.read(about, isV6);
        if (isV6) {
            if (packet == null || !ModelPacket.isHost(packet.source) || !ModelPacket.isHost(packet.destination)) {
                return false;
            }
            boolean isIcmp = packet.protocol == 58;
            return !packet.isLaterFragment
                    && (!isIcmp
                            || (packet.l4 < about.length
                                    && u8(about, packet.l4) >= 128
                                    && u8(about, packet.l4) != 137));
        }
        if (about.length < 20 || u8(about, 0) >>> 4 != 4 || (u16(about, 6) & 0x1fff) != 0) {
            return false;
        }
        int headerLength = (about[0] & 0xf) * 4;
        boolean isIcmp = u8(about, 9) == 1;
        return ModelPacket.isHost(hex(slice(about, 12, 16)))
                && ModelPacket.isHost(hex(slice(about, 16, 20)))
                && (!isIcmp || (headerLength < about.length && IS_NO_ERROR.contains(u8(about, headerLength))));
    }

    private static final Set<Integer> IS_NO_ERROR = Set.of(0, 8, 9, 10, 13, 14, 15, 16, 17, 18);

    // Fragments

    private void fragment(long number, ModelPacket packet) {
        boolean isTransport = packet.protocol == ModelPacket.TCP || packet.protocol == ModelPacket.UDP;
        if (isBogon(packet.source)) {
            drop(number, "bogon");
        } else if (packet.fragmentOffset == 0) {
            if (!isTransport) {
                drop(number, "unsupported");
                return;
            }
            Outcome outcome = flow(number, packet);
            decisions.put(
                    packet.fragmentId,
                    new Decision(outcome.listener, outcome.backends, rest(outcome.verdict), tick, new Entropy()));
        } else if (!isTransport && (!packet.isV6 || packet.protocol == 58)) {
            drop(number, "unsupported");
        } else {
            later(number, packet);
        }
    }

    /// {@return what becomes of the rest of a datagram when its first fragment has met this}
    private static String rest(String verdict) {
        return switch (verdict) {
            case "reply too_big" -> "drop too_big";
            case "reply rst" -> "drop midstream";
            default -> verdict;
        };
    }

    private void later(long number, ModelPacket packet) {
        Decision decision = decision(packet);
        if (decision != null) {
            follow(number, packet, decision);
        } else if (packet.frame.length > HELD_LENGTH_MAX) {
            drop(number, "fragment_table_full");
        } else {
            held.add(new Held(number, packet, tick));
        }
    }

    private @Nullable Decision decision(ModelPacket packet) {
        Decision decision = decisions.get(packet.fragmentId);
        return decision == null || tick - decision.tick > ticks(FRAGMENT_MEMORY_MS) ? null : decision;
    }

    private void follow(long number, ModelPacket packet, Decision decision) {
        if (decision.verdict.startsWith("forward") && decision.listener != null) {
            deliver(number, packet, decision.listener, decision.backends, decision.entropy);
        } else {
            expect(number, decision.verdict);
        }
    }

    private void releaseHeld() {
        for (Iterator<Held> waiting = held.iterator(); waiting.hasNext(); ) {
            Held next = waiting.next();
            Decision decision = decision(next.packet);
            if ((tick - next.tick) * TICK_NS > FRAGMENT_PATIENCE_NS) {
                waiting.remove();
                drop(next.number, "fragment_timeout");
            } else if (decision != null) {
                waiting.remove();
                follow(next.number, next.packet, decision);
            }
        }
    }

    // ICMP

    private void icmp(long number, ModelPacket packet) {
        int type = packet.type();
        if (packet.isV6 && (type == 135 || type == 136)) {
            neighbourDiscovery(number, packet);
        } else if (!isVip(packet.destination)) {
            aboutTunnel(number, packet);
        } else if (isBogon(packet.source)) {
            drop(number, "bogon");
        } else if (type == (packet.isV6 ? 128 : 8)) {
            echo(number, packet);
        } else if (ModelQuote.isError(packet)) {
            relay(number, packet);
        } else {
            drop(number, "unsupported");
        }
    }

    private void echo(long number, ModelPacket packet) {
        boolean isAnswered = listeners.stream()
                .anyMatch(listener -> listener.vips.contains(packet.destination)
                        && listener.config.enabled()
                        && !listener.usable.isEmpty());
        if (!isAnswered) {
            drop(number, "no_backend");
        } else if (!packet.isBetweenStations() || !ModelPacket.isHost(packet.source) || packet.code() != 0) {
            drop(number, "unsupported");
        } else {
            expect(number, "reply echo", echoReply(packet));
        }
    }

    private static byte[] echoReply(ModelPacket packet) {
        byte[] message = packet.transport();
        int type = packet.isV6 ? 129 : 0;
        put16(message, 2, changed(u16(message, 2), u8(message, 0) << 8, type << 8));
        message[0] = (byte) type;
        if (sum(message) == 0) {
            put16(message, 2, 0xffff); // All words are 0: RFC 1624 leaves that case out.
        }
        byte[] client = fromHex(packet.source);
        byte[] vip = fromHex(packet.destination);
        if (packet.isV6) {
            int trafficClass = u32(packet.packet, 0) >>> 20 & 0xff;
            return ModelFrames.back(packet, 0x86dd, ModelFrames.ip6(vip, client, 58, trafficClass, 0, 64, message));
        }
        int flags = packet.mayNotFragment ? 0x4000 : 0;
        return ModelFrames.back(
                packet,
                0x0800,
                ModelFrames.ip4(
                        vip, client, 1, u8(packet.packet, 1), u16(packet.packet, 4), flags, 64, NOTHING, message));
    }

    /// An error about a packet from the VIP to a client.
    private void relay(long number, ModelPacket packet) {
        Quoted quoted = ModelQuote.quoted(packet);
        if (quoted == null || !quoted.hasPorts || !quoted.source.equals(packet.destination)) {
            drop(number, "icmp_unrelated");
            return;
        }
        ModelListener listener = listener(quoted.source, quoted.protocol == ModelPacket.TCP, quoted.sourcePort);
        String key = quoted.keyOfAnswered();
        Flow flow = flows.get(key);
        boolean isKnown = flow != null && !isOver(flow);
        boolean isHashed =
                listener != null && listener.config.scheduler() == SchedulerKind.MH && !listener.usable.isEmpty();
        if (listener == null || !listener.config.enabled() || (!isKnown && !isHashed)) {
            drop(number, "icmp_unrelated");
        } else if (isKnown && flow != null) {
            deliver(number, packet, flow.listener, flow.backends, entropy(key));
        } else {
            deliver(number, packet, listener, byHash(listener, key), entropy(key));
        }
    }

    /// An error about our own outer packets.
    private void aboutTunnel(long number, ModelPacket packet) {
        byte[] us4 = network.localAddress().getAddress();
        byte[] us6 = network.localAddress6().getAddress();
        boolean isToUs = packet.destination.equals(hex(packet.isV6 ? us6 : us4));
        Quoted outer = isToUs && ModelQuote.isError(packet) ? ModelQuote.quoted(packet) : null;
        Forwarding tunnel = outer == null ? null : ModelQuote.tunnel(outer);
        if (outer == null || tunnel == null || !outer.source.equals(hex(outer.isV6 ? us6 : us4))) {
            expect(number, "pass");
            return;
        }
        Quoted inner = ModelQuote.inner(outer, tunnel);
        if (!isTunnelEnd(outer.destination) || (inner != null && !isVip(inner.destination))) {
            drop(number, "icmp_unrelated");
        } else if (ModelQuote.isTooBig(packet)) {
            aboutSize(number, packet, outer, tunnel, inner);
        } else {
            boolean isEnd = packet.type() == (packet.isV6 ? 1 : 3) || packet.type() == (packet.isV6 ? 3 : 11);
            byte[] error = inner == null || !isEnd ? null : error(packet, inner.bytes, 1, 1, 3, 0);
            if (error == null) {
                drop(number, "icmp_unrelated");
            } else {
                expect(number, "reply unreachable", error);
            }
        }
    }

    private boolean isTunnelEnd(String address) {
        return listeners.stream()
                .flatMap(listener -> listener.backends.stream())
                .anyMatch(backend -> backend.forwarding() != Forwarding.DR
                        && hex(backend.address()).equals(address));
    }

    private void aboutSize(long number, ModelPacket packet, Quoted outer, Forwarding tunnel, @Nullable Quoted inner) {
        int mtu = Math.max(ModelQuote.mtu(packet), outer.isV6 ? 1280 : 552);
        if (mtu < network.mtu()) {
            pathMtus.put(outer.destination, new PathMtu(mtu, nowNs() + PATH_MTU_AGE_NS));
        }
        int overhead = (outer.isV6 ? 40 : 20) + (tunnel == Forwarding.GUE ? 8 : tunnel == Forwarding.GRE ? 4 : 0);
        byte[] error = inner == null ? null : tooBig(packet, inner.bytes, mtu - overhead);
        if (error == null) {
            drop(number, "too_big");
        } else {
            expect(number, "reply too_big", error);
        }
    }

    // ARP and neighbour discovery

    private void arp(long number, ModelPacket packet) {
        byte[] senderMac = slice(packet.packet, 8, 14);
        boolean isOurs = Arrays.equals(slice(packet.frame, 6, 12), mac(network.localMac()));
        boolean maySpeak = packet.source.equals("00000000") || ModelPacket.isHost(packet.source);
        if (isVip(packet.source) && !isOurs) {
            boolean answers = arp && mayAnswerClaim(packet.source);
            byte[] vip = fromHex(packet.source);
            byte[] us = mac(network.localMac());
            byte[] announcement = ModelFrames.ethernet(
                    mac(0xffff_ffff_ffffL), us, vlan(packet), 0x0806, ModelFrames.arp(1, us, vip, new byte[6], vip));
            expect(number, "pass", answers ? new byte[][] {announcement} : new byte[0][]);
        } else if (arp
                && isVip(packet.destination)
                && u16(packet.packet, 6) == 1
                && !packet.source.equals(packet.destination)
                && maySpeak
                && !Arrays.equals(senderMac, new byte[6])
                && (senderMac[0] & 1) == 0) {
            byte[] us = mac(network.localMac());
            byte[] reply = ModelFrames.arp(2, us, fromHex(packet.destination), senderMac, fromHex(packet.source));
            expect(number, "reply arp", ModelFrames.ethernet(senderMac, us, packet.tag(), 0x0806, reply));
        } else {
            expect(number, "pass");
        }
    }

    private boolean mayAnswerClaim(String vip) {
        if (nowNs() - claimsAnsweredNs.getOrDefault(vip, Long.MIN_VALUE / 2) < CLAIM_INTERVAL_NS) {
            return false;
        }
        claimsAnsweredNs.put(vip, nowNs());
        return true;
    }

    /// {@return a tag for the VLAN that a frame came in, of priority 0}
    private static byte[] vlan(ModelPacket packet) {
        byte[] tag = packet.tag();
        if (tag.length > 0) {
            tag[2] &= 0xf;
        }
        return tag;
    }

    private void neighbourDiscovery(long number, ModelPacket packet) {
        byte[] message = packet.transport();
        String target = message.length < 24 ? "" : hex(slice(message, 8, 24));
        byte[] us = mac(network.localMac());
        byte[] asker = slice(packet.frame, 6, 12);
        byte[] allNodes = fromHex("ff020000000000000000000000000001");
        if (!isVip(target)) {
            expect(number, isVip(packet.destination) ? "drop unsupported" : "pass");
        } else if (packet.type() == 136) {
            boolean isClaim =
                    !Arrays.equals(asker, us) && isFromLink(packet, message) && areOptionsRight(message, false);
            boolean answers = isClaim && arp && mayAnswerClaim(target);
            byte[] announcement = ModelFrames.ethernet(
                    mac(0x3333_0000_0001L),
                    us,
                    vlan(packet),
                    0x86dd,
                    ModelFrames.advertisement(fromHex(target), allNodes, 0x2000_0000, us));
            expect(number, "pass", answers ? new byte[][] {announcement} : new byte[0][]);
        } else if (!arp) {
            expect(number, "pass");
        } else if (isSolicitation(packet, message) && (asker[0] & 1) == 0) {
            boolean isProbe = packet.source.equals("00000000000000000000000000000000");
            byte[] advertisement = ModelFrames.advertisement(
                    fromHex(target),
                    isProbe ? allNodes : fromHex(packet.source),
                    isProbe ? 0x2000_0000 : 0x6000_0000,
                    us);
            byte[] to = isProbe ? mac(0x3333_0000_0001L) : asker;
            expect(number, "reply nd", ModelFrames.ethernet(to, us, packet.tag(), 0x86dd, advertisement));
        } else {
            drop(number, "malformed");
        }
    }

    /// RFC 4861 section 7.1.1.
    private static boolean isSolicitation(ModelPacket packet, byte[] message) {
        boolean isProbe = packet.source.equals("00000000000000000000000000000000");
        boolean isAsker = isProbe
                ? packet.destination.startsWith("ff0200000000000000000001ff")
                : ModelPacket.isHost(packet.source);
        return isAsker && isFromLink(packet, message) && areOptionsRight(message, isProbe);
    }

    /// Undamaged, and not forwarded by any router.
    private static boolean isFromLink(ModelPacket packet, byte[] message) {
        long pseudoHeader =
                ModelFrames.pseudoHeader(fromHex(packet.source), fromHex(packet.destination), 58, message.length);
        return packet.ttl == 255 && packet.code() == 0 && checksum(pseudoHeader + sum(message)) == 0;
    }

    private static boolean areOptionsRight(byte[] message, boolean isProbe) {
        for (int at = 24; at < message.length; ) {
            int length = at + 8 > message.length ? 0 : 8 * u8(message, at + 1);
            if (length == 0 || at + length > message.length || (isProbe && message[at] == 1)) {
                return false;
            }
            at += length;
        }
        return true;
    }
}
