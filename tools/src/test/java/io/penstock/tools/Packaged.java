package io.penstock.tools;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Assumptions;

/// The packaged project: `tools/penstock` started as an operator does, but never building.
public final class Packaged {
    private static final Path HOME = Path.of("..").toAbsolutePath().normalize();

    private Packaged() {}

    /// What a command did.
    ///
    /// @param out standard output
    /// @param err standard error
    public record Result(int exitCode, String out, String err) {
        @Override
        public String toString() {
            return "exit code " + exitCode + "\n" + out + "\n" + err;
        }
    }

    /// Skips the test where there is nothing to start.
    public static void assumeJars(String... modules) throws IOException {
        for (String module : modules) {
            String main = switch (module) {
                case "forwarder" -> "io/penstock/forwarder/ForwarderMain.class";
                case "sidecar" -> "io/penstock/sidecar/SidecarMain.class";
                default -> "io/penstock/tools/ToolsMain.class";
            };
            Assumptions.assumeTrue(
                    holds(HOME.resolve(module).resolve("target"), main),
                    "no jar of " + module + " with its command: ./mvnw verify makes it first");
        }
    }

    private static boolean holds(Path target, String entry) throws IOException {
        if (!Files.isDirectory(target.resolve("lib"))) {
            return false;
        }
        try (Stream<Path> files = Files.list(target)) {
            for (Path jar :
                    files.filter(file -> file.toString().endsWith(".jar")).toList()) {
                try (ZipFile zip = new ZipFile(jar.toFile())) {
                    if (zip.getEntry(entry) != null) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /// Skips the test without root.
    public static void assumeRoot() {
        Assumptions.assumeTrue(System.getProperty("user.name").equals("root"), "network namespaces need root");
    }

    /// {@return a process of `tools/penstock ARGUMENTS`}
    public static ProcessBuilder command(String... arguments) {
        List<String> command =
                new ArrayList<>(List.of(HOME.resolve("tools/penstock").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("PENSTOCK_BUILD", "never");
        builder.environment().put("PENSTOCK_JAVA", System.getProperty("java.home", ""));
        return builder;
    }

    /// Runs `tools/penstock ARGUMENTS` to its end.
    public static Result run(int limitS, String... arguments) throws IOException, InterruptedException {
        Path out = Files.createTempFile("penstock", ".out");
        Path err = Files.createTempFile("penstock", ".err");
        try {
            Process process = command(arguments)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            boolean ended = process.waitFor(limitS, TimeUnit.SECONDS);
            process.destroyForcibly();
            assertTrue(ended, () -> "still running after " + limitS + " s: " + read(out) + read(err));
            return new Result(process.exitValue(), read(out), read(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
