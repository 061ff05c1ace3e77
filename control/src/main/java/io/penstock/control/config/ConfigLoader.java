package io.penstock.control.config;

import static io.penstock.control.config.ConfigReader.quoted;

import io.penstock.control.config.PropertiesFile.Entry;
import io.penstock.control.runtime.HashKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Reads a properties file as a whole: every rule is checked and every problem is found in one run.
public final class ConfigLoader {
    private static final int MAX_CPU = 1023;
    /// The status file has 524,288 rows, some of which backends that are leaving still need.
    private static final int MAX_BACKENDS = 500_000;
    private static final String LISTENER = "listener.";

    private final PropertiesFile file;
    private final boolean probes;
    private final ConfigReader.Diagnostics diagnostics =
            new ConfigReader.Diagnostics(new ArrayList<>(), new ArrayList<>());
    private final ConfigReader.Suggestions suggestions = new ConfigReader.Suggestions();
    private final Map<String, ConfigReader> listenerReaders = new LinkedHashMap<>();

    /// A configuration that can be used.
    ///
    /// @param config   what the file says, with defaults
    /// @param warnings what is doubtful in it
    /// @param source   the text it came from: places of keys, files to watch
    public record Loaded(PenstockConfig config, List<Problem> warnings, PropertiesFile source) {
        /// Copies the list.
        public Loaded {
            warnings = List.copyOf(warnings);
        }
    }

    private ConfigLoader(PropertiesFile file, boolean probes) {
        this.file = file;
        this.probes = probes;
    }

    /// Reads a file and its includes.
    ///
    /// @param path as the operator named it, for messages
    /// @throws ConfigException naming everything that is wrong
    public static Loaded load(Path path) throws ConfigException {
        return load(PropertiesFile.load(path));
    }

    /// Reads a file for a use that probes no backend: a health check that lacks its port is a warning.
    ///
    /// @param path as the operator named it, for messages
    /// @throws ConfigException naming everything else that is wrong
    public static Loaded loadUnprobed(Path path) throws ConfigException {
        return new ConfigLoader(PropertiesFile.load(path), false).run();
    }

    /// Reads what was loaded.
    ///
    /// @throws ConfigException naming everything that is wrong
    public static Loaded load(PropertiesFile file) throws ConfigException {
        return new ConfigLoader(file, true).run();
    }

    /// Reads text that comes from no file.
    ///
    /// @param name what messages call it
    /// @throws ConfigException naming everything that is wrong
    public static Loaded parse(String text, String name) throws ConfigException {
        return load(PropertiesFile.parse(text, name));
    }

    /// Reads one listener from its keys, without `listener.NAME.` in front of them.
    ///
    /// @throws ConfigException naming everything that is wrong; without files and lines
    public static ListenerConfig listener(String name, Map<String, String> keys) throws ConfigException {
        StringBuilder text = new StringBuilder();
        keys.forEach((key, value) -> text.append(PropertiesText.escapeKey(LISTENER + name + "." + key))
                .append('=')
                .append(PropertiesText.escapeValue(value))
                .append('\n'));
        return parse(text.toString(), "").config().listeners().getFirst();
    }

    /// {@return whether `name` may name an instance, a listener or a backend}
    public static boolean isName(String name) {
        return ListenerReader.isName(name);
    }

