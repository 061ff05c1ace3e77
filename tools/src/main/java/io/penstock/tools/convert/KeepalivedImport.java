package io.penstock.tools.convert;

import io.penstock.control.config.Addresses;
import io.penstock.tools.convert.KeepalivedFile.Node;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Turns the `virtual_server` blocks of a keepalived configuration into listeners.
///
/// Values that differ from ours by default are written out, so that what was tuned for keepalived and IPVS behaves
/// alike: a check that succeeds once brings a server back, connections are kept 15 minutes. What has no counterpart is
/// listed with its place and what happens instead.
final class KeepalivedImport {
    /// What keepalived knows of checks; each means a probe of ours, or none.
    private static final Map<String, String> CHECKS = Map.of(
            "TCP_CHECK", "tcp",
            "HTTP_GET", "http",
            "SSL_GET", "https",
            "UDP_CHECK", "udp",
            "PING_CHECK", "icmp",
            "MISC_CHECK", "script",
            "SMTP_CHECK", "tcp",
            "DNS_CHECK", "udp",
            "BFD_CHECK", "icmp",
            "FILE_CHECK", "none");
    private static final Map<String, String> SCHEDULERS = Map.of(
            "rr", "rr", "wrr", "swrr", "lc", "lc", "wlc", "wlc", "sh", "sh", "mh", "mh", "sed", "wlc", "nq", "wlc",
            "dh", "mh", "lblc", "wlc");
    private static final Set<String> EXACT_SCHEDULERS = Set.of("rr", "wrr", "lc", "wlc", "sh", "mh");
    /// Statements of a virtual server that are carried over, or that say what is so here anyway.
    private static final Set<String> KNOWN = Set.of(
            "delay_loop",
            "lvs_sched",
            "lb_algo",
            "lvs_method",
            "lb_kind",
            "protocol",
            "persistence_timeout",
            "persistence_granularity",
            "virtualhost",
            "real_server",
            "sorry_server",
            "retry",
            "delay_before_retry",
            "connect_timeout",
            "weight",
            "mh-port",
            "mh-fallback",
            "sh-port",
            "sh-fallback",
            "alpha",
            "warmup",
            "ops",
            "inhibit_on_failure",
            "hashed");
    private static final int ADDRESSES_MAX = 256;
    private static final long IPVS_TCP_TIMEOUT_S = 900;
    private static final long IPVS_UDP_TIMEOUT_S = 300;

    private final List<String> lines = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();
    private final Set<String> names = new LinkedHashSet<>();
    private final Set<String> services = new LinkedHashSet<>();
    private final Map<String, Node> groups = new LinkedHashMap<>();
    private String interfaceName = "";
    private long tcpTimeoutS = IPVS_TCP_TIMEOUT_S;
    private long udpTimeoutS = IPVS_UDP_TIMEOUT_S;
    private int listeners;

    /// What a keepalived file became.
    ///
    /// @param lines     of the properties file
    /// @param remarks   what could not be carried over: `FILE:LINE: what: what happens instead`
    /// @param listeners how many there are
    record Result(List<String> lines, List<String> remarks, int listeners) {}

    private KeepalivedImport() {}

    /// {@return the listeners of a keepalived configuration}
    static Result convert(KeepalivedFile file) {
        KeepalivedImport conversion = new KeepalivedImport();
        conversion.remarks.addAll(file.remarks());
        conversion.run(file.nodes());
        return new Result(conversion.lines, conversion.remarks, conversion.listeners);
    }

    private void run(List<Node> nodes) {
        for (Node node : nodes) {
            switch (node.name()) {
                case "global_defs" -> timeouts(node);
                case "virtual_server_group" -> groups.put(node.word(1), node);
                case "vrrp_instance" -> vrrp(node);
                default -> {} // After these, since a group may stand behind its use.
            }
        }
        for (Node node : nodes) {
            switch (node.name()) {
                case "virtual_server" -> server(node);
                case "global_defs", "virtual_server_group", "vrrp_instance", "vrrp_sync_group", "vrrp_script" -> {}
                default -> remark(node, node.name(), "not carried over");
            }
        }
        header();
    }

