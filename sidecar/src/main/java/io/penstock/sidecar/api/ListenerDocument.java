package io.penstock.sidecar.api;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.penstock.control.config.Addresses;
import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.ConfigEditor;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.EffectiveConfig;
import io.penstock.control.config.Forwarding;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Problem;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A listener's configuration as JSON: the keys of the properties file, without `listener.NAME.` in front of them.
///
/// ```json
/// {"name":"web","vip":"203.0.113.10","protocol":"tcp","ports":"80,443","scheduler":"mh","enabled":true,
///  "health":"http","health.path":"/healthz","tags":{"team":"shop"},
///  "backends":{"a":{"address":"10.0.0.11","weight":100},"b":{"address":"10.0.0.12","weight":3}}}
/// ```
/// What is read is a merge patch (RFC 7396): what is not named stays, `null` removes. For the reader's ease a list may
/// be an array, `health` may be an object (`{"kind":"http","path":"/"}`), a backend may be the text of its key
/// (`"10.0.0.12 weight=3"`), and `backends` an array of objects with `id`, which then replaces all of them. The values
/// are not judged here: they become keys, and the rules of the file judge them.
final class ListenerDocument {
    private static final Set<String> INTEGERS = Set.of("health.port", "health.rise", "health.fall", "max-new-flows");
    private static final List<String> BACKEND_KEYS = List.of("address", "weight", "forwarding", "max-flows");
    /// A new listener that does not say what it is called.
    static final Problem NAME_MISSING = new Problem("", 0, "name", "is missing", "the new listener's name");

    private static final String NAME_EXPECTED = "1 to 64 letters, digits, - and _";

    private final List<Problem> problems = new ArrayList<>();
    private final Map<String, Optional<String>> keys = new LinkedHashMap<>();
    private final Map<String, Optional<BackendPatch>> backends = new LinkedHashMap<>();
    private boolean replacesBackends;
    private boolean replacesTags;
    private @Nullable String name;

    /// What a document says of one backend.
    ///
    /// @param whole  the text of its whole key, or null
    /// @param fields what to set or, where empty, to remove
    private record BackendPatch(@Nullable String whole, Map<String, Optional<String>> fields) {}

    private ListenerDocument() {}

    // ---- writing

    /// Writes the document, with every default.
    static void write(JsonGenerator json, ListenerConfig config) throws IOException {
        json.writeStartObject();
        json.writeStringField("name", config.name());
        for (Map.Entry<String, String> key : EffectiveConfig.listener(config).entrySet()) {
            boolean grouped =
                    key.getKey().startsWith("backend.") || key.getKey().startsWith("tags.");
            if (!grouped) {
                writeKey(json, key.getKey(), key.getValue());
            }
        }
        json.writeObjectFieldStart("tags");
        for (Map.Entry<String, String> tag : config.tags().entrySet()) {
            json.writeStringField(tag.getKey(), tag.getValue());
        }
        json.writeEndObject();
        json.writeObjectFieldStart("backends");
        for (BackendConfig backend : config.backends()) {
            json.writeFieldName(backend.id());
            writeBackend(json, backend);
        }
        json.writeEndObject();
        json.writeEndObject();
    }

    private static void writeKey(JsonGenerator json, String key, String value) throws IOException {
        if (INTEGERS.contains(key)) {
            json.writeNumberField(key, Long.parseLong(value));
        } else if (key.equals("enabled")) {
            json.writeBooleanField(key, Boolean.parseBoolean(value));
        } else {
            json.writeStringField(key, value);
        }
    }

    /// Writes what one backend says.
    static void writeBackend(JsonGenerator json, BackendConfig backend) throws IOException {
        json.writeStartObject();
        json.writeStringField("address", Addresses.text(backend.address()));
        json.writeNumberField("weight", backend.weight());
        Forwarding forwarding = backend.forwarding();
        if (forwarding != null) {
            json.writeStringField("forwarding", forwarding.text());
        }
        if (backend.maxFlows() != 0) {
            json.writeNumberField("max-flows", backend.maxFlows());
        }
        json.writeEndObject();
    }

    // ---- reading

    /// Reads a listener's document.
    ///
    /// @throws ApiProblem for what is not JSON, or not an object
    static ListenerDocument read(byte[] body) {
        ListenerDocument document = new ListenerDocument();
        parse(body, document::readListener);
        return document;
    }

    /// Reads one backend's document, as a patch of its listener.
    ///
    /// @param replaces whether what the document does not name goes back to its default
    /// @throws ApiProblem for what is not JSON, or not an object
    static ListenerDocument readBackend(String id, byte[] body, boolean replaces) {
        ListenerDocument document = new ListenerDocument();
        parse(body, json -> document.readBackend(id, json));
        if (replaces) {
            document.backends.computeIfPresent(
                    id,
                    (same, patch) -> patch.map(present -> {
                        Map<String, Optional<String>> all = new LinkedHashMap<>();
                        BACKEND_KEYS.forEach(key -> all.put(key, Optional.empty()));
                        all.putAll(present.fields);
                        return new BackendPatch(present.whole, all);
                    }));
        }
        return document;
    }