    private Loaded run() throws ConfigException {
        diagnostics.problems().addAll(file.problems());
        Map<String, Entry> general = new LinkedHashMap<>();
        Map<String, Entry> forwarder = new LinkedHashMap<>();
        Map<String, Entry> sidecar = new LinkedHashMap<>();
        Map<String, Entry> replay = new LinkedHashMap<>();
        Map<String, Map<String, Entry>> listeners = new LinkedHashMap<>();
        file.entries().forEach((key, entry) -> {
            int nameEnd = key.startsWith(LISTENER) ? key.indexOf('.', LISTENER.length()) : -1;
            if (nameEnd >= 0) {
                String name = key.substring(LISTENER.length(), nameEnd);
                listeners.computeIfAbsent(name, _ -> new LinkedHashMap<>()).put(key.substring(nameEnd + 1), entry);
            } else if (key.startsWith("forwarder.")) {
                forwarder.put(key.substring("forwarder.".length()), entry);
            } else if (key.startsWith("sidecar.")) {
                sidecar.put(key.substring("sidecar.".length()), entry);
            } else if (key.startsWith("replay.")) {
                replay.put(key.substring("replay.".length()), entry);
            } else {
                general.put(key, entry);
            }
        });

        ConfigReader generalReader = reader("", "", general);
        String instance = instance(generalReader);
        int limit = (int) generalReader.number("limit.listeners", 100, 1, 65_536);
        ForwarderConfig forwarderConfig = forwarder(reader("forwarder.", "forwarder.", forwarder));
        SidecarConfig sidecarConfig = sidecar(reader("sidecar.", "sidecar.", sidecar));
        ReplayConfig replayConfig = replay(reader("replay.", "replay.", replay));
        List<ListenerConfig> listenerConfigs = listeners(listeners, limit);
        generalReader.finish(suggestions);

        List<Problem> problems = diagnostics.problems();
        if (!probes) {
            diagnostics
                    .warnings()
                    .addAll(problems.stream()
                            .filter(ConfigLoader::isMissingPort)
                            .toList());
            problems.removeIf(ConfigLoader::isMissingPort);
        }
        if (!problems.isEmpty()) {
            problems.sort(file.order());
            throw new ConfigException(problems);
        }
        if (listenerConfigs.isEmpty()) {
            diagnostics
                    .warnings()
                    .add(new Problem(
                            file.name(), 1, "listener", "no listener is configured", "at least one to serve clients"));
        }
        diagnostics.warnings().sort(file.order());
        PenstockConfig config =
                new PenstockConfig(instance, limit, forwarderConfig, sidecarConfig, replayConfig, listenerConfigs);
        return new Loaded(config, diagnostics.warnings(), file);
    }

    private static boolean isMissingPort(Problem problem) {
        return problem.key().endsWith(".health.port") && problem.wrong().startsWith("is missing");
    }

    private ConfigReader reader(String prefix, String pattern, Map<String, Entry> entries) {
        return new ConfigReader(prefix, pattern, entries, diagnostics);
    }

    private static String instance(ConfigReader reader) {
        Entry entry = reader.value("instance");
        if (entry == null) {
            return "default";
        }
        String name = entry.value().strip();
        if (!isName(name)) {
            reader.problem(entry, "instance", quoted(name) + " cannot name an instance");
        }
        return name;
    }

    private ForwarderConfig forwarder(ConfigReader reader) {
        ForwarderConfig config = new ForwarderConfig(
                interfaceName(reader),
                reader.keyword("port", PortMode.class, PortMode.AUTO),
                reader.keyword("packet-ring", PacketRing.class, PacketRing.V2),
                reader.keyword("transport", TransportKind.class, TransportKind.EPOLL),
                cpus(reader),
                reader.keyword("idle", IdleMode.class, IdleMode.ADAPTIVE),
                (int) reader.number("batch", 64, 8, 512),
                reader.size("flows", 1 << 20, 1, 1 << 28),
                tunnelSources(reader),
                reader.flag("arp", true),
                reader.keyword("huge-pages", HugePages.class, HugePages.AUTO),
                reader.flag("metrics-latency", false),
                hashKey(reader));
        reader.finish(suggestions);
        return config;
    }

    private static @Nullable String interfaceName(ConfigReader reader) {
        String name = reader.optionalText("interface");
        Entry entry = reader.entry("interface");
        // The kernel's rule: dev_valid_name() in net/core/dev.c.
        if (name != null && entry != null && !name.matches("[^/:\\s]{1,15}")) {
            reader.problem(entry, "interface", quoted(name) + " cannot name an interface");
        }
        return name;
    }

