package io.penstock.control.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One properties file and all that it includes: the entries in the order in which they are read, each with its file
/// and line, and what was wrong with the text itself.
///
/// Immutable once loaded. Limits: 64 MiB a file, 1000 files.
public final class PropertiesFile {
    /// The key that reads further files in its place.
    static final String INCLUDE = "include";

    private static final int MAX_BYTES = 64 << 20;
    private static final int MAX_FILES = 1000;
    private static final String ONE_INCLUDE = "each file once";

    /// One key and its value.
    ///
    /// @param source the file that it stands in
    /// @param line   number of its first line, from 1
    public record Entry(String key, String value, Source source, int line) {
        /// {@return a problem at this place}
        Problem problem(String wrong, String expected) {
            return new Problem(source.name(), line, key, wrong, expected);
        }
    }

    /// A file that was read.
    ///
    /// @param path absolute
    /// @param name as messages show it
    /// @param text its content
    public record Source(Path path, String name, String text) {}

    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final List<Source> sources = new ArrayList<>();
    private final List<Path> paths = new ArrayList<>();
    private final List<Problem> problems = new ArrayList<>();
    private final Map<Path, String> overlay;

    private PropertiesFile(Map<Path, String> overlay) {
        this.overlay = overlay;
    }

    /// Reads a file and its includes.
    ///
    /// @param path as the operator named it, for messages
    /// @return never fails: what is wrong is in [#problems()]
    public static PropertiesFile load(Path path) {
        return load(path, Map.of());
    }

    /// The same, with the text of some files replaced by what an editor would write.
    ///
    /// @param overlay new text by absolute, normalized path
    static PropertiesFile load(Path path, Map<Path, String> overlay) {
        PropertiesFile file = new PropertiesFile(overlay);
        file.read(path, path.toString(), null, new ArrayList<>());
        return file;
    }

    /// Reads text that comes from no file; `include` is then a problem unless it names absolute paths.
    ///
    /// @param name what messages call it
    public static PropertiesFile parse(String text, String name) {
        PropertiesFile file = new PropertiesFile(Map.of());
        file.add(new Source(Path.of("").toAbsolutePath().resolve("text"), name, text), new ArrayList<>());
        return file;
    }

    /// {@return the entries by key, in reading order; of a doubled key the first}
    public Map<String, Entry> entries() {
        return java.util.Collections.unmodifiableMap(entries);
    }

    /// {@return the files that were read, the first being the one asked for}
    public List<Source> sources() {
        return List.copyOf(sources);
    }

    /// {@return absolute paths of every file that was read or should have been: what to watch for changes}
    public List<Path> paths() {
        return List.copyOf(paths);
    }

    /// {@return what is wrong with the text itself, in reading order}
    public List<Problem> problems() {
        return List.copyOf(problems);
    }

    /// {@return how problems are put in order: as the files were read, then by line}
    Comparator<Problem> order() {
        Map<String, Integer> places = new HashMap<>();
        for (Source source : sources) {
            places.putIfAbsent(source.name(), places.size());
        }
        return Comparator.<Problem>comparingInt(problem -> places.getOrDefault(problem.file(), Integer.MAX_VALUE))
                .thenComparingInt(Problem::line);
    }

    /// {@return the name that messages use for the file as a whole}
    String name() {
        return sources.isEmpty() ? "" : sources.getFirst().name();
    }

    private void read(Path path, String name, @org.jspecify.annotations.Nullable Entry include, List<Path> open) {
        Path absolute = path.toAbsolutePath().normalize();
        paths.add(absolute);
        try {
            add(new Source(absolute, name, text(absolute)), open);
        } catch (CharacterCodingException notUtf8) {
            String wrong = "not UTF-8 at " + notUtf8.getMessage();
            problems.add(new Problem(name, lineOf(notUtf8), "file", wrong, "a text file in UTF-8"));
        } catch (IOException unreadable) {
            String wrong = "cannot read " + name + ": " + reason(unreadable);
            String expected = include == null ? "a readable file" : "a readable file, relative to the including one";
            problems.add(
                    include == null ? new Problem(name, 1, "file", wrong, expected) : include.problem(wrong, expected));
        }
    }