    private void header() {
        List<String> head = new ArrayList<>();
        if (interfaceName.isEmpty()) {
            head.add("# Name the interface that the VIPs' frames arrive on: penstock tune plan proposes one.");
            head.add("#forwarder.interface=eth1");
        } else {
            head.add("# The interface of the file's vrrp_instance.");
            head.add("forwarder.interface=" + interfaceName);
        }
        lines.addAll(0, head);
    }

    private void timeouts(Node global) {
        Node timeouts = global.child("lvs_timeouts");
        if (timeouts == null) {
            return;
        }
        for (int i = 1; i + 1 < timeouts.words().size(); i += 2) {
            long seconds = number(timeouts.word(i + 1), 0);
            switch (timeouts.word(i)) {
                case "tcp" -> tcpTimeoutS = Math.clamp(seconds, 1, 86_400);
                case "udp" -> udpTimeoutS = Math.clamp(seconds, 1, 86_400);
                default -> remark(timeouts, "lvs_timeouts " + timeouts.word(i), "closing connections are kept 120 s");
            }
        }
    }

    private void vrrp(Node instance) {
        if (interfaceName.isEmpty()) {
            interfaceName = instance.value("interface");
        }
        remark(
                instance,
                "vrrp_instance " + instance.word(1),
                "VRRP stays with keepalived: leave this block there, take the virtual_server blocks out, and run it with "
                        + "--vrrp; docs/deployment.md says how the two work together");
    }

    private void server(Node server) {
        String protocol = server.value("protocol").toLowerCase(Locale.ROOT);
        if (server.word(1).equals("fwmark")) {
            remark(server, "virtual_server fwmark " + server.word(2), "listeners know addresses and ports, no marks");
            return;
        }
        if (!protocol.isEmpty() && !protocol.equals("tcp") && !protocol.equals("udp")) {
            remark(server, "protocol " + protocol, "only TCP and UDP are balanced: the virtual_server is left out");
            return;
        }
        if (server.all("real_server").isEmpty()) {
            remark(server, name(server), "has no real_server: left out");
            return;
        }
        if (server.word(1).equals("group")) {
            group(server, server.word(2), protocol);
            return;
        }
        List<InetAddress> vips = addresses(server, server.word(1));
        if (!vips.isEmpty()) {
            String base = Addresses.text(vips.getFirst()).replace('.', '-').replace(':', '-');
            listener(server, "v" + base, vips, port(server.word(2)), protocol);
        }
    }

    /// Members with the same ports become one listener, since its VIPs and ports all belong together.
    private void group(Node server, String name, String protocol) {
        Node group = groups.get(name);
        if (group == null) {
            remark(server, "virtual_server group " + name, "there is no virtual_server_group of that name");
            return;
        }
        Map<String, List<InetAddress>> byPort = new LinkedHashMap<>();
        for (Node member : group.children()) {
            if (member.name().equals("fwmark")) {
                remark(member, "fwmark " + member.word(1), "listeners know addresses and ports, no marks");
            } else {
                byPort.computeIfAbsent(port(member.word(1)), _ -> new ArrayList<>())
                        .addAll(addresses(member, member.name()));
            }
        }
        // The same addresses with several ports are one listener with a list of ports.
        Map<List<InetAddress>, List<String>> byAddresses = new LinkedHashMap<>();
        byPort.forEach((port, vips) -> {
            if (!vips.isEmpty()) {
                byAddresses.computeIfAbsent(vips, _ -> new ArrayList<>()).add(port);
            }
        });
        byAddresses.forEach((vips, ports) ->
                listener(server, name, vips, ports.contains("all") ? "all" : String.join(",", ports), protocol));
    }

