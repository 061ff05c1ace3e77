package io.penstock.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What pages refer to is there: files they link to, classes that ARCHITECTURE.md names, decisions in their index.
class PagesTest {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:\\s]+)(?:#[^)]*)?\\)");
    private static final Pattern TYPE_NAME = Pattern.compile("`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(?:\\.\\w+)?`");
    private static final Pattern DECLARED =
            Pattern.compile("^\\s*(?:[a-z-]+ )*(?:class|record|interface|enum) (\\w+)", Pattern.MULTILINE);

    @Test
    void shouldLinkOnlyToWhatIsThere() throws IOException {
        Set<String> broken = new TreeSet<>();
        for (Path page : files(".md")) {
            Matcher link = LINK.matcher(Files.readString(page));
            while (link.find()) {
                if (!Files.exists(page.resolveSibling(link.group(1)))) {
                    broken.add(Product.ROOT.relativize(page) + ": " + link.group(1));
                }
            }
        }
        assertEquals(Set.of(), broken);
    }

    @Test
    void shouldNameOnlyClassesThatExist() throws IOException {
        Set<String> declared = new HashSet<>();
        for (Path source : files(".java")) {
            Matcher type = DECLARED.matcher(Files.readString(source));
            while (type.find()) {
                declared.add(type.group(1));
            }
        }
        Set<String> unknown = new TreeSet<>();
        Matcher name = TYPE_NAME.matcher(Files.readString(Product.ROOT.resolve("ARCHITECTURE.md")));
        while (name.find()) {
            if (!declared.contains(name.group(1))) {
                unknown.add(name.group(1));
            }
        }
        assertEquals(Set.of(), unknown, "named in ARCHITECTURE.md");
        assertTrue(declared.size() > 200, "types found: " + declared.size());
    }

    @Test
    void shouldListEveryDecisionUnderItsTitle() throws IOException {
        Path folder = Product.ROOT.resolve("docs").resolve("decisions");
        String index = Files.readString(folder.resolve("README.md"));
        Set<String> missing = new TreeSet<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(file -> !file.endsWith("README.md")).toList()) {
                String name = file.getFileName().toString();
                String title = Files.readAllLines(file).getFirst();
                String number = name.substring(0, 4);
                String entry = "[" + number + "](" + name + ") " + title.substring(title.indexOf(' ', 2) + 1);
                if (!title.startsWith("# " + number + ": ") || !index.contains(entry)) {
                    missing.add(entry);
                }
            }
        }
        assertEquals(Set.of(), missing, "decisions that docs/decisions/README.md does not list so");
    }

    @Test
    void shouldListEveryPageOfTheManual() throws IOException {
        Path folder = Product.ROOT.resolve("docs");
        String index = Files.readString(folder.resolve("README.md"));
        Set<String> missing = new TreeSet<>();
        for (Path page : files(".md")) {
            String name = page.startsWith(folder) ? folder.relativize(page).toString() : "";
            if (!name.isEmpty() && !name.startsWith("decisions/") && !index.contains("](" + name + ")")) {
                missing.add(name);
            }
        }
        missing.remove("README.md");
        assertEquals(Set.of(), missing, "pages that docs/README.md does not list");
    }

    private static List<Path> files(String ending) throws IOException {
        try (Stream<Path> files = Files.walk(Product.ROOT)) {
            return files.filter(file -> file.toString().endsWith(ending))
                    .filter(file -> !Product.ROOT.relativize(file).toString().matches("(.*/)?(target|\\.git)/.*"))
                    .toList();
        }
    }
}
