package io.penstock.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.cli.CommandRunner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ToolsMainTest {
    @TempDir
    private Path folder;

    @Test
    void shouldShowAnExampleInTheHelpOfEveryCommand() {
        assertEquals(List.of(), CommandRunner.withoutExample(new ToolsMain()));
    }

    @Test
    void shouldExitWith2OnWrongUsage() {
        for (String[] wrong : new String[][] {
            {"status", "--wrong"},
            {"check"},
            {"demo", "--port", "x"},
            {"demo", "--requests", "0"},
            {"run"},
            {"weight", "web", "a"},
            {"weight", "web", "a", "65536"},
            {"weight", "web", "a", "x"},
        }) {
            Console console = Console.run(wrong);
            assertEquals(2, console.exitCode(), String.join(" ", wrong));
            assertEquals("", console.out());
        }
    }

    @Test
    void shouldPrintTheEffectiveConfigurationAndWarnings() throws Exception {
        Path file = folder.resolve("a.properties");
        Files.writeString(file, """
                listener.web.vip=203.0.113.10
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.scheduler=wrr
                listener.web.backend.a=10.0.0.1 weight=1
                listener.web.backend.b=10.0.0.2 weight=2
                """);
        Console console = Console.run("check", file.toString());

        assertEquals(0, console.exitCode(), console.err());
        assertTrue(console.out().contains("listener.web.idle-timeout=300s\n"), console.out());
        assertTrue(console.err().startsWith(file + ":4: listener.web.scheduler: warning: "), console.err());
        // What it prints is a file that it accepts.
        Path again = folder.resolve("b.properties");
        Files.writeString(again, console.out());
        assertEquals(console.out(), Console.run("check", again.toString()).out());
    }

    @Test
    void shouldPrintEveryProblemAtOnceAndExitWith2() throws Exception {
        Path file = folder.resolve("a.properties");
        Files.writeString(file, """
                forwarder.batch=4
                listener.web.vip=nonsense
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.backend.a=10.0.0.1
                listener.web.typo=1
                """);
        Console console = Console.run("check", file.toString());

        assertEquals(2, console.exitCode());
        assertEquals("", console.out());
        List<String> lines = console.err().lines().toList();
        assertEquals(3, lines.size(), console.err());
        assertTrue(lines.get(0).matches(".*:1: forwarder\\.batch: .* \\(.*\\)"), lines.get(0));
        assertTrue(lines.get(1).matches(".*:2: listener\\.web\\.vip: .* \\(.*\\)"), lines.get(1));
        assertTrue(lines.get(2).matches(".*:6: listener\\.web\\.typo: .* \\(.*\\)"), lines.get(2));
    }
}
