package io.penstock.tools.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs short programs of the host, such as `ip`.
final class Program {
    private static final int TIMEOUT_S = 10;

    private Program() {}

    /// {@return whether a program of that name is on the PATH or in the folders of system programs}
    static boolean isInstalled(String name) {
        List<String> folders = new ArrayList<>(List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin"));
        String path = System.getenv("PATH");
        if (path != null) {
            folders.addAll(List.of(path.split(":")));
        }
        return folders.stream()
                .anyMatch(folder ->
                        !folder.isEmpty() && Files.isExecutable(Path.of(folder).resolve(name)));
    }

    /// Runs a program to its end.
    ///
    /// @return what it wrote, both streams
    /// @throws IOException with what it wrote, when it exits with another code than 0 or does not end
    static String run(String... command) throws IOException {
        return runWithInput("", command);
    }

    /// The same, with something to read.
    static String runWithInput(String input, String... command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            try (var out = process.getOutputStream()) {
                out.write(input.getBytes(StandardCharsets.UTF_8));
            }
            // These programs write little: it fits the pipe, so that waiting before reading is safe.
            if (!process.waitFor(TIMEOUT_S, TimeUnit.SECONDS)) {
                throw new IOException(String.join(" ", command) + ": still running after " + TIMEOUT_S + " s");
            }
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            if (process.exitValue() != 0) {
                throw new IOException(String.join(" ", command) + ": exit code " + process.exitValue() + ": "
                        + output.replace("\n", "; "));
            }
            return output;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(String.join(" ", command) + ": interrupted", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
