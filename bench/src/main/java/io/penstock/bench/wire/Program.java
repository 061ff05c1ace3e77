package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs other programs.
final class Program {
    private static final long LONGEST_SECONDS = 20;

    private Program() {}

    /// Runs a command to its end.
    ///
    /// @return what it printed
    /// @throws IOException when it fails, with what it printed, or takes more than 20 s
    static String run(List<String> command) throws IOException {
        Path output = Files.createTempFile("penstock-bench", ".out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            boolean ended = process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS);
            String text = Files.readString(output, StandardCharsets.UTF_8);
            if (!ended || process.exitValue() != 0) {
                throw new IOException(String.join(" ", command) + ": "
                        + (ended
                                ? text.strip().lines().reduce((_, last) -> last).orElse("exit " + process.exitValue())
                                : "hangs"));
            }
            return text;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        } finally {
            process.destroyForcibly();
            Files.deleteIfExists(output);
        }
    }

    /// Ends a process: asks it first, then forces it.
    static void end(Process process) {
        process.destroy();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
