package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs other programs.
final class Program {
    private static final long LONGEST_SECONDS = 20;

    private Program() {}

    /// Runs a command to its end. No file is made for what it prints: nothing is left when we are ended meanwhile.
    ///
    /// @param command one that prints no more than a pipe takes, 64 KiB
    /// @return what it printed
    /// @throws IOException when it fails, with what it printed, or takes more than 20 s
    static String run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            boolean ended = process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS);
            if (!ended) {
                process.destroyForcibly();
            }
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
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