    private void listener(Node server, String base, List<InetAddress> vips, String ports, String protocol) {
        String kind = protocol.isEmpty() ? "tcp" : protocol;
        List<InetAddress> free = new ArrayList<>();
        for (InetAddress vip : vips) {
            if (services.add(Addresses.text(vip) + " " + kind + " " + ports)) {
                free.add(vip);
            } else {
                remark(
                        server,
                        name(server),
                        Addresses.text(vip) + " " + kind + " is there twice: the first one counts");
            }
        }
        if (free.isEmpty()) {
            return;
        }
        listeners++;
        String name = unique((base + "-" + kind + "-" + ports).replaceAll("[^A-Za-z0-9_-]", "-"));
        String prefix = "listener." + name + ".";
        lines.add("");
        lines.add("# " + server.place() + ": " + name(server));
        add(prefix + "vip", String.join(", ", free.stream().map(Addresses::text).toList()));
        add(prefix + "protocol", kind);
        add(prefix + "ports", ports);
        add(prefix + "scheduler", scheduler(server));
        persistence(server, prefix, free);
        add(prefix + "idle-timeout", (kind.equals("tcp") ? tcpTimeoutS : udpTimeoutS) + "s");
        String forwarding = forwarding(server, server.value("lvs_method", "lb_kind"), free);
        add(prefix + "forwarding", forwarding);
        backends(server, prefix, forwarding, ports);
        health(server, prefix, kind, ports);
        leftOver(server);
    }

    private String scheduler(Node server) {
        Node statement = server.child("lvs_sched") != null ? server.child("lvs_sched") : server.child("lb_algo");
        String wanted = statement == null ? "wlc" : statement.word(1);
        String scheduler = SCHEDULERS.getOrDefault(wanted, "mh");
        if (!EXACT_SCHEDULERS.contains(wanted)) {
            remark(server, "lvs_sched " + wanted, "there is no such scheduler here: " + scheduler + " comes nearest");
        }
        if (wanted.equals("mh") && server.child("mh-port") == null) {
            remark(
                    server,
                    "lvs_sched mh without mh-port",
                    "hashes the whole 5-tuple here; sh hashes the client address");
        }
        return scheduler;
    }

    private void persistence(Node server, String prefix, List<InetAddress> vips) {
        Node statement = server.child("persistence_timeout");
        if (statement == null) {
            return;
        }
        long wanted = number(statement.word(1), 360); // keepalived's default, where no number stands
        long seconds = Math.clamp(wanted, 60, 3_600);
        if (seconds != wanted) {
            remark(statement, "persistence_timeout " + wanted, "60 s to 3600 s are possible: " + seconds + " s");
        }
        add(prefix + "persistence", seconds + "s");
        String granularity = server.value("persistence_granularity");
        if (granularity.isEmpty()) {
            return;
        }
        boolean six = vips.stream().anyMatch(Addresses::isIpv6);
        long bits = granularity.contains(".") ? maskBits(granularity) : number(granularity, -1);
        if (bits >= 1 && bits <= (six ? 128 : 32)) {
            add(prefix + "persistence.prefix", Long.toString(bits));
        } else {
            remark(server, "persistence_granularity " + granularity, "is no prefix: each address counts as a client");
        }
    }

    private String forwarding(Node place, String method, List<InetAddress> vips) {
        return switch (method.toUpperCase(Locale.ROOT)) {
            case "DR" -> "dr";
            case "TUN" -> {
                Node statement = place.child("lvs_method") != null ? place.child("lvs_method") : place.child("lb_kind");
                String type = statement == null ? "" : String.join(" ", statement.words());
                yield type.contains(" gue") ? "gue" : type.contains(" gre") ? "gre" : "ipip";
            }
            default -> {
                remark(
                        place,
                        "lvs_method " + (method.isEmpty() ? "NAT (the default)" : method),
                        "addresses are not translated here: dr is written, for which each backend needs the VIP on its "
                                + "loopback (penstock backend install --vip "
                                + Addresses.text(vips.getFirst()) + ") and on the same segment");
                yield "dr";
            }
        };
    }

