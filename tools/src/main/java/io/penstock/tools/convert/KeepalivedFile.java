package io.penstock.tools.convert;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A keepalived configuration as words and blocks (keepalived.conf(5)): a statement is a line of words, a block is one
/// whose last word is `{`, up to the `}` on a line of its own. `!` and `#` begin comments. `include FILE`,
/// `$NAME=value` and quoted words are understood; conditions (`@id`) and `~` sequences are reported.
final class KeepalivedFile {
    private static final int DEPTH_MAX = 16;
    private static final int FILES_MAX = 1_000;
    private static final long BYTES_MAX = 16 << 20;
    private static final Pattern DEFINITION = Pattern.compile("\\$([A-Za-z_][A-Za-z0-9_]*)\\s*=\\s*(.*)");
    private static final Pattern USE = Pattern.compile("\\$\\{?([A-Za-z_][A-Za-z0-9_]*)}?");

    /// A statement or block.
    ///
    /// @param words    at least one
    /// @param place    `FILE:LINE`
    /// @param children of a block; empty for a statement
    record Node(List<String> words, String place, List<Node> children) {
        String name() {
            return words.getFirst();
        }

        /// {@return the word at `index`, or an empty one}
        String word(int index) {
            return index < words.size() ? words.get(index) : "";
        }

        /// {@return the last child of that name, as keepalived lets the last one count; or null}
        @Nullable
        Node child(String name) {
            Node found = null;
            for (Node child : children) {
                if (child.name().equals(name)) {
                    found = child;
                }
            }
            return found;
        }

        /// {@return the first word behind the last child of one of these names; or an empty one}
        String value(String... names) {
            for (String name : names) {
                Node child = child(name);
                if (child != null) {
                    return child.word(1);
                }
            }
            return "";
        }

        /// {@return the children of that name}
        List<Node> all(String name) {
            return children.stream().filter(child -> child.name().equals(name)).toList();
        }
    }

    private final List<Node> nodes = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();
    private final Map<String, String> definitions = new HashMap<>();
    private int files;

    private KeepalivedFile() {}

    /// Reads a file and what it includes.
    ///
    /// @throws IOException when the file cannot be read
    static KeepalivedFile read(Path file) throws IOException {
        KeepalivedFile result = new KeepalivedFile();
        List<List<Node>> open = new ArrayList<>();
        open.add(result.nodes);
        result.read(file, open, 0);
        if (open.size() > 1) {
            result.remarks.add(file + ": " + (open.size() - 1) + " block(s) are not closed");
        }
        return result;
    }

    /// {@return the outermost statements and blocks}
    List<Node> nodes() {
        return nodes;
    }

    /// {@return what was not understood, each with its place}
    List<String> remarks() {
        return remarks;
    }

    private void read(Path file, List<List<Node>> open, int depth) throws IOException {
        files++;
        if (Files.size(file) > BYTES_MAX) {
            throw new IOException(file + ": larger than 16 MiB");
        }
        List<String> lines = new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                .lines()
                .toList();
        for (int i = 0; i < lines.size(); i++) {
            String place = file + ":" + (i + 1);
            String line = lines.get(i).strip();
            Matcher definition = DEFINITION.matcher(line);
            if (definition.matches()) {
                definitions.put(definition.group(1), definition.group(2).strip());
                continue;
            }
            List<String> words = words(substituted(line));
            if (words.isEmpty()) {
                continue;
            }
            if (words.getFirst().startsWith("@") || words.getFirst().startsWith("~")) {
                remarks.add(place + ": " + words.getFirst() + ": conditions and sequences are not understood");
                continue;
            }
            if (words.getFirst().startsWith("include") && words.size() == 2) {
                include(file, words.get(1), place, open, depth);
                continue;
            }
            statement(words, place, open);
        }
    }

    private void statement(List<String> words, String place, List<List<Node>> open) {
        int start = 0;
        for (int i = 0; i < words.size(); i++) {
            boolean opens = words.get(i).equals("{");
            boolean closes = words.get(i).equals("}");
            if (!opens && !closes) {
                continue;
            }
            List<String> before = words.subList(start, i);
            start = i + 1;
            if (opens) {
                open(before, place, open);
                continue;
            }
            if (!before.isEmpty()) {
                open.getLast().add(new Node(List.copyOf(before), place, new ArrayList<>()));
            }
            if (open.size() > 1) {
                open.removeLast();
            } else {
                remarks.add(place + ": } closes nothing");
            }
        }
        List<String> rest = words.subList(start, words.size());
        if (!rest.isEmpty()) {
            open.getLast().add(new Node(List.copyOf(rest), place, new ArrayList<>()));
        }
    }

    /// A brace may stand on the line after the words that it belongs to.
    private void open(List<String> before, String place, List<List<Node>> open) {
        List<Node> siblings = open.getLast();
        if (before.isEmpty() && !siblings.isEmpty()) {
            open.add(siblings.getLast().children());
        } else if (before.isEmpty()) {
            remarks.add(place + ": { opens nothing");
            open.add(new ArrayList<>());
        } else {
            Node node = new Node(List.copyOf(before), place, new ArrayList<>());
            siblings.add(node);
            open.add(node.children());
        }
    }

    private void include(Path from, String pattern, String place, List<List<Node>> open, int depth) throws IOException {
        if (depth >= DEPTH_MAX || files >= FILES_MAX) {
            remarks.add(place + ": include " + pattern + ": nested too deeply, or too many files");
            return;
        }
        Path wanted = from.toAbsolutePath().resolveSibling(pattern);
        Path folder = wanted.getParent();
        Path name = wanted.getFileName();
        List<Path> found = new ArrayList<>();
        if (folder != null && name != null && Files.isDirectory(folder)) {
            try (DirectoryStream<Path> matches = Files.newDirectoryStream(folder, name.toString())) {
                matches.forEach(found::add);
            }
        }
        if (found.isEmpty()) {
            remarks.add(place + ": include " + pattern + ": no such file");
        }
        found.sort(null);
        for (Path file : found) {
            read(file, open, depth + 1);
        }
    }

    private String substituted(String line) {
        Matcher use = USE.matcher(line);
        StringBuilder text = new StringBuilder();
        while (use.find()) {
            String value = definitions.get(use.group(1));
            use.appendReplacement(text, Matcher.quoteReplacement(value == null ? use.group() : value));
        }
        return use.appendTail(text).toString();
    }

    /// {@return the words of a line, quotes removed, without its comment}
    private static List<String> words(String line) {
        List<String> words = new ArrayList<>();
        StringBuilder word = new StringBuilder();
        boolean inWord = false;
        char quote = 0;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
                continue;
            }
            if (c == '!' || c == '#') {
                break;
            }
            if (c == '"' || c == '\'') {
                quote = c;
                inWord = true;
            } else if (Character.isWhitespace(c) || c == '{' || c == '}') {
                if (inWord) {
                    words.add(word.toString());
                    word.setLength(0);
                    inWord = false;
                }
                if (c == '{' || c == '}') {
                    words.add(String.valueOf(c));
                }
            } else {
                word.append(c);
                inWord = true;
            }
        }
        if (inWord) {
            words.add(word.toString());
        }
        return words;
    }
}
