package io.penstock.sidecar;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// JSON as maps and lists, with paths such as `backends/0/health`, for what tests look at.
public final class TestJson {
    private final @Nullable Object value;

    private TestJson(@Nullable Object value) {
        this.value = value;
    }

    /// {@return the document}
    public static TestJson parse(String text) throws IOException {
        try (JsonParser json = new JsonFactory().createParser(text)) {
            json.nextToken();
            return new TestJson(read(json));
        }
    }

    private static @Nullable Object read(JsonParser json) throws IOException {
        return switch (json.currentToken()) {
            case START_OBJECT -> {
                Map<String, @Nullable Object> object = new LinkedHashMap<>();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String name = json.currentName();
                    json.nextToken();
                    object.put(name, read(json));
                }
                yield object;
            }
            case START_ARRAY -> {
                List<@Nullable Object> array = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    array.add(read(json));
                }
                yield array;
            }
            case VALUE_NULL -> null;
            default -> json.getText();
        };
    }

    /// {@return what is at a path, names and places parted by `/`; of nothing, nothing}
    public TestJson at(String path) {
        Object found = value;
        for (String part : path.split("/")) {
            if (found instanceof Map<?, ?> object) {
                found = object.get(part);
            } else if (found instanceof List<?> array) {
                found = Integer.parseInt(part) < array.size() ? array.get(Integer.parseInt(part)) : null;
            } else {
                found = null;
            }
        }
        return new TestJson(found);
    }

    /// {@return the field of an object, whatever its name}
    public TestJson field(String name) {
        return new TestJson(value instanceof Map<?, ?> object ? object.get(name) : null);
    }

    /// {@return a scalar's text; `null` where there is none}
    public String text(String path) {
        return String.valueOf(at(path).value);
    }

    /// {@return the names of an object}
    public List<String> names() {
        return value instanceof Map<?, ?> object
                ? object.keySet().stream().map(String::valueOf).toList()
                : List.of();
    }

    /// {@return the elements of an array}
    public List<TestJson> elements() {
        List<TestJson> elements = new ArrayList<>();
        if (value instanceof List<?> array) {
            array.forEach(element -> elements.add(new TestJson(element)));
        }
        return elements;
    }

    @Override
    public String toString() {
        return String.valueOf(value);
    }
}