    private void backends(Node server, String prefix, String forwarding, String ports) {
        Set<String> addresses = new LinkedHashSet<>();
        for (Node real : server.all("real_server")) {
            InetAddress address = Addresses.parse(real.word(1));
            if (address == null) {
                remark(real, "real_server " + real.word(1), "is not an address; names are never looked up here");
                continue;
            }
            String text = Addresses.text(address);
            if (!addresses.add(text)) {
                remark(real, "real_server " + text + " " + real.word(2), "the address is a backend already: left out");
                continue;
            }
            String realPort = real.word(2);
            if (!realPort.isEmpty()
                    && !realPort.equals("0")
                    && !port(realPort).equals(ports)
                    && !ports.contains(",")
                    && !ports.equals("all")) {
                remark(
                        real,
                        "real_server " + text + " " + realPort,
                        "ports are not translated here: the backend has to listen on port " + ports);
            }
            String weight = real.value("weight");
            if (weight.isEmpty()) {
                weight = server.value("weight");
            }
            long number = Math.clamp(number(weight, 1), 0, 65_535);
            Node own = real.child("lvs_method") != null ? real.child("lvs_method") : real.child("lb_kind");
            String option = "";
            if (own != null) {
                String other = forwarding(real, own.word(1), List.of(address));
                option = other.equals(forwarding) ? "" : " forwarding=" + other;
            }
            String most = real.value("uthreshold");
            if (!most.isEmpty()) {
                option += " max-flows=" + number(most, 0);
            }
            String id = "s" + text.replace('.', '-').replace(':', '-');
            add(prefix + "backend." + id, text + " weight=" + number + option);
            leftOver(real);
        }
    }

    private void leftOver(Node block) {
        boolean real = block.name().equals("real_server");
        for (Node child : block.children()) {
            String statement = child.name();
            switch (statement) {
                case "sorry_server" ->
                    remark(
                            child,
                            "sorry_server " + child.word(1),
                            "with every backend down new flows are dropped (no_backend)");
                case "quorum", "quorum_up", "quorum_down", "hysteresis", "ha_suspend", "omega" ->
                    remark(child, statement, "there is no quorum: a listener serves while one backend is up");
                case "notify_up", "notify_down" ->
                    remark(child, statement, "no programs are called; watch penstock_backend_up in the metrics");
                case "ops" ->
                    remark(child, "ops", "each UDP 5-tuple is one flow; shorten idle-timeout for one-packet services");
                case "lthreshold" ->
                    remark(child, statement, "a backend takes new flows again as soon as it is below max-flows");
                default -> {
                    boolean known = real
                            ? Set.of(
                                                    "weight",
                                                    "uthreshold",
                                                    "inhibit_on_failure",
                                                    "lvs_method",
                                                    "lb_kind",
                                                    "virtualhost",
                                                    "delay_loop",
                                                    "retry",
                                                    "delay_before_retry",
                                                    "connect_timeout",
                                                    "alpha",
                                                    "warmup")
                                            .contains(statement)
                                    || CHECKS.containsKey(statement)
                            : KNOWN.contains(statement);
                    if (!known) {
                        remark(child, statement, "not carried over");
                    }
                }
            }
        }
    }

    /// A listener has one check for all of its backends: that of the first server that has one.
    private void health(Node server, String prefix, String protocol, String ports) {
        Node first = null;
        Node owner = null;
        for (Node real : server.all("real_server")) {
            List<Node> checks = real.children().stream()
                    .filter(child -> CHECKS.containsKey(child.name()))
                    .toList();
            if (checks.isEmpty()) {
                continue;
            }
            if (checks.size() > 1) {
                remark(checks.get(1), checks.get(1).name(), "a backend has one check: the first one");
            }
            if (first == null) {
                first = checks.getFirst();
                owner = real;
            } else if (!text(first).equals(text(checks.getFirst()))) {
                remark(
                        checks.getFirst(),
                        checks.getFirst().name(),
                        "differs from that of the first server; a listener checks all of its backends alike");
            }
        }
        if (first == null || owner == null) {
            add(prefix + "health", "none");
            return;
        }
        probe(server, owner, first, prefix, protocol, ports);
    }

