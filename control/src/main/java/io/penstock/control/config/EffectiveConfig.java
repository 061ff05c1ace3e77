package io.penstock.control.config;

import io.penstock.control.runtime.HashKey;
import java.net.InetAddress;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/// A configuration with its defaults, written in the file's own syntax. Loading the text gives an equal configuration.
public final class EffectiveConfig {
    private EffectiveConfig() {}

    /// {@return the whole configuration as a properties file}
    public static String text(PenstockConfig config) {
        StringBuilder out = new StringBuilder();
        section(out, "", general(config));
        section(out, "forwarder.", forwarder(config.forwarder()));
        section(out, "sidecar.", sidecar(config.sidecar()));
        section(out, "replay.", replay(config.replay()));
        for (ListenerConfig listener : config.listeners()) {
            section(out, "listener." + listener.name() + ".", listener(listener));
        }
        return out.toString();
    }

    /// {@return the keys of the two processes, which are read at their start}
    static Map<String, String> processKeys(PenstockConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        forwarder(config.forwarder()).forEach((key, value) -> keys.put("forwarder." + key, value));
        sidecar(config.sidecar()).forEach((key, value) -> keys.put("sidecar." + key, value));
        return keys;
    }

    private static void section(StringBuilder out, String prefix, Map<String, String> keys) {
        if (!out.isEmpty()) {
            out.append('\n');
        }
        keys.forEach((key, value) -> out.append(PropertiesText.escapeKey(prefix + key))
                .append('=')
                .append(PropertiesText.escapeValue(value))
                .append('\n'));
    }

    private static Map<String, String> general(PenstockConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put("instance", config.instance());
        keys.put("limit.listeners", Integer.toString(config.listenerLimit()));
        return keys;
    }

    private static Map<String, String> forwarder(ForwarderConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        String interfaceName = config.interfaceName();
        if (interfaceName != null) {
            keys.put("interface", interfaceName);
        }
        keys.put("port", config.port().text());
        keys.put("packet-ring", config.packetRing().text());
        keys.put("transport", config.transport().text());
        keys.put("cpus", config.cpus().stream().map(Object::toString).collect(Collectors.joining(",")));
        keys.put("idle", config.idle().text());
        keys.put("batch", Integer.toString(config.batchFrames()));
        keys.put("flows", Quantities.sizeText(config.flowCapacity()));
        keys.put("tunnel-source", addresses(config.tunnelSources()));
        keys.put("arp", onOff(config.arp()));
        keys.put("huge-pages", config.hugePages().text());
        keys.put("metrics-latency", onOff(config.metricsLatency()));
        HashKey hashKey = config.hashKey();
        keys.put("hash-key", hashKey == null ? "" : hashKey.text());
        return keys;
    }

    private static Map<String, String> sidecar(SidecarConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put("api", config.api() == null ? "off" : ConfigLoader.apiText(config.api()));
        keys.put("api-token-file", Objects.requireNonNullElse(config.apiTokenFile(), ""));
        return keys;
    }

    private static Map<String, String> replay(ReplayConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put("local-mac", Addresses.macText(config.localMac()));
        keys.put("next-hop-mac", Addresses.macText(config.nextHopMac()));
        keys.put("local-address", Addresses.text(config.localAddress()));
        keys.put("local-address6", Addresses.text(config.localAddress6()));
        keys.put("mtu", Integer.toString(config.mtu()));
        keys.put(
                "neighbours",
                config.neighbours().entrySet().stream()
                        .map(each -> Addresses.text(each.getKey()) + " " + Addresses.macText(each.getValue()))
                        .collect(Collectors.joining(", ")));
        return keys;
    }