    private static List<Integer> cpus(ConfigReader reader) {
        Entry entry = reader.value("cpus");
        if (entry == null) {
            return List.of(0);
        }
        List<Integer> cpus = new ArrayList<>();
        Set<Integer> seen = new TreeSet<>();
        for (String part : entry.value().split(",", -1)) {
            String text = part.strip();
            int dash = text.indexOf('-');
            long first = ConfigReader.plainNumber(
                    dash < 0 ? text : text.substring(0, dash).strip());
            long last = dash < 0
                    ? first
                    : ConfigReader.plainNumber(text.substring(dash + 1).strip());
            if (first < 0 || last < 0) {
                reader.problem(entry, "cpus", quoted(text) + " is not a CPU number or range");
            } else if (first > MAX_CPU || last > MAX_CPU) {
                reader.problem(entry, "cpus", text + " is out of range");
            } else if (last < first) {
                reader.problem(entry, "cpus", "the range " + text + " runs backwards");
            } else {
                for (int cpu = (int) first; cpu <= last; cpu++) {
                    if (seen.add(cpu)) {
                        cpus.add(cpu);
                    } else {
                        reader.problem(entry, "cpus", "CPU " + cpu + " is there twice");
                    }
                }
            }
        }
        return cpus;
    }

    private static List<InetAddress> tunnelSources(ConfigReader reader) {
        List<InetAddress> sources = new ArrayList<>();
        String text = reader.optionalText("tunnel-source");
        Entry entry = reader.entry("tunnel-source");
        if (text == null || entry == null) {
            return sources;
        }
        for (String part : text.split(",", -1)) {
            InetAddress source = Addresses.parse(part.strip());
            if (source == null) {
                reader.problem(entry, "tunnel-source", quoted(part) + " is not an address");
            } else if (source.isAnyLocalAddress() || source.isMulticastAddress() || source.isLoopbackAddress()) {
                reader.problem(entry, "tunnel-source", Addresses.text(source) + " is no unicast address");
            } else if (sources.stream().anyMatch(other -> Addresses.isIpv6(other) == Addresses.isIpv6(source))) {
                reader.problem(entry, "tunnel-source", Addresses.text(source) + " is the second of its family");
            } else {
                sources.add(source);
            }
        }
        return sources;
    }

    private static @Nullable HashKey hashKey(ConfigReader reader) {
        String text = reader.optionalText("hash-key");
        Entry entry = reader.entry("hash-key");
        if (text == null || entry == null) {
            return null;
        }
        try {
            return HashKey.parse(text);
        } catch (IllegalArgumentException wrong) {
            // The value is a secret: say its length only.
            reader.problem(entry, "hash-key", "the " + text.length() + " characters are no key");
            return null;
        }
    }

    private SidecarConfig sidecar(ConfigReader reader) {
        String tokenFile = reader.path("api-token-file");
        InetSocketAddress api = api(reader);
        if (api != null && !api.getAddress().isLoopbackAddress() && tokenFile == null) {
            if (reader.isSet("api-token-file")) {
                reader.problem(
                        "api-token-file", "has no value, and sidecar.api is not loopback", "a file with a token");
            } else {
                String wrong = quoted(apiText(api)) + " is not loopback";
                reader.problem("api", wrong, "a loopback address, or sidecar.api-token-file");
            }
        }
        reader.finish(suggestions);
        return new SidecarConfig(api, tokenFile);
    }