    private String text(Path absolute) throws IOException {
        String replaced = overlay.get(absolute);
        if (replaced != null) {
            return replaced;
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(absolute)) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        if (bytes.length > MAX_BYTES) {
            throw new IOException("larger than 64 MiB");
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(buffer)
                    .toString();
            return text.startsWith("\ufeff")
                    ? text.substring(1)
                    : text; // A byte order mark is no part of the first key.
        } catch (CharacterCodingException malformed) {
            throw new NotUtf8(bytes, buffer.position());
        }
    }

    private void add(Source source, List<Path> open) {
        sources.add(source);
        open.addLast(source.path());
        for (PropertiesText.Entry raw : PropertiesText.parse(source.text())) {
            Entry entry = new Entry(raw.key(), raw.value(), source, raw.line());
            if (!raw.badEscape().isEmpty()) {
                problems.add(entry.problem(
                        "the escape " + raw.badEscape() + " means nothing", "\\u and four hex digits, or \\\\"));
            }
            if (entry.key().equals(INCLUDE)) {
                include(entry, open);
                continue;
            }
            Entry first = entries.putIfAbsent(entry.key(), entry);
            if (first != null) {
                problems.add(entry.problem(
                        "set twice, first at " + first.source().name() + ":" + first.line(), "each key once"));
            }
        }
        open.removeLast();
    }

    private void include(Entry entry, List<Path> open) {
        for (String part : entry.value().split(",", -1)) {
            String name = part.strip();
            if (name.isEmpty()) {
                if (!entry.value().isBlank()) {
                    problems.add(entry.problem("an empty name in \"" + entry.value() + "\"", "FILE,FILE,..."));
                }
                continue;
            }
            Path path;
            try {
                path = entry.source().path().resolveSibling(name).normalize();
            } catch (InvalidPathException invalid) {
                problems.add(entry.problem("\"" + name + "\" is not a file name", "FILE,FILE,..."));
                continue;
            }
            if (open.contains(path)) {
                problems.add(entry.problem(name + " includes itself, directly or through others", ONE_INCLUDE));
            } else if (paths.contains(path)) {
                problems.add(entry.problem(name + " is included twice", ONE_INCLUDE));
            } else if (paths.size() >= MAX_FILES) {
                problems.add(entry.problem("more than " + MAX_FILES + " files", "at most " + MAX_FILES + " files"));
            } else {
                read(path, shownName(entry.source(), name), entry, open);
            }
        }
    }

    /// An included file is shown as its includer was, with the last name replaced: `conf/a.properties` includes
    /// `b.properties` as `conf/b.properties`.
    private static String shownName(Source includer, String name) {
        int slash = includer.name().lastIndexOf('/');
        return name.startsWith("/") || slash < 0 ? name : includer.name().substring(0, slash + 1) + name;
    }

    private static String reason(IOException unreadable) {
        if (unreadable instanceof NoSuchFileException) {
            return "no such file";
        }
        if (unreadable instanceof java.nio.file.AccessDeniedException) {
            return "permission denied";
        }
        String message = unreadable.getMessage();
        return message == null ? unreadable.getClass().getSimpleName() : message.replaceAll("\\s+", " ");
    }

    private static int lineOf(CharacterCodingException problem) {
        return problem instanceof NotUtf8 notUtf8 ? notUtf8.line : 1;
    }

    /// Remembers the line on which the text stops being UTF-8.
    private static final class NotUtf8 extends CharacterCodingException {
        private static final long serialVersionUID = 1;
        private final int line;
        private final int position;

        NotUtf8(byte[] bytes, int position) {
            int count = 1;
            for (int i = 0; i < position; i++) {
                if (bytes[i] == '\n') {
                    count++;
                }
            }
            line = count;
            this.position = position;
        }

        @Override
        public String getMessage() {
            return "byte " + position;
        }
    }
}
