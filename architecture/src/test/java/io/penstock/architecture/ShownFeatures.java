package io.penstock.architecture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// Which test, or which page of the manual, says that it shows a line of the feature list.
///
/// A test says so in the Javadoc of its method or class, in a paragraph that begins a sentence with "Shows"; a display
/// name may say it too. A page says so in a comment that begins with the same word. Ids are listed (`S2-41, S2-42`) or
/// ranged (`S2-41..S2-43`). The page that is written from here shows nothing itself: its comment is an example.
final class ShownFeatures {
    private static final Pattern IDS =
            Pattern.compile("(S\\d)-(\\d{2,3})(?:\\s*(?:\\.\\.|…|–| to )\\s*S\\d-(\\d{2,3}))?");
    private static final Pattern TYPE = Pattern.compile("\\b(?:class|interface|record|enum) (\\w+)");
    private static final Pattern METHOD = Pattern.compile("\\b(\\w+)\\(");
    private static final String SHOWS = "Shows S";
    private static final Path GENERATED = Path.of("docs", "features.md");

    private final Map<String, SortedSet<String>> byId = new TreeMap<>();

    /// @param root the project's folder
    static ShownFeatures collect(Path root) throws IOException {
        ShownFeatures shown = new ShownFeatures();
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.filter(file -> !file.toString().contains("/target/"))
                    .sorted()
                    .toList()) {
                if (file.toString().matches(".*/src/test/java/.*\\.java")) {
                    shown.readTest(file);
                } else if (file.toString().matches(".*/docs/.*\\.md") && !file.endsWith(GENERATED)) {
                    shown.readPage(root, file);
                }
            }
        }
        return shown;
    }

    /// {@return the tests and pages that show a line; empty for none}
    SortedSet<String> of(String id) {
        return byId.getOrDefault(id, new TreeSet<>());
    }

    /// {@return all ids that are named somewhere}
    SortedSet<String> ids() {
        return new TreeSet<>(byId.keySet());
    }

    private void readTest(Path file) throws IOException {
        String type = file.getFileName().toString().replace(".java", "");
        StringBuilder claim = new StringBuilder();
        boolean isInClaim = false;
        for (String line : Files.readAllLines(file)) {
            String text = line.strip();
            if (text.startsWith("///")) {
                isInClaim = text.contains(SHOWS) || (isInClaim && !text.equals("///"));
                if (isInClaim) {
                    int at = Math.max(text.indexOf(SHOWS), 0);
                    claim.append(text.substring(at)).append(' ');
                }
            } else if (text.startsWith("@")) {
                claim.append(text.startsWith("@DisplayName") ? text : "");
            } else if (!text.isEmpty()) {
                isInClaim = false;
                if (!claim.isEmpty()) {
                    String owner = owner(type, text);
                    each(claim.toString(), id -> add(id, "`" + owner + "`"));
                    claim.setLength(0);
                }
            }
        }
    }

    private static String owner(String type, String declaration) {
        if (TYPE.matcher(declaration).find()) {
            return type;
        }
        Matcher method = METHOD.matcher(declaration);
        return method.find() ? type + "." + method.group(1) : type;
    }

    private void readPage(Path root, Path file) throws IOException {
        String name = root.resolve("docs").relativize(file).toString();
        Matcher claim = Pattern.compile("<!-- Shows (.*?)-->", Pattern.DOTALL).matcher(Files.readString(file));
        while (claim.find()) {
            each(claim.group(1), id -> add(id, "[" + name + "](" + name + ")"));
        }
    }

    private void add(String id, String owner) {
        byId.computeIfAbsent(id, key -> new TreeSet<>()).add(owner);
    }

    private static void each(String claim, Consumer<String> action) {
        Matcher ids = IDS.matcher(claim);
        while (ids.find()) {
            int first = Integer.parseInt(ids.group(2));
            int last = ids.group(3) == null ? first : Integer.parseInt(ids.group(3));
            for (int number = first; number <= last; number++) {
                action.accept("%s-%02d".formatted(ids.group(1), number));
            }
        }
    }

    /// {@return the lines of a list that nothing shows}
    List<Features.Line> missing(List<Features.Line> lines) {
        return lines.stream().filter(line -> of(line.id()).isEmpty()).toList();
    }
}
