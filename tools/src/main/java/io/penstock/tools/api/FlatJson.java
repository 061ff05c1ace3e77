package io.penstock.tools.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/// A JSON document as one map: `{"a":{"b":1},"c":["x","y"]}` becomes `a.b=1, c.0=x, c.1=y`. Enough to look a few values
/// up in an answer.
public final class FlatJson {
    private static final JsonFactory FACTORY = new JsonFactory();

    private FlatJson() {}

    /// {@return the values of a document by their paths, in its order}
    public static Map<String, String> parse(String document) throws IOException {
        Map<String, String> values = new LinkedHashMap<>();
        try (JsonParser parser = FACTORY.createParser(document)) {
            if (parser.nextToken() != null) {
                read(parser, "", values);
            }
        }
        return values;
    }

    private static void read(JsonParser parser, String path, Map<String, String> values) throws IOException {
        switch (parser.currentToken()) {
            case START_OBJECT -> {
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    String name = parser.currentName();
                    parser.nextToken();
                    read(parser, join(path, name), values);
                }
            }
            case START_ARRAY -> {
                for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
                    read(parser, join(path, Integer.toString(i)), values);
                }
            }
            case VALUE_NULL -> {}
            default -> values.put(path, parser.getText());
        }
    }

    private static String join(String path, String name) {
        return path.isEmpty() ? name : path + "." + name;
    }
}
