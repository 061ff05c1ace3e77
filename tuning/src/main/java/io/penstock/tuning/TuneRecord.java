package io.penstock.tuning;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.penstock.control.runtime.AtomicFile;
import io.penstock.tuning.host.Setting;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What `tune apply` changed: for each setting what it was before the first apply, and what was last written. Lies
/// under `/run`, since all these settings end with the host's next start too.
public final class TuneRecord {
    /// A changed setting.
    ///
    /// @param before what `tune undo` writes
    /// @param after  what `tune apply` wrote
    public record Change(Setting before, String after) {}

    private final Map<String, Change> changes = new LinkedHashMap<>();

    /// {@return what the file holds; nothing when it is not there}
    ///
    /// @throws IOException when it cannot be read
    public static TuneRecord load(Path file) throws IOException {
        TuneRecord record = new TuneRecord();
        byte[] text;
        try {
            text = Files.readAllBytes(file);
        } catch (NoSuchFileException notThere) {
            return record;
        }
        try (JsonParser json = new JsonFactory().createParser(text)) {
            while (json.nextToken() != null) {
                if (json.currentToken() == JsonToken.START_OBJECT) {
                    record.read(json);
                }
            }
        }
        return record;
    }

    private void read(JsonParser json) throws IOException {
        Map<String, String> fields = new LinkedHashMap<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            json.nextToken();
            fields.put(name, json.getText());
        }
        String kind = fields.getOrDefault("kind", "");
        Setting.Kind known = kind.equals(Setting.Kind.NIC.text()) ? Setting.Kind.NIC : Setting.Kind.FILE;
        Setting before = new Setting(known, fields.getOrDefault("target", ""), fields.getOrDefault("before", ""));
        changes.put(key(before), new Change(before, fields.getOrDefault("after", "")));
    }

    /// Remembers a change. What was before an earlier one stays.
    public void add(Setting before, String after) {
        Change first = changes.get(key(before));
        changes.put(key(before), new Change(first == null ? before : first.before(), after));
    }

    /// Forgets a change.
    public void remove(Setting setting) {
        changes.remove(key(setting));
    }

    /// {@return the changes, in the order in which they were made}
    public List<Change> changes() {
        return new ArrayList<>(changes.values());
    }

    /// Writes the file; removes it when there is nothing to remember.
    public void save(Path file) throws IOException {
        if (changes.isEmpty()) {
            Files.deleteIfExists(file);
            return;
        }
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.useDefaultPrettyPrinter();
            json.writeStartArray();
            for (Change change : changes.values()) {
                json.writeStartObject();
                json.writeStringField("kind", change.before().kind().text());
                json.writeStringField("target", change.before().target());
                json.writeStringField("before", change.before().value());
                json.writeStringField("after", change.after());
                json.writeEndObject();
            }
            json.writeEndArray();
        }
        AtomicFile.write(file, text.toByteArray());
    }

    private static String key(Setting setting) {
        return setting.kind().text() + " " + setting.target();
    }
}
