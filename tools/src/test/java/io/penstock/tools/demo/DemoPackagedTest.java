package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.tools.Packaged;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The demo as a newcomer starts it.
///
/// Shows S0-05, S0-06, S0-07, S2-24, S2-28, S2-41, S2-42, S2-55, S2-72, S2-73, S2-74, S2-75, S2-76.
@Tag("root")
@Tag("slow")
class DemoPackagedTest {
    @BeforeEach
    void needsRootAndJars() throws IOException {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
    }

    @ParameterizedTest
    @CsvSource({"xdp, epoll", "packet, io_uring"})
    void shouldTellAStoryInWhichEveryClaimHolds(String port, String transport) throws Exception {
        Set<String> before = namespaces();
        Packaged.Result result =
                Packaged.run(90, "demo", "--port", port, "--transport", transport, "--requests", "2000");

        assertEquals(0, result.exitCode(), result.toString());
        assertFalse(result.out().contains("BROKEN"), result.toString());
        assertTrue(result.out().contains(transport), result.toString());
        assertFalse(result.out().contains("\u001b"), "no colour in a pipe");
        assertNothingLeft(before);
    }

    @Test
    void shouldCleanUpWhenItIsTerminated() throws Exception {
        Set<String> before = namespaces();
        Path out = Files.createTempFile("penstock", ".out");
        Process demo = Packaged.command("demo", "--port", "packet")
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        long endNs = System.nanoTime() + 60_000_000_000L;
        while (!Files.readString(out).contains("health check: b3 is up") && demo.isAlive()) {
            assertTrue(System.nanoTime() - endNs < 0, () -> "no step 2");
            Thread.sleep(100);
        }
        demo.destroy();

        assertTrue(demo.waitFor(30, TimeUnit.SECONDS), Files.readString(out));
        assertNothingLeft(before);
        Files.delete(out);
    }

    private static void assertNothingLeft(Set<String> before) throws IOException {
        Set<String> left = namespaces();
        left.removeAll(before);
        // Other tests on this host may make namespaces meanwhile; those of a demo have its folder's name in front.
        Set<String> ours = left.stream()
                .filter(name -> name.endsWith("-switch") || name.endsWith("-forwarder"))
                .collect(Collectors.toSet());
        assertEquals(Set.of(), ours);
    }

    private static Set<String> namespaces() throws IOException {
        return Program.run("ip", "netns", "list")
                .lines()
                .map(line -> line.split(" ", 2)[0])
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
