package io.penstock.control.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The documents that are written from the code say what the code says. `-Dpenstock.docs=write` writes them.
class DocumentsTest {
    private static final Path DOCS = Path.of("..", "docs").toAbsolutePath().normalize();

    @Test
    void shouldDescribeEveryKey() throws IOException {
        compare("configuration.md", ConfigurationPage.text());
    }

    @Test
    void shouldDescribeEveryCounter() throws IOException {
        compare("counters.md", CountersPage.text());
    }

    private static void compare(String name, String text) throws IOException {
        Path file = DOCS.resolve(name);
        if ("write".equals(System.getProperty("penstock.docs"))) {
            Files.writeString(file, text);
        }
        assertTrue(Files.exists(file), () -> file + " is missing; write it with -Dpenstock.docs=write");
        List<String> expected = text.lines().toList();
        List<String> found = Files.readString(file).lines().toList();
        assertEquals(
                expected, found, () -> name + " is not as the code says; write it again with -Dpenstock.docs=write");
    }
}