    private static @Nullable InetSocketAddress api(ConfigReader reader) {
        Entry entry = reader.value("api");
        String text = entry == null ? "127.0.0.1:9650" : entry.value().strip();
        if (text.equals("off")) {
            return null;
        }
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? "" : text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]") && host.length() > 2;
        InetAddress address = Addresses.parse(bracketed ? host.substring(1, host.length() - 1) : host);
        long port = colon < 0 ? -1 : ConfigReader.plainNumber(text.substring(colon + 1));
        if (address == null || port < 0 || bracketed != Addresses.isIpv6(address)) {
            if (entry != null) {
                reader.problem(entry, "api", quoted(text) + " is not an address and a port");
            }
            return null;
        }
        if (port < 1 || port > 65_535) {
            reader.problem("api", "port " + port + " is out of range", "1..65535");
            return null;
        }
        return new InetSocketAddress(address, (int) port);
    }

    /// {@return `ADDRESS:PORT`, with brackets around an IPv6 address}
    static String apiText(InetSocketAddress api) {
        String host = Addresses.text(api.getAddress());
        return (Addresses.isIpv6(api.getAddress()) ? "[" + host + "]" : host) + ":" + api.getPort();
    }

    private ReplayConfig replay(ConfigReader reader) {
        ReplayConfig config = new ReplayConfig(
                mac(reader, "local-mac", 0x02_00_00_00_00_01L),
                mac(reader, "next-hop-mac", 0x02_00_00_00_00_feL),
                address(reader, "local-address", "10.0.0.1"),
                address(reader, "local-address6", "fd00::1"),
                (int) reader.number("mtu", 1500, 68, 65_535),
                neighbours(reader));
        reader.finish(suggestions);
        return config;
    }

    private static long mac(ConfigReader reader, String suffix, long defaultMac) {
        Entry entry = reader.value(suffix);
        if (entry == null) {
            return defaultMac;
        }
        long mac = Addresses.parseMac(entry.value().strip());
        if (mac < 0) {
            reader.problem(entry, suffix, quoted(entry.value()) + " is not a MAC address");
            return defaultMac;
        }
        return mac;
    }

    private static InetAddress address(ConfigReader reader, String suffix, String defaultText) {
        InetAddress defaultAddress = java.util.Objects.requireNonNull(Addresses.parse(defaultText));
        Entry entry = reader.value(suffix);
        if (entry == null) {
            return defaultAddress;
        }
        InetAddress address = Addresses.parse(entry.value().strip());
        if (address == null || Addresses.isIpv6(address) != Addresses.isIpv6(defaultAddress)) {
            reader.problem(entry, suffix, quoted(entry.value()) + " is not one");
            return defaultAddress;
        }
        return address;
    }

    private static Map<InetAddress, Long> neighbours(ConfigReader reader) {
        Map<InetAddress, Long> neighbours = new LinkedHashMap<>();
        String text = reader.optionalText("neighbours");
        Entry entry = reader.entry("neighbours");
        if (text == null || entry == null) {
            return neighbours;
        }
        for (String part : text.split(",", -1)) {
            String[] words = part.strip().split("[ \\t]+", -1);
            InetAddress address = Addresses.parse(words[0]);
            long mac = words.length == 2 ? Addresses.parseMac(words[1]) : -1;
            if (address == null || mac < 0) {
                reader.problem(entry, "neighbours", quoted(part) + " is not an address and its MAC address");
            } else if (neighbours.putIfAbsent(address, mac) != null) {
                reader.problem(entry, "neighbours", Addresses.text(address) + " is there twice");
            }
        }
        return neighbours;
    }

    private List<ListenerConfig> listeners(Map<String, Map<String, Entry>> groups, int limit) {
        List<ListenerConfig> listeners = new ArrayList<>();
        int count = 0;
        for (Map.Entry<String, Map<String, Entry>> group : groups.entrySet()) {
            String name = group.getKey();
            Entry first = group.getValue().values().iterator().next();
            if (!isName(name)) {
                diagnostics
                        .problems()
                        .add(first.problem(quoted(name) + " cannot name a listener", ConfigKeys.NAME_EXPECTED));
            }
            if (++count == limit + 1) {
                diagnostics
                        .problems()
                        .add(first.problem(
                                groups.size() + " listeners", "at most " + limit + ", or a higher limit.listeners"));
            }
            ConfigReader reader = reader(LISTENER + name + ".", ConfigKeys.LISTENER, group.getValue());
            ListenerConfig listener = new ListenerReader(name, reader).read();
            reader.finish(suggestions);
            listenerReaders.put(name, reader);
            if (listener != null) {
                listeners.add(listener);
            }
        }
        tooManyBackends(listeners);
        clashes(listeners);
        vipsAmongBackends(listeners);
        return listeners;
    }

    private void tooManyBackends(List<ListenerConfig> listeners) {
        int count = 0;
        for (ListenerConfig listener : listeners) {
            boolean fitted = count <= MAX_BACKENDS;
            count += listener.backends().size();
            if (fitted && count > MAX_BACKENDS) {
                reader(listener)
                        .problem(
                                "backend",
                                "more than " + MAX_BACKENDS + " backends in all listeners",
                                "at most " + MAX_BACKENDS);
            }
        }
    }

    /// Two listeners clash when they share a VIP, a protocol and a port.
    private void clashes(List<ListenerConfig> listeners) {
        record Place(InetAddress vip, Protocol protocol) {}
        record Claim(PortSet.Range range, int listener) {}
        Map<Place, List<Claim>> places = new LinkedHashMap<>();
        for (int i = 0; i < listeners.size(); i++) {
            ListenerConfig listener = listeners.get(i);
            for (InetAddress vip : listener.vips()) {
                List<Claim> claims =
                        places.computeIfAbsent(new Place(vip, listener.protocol()), _ -> new ArrayList<>());
                for (PortSet.Range range : listener.ports().ranges()) {
                    claims.add(new Claim(range, i));
                }
            }
        }
        Set<Long> told = new LinkedHashSet<>();
        places.forEach((place, claims) -> {
            // By their first port; then it is enough to compare each with the one that reaches furthest.
            claims.sort(Comparator.<Claim>comparingInt(claim -> claim.range.first())
                    .thenComparingInt(claim -> claim.listener));
            Claim furthest = claims.getFirst();
            for (Claim claim : claims.subList(1, claims.size())) {
                if (claim.range.first() <= furthest.range.last()) {
                    int later = Math.max(claim.listener, furthest.listener);
                    int earlier = Math.min(claim.listener, furthest.listener);
                    if (told.add(((long) later << 32) | earlier)) {
                        int port = claim.range.first();
                        String ports =
                                furthest.range.equals(PortSet.ALL.ranges().getFirst())
                                                && claim.range.equals(furthest.range)
                                        ? "every port"
                                        : "port " + port;
                        clash(listeners.get(later), listeners.get(earlier), ports, place.vip());
                    }
                }
                if (claim.range.last() > furthest.range.last()) {
                    furthest = claim;
                }
            }
        });
    }

    private void clash(ListenerConfig later, ListenerConfig earlier, String ports, InetAddress vip) {
        reader(later)
                .problem(
                        "ports",
                        ports + " of " + Addresses.text(vip) + " "
                                + later.protocol().text() + " belongs to listener " + earlier.name(),
                        "a VIP, protocol and port that no other listener has");
    }

    private ConfigReader reader(ListenerConfig listener) {
        return java.util.Objects.requireNonNull(listenerReaders.get(listener.name()));
    }

    /// A packet for such a backend would come back to us.
    private void vipsAmongBackends(List<ListenerConfig> listeners) {
        Map<InetAddress, String> owners = new HashMap<>();
        for (ListenerConfig listener : listeners) {
            listener.vips().forEach(vip -> owners.putIfAbsent(vip, listener.name()));
        }
        for (ListenerConfig listener : listeners) {
            for (BackendConfig backend : listener.backends()) {
                String owner = owners.get(backend.address());
                if (owner != null) {
                    reader(listener)
                            .problem(
                                    "backend." + backend.id(),
                                    Addresses.text(backend.address()) + " is a VIP of listener " + owner,
                                    "the backend's own address");
                }
            }
        }
    }
}