    /// {@return the keys of a listener, without `listener.NAME.` in front of them, with every default}
    public static Map<String, String> listener(ListenerConfig config) {
        Map<String, String> keys = new LinkedHashMap<>();
        keys.put("vip", addresses(config.vips()));
        keys.put("protocol", config.protocol().text());
        keys.put("ports", config.ports().text());
        keys.put("scheduler", config.scheduler().text());
        keys.put("persistence", config.persistenceMs() == 0 ? "off" : Quantities.durationText(config.persistenceMs()));
        keys.put("persistence.prefix", prefixes(config));
        keys.put("idle-timeout", Quantities.durationText(config.idleTimeoutMs()));
        keys.put("midstream", config.midstream().text());
        keys.put("forwarding", config.forwarding().text());
        keys.put("on-backend-down", config.onBackendDown().text());
        keys.put("on-backend-removed", config.onBackendRemoved().text());
        keys.put("drain-deadline", Quantities.durationText(config.drainDeadlineMs()));
        keys.put("slow-start", Quantities.durationText(config.slowStartMs()));
        keys.put("max-new-flows", Long.toString(config.maxNewFlows()));
        keys.put(
                "mss-clamp",
                switch (config.mssClamp()) {
                    case ListenerConfig.MSS_AUTO -> "auto";
                    case ListenerConfig.MSS_OFF -> "off";
                    default -> Integer.toString(config.mssClamp());
                });
        keys.put("enabled", Boolean.toString(config.enabled()));
        config.tags().forEach((tag, value) -> keys.put("tags." + tag, value));
        for (BackendConfig backend : config.backends()) {
            keys.put("backend." + backend.id(), backend(backend));
        }
        health(config.health(), keys);
        return keys;
    }

    /// {@return a backend as the value of its key: the address, and the options that are not the default}
    public static String backend(BackendConfig config) {
        StringBuilder out = new StringBuilder(Addresses.text(config.address()));
        out.append(" weight=").append(config.weight());
        Forwarding forwarding = config.forwarding();
        if (forwarding != null) {
            out.append(" forwarding=").append(forwarding.text());
        }
        if (config.maxFlows() != 0) {
            out.append(" max-flows=").append(config.maxFlows());
        }
        return out.toString();
    }

    private static void health(HealthConfig config, Map<String, String> keys) {
        keys.put("health", config.kind().text());
        if (config.port() != 0) {
            keys.put("health.port", Integer.toString(config.port()));
        }
        keys.put("health.interval", Quantities.durationText(config.intervalMs()));
        keys.put("health.timeout", Quantities.durationText(config.timeoutMs()));
        keys.put("health.rise", Integer.toString(config.rise()));
        keys.put("health.fall", Integer.toString(config.fall()));
        keys.put("health.path", config.path());
        keys.put("health.host", Objects.requireNonNullElse(config.host(), ""));
        keys.put(
                "health.expect",
                config.expect().stream()
                        .map(range -> range.first() == range.last()
                                ? Integer.toString(range.first())
                                : range.first() + "-" + range.last())
                        .collect(Collectors.joining(",")));
        keys.put("health.send", config.send());
        String receive = config.receive();
        if (receive != null) {
            keys.put("health.receive", receive);
        }
        String script = config.script();
        if (script != null) {
            keys.put("health.script", script);
        }
        keys.put("health.target", config.target().text());
        keys.put("health.fail-open", onOff(config.failOpen()));
    }

    private static String prefixes(ListenerConfig config) {
        boolean has4 = config.vips().stream().anyMatch(vip -> !Addresses.isIpv6(vip));
        boolean has6 = config.vips().stream().anyMatch(Addresses::isIpv6);
        if (has4 && !has6 && config.persistencePrefix6() == 128) {
            return Integer.toString(config.persistencePrefix4());
        }
        if (has6 && !has4 && config.persistencePrefix4() == 32) {
            return Integer.toString(config.persistencePrefix6());
        }
        return config.persistencePrefix4() + "," + config.persistencePrefix6();
    }

    private static String addresses(Collection<InetAddress> addresses) {
        return addresses.stream().map(Addresses::text).collect(Collectors.joining(","));
    }

    private static String onOff(boolean on) {
        return on ? "on" : "off";
    }
}
