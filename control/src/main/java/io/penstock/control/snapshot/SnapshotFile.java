package io.penstock.control.snapshot;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.penstock.control.config.Addresses;
import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.EffectiveConfig;
import io.penstock.control.config.Forwarding;
import io.penstock.control.config.Keyword;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.runtime.AtomicFile;
import io.penstock.control.runtime.RuntimeFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// A [Snapshot] as a file of the runtime folder: a line that says what follows, then JSON.
///
/// ```
/// penstock-snapshot 1 <bytes of JSON> <CRC-32C of them, in hex>
/// {"version":7,"listeners":[{"name":"web","running":true,"keys":{…},"backends":[…]}]}
/// ```
///
/// Written beside and renamed, so readers find the old or the new one. The first line tells a whole file from one that
/// a power cut or a full disk left half written. A listener's keys are those of the properties file. Any thread.
public final class SnapshotFile {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final String MAGIC = "penstock-snapshot";
    private static final int LAYOUT = 1;

    private SnapshotFile() {}

    /// Writes a snapshot. The caller then raises [SnapshotVersion].
    ///
    /// @throws IOException with the old file untouched
    public static void write(RuntimeFolder folder, Snapshot snapshot) throws IOException {
        AtomicFile.write(folder.snapshotFile(), bytes(snapshot));
    }

    /// Reads the newest snapshot.
    ///
    /// @return empty when none was written
    /// @throws IOException when the file is damaged, or of another layout; the message says so
    public static Optional<Snapshot> read(RuntimeFolder folder) throws IOException {
        try {
            return Optional.of(parse(Files.readAllBytes(folder.snapshotFile())));
        } catch (NoSuchFileException none) {
            return Optional.empty();
        } catch (DamagedException damaged) {
            throw new IOException(folder.snapshotFile() + ": " + damaged.getMessage(), damaged);
        }
    }

    static byte[] bytes(Snapshot snapshot) {
        Bytes json = new Bytes();
        try (JsonGenerator out = FACTORY.createGenerator(json)) {
            write(out, snapshot);
        } catch (IOException impossible) {
            throw new AssertionError("memory does not fail", impossible);
        }
        String head = String.format(Locale.ROOT, "%s %d %d %08x\n", MAGIC, LAYOUT, json.size(), json.checksum());
        byte[] first = head.getBytes(StandardCharsets.US_ASCII);
        byte[] all = new byte[first.length + json.size()];
        System.arraycopy(first, 0, all, 0, first.length);
        json.copyTo(all, first.length);
        return all;
    }

    static Snapshot parse(byte[] all) throws DamagedException {
        int end = 0;
        while (end < Math.min(all.length, 100) && all[end] != '\n') {
            end++;
        }
        String[] head = new String(all, 0, end, StandardCharsets.ISO_8859_1).split(" ");
        if (head.length != 4 || !head[0].equals(MAGIC)) {
            throw new DamagedException("not a snapshot, or cut short");
        }
        if (!head[1].equals(Integer.toString(LAYOUT))) {
            throw new DamagedException("has layout v" + head[1] + ", this program reads v" + LAYOUT
                    + "; the sidecar writes a new one at its start");
        }
        int start = end + 1;
        CRC32C checksum = new CRC32C();
        checksum.update(all, Math.min(start, all.length), Math.max(0, all.length - start));
        boolean whole = head[2].equals(Integer.toString(all.length - start))
                && head[3].equals(String.format(Locale.ROOT, "%08x", checksum.getValue()));
        if (!whole) {
            throw new DamagedException("cut short or damaged: length or checksum differ from its first line");
        }
        try (JsonParser in = FACTORY.createParser(all, start, all.length - start)) {
            return read(in);
        } catch (IOException | ConfigException | RuntimeException contradiction) {
            throw new DamagedException("whole, but not as this program writes it: " + contradiction.getMessage());
        }
    }

    private static void write(JsonGenerator out, Snapshot snapshot) throws IOException {
        out.writeStartObject();
        out.writeNumberField("version", snapshot.version());
        out.writeArrayFieldStart("listeners");
        for (Snapshot.Listener listener : snapshot.listeners()) {
            out.writeStartObject();
            out.writeStringField("name", listener.config().name());
            out.writeBooleanField("running", listener.running());
            out.writeObjectFieldStart("keys");
            ListenerConfig bare = listener.config().withBackends(List.of());
            for (Map.Entry<String, String> key : EffectiveConfig.listener(bare).entrySet()) {
                out.writeStringField(key.getKey(), key.getValue());
            }
            out.writeEndObject();
            out.writeArrayFieldStart("backends");
            for (Snapshot.Backend backend : listener.backends()) {
                write(out, backend);
            }
            out.writeEndArray();
            out.writeEndObject();
        }
        out.writeEndArray();
        out.writeEndObject();
    }