    private void probe(Node server, Node owner, Node check, String prefix, String protocol, String ports) {
        String kind = CHECKS.getOrDefault(check.name(), "tcp");
        if (check.name().equals("MISC_CHECK")) {
            kind = script(check, prefix);
        } else if (!Set.of("TCP_CHECK", "HTTP_GET", "SSL_GET", "UDP_CHECK", "PING_CHECK")
                .contains(check.name())) {
            remark(check, check.name(), "there is no such check here: " + kind + " is written");
        }
        if (kind.equals("tcp") && protocol.equals("udp")) {
            remark(check, check.name(), "checks TCP for a UDP service, as it did before");
        }
        add(prefix + "health", kind);
        if (!kind.equals("icmp") && !kind.equals("script") && !kind.equals("none")) {
            String port = check.value("connect_port");
            if (port.isEmpty()) {
                port = owner.word(2);
            }
            if (number(port, 0) < 1) {
                port = ports.matches("[0-9]+") ? ports : "80";
                remark(check, check.name(), "names no port: " + port + " is written");
            }
            add(prefix + "health.port", port);
        }
        if (kind.equals("none")) {
            return;
        }
        if (check.name().equals("HTTP_GET") || check.name().equals("SSL_GET")) {
            request(server, owner, check, prefix);
        }
        if (check.name().equals("UDP_CHECK")) {
            payload(check, prefix, "payload", "health.send");
            payload(check, prefix, "require_reply", "health.receive");
        }
        times(server, owner, check, prefix);
        for (String unknown : List.of(
                "connect_ip",
                "bindto",
                "bind_port",
                "bind_if",
                "fwmark",
                "digest",
                "misc_dynamic",
                "min_reply_length",
                "max_reply_length",
                "tls_compliant",
                "fast_recovery")) {
            Node child = check.child(unknown);
            if (child != null) {
                remark(child, unknown, "not carried over");
            }
        }
    }

    private String script(Node check, String prefix) {
        String path = check.value("misc_path");
        String[] words = path.strip().split("\\s+");
        if (!words[0].startsWith("/")) {
            remark(check, "misc_path " + path, "is no file: backends count as healthy; name one by health.script");
            return "none";
        }
        add(prefix + "health.script", words[0].replace("\\", "\\\\"));
        remark(
                check,
                "misc_path " + path,
                words.length > 1
                        ? "the program gets the backend's address and the port, not these arguments"
                        : "the program gets the backend's address and the port");
        return "script";
    }

    private void request(Node server, Node owner, Node check, String prefix) {
        List<Node> urls = check.all("url");
        if (urls.size() > 1) {
            remark(urls.get(1), "url", "a check asks for one page: the first one");
        }
        Node url = urls.isEmpty() ? check : urls.getFirst();
        String path = url.value("path");
        add(prefix + "health.path", path.startsWith("/") ? path.replace("\\", "\\\\") : "/");
        String host = "";
        for (Node place : List.of(url, check, owner, server)) {
            host = host.isEmpty() ? place.value("virtualhost") : host;
        }
        if (!host.isEmpty()) {
            add(prefix + "health.host", host);
        }
        Node codes = url.child("status_code");
        if (codes != null && codes.words().size() > 1) {
            List<String> wanted = codes.words().subList(1, codes.words().size());
            if (wanted.size() > 5) {
                remark(codes, "status_code", "at most five codes and ranges: the first five");
                wanted = wanted.subList(0, 5);
            }
            add(prefix + "health.expect", String.join(",", wanted));
        }
        if (url.child("digest") != null) {
            remark(url, "digest", "the page's content is not compared: any page with the expected code succeeds");
        }
    }

    /// Bytes as hex digits, blanks between them allowed.
    private void payload(Node check, String prefix, String statement, String key) {
        Node bytes = check.child(statement);
        if (bytes == null || bytes.words().size() < 2) {
            return;
        }
        String hex = String.join("", bytes.words().subList(1, bytes.words().size()))
                .replaceAll("\\s", "")
                .toLowerCase(Locale.ROOT);
        if (hex.matches("([0-9a-f]{2}){1,1024}")) {
            add(prefix + key, "0x" + hex);
        } else {
            remark(bytes, statement, "is no even number of hex digits: left out");
        }
    }

