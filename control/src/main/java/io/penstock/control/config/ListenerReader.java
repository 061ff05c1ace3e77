package io.penstock.control.config;

import static io.penstock.control.config.ConfigReader.quoted;

import io.penstock.control.config.PropertiesFile.Entry;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Reads the keys of one listener. What concerns several listeners is [ConfigLoader]'s.
final class ListenerReader {
    /// Most backends of a listener.
    static final int MAX_BACKENDS = 4096;

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,64}");
    private static final Pattern BLANKS = Pattern.compile("[ \\t]+");
    private static final long MAX_RATE = 1_000_000_000;
    private static final List<String> BACKEND_OPTIONS = List.of("weight", "forwarding", "max-flows");

    private final String name;
    private final ConfigReader reader;

    ListenerReader(String name, ConfigReader reader) {
        this.name = name;
        this.reader = reader;
    }

    /// {@return whether `name` may name an instance, a listener or a backend}
    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    /// {@return the listener, with defaults in place of what was wrong; null when its VIPs or ports are unknown}
    @Nullable
    ListenerConfig read() {
        List<InetAddress> vips = vips();
        Protocol protocol = reader.keyword("protocol", Protocol.class, Protocol.TCP);
        PortSet ports = ports();
        SchedulerKind scheduler = scheduler();
        long persistenceMs = persistenceMs();
        int[] prefixes = prefixes(vips);
        long idleDefaultMs = protocol == Protocol.TCP ? 300_000 : 60_000;
        Forwarding forwarding = reader.keyword("forwarding", Forwarding.class, Forwarding.DR);
        List<BackendConfig> backends = backends();
        ListenerConfig listener = new ListenerConfig(
                name,
                vips,
                protocol,
                ports == null ? PortSet.ALL : ports,
                scheduler,
                persistenceMs,
                prefixes[0],
                prefixes[1],
                reader.durationMs("idle-timeout", idleDefaultMs, 1_000, 86_400_000),
                reader.keyword("midstream", Midstream.class, Midstream.RESET),
                forwarding,
                reader.keyword("on-backend-down", OnBackendDown.class, OnBackendDown.KEEP),
                reader.keyword("on-backend-removed", OnBackendRemoved.class, OnBackendRemoved.DRAIN),
                drainDeadlineMs(),
                reader.durationMs("slow-start", 0, 0, 1_200_000),
                reader.size("max-new-flows", 0, 0, MAX_RATE),
                mssClamp(),
                reader.flag("enabled", true),
                tags(),
                backends,
                health(protocol, ports));
        if (!backends.isEmpty()) {
            warn(listener);
        }
        return vips.isEmpty() || ports == null ? null : listener;
    }

    private List<InetAddress> vips() {
        List<InetAddress> vips = new ArrayList<>();
        Entry entry = reader.required("vip");
        if (entry == null) {
            return vips;
        }
        for (String part : entry.value().split(",", -1)) {
            InetAddress vip = Addresses.parse(part.strip());
            if (vip == null) {
                reader.problem(entry, "vip", quoted(part) + " is not an address");
                continue;
            }
            String reserved = reserved(vip);
            if (reserved == null && vip.isLoopbackAddress()) {
                reserved = "a loopback address";
            }
            if (reserved != null) {
                reader.problem("vip", Addresses.text(vip) + " is " + reserved, "a unicast address that clients reach");
            } else if (vips.contains(vip)) {
                reader.problem("vip", Addresses.text(vip) + " is there twice", "each address once");
            } else {
                vips.add(vip);
            }
        }
        return vips;
    }

    /// {@return why no packet can be for `address`, or null}
    private static @Nullable String reserved(InetAddress address) {
        byte[] bytes = address.getAddress();
        if (address.isAnyLocalAddress() || (bytes.length == 4 && bytes[0] == 0)) {
            return "the zero address, or of its network";
        }
        if (address.isMulticastAddress()) {
            return "a multicast address";
        }
        if (bytes.length == 4 && (bytes[0] & 0xf0) == 0xf0) {
            return "a broadcast or reserved address";
        }
        return bytes.length == 16 && address.isLinkLocalAddress() ? "a link-local address" : null;
    }

    private @Nullable PortSet ports() {
        Entry entry = reader.required("ports");
        if (entry == null) {
            return null;
        }
        try {
            return PortSet.parse(entry.value());
        } catch (IllegalArgumentException wrong) {
            reader.problem(entry, "ports", String.valueOf(wrong.getMessage()));
            return null;
        }
    }

    private SchedulerKind scheduler() {
        Entry entry = reader.entry("scheduler");
        // The feature list prints wlc with a capital i.
        boolean alias = entry != null && entry.value().strip().equals("wIc");
        return alias ? SchedulerKind.WLC : reader.keyword("scheduler", SchedulerKind.class, SchedulerKind.MH);
    }

    private long persistenceMs() {
        Entry entry = reader.entry("persistence");
        boolean off = entry != null && entry.value().strip().equals("off");
        return off ? 0 : reader.durationMs("persistence", 0, 60_000, 3_600_000);
    }

    /// One number is for the family of the VIPs; with VIPs of both families it is the IPv4 one.
    private int[] prefixes(List<InetAddress> vips) {
        int[] prefixes = {32, 128};
        Entry entry = reader.value("persistence.prefix");
        if (entry == null) {
            return prefixes;
        }
        boolean only6 = !vips.isEmpty() && vips.stream().allMatch(Addresses::isIpv6);
        boolean only4 = vips.stream().noneMatch(Addresses::isIpv6);
        String[] parts = entry.value().split(",", -1);
        if (parts.length > 2) {
            reader.problem(entry, "persistence.prefix", quoted(entry.value()) + " has too many numbers");
            return prefixes;
        }
        for (int i = 0; i < parts.length; i++) {
            int family = parts.length == 2 ? i : only6 ? 1 : 0;
            String text = parts[i].strip();
            long prefix = ConfigReader.plainNumber(text);
            if (prefix < 0) {
                reader.problem(entry, "persistence.prefix", quoted(text) + " is not a whole number");
            } else if (prefix < 1 || prefix > (family == 0 ? 32 : 128)) {
                reader.problem(entry, "persistence.prefix", text + " is out of range");
            } else {
                prefixes[family] = (int) prefix;
            }
        }
        if (parts.length == 1 && !only4 && !only6 && prefixes[0] != 32) {
            reader.warning(
                    "persistence.prefix",
                    "one number for VIPs of both families: IPv6 clients keep 128",
                    "two numbers such as 24,56");
        }
        return prefixes;
    }

    private long drainDeadlineMs() {
        return reader.durationMs("drain-deadline", 300_000, 0, 604_800_000);
    }

    private int mssClamp() {
        Entry entry = reader.entry("mss-clamp");
        String text = entry == null ? "auto" : entry.value().strip();
        return switch (text) {
            case "auto" -> ListenerConfig.MSS_AUTO;
            case "off" -> ListenerConfig.MSS_OFF;
            default -> (int) reader.number("mss-clamp", ListenerConfig.MSS_AUTO, 64, 65_495);
        };
    }

    private Map<String, String> tags() {
        Map<String, String> tags = new LinkedHashMap<>();
        for (String suffix : suffixes("tags.")) {
            Entry entry = reader.entry(suffix);
            String key = suffix.substring("tags.".length());
            if (entry == null) {
                continue;
            }
            if (key.isBlank()) {
                reader.problem(suffix, "the tag has no name", "listener.NAME.tags.KEY");
            } else {
                tags.put(key, entry.value());
            }
        }
        return tags;
    }

    private List<String> suffixes(String begin) {
        return reader.entries().keySet().stream()
                .filter(suffix -> suffix.startsWith(begin))
                .toList();
    }

    private List<BackendConfig> backends() {
        List<BackendConfig> backends = new ArrayList<>();
        Map<InetAddress, String> ids = new HashMap<>();
        int count = 0;
        for (String suffix : suffixes("backend.")) {
            Entry entry = reader.entry(suffix);
            if (entry == null) {
                continue;
            }
            if (++count == MAX_BACKENDS + 1) {
                reader.problem(suffix, "more than " + MAX_BACKENDS + " backends", "at most " + MAX_BACKENDS);
            }
            BackendConfig backend = backend(suffix, entry);
            if (backend == null) {
                continue;
            }
            String other = ids.putIfAbsent(backend.address(), backend.id());
            if (other != null) {
                reader.problem(
                        suffix,
                        Addresses.text(backend.address()) + " is also backend " + other,
                        "each address once in a listener");
            }
            backends.add(backend);
        }
        if (count == 0) {
            reader.problem(
                    "backend", "the listener has no backend", "at least one listener." + name + ".backend.ID=ADDRESS");
        }
        return backends;
    }

    private @Nullable BackendConfig backend(String suffix, Entry entry) {
        String id = suffix.substring("backend.".length());
        if (!isName(id)) {
            reader.problem(suffix, quoted(id) + " cannot name a backend", ConfigKeys.NAME_EXPECTED);
        }
        String[] words = BLANKS.split(entry.value().strip());
        InetAddress address = Addresses.parse(words[0]);
        String reserved = address == null ? null : reserved(address);
        if (words[0].isEmpty()) {
            reader.problem(entry, "backend.ID", "has no value");
        } else if (address == null) {
            reader.problem(entry, "backend.ID", quoted(words[0]) + " is not an address");
        } else if (reserved != null) {
            reader.problem(suffix, words[0] + " is " + reserved, "a unicast address");
        }
        Map<String, String> options = options(entry, words);
        int weight = (int) option(entry, options, "weight", BackendConfig.DEFAULT_WEIGHT, BackendConfig.MAX_WEIGHT);
        long maxFlows = option(entry, options, "max-flows", 0, MAX_RATE);
        Forwarding forwarding = null;
        String kind = options.get("forwarding");
        if (kind != null) {
            forwarding = ConfigReader.keyword(Forwarding.class, kind);
            if (forwarding == null) {
                reader.problemAt(
                        entry, "forwarding=" + quoted(kind) + " is not one of the words", "dr | ipip | gue | gre");
            }
        }
        return address == null || reserved != null
                ? null
                : new BackendConfig(id, address, weight, forwarding, maxFlows);
    }

    private Map<String, String> options(Entry entry, String[] words) {
        Map<String, String> options = new HashMap<>();
        for (int i = 1; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            String option = equals < 0 ? words[i] : words[i].substring(0, equals);
            if (!BACKEND_OPTIONS.contains(option)) {
                String nearest = ConfigKeys.suggestion(option, BACKEND_OPTIONS);
                reader.problemAt(entry, quoted(option) + " is not a known option", nearest);
                if (option.startsWith("#")) {
                    break; // The words of a remark are not options.
                }
            } else if (equals < 0) {
                reader.problemAt(entry, option + " has no value", option + "=...");
            } else if (options.putIfAbsent(option, words[i].substring(equals + 1)) != null) {
                reader.problemAt(entry, option + " is there twice", "each option once");
            }
        }
        return options;
    }

    private long option(Entry entry, Map<String, String> options, String option, long defaultValue, long max) {
        String text = options.get(option);
        if (text == null) {
            return defaultValue;
        }
        long value = option.equals("weight") ? ConfigReader.plainNumber(text) : Quantities.size(text);
        if (value < 0 || value > max) {
            boolean number = text.matches("[+-]?[0-9]+");
            String wrong = number ? text + " is out of range" : quoted(text) + " is not a whole number";
            reader.problemAt(entry, option + "=" + wrong, option + "=0.." + max);
            return defaultValue;
        }
        return value;
    }

    private HealthConfig health(Protocol protocol, @Nullable PortSet ports) {
        HealthKind kind =
                reader.keyword("health", HealthKind.class, protocol == Protocol.UDP ? HealthKind.UDP : HealthKind.TCP);
        int port = (int) reader.number("health.port", 0, 1, 65_535);
        boolean needsPort = kind != HealthKind.NONE && kind != HealthKind.ICMP && kind != HealthKind.SCRIPT;
        if (needsPort && !reader.isSet("health.port") && ports != null && ports.single() == 0) {
            reader.problem(
                    "health.port",
                    "is missing, and ports=" + quotedPorts(ports) + " does not say which to probe",
                    "1..65535, or health=none");
        }
        long intervalMs = reader.durationMs("health.interval", 3_000, 100, 300_000);
        long timeoutMs = reader.durationMs("health.timeout", Math.min(2_000, intervalMs), 10, 300_000);
        if (timeoutMs > intervalMs) {
            reader.warning(
                    "health.timeout",
                    "longer than the interval of " + Quantities.durationText(intervalMs),
                    "at most health.interval");
        }
        int rise = (int) reader.number("health.rise", 2, 1, 100);
        int fall = (int) reader.number("health.fall", 2, 1, 100);
        String script = reader.path("health.script");
        if (kind == HealthKind.SCRIPT && script == null) {
            reader.problem("health.script", "is missing", reader.expected("health.script"));
        }
        HealthTarget target = reader.keyword("health.target", HealthTarget.class, HealthTarget.BACKEND);
        return new HealthConfig(
                kind,
                port,
                intervalMs,
                timeoutMs,
                rise,
                fall,
                path(),
                host(),
                expect(),
                payload("health.send"),
                reader.isSet("health.receive") ? emptyToNull(payload("health.receive")) : null,
                script,
                target,
                reader.flag("health.fail-open", false));
    }

    private static String quotedPorts(PortSet ports) {
        return ports.text().length() > 40 ? ports.text().substring(0, 37) + "..." : ports.text();
    }

    private static @Nullable String emptyToNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private String path() {
        Entry entry = reader.value("health.path");
        if (entry == null) {
            return "/";
        }
        String path = entry.value().strip();
        // Anything else would let the file write request lines of its own.
        if (!path.matches("/[\\x21-\\x7e]{0,2047}")) {
            reader.problem(entry, "health.path", quoted(path) + " cannot be asked for");
            return "/";
        }
        return path;
    }

    private @Nullable String host() {
        String host = reader.optionalText("health.host");
        Entry entry = reader.entry("health.host");
        if (host == null || entry == null) {
            return null;
        }
        if (!host.matches("[A-Za-z0-9._:\\[\\]-]{1,255}")) {
            reader.problem(entry, "health.host", quoted(host) + " cannot be a Host header");
            return null;
        }
        return host;
    }

    private List<HealthConfig.CodeRange> expect() {
        List<HealthConfig.CodeRange> ranges = new ArrayList<>();
        Entry entry = reader.value("health.expect");
        if (entry == null) {
            return List.of(new HealthConfig.CodeRange(200, 299));
        }
        for (String part : entry.value().split(",", -1)) {
            String text = part.strip().replaceAll("[ \\t]*-[ \\t]*", "-");
            if (!text.matches("[1-5][0-9][0-9](-[1-5][0-9][0-9])?")) {
                reader.problem(entry, "health.expect", quoted(text) + " is not a status code or range");
                continue;
            }
            int first = Integer.parseInt(text.substring(0, 3));
            int last = text.length() > 3 ? Integer.parseInt(text.substring(4)) : first;
            if (last < first) {
                reader.problem(entry, "health.expect", "the range " + text + " runs backwards");
            } else {
                ranges.add(new HealthConfig.CodeRange(first, last));
            }
        }
        if (ranges.size() > 5) {
            reader.problem(entry, "health.expect", ranges.size() + " codes and ranges");
        }
        return ranges;
    }

    /// Kept as written, blanks included: it is text for a protocol.
    private String payload(String suffix) {
        Entry entry = reader.entry(suffix);
        if (entry == null) {
            return "";
        }
        String text = entry.value();
        boolean hex = text.startsWith("0x");
        if (hex && !text.matches("0x([0-9a-fA-F]{2})+")) {
            reader.problem(entry, suffix, quoted(text) + " is not an even number of hex digits");
            return "";
        }
        int length = hex ? text.length() / 2 - 1 : text.getBytes(StandardCharsets.UTF_8).length;
        if (length > 1024) {
            reader.problem(entry, suffix, length + " bytes");
            return "";
        }
        return text;
    }

    private void warn(ListenerConfig listener) {
        SchedulerKind scheduler = listener.scheduler();
        long weights = listener.backends().stream()
                .mapToInt(BackendConfig::weight)
                .filter(weight -> weight > 0)
                .distinct()
                .count();
        boolean rotation = scheduler == SchedulerKind.WRR || scheduler == SchedulerKind.RR;
        if (rotation && weights > 1) {
            reader.warning(
                    "scheduler",
                    scheduler.text() + " ignores weights, and the backends' weights differ",
                    "swrr for a weighted rotation, or equal weights");
        }
        if (scheduler == SchedulerKind.LC && weights > 1) {
            reader.warning(
                    "scheduler", "lc ignores weights, and the backends' weights differ", "wlc, or equal weights");
        }
        if ((rotation || scheduler == SchedulerKind.LC) && listener.slowStartMs() > 0) {
            reader.warning("slow-start", scheduler.text() + " ignores weights, so nothing grows", "mh, swrr or wlc");
        }
        if (scheduler == SchedulerKind.MH && listener.persistenceMs() > 0) {
            reader.warning(
                    "persistence",
                    "mh already keeps each 5-tuple at its backend",
                    "persistence with another scheduler, or scheduler=sh");
        }
        if (weights == 0) {
            reader.warning("backend", "every backend has weight 0, so none takes new flows", "a weight above 0");
        }
        for (BackendConfig backend : listener.backends()) {
            if (backend.address().isLoopbackAddress()) {
                reader.warning(
                        "backend." + backend.id(),
                        Addresses.text(backend.address()) + " is a loopback address: no frame reaches it",
                        "a backend on another host");
            }
        }
        if (listener.protocol() == Protocol.UDP) {
            withoutEffect("udp has no such packets", "midstream", "mss-clamp");
            withoutEffect("udp flows always move", "on-backend-down");
        }
        HealthKind kind = listener.health().kind();
        String why = "health=" + kind.text();
        if (kind != HealthKind.HTTP && kind != HealthKind.HTTPS) {
            withoutEffect(why, "health.path", "health.host", "health.expect");
        }
        if (kind != HealthKind.UDP) {
            withoutEffect(why, "health.send", "health.receive");
        }
        if (kind != HealthKind.SCRIPT) {
            withoutEffect(why, "health.script");
        }
    }

    private void withoutEffect(String why, String... suffixes) {
        for (String suffix : suffixes) {
            Entry entry = reader.entry(suffix);
            if (entry != null && !entry.value().isBlank() && !entry.value().equals(writtenDefault(suffix))) {
                reader.warning(suffix, "has no effect: " + why, "leave it out");
            }
        }
    }

    /// The effective configuration writes defaults out; reading it again is no reason to warn.
    private static String writtenDefault(String suffix) {
        return switch (suffix) {
            case "midstream" -> "reset";
            case "mss-clamp" -> "auto";
            case "on-backend-down" -> "keep";
            case "health.path" -> "/";
            case "health.expect" -> "200-299";
            default -> "";
        };
    }
}
