package io.penstock.control.status;

import static io.penstock.control.status.WorkerCounter.Kind.DROP;
import static io.penstock.control.status.WorkerCounter.Kind.NOTE;
import static io.penstock.control.status.WorkerCounter.Kind.OUTCOME;

import java.util.Locale;

/// What a worker counts. The id is the counter's place in the status file and never changes meaning; retired ids are
/// not reused. Unit: packets, unless the name says otherwise.
///
/// For each worker [#RECEIVED] = [#FORWARDED] + [#REPLIED] + [#PASSED] + the sum of all [Kind#DROP]. A fragment that
/// waits for its first part is counted when its fate is known.
public enum WorkerCounter {
    /// Frames whose fate is decided: the sum of the outcomes and drops.
    RECEIVED(0, OUTCOME, "frames taken from the port", ""),
    /// Frames sent to a backend.
    FORWARDED(1, OUTCOME, "frames sent to a backend", ""),
    /// Frames answered by ourselves: ARP, neighbour advertisement, echo, RST, ICMP error.
    REPLIED(2, OUTCOME, "frames that we answered ourselves: ARP, ND, echo, RST, ICMP error", ""),
    /// Frames left to the host's kernel.
    PASSED(3, OUTCOME, "frames for no VIP, left to the kernel", ""),

    /// Lengths or header fields contradict each other or the frame.
    DROP_MALFORMED(
            16,
            DROP,
            "a header's lengths or fields contradict each other or the frame",
            "look for a broken sender, or offloads that merge frames: penstock tune check"),
    /// For a VIP, on a port that no listener covers.
    DROP_NO_LISTENER(
            17,
            DROP,
            "for a VIP, on a protocol and port that no listener covers",
            "expected from scans; else compare penstock listeners with what clients use"),
    /// For a listener that is stopped.
    DROP_LISTENER_STOPPED(18, DROP, "for a listener that is stopped", "penstock start LISTENER"),
    /// No usable backend.
    DROP_NO_BACKEND(
            19,
            DROP,
            "no backend is healthy, in, and of a weight above 0",
            "penstock backends LISTENER; look at the health checks"),
    /// A TCP packet without a flow that is not a SYN.
    DROP_MIDSTREAM(
            20,
            DROP,
            "a TCP packet without a flow that is not a SYN",
            "some are normal after idle-timeout; many: raise idle-timeout, or share VIPs with midstream=adopt"),
    /// A new flow found no room, and its scheduler needs an entry.
    DROP_FLOW_TABLE_FULL(
            21,
            DROP,
            "a new flow found no room in the flow table",
            "raise forwarder.flows, or use scheduler=mh, which goes on without"),
    /// More new flows or replies a second than allowed.
    DROP_RATE_LIMITED(
            22,
            DROP,
            "more new flows or replies a second than allowed",
            "max-new-flows of the listener; replies are limited by design"),
    /// Every backend that could take the flow has its max-flows.
    DROP_MAX_FLOWS(23, DROP, "every usable backend has reached its max-flows", "add backends, or raise max-flows"),
    /// TTL or hop limit ran out.
    DROP_TTL(24, DROP, "TTL or hop limit ran out", "a few come from traceroute; many mean a routing loop"),
    /// A fragment whose first part did not come in time.
    DROP_FRAGMENT_TIMEOUT(
            25,
            DROP,
            "a fragment whose first part did not come in time",
            "loss before us, or a path that reorders badly"),
    /// Too big for the path to its backend.
    DROP_TOO_BIG(
            26,
            DROP,
            "too big for the path to its backend, and no answer could be sent",
            "raise the MTU towards the backends, or keep mss-clamp=auto"),
    /// The next hop's MAC address is not known.
    DROP_NO_NEIGHBOUR(
            27,
            DROP,
            "the MAC address of the next hop is not known (yet)",
            "is the backend up and on this segment? ip neigh"),
    /// The send ring was full.
    DROP_TX_FULL(
            28,
            DROP,
            "the send ring was full",
            "the NIC or the next hop is slower than the traffic: more queues and workers"),
    /// IPv4 header checksum wrong.
    DROP_BAD_CHECKSUM(29, DROP, "wrong IPv4 header checksum", "a broken NIC, cable or sender"),
    /// A source address that no host can have.
    DROP_BOGON(
            30, DROP, "the source is a VIP, loopback, multicast, broadcast or zero", "spoofed; filter it at the edge"),
    /// Neither TCP, UDP nor an ICMP message that we handle.
    DROP_UNSUPPORTED(
            31, DROP, "for a VIP, but neither TCP, UDP nor an ICMP message that we handle", "expected from scans"),
    /// More fragments wait than there is room for.
    DROP_FRAGMENT_TABLE_FULL(
            32,
            DROP,
            "more fragments wait for their first part than there is room for",
            "a fragment flood, or a path that reorders badly"),
    /// An ICMP error that quotes no flow of ours.
    DROP_ICMP_UNRELATED(33, DROP, "an ICMP error that quotes no flow of ours", "late or forged errors"),
    /// The frame did not arrive whole in our buffer.
    DROP_TRUNCATED(
            34,
            DROP,
            "the frame is longer than the MTU allows, or than its buffer: merged segments",
            "switch LRO/GRO off, or lower the MTU: penstock tune check"),

