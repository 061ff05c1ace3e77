package io.penstock.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Runs the jcstress tests of the module that calls it: all classes whose name ends in `Stress`, whatever their
/// package.
///
/// Each test gets a second or two in each of a few compilation modes. For a longer look, run
/// `org.openjdk.jcstress.Main` on the test class path with `-m default` or `-m tough`.
public final class Jcstress {
    private static final Pattern PASSED = Pattern.compile("All remaining tests: (\\d+) matching");

    private Jcstress() {}

    /// Fails when a test sees an outcome that it forbids, or when fewer tests ran than there are.
    ///
    /// @param testsMin tests that have to run, at least
    /// @param limitS   seconds that they may take in all
    public static void run(int testsMin, int limitS) throws IOException, InterruptedException {
        Path folder = Path.of("target", "jcstress").toAbsolutePath();
        Files.createDirectories(folder);
        Path output = folder.resolve("output.txt");
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
        boolean ended = process.waitFor(limitS, TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly();
        }
        String printed = Files.readString(output);

        assertTrue(ended, () -> "still running: " + printed);
        assertEquals(0, process.exitValue(), printed);
        assertTrue(printed.contains("Failed tests: No matches"), printed);
        assertTrue(printed.contains("Error tests: No matches"), printed);
        Matcher passed = PASSED.matcher(printed);
        assertTrue(passed.find() && Integer.parseInt(passed.group(1)) >= testsMin, printed);
    }
}
