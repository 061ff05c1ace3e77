package io.penstock.packages;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The manual holds what it says.
class ManualTest {
    private static final Path PROJECT = Path.of("..");
    private static final Pattern EXAMPLE = Pattern.compile("```properties\n(.*?)```", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("\\]\\(([a-zA-Z0-9_./-]+\\.md)\\)");

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(PROJECT.resolve("README.md")));
        try (Stream<Path> docs = Files.list(PROJECT.resolve("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).forEach(pages::add);
        }
        return pages;
    }

    @Test
    void shouldShowExamplesThatCheckAccepts() throws IOException {
        int examples = 0;
        for (Path page : pages()) {
            Matcher example = EXAMPLE.matcher(Files.readString(page));
            while (example.find()) {
                // A profile's place is that of an installed package.
                String text = example.group(1).replaceAll("(?m)^include=.*$", "");
                try {
                    ConfigLoader.parse(text, page.getFileName().toString());
                    examples++;
                } catch (ConfigException wrong) {
                    throw new AssertionError(page + ":\n" + text, wrong);
                }
            }
        }
        assertTrue(examples > 10, examples + " examples");
    }

    @Test
    void shouldLinkToPagesThatAreThere() throws IOException {
        for (Path page : pages()) {
            Matcher link = LINK.matcher(Files.readString(page));
            while (link.find()) {
                assertTrue(Files.exists(page.resolveSibling(link.group(1))), page + ": " + link.group(1));
            }
        }
    }
}
