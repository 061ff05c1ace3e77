package io.penstock.sidecar.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/// How the API reads and writes JSON: doubled names are errors, and depth, names, strings and numbers are bounded,
/// since what is read comes from a client.
final class Json {
    private static final int MAX_DEPTH = 8;
    private static final int MAX_NAME = 256;
    private static final int MAX_STRING = 16 << 10;
    private static final int MAX_NUMBER = 32;

    static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxNameLength(MAX_NAME)
                    .maxStringLength(MAX_STRING)
                    .maxNumberLength(MAX_NUMBER)
                    .build())
            .build();

    /// Writes one document.
    @FunctionalInterface
    interface Writer {
        void write(JsonGenerator json) throws IOException;
    }

    private Json() {}

    /// {@return a text or number of an object that has no other field, or null where it has none at all}
    ///
    /// @throws ApiProblem for anything else
    static @Nullable String field(byte[] body, String name) {
        try (JsonParser json = FACTORY.createParser(body)) {
            String value = null;
            boolean right = json.nextToken() == JsonToken.START_OBJECT;
            while (right && json.nextToken() == JsonToken.FIELD_NAME) {
                right = json.currentName().equals(name) && json.nextToken().isScalarValue();
                value = json.getText();
            }
            if (right && json.nextToken() == null) {
                return value;
            }
        } catch (IOException e) {
            throw new ApiProblem(400, "the body is not JSON: " + e.getMessage());
        }
        throw new ApiProblem(400, "the body may be {\"" + name + "\": ...} and nothing else");
    }

    /// {@return the document in UTF-8, ended by a newline for those who read it in a terminal}
    static byte[] write(Writer writer) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
        try (JsonGenerator json = FACTORY.createGenerator(out)) {
            writer.write(json);
            json.writeRaw('\n');
        } catch (IOException e) {
            throw new UncheckedIOException("memory does not fail", e);
        }
        return out.toByteArray();
    }
}
