package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PropertiesFileTest {
    @TempDir
    Path folder;

    private Path main;

    @BeforeEach
    void nameFiles() {
        main = folder.resolve("main.properties");
    }

    @Test
    void shouldReadIncludesInTheirPlaceRelativeToTheIncludingFile() throws IOException {
        Files.createDirectory(folder.resolve("conf.d"));
        Files.writeString(main, "first=1\ninclude=conf.d/a.properties, last.properties\nend=9\n");
        Files.writeString(folder.resolve("conf.d/a.properties"), "a=2\ninclude=b.properties\n");
        Files.writeString(folder.resolve("conf.d/b.properties"), "# nothing\nb=3\n");
        Files.writeString(folder.resolve("last.properties"), "last=4\n");

        PropertiesFile file = PropertiesFile.load(main);

        assertEquals(List.of(), file.problems());
        assertEquals(
                List.of("first", "a", "b", "last", "end"),
                file.entries().keySet().stream().toList());
        PropertiesFile.Entry b = Objects.requireNonNull(file.entries().get("b"));
        assertEquals(folder + "/conf.d/b.properties", b.source().name());
        assertEquals(2, b.line());
        assertEquals(4, file.paths().size());
    }

    @Test
    void shouldNameAKeyThatIsSetTwiceAlsoAcrossFiles() throws IOException {
        Files.writeString(main, "a=1\na=2\ninclude=other.properties\n");
        Files.writeString(folder.resolve("other.properties"), "\na=3\n");

        assertEquals(
                List.of(
                        main + ":2: a: set twice, first at " + main + ":1 (each key once)",
                        folder + "/other.properties:2: a: set twice, first at " + main + ":1 (each key once)"),
                texts(PropertiesFile.load(main)));
    }

    @Test
    void shouldNotFollowACycle() throws IOException {
        Files.writeString(main, "include=a.properties\n");
        Files.writeString(folder.resolve("a.properties"), "x=1\ninclude=main.properties\n");

        assertEquals(
                List.of(folder + "/a.properties:2: include: main.properties includes itself, directly or through others"
                        + " (each file once)"),
                texts(PropertiesFile.load(main)));
    }

    @Test
    void shouldReadAFileOnceOnly() throws IOException {
        Files.writeString(main, "include=a.properties,./a.properties\n");
        Files.writeString(folder.resolve("a.properties"), "x=1\n");

        assertEquals(
                List.of(main + ":1: include: ./a.properties is included twice (each file once)"),
                texts(PropertiesFile.load(main)));
    }

    @Test
    void shouldSayWhichIncludeIsMissing() throws IOException {
        Files.writeString(main, "x=1\ninclude=gone.properties\n");

        assertEquals(
                List.of(main + ":2: include: cannot read gone.properties: no such file"
                        + " (a readable file, relative to the including one)"),
                texts(PropertiesFile.load(main)).stream()
                        .map(text -> text.replace(folder + "/gone", "gone"))
                        .toList());
        assertTrue(PropertiesFile.load(main).paths().contains(folder.resolve("gone.properties")), "watch for it");
    }

    @Test
    void shouldSayThatTheFileItselfIsMissing() {
        assertEquals(
                List.of("nowhere/x.properties:1: file: cannot read nowhere/x.properties: no such file"
                        + " (a readable file)"),
                texts(PropertiesFile.load(Path.of("nowhere/x.properties"))));
    }

    @Test
    void shouldSayWhereTextStopsBeingUtf8() throws IOException {
        Files.write(main, "a=ä\nb=".getBytes(StandardCharsets.UTF_8));
        Files.write(main, new byte[] {(byte) 0xff, '\n'}, java.nio.file.StandardOpenOption.APPEND);

        List<String> problems = texts(PropertiesFile.load(main));

        assertEquals(1, problems.size());
        assertTrue(problems.getFirst().startsWith(main + ":2: "), problems.getFirst());
    }

    @Test
    void shouldReadAByteOrderMarkAsNothing() throws IOException {
        Files.writeString(main, "\ufeffinstance=x\n");

        assertTrue(PropertiesFile.load(main).entries().containsKey("instance"));
    }

    @Test
    void shouldRefuseAFolder() {
        assertEquals(1, PropertiesFile.load(folder).problems().size());
    }

    private static List<String> texts(PropertiesFile file) {
        return file.problems().stream().map(Problem::text).toList();
    }
}