    /// New flows that got an entry.
    FLOWS_CREATED(64, NOTE, "new flows", ""),
    /// Entries that ran out of time.
    FLOWS_EXPIRED(65, NOTE, "flows that ran out of time", ""),
    /// Packets that mh forwarded without an entry.
    FLOWS_STATELESS(
            66,
            NOTE,
            "packets that mh forwarded without a flow entry",
            "the flow table is full: raise forwarder.flows"),
    /// Flows that left a backend that is down or gone.
    FLOWS_MOVED(67, NOTE, "flows moved from a backend that is down or gone", ""),
    /// Flows ended by a RST of ours.
    FLOWS_RESET(68, NOTE, "flows ended by a RST of ours", ""),
    /// New flows placed by session persistence.
    FLOWS_PERSISTENT(69, NOTE, "new flows placed by session persistence", ""),
    /// Another host claimed a VIP of ours.
    VIP_CLAIMED(
            70,
            NOTE,
            "ARP or ND messages in which another host claims a VIP of ours",
            "two machines own the VIP: stop one, or set forwarder.arp=off"),
    /// Frames that the kernel dropped before we saw them.
    PORT_LOST(
            71,
            NOTE,
            "frames that the kernel dropped because our ring was full",
            "more workers, a larger ring, or idle=spin"),
    /// ICMP errors relayed to a backend.
    ICMP_RELAYED(72, NOTE, "ICMP errors relayed to the backend of the flow they quote", ""),
    /// Fragments forwarded.
    FRAGMENTS(73, NOTE, "fragments forwarded", ""),
    /// Bytes of the frames received.
    RECEIVED_BYTES(74, NOTE, "bytes received", ""),
    /// Bytes of the frames forwarded.
    FORWARDED_BYTES(75, NOTE, "bytes forwarded", "");

    /// What a counter means for the sum.
    public enum Kind {
        /// One of `received`, `forwarded`, `replied`, `passed`.
        OUTCOME,
        /// A frame that went nowhere.
        DROP,
        /// Something else worth knowing; no part of the sum.
        NOTE
    }

    /// Room in the status file for each worker's counters; ids stay below it.
    public static final int CAPACITY = 128;

    private final int id;
    private final Kind kind;
    private final String meaning;
    private final String action;
    private final String label;

    WorkerCounter(int id, Kind kind, String meaning, String action) {
        this.id = id;
        this.kind = kind;
        this.meaning = meaning;
        this.action = action;
        this.label = name().toLowerCase(Locale.ROOT).replaceFirst("^drop_", "");
    }

    /// {@return the counter with this id}
    ///
    /// @throws IllegalArgumentException when there is none
    public static WorkerCounter of(int id) {
        for (WorkerCounter counter : values()) {
            if (counter.id == id) {
                return counter;
            }
        }
        throw new IllegalArgumentException("id=" + id);
    }

    /// {@return the place in the status file, `0..CAPACITY-1`}
    public int id() {
        return id;
    }

    /// {@return what it means for the sum}
    public Kind kind() {
        return kind;
    }

    /// {@return the name that programs read, such as `no_listener`}
    public String label() {
        return label;
    }

    /// {@return what was counted, in words}
    public String meaning() {
        return meaning;
    }

    /// {@return what an operator can do when it rises; empty where nothing is wrong}
    public String action() {
        return action;
    }
}
