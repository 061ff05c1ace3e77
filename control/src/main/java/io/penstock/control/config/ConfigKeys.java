package io.penstock.control.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Every key of the properties file, once: what it may be, what it is when it is not set, what it means. The reader
/// takes its "what is expected" from here, and `docs/configuration.md` is written from it.
public final class ConfigKeys {
    private ConfigKeys() {}

    /// One key.
    ///
    /// @param pattern      the key; `NAME` stands for a listener, `ID` for a backend, `KEY` for a tag
    /// @param expected     what its value may be, as error messages say it
    /// @param defaultValue as one would write it, or words where it depends
    /// @param meaning      one or two sentences
    /// @param example      a value that is not the default
    public record Key(String pattern, String expected, String defaultValue, String meaning, String example) {
        /// {@return the part before the first dot: the section it belongs to}
        public String section() {
            int dot = pattern.indexOf('.');
            return dot < 0 ? "general" : pattern.substring(0, dot);
        }
    }

    private static final List<Key> KEYS = new ArrayList<>();
    private static final Map<String, Key> BY_PATTERN = new LinkedHashMap<>();

    static final String LISTENER = "listener.NAME.";
    static final String NAME_EXPECTED = "1 to 64 letters, digits, - and _";

    static {
        key("instance", NAME_EXPECTED, "default", "Names the instance and its runtime folder.", "edge1");
        key(
                "include",
                "FILE,FILE,...",
                "",
                "Reads further files in its place. Names are relative to the including file; each file is read once.",
                "listeners/web.properties");
        key("limit.listeners", "1..65536", "100", "Most listeners of this instance.", "500");

        forwarder();
        sidecar();
        listener();
        health();
        replay();
        for (Key key : KEYS) {
            BY_PATTERN.put(key.pattern, key);
        }
    }

    private static void forwarder() {
        key(
                "forwarder.interface",
                "the name of a network interface",
                "none; required to run",
                "The NIC to take frames from.",
                "eth1");
        key(
                "forwarder.port",
                "auto | xdp | packet",
                "auto",
                "AF_XDP sockets, AF_PACKET rings, or the best that binds; the forwarder says at start which, and why.",
                "xdp");
        key(
                "forwarder.packet-ring",
                "v2 | v3",
                "v2",
                "TPACKET version of AF_PACKET rings. v3 takes more frames a second and adds up to a block timeout of"
                        + " latency.",
                "v3");
        key(
                "forwarder.transport",
                "epoll | io_uring",
                "epoll",
                "The Netty native transport that wakes each worker.",
                "io_uring");
        key(
                "forwarder.cpus",
                "CPU numbers 0..1023, such as 2-5 or 0,2, each once",
                "0",
                "One pinned worker for each CPU. With AF_XDP at most as many as the NIC has receive queues; of more queues,"
                        + " worker w of n serves each queue q with q mod n = w.",
                "2-5");
        key(
                "forwarder.idle",
                "adaptive | spin | block",
                "adaptive",
                "What a worker does when no packet waits: spin a while and then block, never sleep, or block at once.",
                "spin");
        key("forwarder.batch", "8..512", "64", "Most frames in a duty cycle.", "128");
        key(
                "forwarder.flows",
                "1..256m",
                "1m",
                "Flow-table room over all workers. A flow takes at most 64 bytes.",
                "16m");
        key(
                "forwarder.tunnel-source",
                "at most one IPv4 and one IPv6 address",
                "the interface's own",
                "Outer source addresses of tunnels; routers on the way to the backends must be able to answer them.",
                "10.0.0.2, fd00::2");
        key(
                "forwarder.arp",
                "on | off",
                "on",
                "Answer ARP and neighbour solicitations for the VIPs, and announce them. Off where the VIPs are routed"
                        + " to this machine.",
                "off");
        key(
                "forwarder.huge-pages",
                "auto | on | off",
                "auto",
                "Huge pages for tables and packet memory: where the host has them, or refuse to start, or never.",
                "on");
        key("forwarder.metrics-latency", "on | off", "off", "Sample the processing time of packets.", "on");
        key(
                "forwarder.hash-key",
                "32 hex digits, or nothing",
                "random, made once per runtime folder; zeros in replay",
                "The secret of the hash that chooses backends. Machines that share VIPs need the same one.",
                "000102030405060708090a0b0c0d0e0f");
    }

    private static void sidecar() {
        key(
                "sidecar.api",
                "ADDRESS:PORT, [ADDRESS]:PORT or off",
                "127.0.0.1:9650",
                "Where the HTTP API and the metrics listen. A Unix socket in the runtime folder is always there.",
                "[::1]:9650");
        key(
                "sidecar.api-token-file",
                "a file, relative to this one",
                "none",
                "Holds the token that every request must carry. Required when sidecar.api is not a loopback address.",
                "/etc/penstock/token");
    }

