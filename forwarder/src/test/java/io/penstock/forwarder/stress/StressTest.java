package io.penstock.forwarder.stress;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.forwarder.linux.CpuAffinity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Runs the jcstress tests of this module: all classes whose name ends in `Stress`, whatever their package.
///
/// Each test gets a second or two in each of a few compilation modes. For a longer look, run
/// `org.openjdk.jcstress.Main` on the test class path with `-m default` or `-m tough`.
@Tag("slow")
class StressTest {
    private static final int CPUS_MAX = 8192; // The kernel leaves out those that there are not.
    private static final int LIMIT_S = 120;

    private static final Pattern PASSED =
            Pattern.compile("All remaining tests: ([3-9]|\\d\\d+) matching"); // three at least

    @Test
    void shouldSeeNoForbiddenOutcome() throws Exception {
        Path folder = Path.of("target", "jcstress").toAbsolutePath();
        Files.createDirectories(folder);
        Path output = folder.resolve("output.txt");
        // Forwarders that ran in this JVM keep its threads off their workers' CPUs, and a child inherits that.
        BitSet all = new BitSet();
        all.set(0, CPUS_MAX);
        CpuAffinity.set(all);
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.openjdk.jcstress.Main",
                        "-t",
                        "Stress",
                        // One JVM for each test instead of eight, with the compiler told to order freely.
                        "-jvmArgs",
                        "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED -XX:+UseSerialGC"
                                + " -XX:+UnlockDiagnosticVMOptions -XX:+StressLCM -XX:+StressGCM",
                        "-sc", // both actors compiled alike, not each mode with each
                        "false",
                        "-f",
                        "1",
                        "-iters",
                        "3",
                        "-time",
                        "300",
                        "-r",
                        folder.toString()))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(LIMIT_S, TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly();
        }
        String printed = Files.readString(output);

        assertTrue(ended, () -> "still running: " + printed);
        assertEquals(0, process.exitValue(), printed);
        assertTrue(printed.contains("Failed tests: No matches"), printed);
        assertTrue(printed.contains("Error tests: No matches"), printed);
        assertTrue(PASSED.matcher(printed).find(), printed);
    }
}
