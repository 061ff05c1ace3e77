package io.penstock.forwarder.process;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.config.Addresses;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.status.BackendRows;
import io.penstock.forwarder.path.FlowExplainer;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.ListenerTable;
import java.io.IOException;
import java.io.StringWriter;
import java.net.InetAddress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Answers `explain` on the control socket. A request is `explain tcp|udp SOURCE PORT DESTINATION PORT`, the answer an
/// object of JSON in one line. Conductor only.
final class Explanations {
    private static final JsonFactory FACTORY = new JsonFactory();

    private final FlowExplainer explainer;
    private final BackendRows rows;

    Explanations(FlowExplainer explainer, BackendRows rows) {
        this.explainer = explainer;
        this.rows = rows;
    }

    /// {@return the answer to a request, also to one that cannot be understood}
    String answer(String request, ListenerTable listeners, Snapshot snapshot, long nowNs) {
        String[] words = request.split(" ");
        if (words.length != 6 || !words[0].equals("explain")) {
            return "{\"error\":\"expected: explain tcp|udp SOURCE PORT DESTINATION PORT\"}";
        }
        IpKey source = key(words[2]);
        IpKey destination = key(words[4]);
        int sourcePort = port(words[3]);
        int destinationPort = port(words[5]);
        if (source == null || destination == null || source.isV6() != destination.isV6()) {
            return "{\"error\":\"expected: two addresses of one family\"}";
        }
        if (sourcePort < 0 || destinationPort < 0) {
            return "{\"error\":\"expected: ports 0..65535\"}";
        }
        int protocolBit = words[1].equals("udp") ? 1 : 0;
        FlowExplainer.Explanation explanation = explainer.explain(
                listeners, source, destination, sourcePort << 16 | destinationPort, protocolBit, nowNs);
        return json(explanation, snapshot);
    }

    private static @Nullable IpKey key(String text) {
        InetAddress address = Addresses.parse(text);
        return address == null ? null : IpKey.of(address);
    }

    private static int port(String text) {
        return text.matches("[0-9]{1,5}") && Integer.parseInt(text) <= 0xffff ? Integer.parseInt(text) : -1;
    }

    private String json(FlowExplainer.Explanation explanation, Snapshot snapshot) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("listener", explanation.listener());
            String id = explanation.row() < 0 ? null : rows.id(explanation.row());
            json.writeStringField("backend", id);
            json.writeStringField("reason", explanation.reason());
            if (explanation.slot() < 0) {
                json.writeNullField("slot");
            } else {
                json.writeNumberField("slot", explanation.slot());
            }
            Optional<Snapshot.Backend> backend = backend(snapshot, explanation.listener(), id);
            json.writeStringField(
                    "health", backend.map(known -> known.health().text()).orElse(null));
            if (explanation.row() >= 0) {
                json.writeStringField("address", Addresses.text(rows.address(explanation.row())));
                json.writeStringField(
                        "admin", backend.map(known -> known.admin().text()).orElse("out"));
            }
            json.writeEndObject();
        } catch (IOException impossible) {
            throw new AssertionError("memory does not fail", impossible);
        }
        return text.toString();
    }

    private static Optional<Snapshot.Backend> backend(
            Snapshot snapshot, @Nullable String listener, @Nullable String id) {
        return snapshot.listeners().stream()
                .filter(known -> known.config().name().equals(listener))
                .flatMap(known -> known.backends().stream())
                .filter(known -> known.config().id().equals(id))
                .findFirst();
    }
}
