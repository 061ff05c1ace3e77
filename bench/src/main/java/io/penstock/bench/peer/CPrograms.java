package io.penstock.bench.peer;

import io.penstock.control.cli.HostLacksException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The peers in C: compiled from the sources in our jar by the compiler that is installed, for this very processor,
/// into a folder that is removed at the end.
public final class CPrograms implements AutoCloseable {
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");
    private static final List<String> FLAGS = List.of("-O3", "-march=native", "-std=gnu11", "-Wall");

    private final Path folder;
    private final String compiler;

    private CPrograms(Path folder, String compiler) {
        this.folder = folder;
        this.compiler = compiler;
    }

    /// Looks for a compiler.
    ///
    /// @throws HostLacksException when there is none
    public static CPrograms open() {
        String compiler = COMPILERS.stream()
                .filter(CPrograms::isInstalled)
                .findFirst()
                .orElseThrow(() -> new HostLacksException(
                        "no C compiler", "install one (Debian: gcc libc6-dev) to measure the loops in C"));
        try {
            return new CPrograms(Files.createTempDirectory("penstock-bench-c"), compiler);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// {@return whether a program is on the path}
    public static boolean isInstalled(String program) {
        @Nullable String path = System.getenv("PATH");
        return Stream.of((path == null ? "/usr/bin:/bin" : path + ":/usr/sbin:/sbin").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    /// Compiles a program.
    ///
    /// @param name of its source, without `.c`
    /// @return where the program is
    /// @throws HostLacksException when the compiler refuses, with its first error
    public Path compile(String name) {
        Path source = folder.resolve(name + ".c");
        Path program = folder.resolve(name);
        if (Files.exists(program)) {
            return program;
        }
        // For a benchmark that is ended early; what was named last goes first.
        List.of(folder, source, program).forEach(path -> path.toFile().deleteOnExit());
        List<String> command = new ArrayList<>(List.of(compiler));
        command.addAll(FLAGS);
        command.addAll(List.of("-o", program.toString(), source.toString()));
        try (InputStream text = Objects.requireNonNull(
                CPrograms.class.getResourceAsStream("/io/penstock/bench/c/" + name + ".c"), name)) {
            Files.copy(text, source);
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.PIPE)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new HostLacksException(
                        "a C compiler that takes " + name + ".c",
                        output.lines()
                                .filter(line -> line.contains("error"))
                                .findFirst()
                                .orElse(output.strip()));
            }
            return program;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