    private static void listener() {
        key(
                LISTENER + "vip",
                "one or more IPv4 or IPv6 addresses",
                "required",
                "The addresses we answer for. Cannot change while the listener exists.",
                "203.0.113.10, 2001:db8::10");
        key(
                LISTENER + "protocol",
                "tcp | udp",
                "tcp",
                "The transport protocol. Cannot change while the listener exists.",
                "udp");
        key(
                LISTENER + "ports",
                "ports 1..65535 such as 80, 80,443, 9000-9009, or all",
                "required",
                "One port, a list, a range, a mixture, or all. Cannot change while the listener exists.",
                "80,443,9000-9009");
        key(
                LISTENER + "scheduler",
                "mh | wrr | lc | wlc | rr | swrr | sh",
                "mh",
                "Who gets a new flow. mh: Maglev hash of the 5-tuple. wrr and rr: rotation in order, weights ignored."
                        + " swrr: weighted rotation. lc: fewest flows. wlc (alias wIc): fewest flows for its weight."
                        + " sh: hash of the client address.",
                "wlc");
        key(
                LISTENER + "persistence",
                "off | 60s..3600s",
                "off",
                "New flows of a client go to its last backend until it has been silent this long.",
                "600s");
        key(
                LISTENER + "persistence.prefix",
                "1..32 for IPv4 VIPs, 1..128 for IPv6 VIPs; both as 24,56",
                "32,128",
                "Length of the client prefix that counts as one client.",
                "24,56");
        key(
                LISTENER + "idle-timeout",
                "1s..86400s",
                "300s for tcp, 60s for udp",
                "How long a silent flow is kept. Only the client's packets are seen, so only they count.",
                "900s");
        key(
                LISTENER + "midstream",
                "reset | drop | adopt",
                "reset",
                "What becomes of a TCP packet that has no flow and is no SYN. adopt is for machines that share VIPs.",
                "adopt");
        key(
                LISTENER + "forwarding",
                "dr | ipip | gue | gre",
                "dr",
                "How packets travel to the backends: by MAC address, or in a tunnel. A backend may override it.",
                "gue");
        key(
                LISTENER + "on-backend-down",
                "keep | reschedule | reset",
                "keep",
                "What becomes of the TCP flows of a backend that failed its checks. UDP flows always move.",
                "reschedule");
        key(
                LISTENER + "on-backend-removed",
                "drain | reset",
                "drain",
                "What becomes of the flows of a backend that left the configuration.",
                "reset");
        key(
                LISTENER + "drain-deadline",
                "0s..604800s",
                "300s",
                "How long a draining backend keeps its flows; 0 never cuts them.",
                "60s");
        key(
                LISTENER + "slow-start",
                "0s..1200s",
                "0s",
                "How long new and recovered backends take to grow to their full weight.",
                "60s");
        key(
                LISTENER + "max-new-flows",
                "0..1000000000",
                "0",
                "Most new flows a second of the whole listener; 0 for no limit.",
                "50000");
        key(
                LISTENER + "mss-clamp",
                "auto | off | 64..65495",
                "auto",
                "MSS on SYN in tunnel modes: lowered to what fits, left alone, or at most this.",
                "1400");
        key(
                LISTENER + "enabled",
                "true | false",
                "true",
                "Whether the listener runs when the instance starts.",
                "false");
        key(LISTENER + "tags.KEY", "any text", "none", "Free key-value tags, shown by the API.", "shop");
        key(
                LISTENER + "backend.ID",
                "ADDRESS [weight=0..65535] [forwarding=dr|ipip|gue|gre] [max-flows=0..1000000000]",
                "at least one required",
                "A server of the pool. weight (default 100) is its share, 0 for no new flows; forwarding overrides the"
                        + " listener's; max-flows (default 0: no limit) bounds its flows.",
                "10.0.0.12 weight=300 max-flows=50000");
    }

    private static void health() {
        key(
                LISTENER + "health",
                "tcp | http | https | udp | icmp | script | none",
                "tcp; udp for udp listeners",
                "How the backends are checked. none counts each as healthy.",
                "http");
        key(
                LISTENER + "health.port",
                "1..65535",
                "the listener's port; required with all, a list or a range",
                "The port that is probed. icmp, script and none need no port.",
                "8080");
        key(LISTENER + "health.interval", "100ms..300s", "3s", "Between the starts of two checks.", "1s");
        key(
                LISTENER + "health.timeout",
                "10ms..300s",
                "2s, or the interval if that is shorter",
                "How long a check may take.",
                "500ms");
        key(LISTENER + "health.rise", "1..100", "2", "Consecutive successes until a backend is up.", "3");
        key(LISTENER + "health.fall", "1..100", "2", "Consecutive failures until a backend is down.", "3");
        key(
                LISTENER + "health.path",
                "a path that begins with /, without blanks",
                "/",
                "What http and https checks ask for.",
                "/healthz");
        key(
                LISTENER + "health.host",
                "a host name, or nothing",
                "the backend's address",
                "Host header of http and https checks.",
                "shop.example");
        key(
                LISTENER + "health.expect",
                "up to 5 codes or ranges within 100..599, such as 200,301-302",
                "200-299",
                "HTTP status codes that count as success.",
                "200,204");
        key(
                LISTENER + "health.send",
                "text, or 0x and an even number of hex digits; at most 1024 bytes",
                "nothing",
                "Payload of udp checks.",
                "0x00010203");
        key(
                LISTENER + "health.receive",
                "text, or 0x and an even number of hex digits; at most 1024 bytes",
                "any answer, or none",
                "What the answer to a udp check must begin with.",
                "0x0001");
        key(
                LISTENER + "health.script",
                "a file, relative to this one",
                "required with health=script",
                "The program of script checks: called with the backend's address and the port, exit 0 is success.",
                "/usr/local/bin/check-db");
        key(
                LISTENER + "health.target",
                "backend | vip",
                "backend",
                "Probe the backend's own address, or the VIP through the forwarding path of that backend.",
                "vip");
        key(LISTENER + "health.fail-open", "on | off", "off", "With every backend down, all get traffic.", "on");
    }

