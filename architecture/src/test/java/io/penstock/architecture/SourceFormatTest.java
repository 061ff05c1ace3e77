package io.penstock.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.palantir.javaformat.java.Formatter;
import com.palantir.javaformat.java.FormatterException;
import com.palantir.javaformat.java.ImportOrderer;
import com.palantir.javaformat.java.JavaFormatterOptions;
import com.palantir.javaformat.java.RemoveUnusedImports;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every source file is as palantir-java-format writes it. `-Dformat=apply` rewrites those that are not.
///
/// A test, not a build plugin: the formatter reads Java 25 only when it runs on 25, and Maven may run on less.
class SourceFormatTest {
    private static final Formatter FORMATTER = Formatter.createFormatter(JavaFormatterOptions.builder()
            .style(JavaFormatterOptions.Style.PALANTIR)
            .build());

    @Test
    void shouldBeFormatted() throws Exception {
        boolean apply = "apply".equals(System.getProperty("format"));
        List<Path> wrong = new ArrayList<>();
        int read = 0;
        for (Path file : sources()) {
            String source = Files.readString(file);
            String formatted = format(file, source);
            read++;
            if (!formatted.equals(source)) {
                wrong.add(file);
                if (apply) {
                    Files.writeString(file, formatted);
                }
            }
        }
        assertTrue(read > 20, "source files found: " + read);
        assertTrue(
                wrong.isEmpty() || apply,
                () -> "not formatted; run ./mvnw -q -pl architecture test -Dtest=SourceFormatTest -Dformat=apply: "
                        + wrong);
    }

    private static String format(Path file, String source) {
        try {
            return FORMATTER.formatSource(ImportOrderer.reorderImports(
                    RemoveUnusedImports.removeUnusedImports(source), JavaFormatterOptions.Style.PALANTIR));
        } catch (FormatterException e) {
            throw new AssertionError(file + " cannot be read", e);
        }
    }

    private static List<Path> sources() throws Exception {
        try (Stream<Path> files = Files.walk(Path.of("..").toAbsolutePath().normalize())) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> !file.toString().contains("/target/"))
                    .filter(file -> !file.getFileName().toString().equals("package-info.java"))
                    .toList();
        }
    }
}