    private void times(Node server, Node owner, Node check, String prefix) {
        String interval = first("delay_loop", check, owner, server);
        String intervalText = milliseconds(interval, 60_000, 100, 300_000);
        add(prefix + "health.interval", intervalText);
        String timeout = check.name().equals("MISC_CHECK")
                ? check.value("misc_timeout")
                : first("connect_timeout", check, owner, server);
        add(prefix + "health.timeout", milliseconds(timeout, 5_000, 10, 300_000));
        // Both HTTP and TCP checks of keepalived succeed at once; failures count only after the retries.
        add(prefix + "health.rise", "1");
        String retries = first("retry", check, owner, server);
        if (retries.isEmpty()) {
            retries = check.value("nb_get_retry");
        }
        boolean http = check.name().endsWith("_GET");
        long retry = Math.clamp(number(retries, http ? 3 : check.name().equals("MISC_CHECK") ? 0 : 1), 0, 99);
        add(prefix + "health.fall", Long.toString(retry + 1));
        String pause = first("delay_before_retry", check, owner, server);
        if (retry > 0 && (!pause.isEmpty() || number(interval, 60) > 5)) {
            remark(
                    check,
                    "retry " + retry,
                    "retries come at health.interval (" + intervalText
                            + "), not sooner: a shorter interval finds a dead " + "backend faster");
        }
    }

    private static String first(String name, Node... places) {
        for (Node place : places) {
            if (!place.value(name).isEmpty()) {
                return place.value(name);
            }
        }
        return "";
    }

    /// {@return seconds, which may have a fraction, as `3s` or `2500ms`}
    private static String milliseconds(String seconds, long defaultMs, long leastMs, long mostMs) {
        long ms = seconds.matches("[0-9]{1,9}(\\.[0-9]{1,6})?")
                ? Math.round(Double.parseDouble(seconds) * 1_000)
                : defaultMs;
        long bounded = Math.clamp(ms, leastMs, mostMs);
        return bounded % 1_000 == 0 ? bounded / 1_000 + "s" : bounded + "ms";
    }

    /// {@return the addresses of `A` or of `A-LAST`, where `LAST` is the last part of the last address}
    private List<InetAddress> addresses(Node place, String text) {
        int dash = text.indexOf('-');
        InetAddress first = Addresses.parse(dash < 0 ? text : text.substring(0, dash));
        if (first == null) {
            remark(place, text, "is not an address; names are never looked up here");
            return List.of();
        }
        List<InetAddress> all = new ArrayList<>(List.of(first));
        if (dash >= 0) {
            byte[] bytes = first.getAddress();
            int at = bytes.length - 1;
            int radix = bytes.length == 4 ? 10 : 16;
            int last = text.substring(dash + 1).matches("[0-9a-fA-F]{1,3}")
                    ? Integer.parseInt(text.substring(dash + 1), radix)
                    : -1;
            int next = Byte.toUnsignedInt(bytes[at]) + 1;
            if (last > ADDRESSES_MAX - 1 || last < next) {
                remark(place, text, "is no range of at most 256 addresses: the first one is carried over");
            }
            for (int i = next; i <= last && i < ADDRESSES_MAX; i++) {
                bytes[at] = (byte) i;
                all.add(Addresses.of(bytes));
            }
        }
        return all;
    }

    private static String port(String text) {
        return text.isEmpty() || text.equals("0") ? "all" : text;
    }

    private String unique(String wanted) {
        String name = wanted.length() > 60 ? wanted.substring(0, 60) : wanted;
        for (int i = 2; !names.add(name); i++) {
            name = (wanted.length() > 56 ? wanted.substring(0, 56) : wanted) + "-" + i;
        }
        return name;
    }

    private static String name(Node server) {
        return String.join(" ", server.words());
    }

    private static String text(Node check) {
        Map<String, String> parts = new TreeMap<>();
        check.children()
                .forEach(child -> parts.merge(
                        child.name(), String.join(" ", child.words()) + text(child), (a, b) -> a + ";" + b));
        return check.name() + parts;
    }

    private static long number(@Nullable String text, long otherwise) {
        return text != null && text.matches("[0-9]{1,12}") ? Long.parseLong(text) : otherwise;
    }

    private static long maskBits(String mask) {
        InetAddress address = Addresses.parse(mask);
        if (address == null) {
            return -1;
        }
        long bits = 0;
        for (byte octet : address.getAddress()) {
            bits = bits << 8 | Byte.toUnsignedLong(octet);
        }
        long ones = Long.bitCount(bits);
        return bits == (0xffff_ffffL << (32 - ones) & 0xffff_ffffL) ? ones : -1;
    }

    private void add(String key, String value) {
        lines.add(key + "=" + value);
    }

    private void remark(Node place, String what, String instead) {
        remarks.add(place.place() + ": " + what + ": " + instead);
    }
}