    private static void replay() {
        key("replay.local-mac", "a MAC address", "02:00:00:00:00:01", "Our own MAC address.", "02:00:00:00:00:0a");
        key(
                "replay.next-hop-mac",
                "a MAC address",
                "02:00:00:00:00:fe",
                "Where everything goes that replay.neighbours does not name.",
                "02:00:00:00:00:fd");
        key("replay.local-address", "an IPv4 address", "10.0.0.1", "Outer source of IPv4 tunnels.", "192.0.2.1");
        key("replay.local-address6", "an IPv6 address", "fd00::1", "Outer source of IPv6 tunnels.", "2001:db8::1");
        key("replay.mtu", "68..65535", "1500", "Path MTU towards the backends.", "9000");
        key(
                "replay.neighbours",
                "ADDRESS MAC, ADDRESS MAC, ...",
                "none",
                "Hosts on the segment, each with its MAC address.",
                "10.0.0.11 02:00:00:00:00:0b, fd00::11 02:00:00:00:00:0b");
    }

    private static void key(String pattern, String expected, String defaultValue, String meaning, String example) {
        KEYS.add(new Key(pattern, expected, defaultValue, meaning, example));
    }

    /// {@return every key, by section, in the order of the documents}
    public static List<Key> all() {
        return List.copyOf(KEYS);
    }

    /// {@return what the value of a key may be}
    static String expected(String pattern) {
        Key key = BY_PATTERN.get(pattern);
        if (key == null) {
            throw new IllegalArgumentException("pattern=" + pattern + ": not in the catalogue of keys");
        }
        return key.expected;
    }

    /// {@return what to write after an unknown key: the nearest known one with a question mark, or where to look}
    static String suggestion(String unknown) {
        String[] parts = unknown.split("\\.", 4);
        boolean listener = parts.length > 1 && (parts[0].equals("listener") || distance(parts[0], "listener") <= 2);
        String best = "";
        int bestDistance = Integer.MAX_VALUE;
        for (Key key : KEYS) {
            String candidate = key.pattern;
            if (candidate.startsWith(LISTENER)) {
                if (!listener) {
                    continue;
                }
                candidate = candidate.replace("NAME", parts[1]);
                if (parts.length > 3) {
                    candidate = candidate.replace(".ID", "." + parts[3]).replace(".KEY", "." + parts[3]);
                }
            }
            int distance = distance(unknown, candidate);
            if (distance < bestDistance) {
                bestDistance = distance;
                best = candidate;
            }
        }
        boolean near = bestDistance <= Math.max(2, unknown.length() / 4);
        return near ? best + "?" : "see docs/configuration.md";
    }

    /// {@return the nearest of `words`, with a question mark, or all of them}
    static String suggestion(String unknown, List<String> words) {
        for (String word : words) {
            if (distance(unknown, word) <= 2) {
                return word + "?";
            }
        }
        return String.join(" | ", words);
    }

    /// Optimal string alignment distance: insertions, deletions, replacements, and swaps of neighbours. Long input is
    /// cut, since it comes from a file and the work is the product of the lengths.
    private static int distance(String a, String b) {
        String from = a.length() > 200 ? a.substring(0, 200) : a;
        int[] beforeLast = new int[b.length() + 1];
        int[] last = new int[b.length() + 1];
        int[] now = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            last[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            now[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replace = last[j - 1] + (from.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                now[j] = Math.min(replace, 1 + Math.min(last[j], now[j - 1]));
                boolean swapped = i > 1
                        && j > 1
                        && from.charAt(i - 1) == b.charAt(j - 2)
                        && from.charAt(i - 2) == b.charAt(j - 1);
                if (swapped) {
                    now[j] = Math.min(now[j], beforeLast[j - 2] + 1);
                }
            }
            int[] free = beforeLast;
            beforeLast = last;
            last = now;
            now = free;
        }
        return last[b.length()];
    }
}
