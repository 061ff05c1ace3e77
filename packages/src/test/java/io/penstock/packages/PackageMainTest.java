package io.penstock.packages;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigLoader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PackageMainTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void write() throws IOException {
        PackageMain.write(folder, "1.2.3");
    }

    @Test
    void shouldHaveAPageForEachCommand() throws IOException {
        for (String page :
                List.of("penstock.1", "penstock-check.1", "penstock-tune-apply.1", "penstock.properties.5")) {
            assertTrue(Files.exists(folder.resolve("man").resolve(page)), page);
        }
        String overview = Files.readString(folder.resolve("man/penstock.1"));
        assertTrue(overview.contains(".BR penstock\\-status (1)"), overview);
        String drain = Files.readString(folder.resolve("man/penstock-drain.1"));
        for (String section :
                List.of("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLE", "SEE ALSO")) {
            assertTrue(drain.contains("\n.SH " + section + "\n"), section);
        }
    }

    /// Each line of text that begins with a point is a request that groff_man(7) knows.
    @Test
    void shouldWriteNothingThatTroffMisreads() throws IOException {
        try (Stream<Path> pages = Files.list(folder.resolve("man"))) {
            for (Path page : pages.toList()) {
                for (String line : Files.readAllLines(page)) {
                    assertTrue(
                            !line.startsWith("'")
                                    && (!line.startsWith(".") || line.matches("\\.(TH|SH|TP|PP|nf|fi|BR|B|I)( .*)?")),
                            page + ": " + line);
                }
            }
        }
    }

    @Test
    void shouldWriteACompletionThatBashAccepts() throws Exception {
        Path script = folder.resolve("completion/penstock");
        Process bash = new ProcessBuilder("bash", "-n", script.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(0, bash.waitFor(), said);
        assertTrue(Files.readString(script).contains("complete -F _complete_penstock -o default penstock"));
    }

    @Test
    void shouldShipADefaultConfigurationThatCheckAccepts() throws Exception {
        ConfigLoader.load(Path.of("default.properties"));
        assertEquals("", said("bash", "-n", "assemble"));
    }

    private static String said(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return text;
    }
}