    private static void write(JsonGenerator out, Snapshot.Backend backend) throws IOException {
        BackendConfig config = backend.config();
        out.writeStartObject();
        out.writeStringField("id", config.id());
        out.writeStringField("address", Addresses.text(config.address()));
        out.writeNumberField("weight", config.weight());
        Forwarding forwarding = config.forwarding();
        if (forwarding != null) {
            out.writeStringField("forwarding", forwarding.text());
        }
        if (config.maxFlows() != 0) {
            out.writeNumberField("max_flows", config.maxFlows());
        }
        out.writeStringField("health", backend.health().text());
        out.writeStringField("admin", backend.admin().text());
        if (backend.drainDeadlineMs() != 0) {
            out.writeNumberField("drain_deadline_ms", backend.drainDeadlineMs());
        }
        if (backend.startedMs() != 0) {
            out.writeNumberField("started_ms", backend.startedMs());
        }
        out.writeEndObject();
    }

    private static Snapshot read(JsonParser in) throws IOException, ConfigException {
        long version = 0;
        List<Snapshot.Listener> listeners = new ArrayList<>();
        in.nextToken();
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String field = in.currentName();
            in.nextToken();
            switch (field) {
                case "version" -> version = in.getLongValue();
                case "listeners" -> {
                    while (in.nextToken() == JsonToken.START_OBJECT) {
                        listeners.add(listener(in));
                    }
                }
                default -> in.skipChildren();
            }
        }
        return new Snapshot(version, listeners);
    }

    private static Snapshot.Listener listener(JsonParser in) throws IOException, ConfigException {
        String name = "";
        boolean running = true;
        Map<String, String> keys = new LinkedHashMap<>();
        List<Snapshot.Backend> backends = new ArrayList<>();
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String field = in.currentName();
            in.nextToken();
            switch (field) {
                case "name" -> name = in.getText();
                case "running" -> running = in.getBooleanValue();
                case "keys" -> {
                    while (in.nextToken() == JsonToken.FIELD_NAME) {
                        String key = in.currentName();
                        keys.put(key, in.nextTextValue());
                    }
                }
                case "backends" -> {
                    while (in.nextToken() == JsonToken.START_OBJECT) {
                        backends.add(backend(in));
                    }
                }
                default -> in.skipChildren();
            }
        }
        // One backend stands for all: reading thousands through the properties grammar would be slow.
        if (!backends.isEmpty()) {
            keys.put(
                    "backend.first", EffectiveConfig.backend(backends.getFirst().config()));
        }
        ListenerConfig bare = ConfigLoader.listener(name, keys);
        ListenerConfig config = bare.withBackends(
                backends.stream().map(Snapshot.Backend::config).toList());
        return new Snapshot.Listener(config, running, backends);
    }

    private static Snapshot.Backend backend(JsonParser in) throws IOException {
        String id = "";
        InetAddress address = null;
        int weight = BackendConfig.DEFAULT_WEIGHT;
        Forwarding forwarding = null;
        long maxFlows = 0;
        Snapshot.Health health = Snapshot.Health.UNKNOWN;
        Snapshot.Admin admin = Snapshot.Admin.IN;
        long drainDeadlineMs = 0;
        long startedMs = 0;
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String field = in.currentName();
            in.nextToken();
            switch (field) {
                case "id" -> id = in.getText();
                case "address" -> address = Addresses.parse(in.getText());
                case "weight" -> weight = in.getIntValue();
                case "forwarding" -> forwarding = keyword(Forwarding.values(), in.getText());
                case "max_flows" -> maxFlows = in.getLongValue();
                case "health" -> health = keyword(Snapshot.Health.values(), in.getText());
                case "admin" -> admin = keyword(Snapshot.Admin.values(), in.getText());
                case "drain_deadline_ms" -> drainDeadlineMs = in.getLongValue();
                case "started_ms" -> startedMs = in.getLongValue();
                default -> in.skipChildren();
            }
        }
        if (address == null) {
            throw new IOException("backend " + id + " has no address");
        }
        return new Snapshot.Backend(
                new BackendConfig(id, address, weight, forwarding, maxFlows),
                health,
                admin,
                drainDeadlineMs,
                startedMs);
    }

    private static <E extends Keyword> E keyword(E[] constants, String text) throws IOException {
        for (E constant : constants) {
            if (constant.text().equals(text)) {
                return constant;
            }
        }
        throw new IOException("unknown word " + text);
    }

    /// The content is not what this program wrote.
    static final class DamagedException extends Exception {
        private static final long serialVersionUID = 1;

        DamagedException(@Nullable String message) {
            super(message);
        }
    }

    /// JSON as it grows, without a copy for its checksum.
    private static final class Bytes extends ByteArrayOutputStream {
        Bytes() {
            super(64 << 10);
        }

        long checksum() {
            CRC32C checksum = new CRC32C();
            checksum.update(buf, 0, count);
            return checksum.getValue();
        }

        void copyTo(byte[] target, int offset) {
            System.arraycopy(buf, 0, target, offset, count);
        }
    }
}
