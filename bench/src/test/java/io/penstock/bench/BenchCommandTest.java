package io.penstock.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.penstock.control.cli.CommandRunner;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// The commands as tools/penstock calls them.
class BenchCommandTest {
    private static final List<String> FIELDS =
            List.of("bench", "subject", "case", "port", "transport", "flows", "unit", "median", "min", "max", "runs");

    @TempDir
    private Path folder = Path.of("");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    void shouldShowAnExampleInEveryHelp() {
        assertEquals(List.of(), CommandRunner.withoutExample(new BenchMain()));
    }

    @Test
    void shouldAskWhichBenchmark() {
        assertEquals(2, run("bench"));
        assertTrue(err.toString().contains("micro, path, wire, latency, maglev"), err.toString());
    }

    @Test
    @Tag("slow")
    void shouldWriteALineOfJsonForEachFigure() throws IOException {
        assertEquals(
                0,
                run("bench", "maglev", "--quick", "--runs", "1", "--json", "--out", folder.toString()),
                err::toString);
        List<String> lines = out.toString().lines().toList();
        assertFalse(lines.isEmpty());
        for (String line : lines) {
            assertEquals(FIELDS, fieldsOf(line), line);
        }
        assertTrue(Files.readString(folder.resolve("maglev.svg")).startsWith("<svg"));
        assertEquals(
                lines.size() + 1,
                Files.readAllLines(folder.resolve("maglev.csv")).size());
    }

    @Test
    @Tag("slow")
    void shouldMeasureThePathWithAndWithoutJson() throws IOException {
        assertEquals(
                0,
                run("bench", "path", "--quick", "--runs", "1", "--flows", "1,1000", "--out", folder.toString()),
                err::toString);
        assertTrue(out.toString().contains("ns/packet"), out.toString());
        assertTrue(Files.readString(folder.resolve("path.csv")).contains("path,penstock,dr,memory,,1000,ns/packet"));
    }

    private int run(String... arguments) {
        CommandLine line = CommandRunner.prepare(new BenchMain(), arguments);
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(arguments);
    }

    private static List<String> fieldsOf(String line) throws IOException {
        List<String> names = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(line)) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.FIELD_NAME) {
                    names.add(parser.currentName());
                }
            }
        }
        return names;
    }
}
