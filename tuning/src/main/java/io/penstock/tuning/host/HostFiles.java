package io.penstock.tuning.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The files of `/proc` and `/sys`, or of a copy of them. Paths are written as on the host, from `/` on.
public final class HostFiles {
    private final Path root;

    /// @param root `/`, or the folder that holds a copy of `proc` and `sys`
    public HostFiles(Path root) {
        this.root = root;
    }

    /// {@return whether these are the host's own files}
    public boolean isThisHost() {
        return root.toAbsolutePath().equals(Path.of("/"));
    }

    /// {@return the content of a file without white space at its ends, or null when it is not there or not readable}
    public @Nullable String read(String path) {
        try {
            return Files.readString(at(path), StandardCharsets.UTF_8).strip();
        } catch (IOException notThere) {
            return null;
        }
    }

    /// {@return the chosen word of a file such as `always [madvise] never`; the whole of any other file}
    public @Nullable String readChoice(String path) {
        String text = read(path);
        if (text == null) {
            return null;
        }
        int open = text.indexOf('[');
        int close = text.indexOf(']', open + 1);
        return open >= 0 && close > open ? text.substring(open + 1, close) : text;
    }

    /// {@return the number in a file, or null when there is none}
    public @Nullable Long readNumber(String path) {
        String text = read(path);
        return text != null && text.matches("-?[0-9]{1,18}") ? Long.valueOf(text) : null;
    }

    /// {@return the CPUs in a file such as `0-3,8`, in order; empty when it is empty or not there}
    public List<Integer> readCpus(String path) {
        return cpus(read(path));
    }

    /// {@return the numbers of a list such as `0-3,8`, in order}
    public static List<Integer> cpus(@Nullable String text) {
        TreeSet<Integer> cpus = new TreeSet<>();
        for (String part : text == null ? new String[0] : text.split(",")) {
            String range = part.strip();
            if (!range.matches("[0-9]{1,5}(-[0-9]{1,5})?")) {
                continue;
            }
            int dash = range.indexOf('-');
            int first = Integer.parseInt(dash < 0 ? range : range.substring(0, dash));
            int last = dash < 0 ? first : Integer.parseInt(range.substring(dash + 1));
            for (int cpu = first; cpu <= last; cpu++) {
                cpus.add(cpu);
            }
        }
        return new ArrayList<>(cpus);
    }

    /// {@return whether there is such a file or folder}
    public boolean exists(String path) {
        return Files.exists(at(path));
    }

    /// {@return the names in a folder, sorted; none when it is not there}
    public List<String> list(String path) {
        try (Stream<Path> entries = Files.list(at(path))) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        } catch (IOException notThere) {
            return List.of();
        }
    }

    /// {@return the last name of the folder that `path` leads to through symbolic links; empty when it is not there}
    public String linkName(String path) {
        try {
            return at(path).toRealPath().getFileName().toString();
        } catch (IOException notThere) {
            return "";
        }
    }

    /// Writes a value into a file that is there.
    ///
    /// @throws IOException when it is not there, or the kernel refuses the value
    public void write(String path, String value) throws IOException {
        Path file = at(path);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(path);
        }
        Files.writeString(file, value + "\n", StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING);
    }

    private Path at(String path) {
        return root.resolve(path.substring(1));
    }
}
