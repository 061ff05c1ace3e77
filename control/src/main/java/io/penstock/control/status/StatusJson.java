package io.penstock.control.status;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.config.Addresses;
import io.penstock.control.status.StatusView.BackendView;
import io.penstock.control.status.StatusView.ListenerView;
import io.penstock.control.status.StatusView.WorkerView;
import java.io.IOException;
import java.io.StringWriter;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// A [StatusView] as JSON: the same for the command line and the API.
public final class StatusJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private StatusJson() {}

    /// Something that writes a value.
    public interface Writer {
        /// Writes one value.
        void write(JsonGenerator json) throws IOException;
    }

    /// {@return what `writer` writes, on one line}
    public static String text(Writer writer) {
        StringWriter out = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(out)) {
            writer.write(json);
        } catch (IOException impossible) {
            throw new AssertionError("a StringWriter does not fail", impossible);
        }
        return out.toString();
    }

    /// Writes the object of `status --json`.
    public static void status(JsonGenerator json, StatusView view) throws IOException {
        json.writeStartObject();
        statusFields(json, view);
        json.writeEndObject();
    }

    /// Writes the same into an object that has been begun, so that more can follow.
    public static void statusFields(JsonGenerator json, StatusView view) throws IOException {
        json.writeStringField("instance", view.instance());
        json.writeStringField("version", view.productVersion());
        json.writeBooleanField("alive", view.alive());
        json.writeNumberField("uptime_s", view.uptimeSeconds());
        json.writeNumberField("pid", view.pid());
        json.writeStringField("port", view.port());
        json.writeStringField("port_mode", view.portMode());
        json.writeStringField("transport", view.transport());
        json.writeNumberField("snapshot", view.snapshotVersion());
        json.writeNumberField("applied_snapshot", view.appliedSnapshot());
        json.writeArrayFieldStart("workers");
        for (WorkerView worker : view.workers()) {
            worker(json, worker);
        }
        json.writeEndArray();
        json.writeObjectFieldStart("flows");
        json.writeNumberField("used", view.flowsUsed());
        json.writeNumberField("capacity", view.flowCapacity());
        json.writeEndObject();
        json.writeFieldName("listeners");
        listeners(json, view.listeners());
    }

    private static void worker(JsonGenerator json, WorkerView worker) throws IOException {
        json.writeStartObject();
        json.writeNumberField("cpu", worker.cpu());
        json.writeNumberField("queue", worker.queue());
        outcomes(json, worker.counters());
        json.writeNumberField("flows", worker.flows());
        json.writeNumberField("busy", worker.busy());
        json.writeNumberField("max_cycle_us", worker.maxCycleNs() / 1_000);
        json.writeEndObject();
    }

    /// Writes the fields `received`, `forwarded`, `replied`, `passed` and the object `dropped` with every reason.
    public static void outcomes(JsonGenerator json, Map<WorkerCounter, Long> counters) throws IOException {
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.OUTCOME) {
                json.writeNumberField(counter.label(), counters.getOrDefault(counter, 0L));
            }
        }
        json.writeObjectFieldStart("dropped");
        for (WorkerCounter counter : WorkerCounter.values()) {
            if (counter.kind() == WorkerCounter.Kind.DROP) {
                json.writeNumberField(counter.label(), counters.getOrDefault(counter, 0L));
            }
        }
        json.writeEndObject();
    }

    /// Writes the list of `listeners --json`.
    public static void listeners(JsonGenerator json, List<ListenerView> listeners) throws IOException {
        json.writeStartArray();
        for (ListenerView listener : listeners) {
            listener(json, listener);
        }
        json.writeEndArray();
    }

    /// Writes one listener with its backends.
    public static void listener(JsonGenerator json, ListenerView listener) throws IOException {
        json.writeStartObject();
        listenerFields(json, listener);
        json.writeEndObject();
    }

    /// Writes the same into an object that has been begun, so that more can follow.
    public static void listenerFields(JsonGenerator json, ListenerView listener) throws IOException {
        json.writeStringField("name", listener.config().name());
        json.writeStringField("vip", vips(listener));
        json.writeStringField("protocol", listener.config().protocol().text());
        json.writeStringField("ports", listener.config().ports().text());
        json.writeStringField("scheduler", listener.config().scheduler().text());
        json.writeStringField("state", listener.state().text());
        totals(json, listener.totals());
        json.writeArrayFieldStart("backends");
        for (BackendView backend : listener.backends()) {
            backend(json, backend);
        }
        json.writeEndArray();
    }

    /// Writes the list of `backends --json`: each with the name of its listener.
    public static void backends(JsonGenerator json, List<ListenerView> listeners) throws IOException {
        json.writeStartArray();
        for (ListenerView listener : listeners) {
            for (BackendView backend : listener.backends()) {
                json.writeStartObject();
                json.writeStringField("listener", listener.config().name());
                backendFields(json, backend);
                json.writeEndObject();
            }
        }
        json.writeEndArray();
    }

    private static String vips(ListenerView listener) {
        List<InetAddress> vips = listener.config().vips();
        return vips.stream().map(Addresses::text).collect(Collectors.joining(","));
    }

    private static void backend(JsonGenerator json, BackendView backend) throws IOException {
        json.writeStartObject();
        backendFields(json, backend);
        json.writeEndObject();
    }

    private static void backendFields(JsonGenerator json, BackendView backend) throws IOException {
        json.writeStringField("id", backend.config().id());
        json.writeStringField("address", Addresses.text(backend.config().address()));
        json.writeNumberField("weight", backend.config().weight());
        json.writeNumberField("effective_weight", backend.effectiveWeight());
        json.writeStringField("health", backend.health().text());
        json.writeStringField("admin", backend.admin().text());
        totals(json, backend.totals());
    }

    private static void totals(JsonGenerator json, StatusReader.Totals totals) throws IOException {
        json.writeNumberField("flows", totals.flows());
        json.writeNumberField("new_flows", totals.newFlows());
        json.writeNumberField("packets", totals.packets());
        json.writeNumberField("bytes", totals.bytes());
    }
}
