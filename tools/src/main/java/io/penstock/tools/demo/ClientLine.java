package io.penstock.tools.demo;

import java.util.LinkedHashMap;
import java.util.Map;

/// One line between the demo and its client: `KEY=NUMBER KEY=NUMBER ...`.
final class ClientLine {
    private final Map<String, Long> values = new LinkedHashMap<>();

    /// Reads a line.
    static ClientLine parse(String text) {
        ClientLine line = new ClientLine();
        for (String word : text.strip().split(" +")) {
            int equals = word.indexOf('=');
            if (equals > 0) {
                line.put(word.substring(0, equals), Long.parseLong(word.substring(equals + 1)));
            }
        }
        return line;
    }

    void put(String key, long value) {
        values.put(key, value);
    }

    /// {@return the number, 0 when the line does not hold it}
    long get(String key) {
        return values.getOrDefault(key, 0L);
    }

    /// {@return whether the line holds the number}
    boolean has(String key) {
        return values.containsKey(key);
    }

    /// {@return the numbers whose keys begin with `group.`, by what follows}
    Map<String, Long> group(String group) {
        Map<String, Long> found = new LinkedHashMap<>();
        values.forEach((key, value) -> {
            if (key.startsWith(group + ".")) {
                found.put(key.substring(group.length() + 1), value);
            }
        });
        return found;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        values.forEach((key, value) ->
                text.append(text.isEmpty() ? "" : " ").append(key).append('=').append(value));
        return text.toString();
    }
}
