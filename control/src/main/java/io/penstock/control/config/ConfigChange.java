package io.penstock.control.config;

import io.penstock.control.config.PropertiesFile.Entry;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// What a running instance may take over from a changed file.
public final class ConfigChange {
    private ConfigChange() {}

    /// Finds what cannot change while it exists: a listener's VIPs, protocol and ports, and the instance's name.
    ///
    /// @param before what runs
    /// @param after  what the file says now
    /// @return one problem for each such change; empty when the new configuration may be taken over
    public static List<Problem> refusals(PenstockConfig before, ConfigLoader.Loaded after) {
        List<Problem> refusals = new ArrayList<>();
        if (!before.instance().equals(after.config().instance())) {
            refusals.add(problem(
                    after,
                    "instance",
                    "cannot change from " + before.instance() + " while the instance runs",
                    "stop it and start it under the new name"));
        }
        Map<String, ListenerConfig> existing = new LinkedHashMap<>();
        before.listeners().forEach(listener -> existing.put(listener.name(), listener));
        for (ListenerConfig now : after.config().listeners()) {
            ListenerConfig was = existing.get(now.name());
            if (was != null) {
                for (String key : fixedKeysThatDiffer(was, now)) {
                    refusals.add(problem(
                            after,
                            "listener." + now.name() + "." + key,
                            "cannot change from "
                                    + EffectiveConfig.listener(was).get(key) + " while the listener exists",
                            "delete the listener and create it again"));
                }
            }
        }
        return refusals;
    }

    /// {@return `vip`, `protocol`, `ports`: those of the three that differ}
    public static List<String> fixedKeysThatDiffer(ListenerConfig was, ListenerConfig now) {
        List<String> keys = new ArrayList<>();
        if (!new HashSet<>(was.vips()).equals(new HashSet<>(now.vips()))) {
            keys.add("vip");
        }
        if (was.protocol() != now.protocol()) {
            keys.add("protocol");
        }
        if (!was.ports().ranges().equals(now.ports().ranges())) {
            keys.add("ports");
        }
        return keys;
    }

    /// Finds changes that take effect only when the processes start again: the keys of `forwarder.` and `sidecar.`.
    ///
    /// @return one warning for each changed key
    public static List<Problem> restarts(PenstockConfig before, ConfigLoader.Loaded after) {
        List<Problem> warnings = new ArrayList<>();
        Map<String, String> was = EffectiveConfig.processKeys(before);
        Map<String, String> now = EffectiveConfig.processKeys(after.config());
        LinkedHashMap<String, String> all = new LinkedHashMap<>(was);
        all.putAll(now);
        for (String key : all.keySet()) {
            if (!Objects.equals(was.get(key), now.get(key))) {
                String process = key.substring(0, key.indexOf('.'));
                warnings.add(problem(
                        after, key, "takes effect when the " + process + " starts again", "restart the " + process));
            }
        }
        return warnings;
    }

    private static Problem problem(ConfigLoader.Loaded after, String key, String wrong, String expected) {
        Entry entry = after.source().entries().get(key);
        return entry == null
                ? new Problem(after.source().name(), 1, key, wrong, expected)
                : entry.problem(wrong, expected);
    }
}
