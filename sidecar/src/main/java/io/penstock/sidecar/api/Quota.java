package io.penstock.sidecar.api;

import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.config.PenstockConfig;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A limit that an operator can look up: what it bounds, what it is now, and whether and by what it can be raised.
///
/// @param unit       of the numbers; empty for a count
/// @param key        of the properties file that sets it, or null
/// @param current    the limit in force
/// @param used       how much of it is used, or -1 where that has no meaning
record Quota(
        String id,
        String description,
        String unit,
        long defaultValue,
        long maximum,
        @Nullable String key,
        long current,
        long used) {
    private static final long NO_USE = -1;

    /// {@return all quotas of an instance}
    static List<Quota> of(PenstockConfig config, ApiLimits limits) {
        long mostBackends = config.listeners().stream()
                .mapToLong(listener -> listener.backends().size())
                .max()
                .orElse(0);
        return List.of(
                new Quota(
                        "listeners",
                        "Listeners of an instance.",
                        "",
                        100,
                        65_536,
                        "limit.listeners",
                        config.listenerLimit(),
                        config.listeners().size()),
                fixed(
                        "backends-per-listener",
                        "Backends of one listener; used: of the largest.",
                        "",
                        4_096,
                        mostBackends),
                new Quota(
                        "flows",
                        "Flow-table entries over all workers, for each address family.",
                        "",
                        1 << 20,
                        1 << 28,
                        "forwarder.flows",
                        config.forwarder().flowCapacity(),
                        NO_USE),
                range("weight", "Weight of a backend.", "", 100, 65_535),
                range("idle-timeout", "Idle timeout of a listener; the default is 60 for UDP.", "s", 300, 86_400),
                range("persistence", "Persistence timeout of a listener; 0 is off, else at least 60.", "s", 0, 3_600),
                range("drain-deadline", "Time that a draining backend keeps its flows.", "s", 300, 604_800),
                range("slow-start", "Time that a new or recovered backend takes to its full weight.", "s", 0, 1_200),
                range("health-interval", "Time between two checks of a backend.", "s", 3, 300),
                fixed("api-body", "Body of a request to this API.", "bytes", limits.bodyBytes(), NO_USE),
                fixed("api-headers", "Headers of a request to this API.", "bytes", limits.headerBytes(), NO_USE),
                fixed("api-connections", "TCP connections to this API at a time.", "", limits.connections(), NO_USE));
    }

    // A bound of the product.
    private static Quota fixed(String id, String description, String unit, long limit, long used) {
        return new Quota(id, description, unit, limit, limit, null, limit, used);
    }

    // A bound of a value that each listener or backend sets for itself.
    private static Quota range(String id, String description, String unit, long defaultValue, long maximum) {
        return new Quota(id, description, unit, defaultValue, maximum, null, maximum, NO_USE);
    }

    void write(JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeStringField("id", id);
        json.writeStringField("description", description);
        json.writeStringField("unit", unit);
        json.writeNumberField("default", defaultValue);
        json.writeNumberField("maximum", maximum);
        json.writeBooleanField("adjustable", key != null);
        if (key != null) {
            json.writeStringField("key", key);
        }
        json.writeNumberField("current", current);
        if (used != NO_USE) {
            json.writeNumberField("used", used);
        }
        json.writeEndObject();
    }
}
