package io.penstock.sidecar.state;

import io.penstock.control.config.EffectiveConfig;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// Says in lines for the log how two configurations differ.
final class ConfigSummary {
    private ConfigSummary() {}

    /// {@return one line for each listener that is new or gone and each key that differs}
    static List<String> changes(PenstockConfig before, PenstockConfig after) {
        Map<String, ListenerConfig> was = byName(before);
        Map<String, ListenerConfig> now = byName(after);
        Set<String> names = new LinkedHashSet<>(was.keySet());
        names.addAll(now.keySet());
        List<String> lines = new ArrayList<>();
        for (String name : names) {
            ListenerConfig old = was.get(name);
            ListenerConfig current = now.get(name);
            if (old == null) {
                lines.add("listener " + name + ": created");
            } else if (current == null) {
                lines.add("listener " + name + ": deleted");
            } else if (!old.equals(current)) {
                keys(name, EffectiveConfig.listener(old), EffectiveConfig.listener(current), lines);
            }
        }
        return lines;
    }

    private static Map<String, ListenerConfig> byName(PenstockConfig config) {
        Map<String, ListenerConfig> listeners = new LinkedHashMap<>();
        config.listeners().forEach(listener -> listeners.put(listener.name(), listener));
        return listeners;
    }

    private static void keys(String name, Map<String, String> was, Map<String, String> now, List<String> lines) {
        Set<String> keys = new LinkedHashSet<>(was.keySet());
        keys.addAll(now.keySet());
        for (String key : keys) {
            String old = was.get(key);
            String current = now.get(key);
            if (!Objects.equals(old, current)) {
                lines.add("listener " + name + ": " + key + "=" + (current == null ? "(none)" : current) + ", was "
                        + (old == null ? "(none)" : old));
            }
        }
    }
}