    /// {@return a patch that removes one backend}
    static ListenerDocument removal(String id) {
        ListenerDocument document = new ListenerDocument();
        document.backends.put(id, Optional.empty());
        return document;
    }

    @FunctionalInterface
    private interface Reader {
        void read(JsonParser json) throws IOException;
    }

    private static void parse(byte[] body, Reader reader) {
        try (JsonParser json = Json.FACTORY.createParser(body)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new ApiProblem(400, "the body is not a JSON object");
            }
            reader.read(json);
            if (json.nextToken() != null) {
                throw new ApiProblem(400, "the body goes on after its JSON object");
            }
        } catch (JsonParseException e) {
            throw new ApiProblem(
                    400,
                    "the body is not JSON: " + e.getOriginalMessage() + " at line "
                            + e.getLocation().getLineNr() + ", column "
                            + e.getLocation().getColumnNr());
        } catch (IOException e) { // Jackson's limits on depth and length.
            throw new ApiProblem(400, "the body is not JSON that we take: " + e.getMessage());
        }
    }

    private void readListener(JsonParser json) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            JsonToken token = json.nextToken();
            switch (key) {
                case "name" -> name = scalar(key, json).orElse(null);
                case "backends" -> readBackends(json);
                case "tags" -> {
                    replacesTags = token == JsonToken.VALUE_NULL;
                    if (!replacesTags) {
                        readNested(key, json);
                    }
                }
                default -> {
                    if (token == JsonToken.START_OBJECT) {
                        readNested(key, json);
                    } else {
                        keys.put(key, scalar(key, json));
                    }
                }
            }
        }
    }

    // {"health":{"kind":"http","path":"/"}} is the same as {"health":"http","health.path":"/"}.
    private void readNested(String prefix, JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            problem(prefix, "is not an object", "an object");
            json.skipChildren();
            return;
        }
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String inner = json.currentName();
            json.nextToken();
            String key = inner.equals("kind") && prefix.equals("health") ? prefix : prefix + "." + inner;
            keys.put(key, scalar(key, json));
        }
    }

    private void readBackends(JsonParser json) throws IOException {
        switch (json.currentToken()) {
            case VALUE_NULL -> replacesBackends = true;
            case START_OBJECT -> {
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String id = json.currentName();
                    json.nextToken();
                    readBackendValue(id, json);
                }
            }
            case START_ARRAY -> {
                replacesBackends = true;
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    if (json.currentToken() == JsonToken.START_OBJECT) {
                        readBackend(null, json);
                    } else {
                        problem("backends", "an element is not an object", "{\"id\":...,\"address\":...}");
                        json.skipChildren();
                    }
                }
            }
            default -> problem("backends", "is neither an object nor an array", "{\"ID\":{\"address\":...}}");
        }
    }

    private void readBackendValue(String id, JsonParser json) throws IOException {
        switch (json.currentToken()) {
            case VALUE_NULL -> putBackend(id, Optional.empty());
            case VALUE_STRING -> putBackend(id, Optional.of(new BackendPatch(json.getText(), Map.of())));
            case START_OBJECT -> readBackend(id, json);
            default -> {
                problem("backend." + id, "is not an object", "{\"address\":...,\"weight\":...}");
                json.skipChildren();
            }
        }
    }

    // The object has been begun; `id` is null where the object itself names it.
    private void readBackend(@Nullable String id, JsonParser json) throws IOException {
        String named = id;
        Map<String, Optional<String>> fields = new LinkedHashMap<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            json.nextToken();
            Optional<String> value = scalar("backend." + (named == null ? "ID" : named) + "." + key, json);
            if (key.equals("id")) {
                String own = value.orElse("");
                if (named != null && !named.equals(own)) {
                    problem("backend." + named + ".id", "\"" + own + "\" is another backend's", named);
                }
                named = own;
            } else if (BACKEND_KEYS.contains(key)) {
                fields.put(key, value);
            } else {
                problem(
                        "backend." + (named == null ? "ID" : named) + "." + key,
                        "not a known key",
                        String.join(" | ", BACKEND_KEYS));
            }
        }
        if (named == null) {
            problem("backends", "an element has no id", "{\"id\":...,\"address\":...}");
        } else {
            putBackend(named, Optional.of(new BackendPatch(null, fields)));
        }
    }

    private void putBackend(String id, Optional<BackendPatch> patch) {
        if (!ConfigLoader.isName(id)) {
            problem("backend." + id, "\"" + id + "\" is not an id", NAME_EXPECTED);
        } else if (backends.put(id, patch) != null) {
            problem("backend." + id, "named twice", "each backend once");
        }
    }

    // A scalar, or an array of them joined by commas; empty for null.
    private Optional<String> scalar(String key, JsonParser json) throws IOException {
        return switch (json.currentToken()) {
            case VALUE_NULL -> Optional.empty();
            case VALUE_TRUE -> Optional.of(key.equals("enabled") ? "true" : "on");
            case VALUE_FALSE -> Optional.of(key.equals("enabled") ? "false" : "off");
            case VALUE_STRING, VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> Optional.of(json.getText());
            case START_ARRAY -> {
                List<String> parts = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    scalar(key, json).ifPresent(parts::add);
                }
                yield Optional.of(String.join(",", parts));
            }
            default -> {
                problem(key, "is an object", "a text, a number, true or false");
                json.skipChildren();
                yield Optional.empty();
            }
        };
    }

    private void problem(String key, String wrong, String expected) {
        problems.add(new Problem("", 0, key, wrong, expected));
    }

    // ---- using it

    /// {@return the name that the document gives its listener, or null}
    @Nullable
    String name() {
        return name;
    }

    /// {@return whether it says nothing but a name}
    boolean isEmpty() {
        return keys.isEmpty() && backends.isEmpty() && problems.isEmpty();
    }

    /// Writes what the document says into the file's keys.
    ///
    /// @param listener name of the listener
    /// @throws ConfigException for what cannot be said in keys
    void apply(ConfigEditor editor, String listener) throws ConfigException {
        List<Problem> wrong = new ArrayList<>();
        if (listener.isEmpty() && name == null) {
            wrong.add(NAME_MISSING);
        } else if (!ConfigLoader.isName(listener)) {
            problem("name", "\"" + listener + "\" is not a name", NAME_EXPECTED);
        } else if (name != null && !name.equals(listener)) {
            problem("name", "cannot change from " + listener, "delete the listener and create it again");
        }
        for (Problem each : problems) {
            wrong.add(new Problem("", 0, "listener." + listener + "." + each.key(), each.wrong(), each.expected()));
        }
        if (wrong.isEmpty()) {
            write(editor, listener);
            return;
        }
        wrong.addAll(furtherProblems(editor, listener));
        throw new ConfigException(wrong);
    }

    // A document is to be told everything that is wrong with it, also when its name is: the rules judge it by another.
    private List<Problem> furtherProblems(ConfigEditor editor, String listener) {
        String judged = listener;
        for (int i = 0;
                !ConfigLoader.isName(judged)
                        || (i > 0 && !editor.listener(judged).isEmpty());
                i++) {
            judged = "unnamed" + i;
        }
        String own = "listener." + judged + ".";
        String asked = listener.isEmpty() ? "" : "listener." + listener + ".";
        write(editor, judged);
        try {
            editor.preview();
            return List.of();
        } catch (ConfigException e) {
            boolean lostBackend = problems.stream().anyMatch(each -> each.key().startsWith("backend"));
            return e.problems().stream()
                    .filter(each -> !(lostBackend && each.key().equals(own + "backend")))
                    .map(each -> new Problem(
                            "",
                            0,
                            each.key().replace(own, asked),
                            each.wrong().replace(own, asked),
                            each.expected().replace(own, asked)))
                    .toList();
        }
    }

    private void write(ConfigEditor editor, String listener) {
        String prefix = "listener." + listener + ".";
        Map<String, String> before = editor.listener(listener);
        for (String key : before.keySet()) {
            boolean unnamedBackend =
                    key.startsWith("backend.") && !backends.containsKey(key.substring("backend.".length()));
            boolean replaced = (replacesTags && key.startsWith("tags.")) || (replacesBackends && unnamedBackend);
            if (replaced) {
                editor.remove(prefix + key);
            }
        }
        keys.forEach((key, value) -> put(editor, prefix + key, value.orElse(null)));
        backends.forEach((id, patch) -> {
            String old = replacesBackends ? null : before.get("backend." + id);
            put(
                    editor,
                    prefix + "backend." + id,
                    patch.map(present -> text(present, old)).orElse(null));
        });
    }

    private static void put(ConfigEditor editor, String key, @Nullable String value) {
        if (value == null) {
            editor.remove(key);
        } else {
            editor.set(key, value);
        }
    }

    // The text of a backend's key: `ADDRESS [option=value ...]`, of which the patch replaces parts.
    private static String text(BackendPatch patch, @Nullable String old) {
        if (patch.whole != null) {
            return patch.whole;
        }
        Map<String, String> fields = new LinkedHashMap<>();
        if (old != null) {
            for (String part : old.strip().split("\\s+")) {
                int equals = part.indexOf('=');
                fields.put(equals < 0 ? "address" : part.substring(0, equals), part.substring(equals + 1));
            }
        }
        patch.fields.forEach((key, value) -> {
            if (value.isPresent()) {
                // A blank would begin a further option. It is never right here, and so the rules will say.
                fields.put(key, value.get().strip().replaceAll("\\s", "?"));
            } else {
                fields.remove(key);
            }
        });
        String address = fields.getOrDefault("address", "");
        fields.remove("address");
        return fields.entrySet().stream()
                .map(option -> " " + option.getKey() + "=" + option.getValue())
                .collect(Collectors.joining("", address, ""));
    }
}
