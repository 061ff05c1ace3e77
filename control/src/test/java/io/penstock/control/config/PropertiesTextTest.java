package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.StringReader;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PropertiesTextTest {

    @Test
    void shouldNumberLinesAsAnEditorDoes() {
        String text = "# one\n\nthree=3\r\nfour = a \\\n  b \\\r\n  c\rseven:7\n\\\n  nine 9";

        List<PropertiesText.Entry> entries = PropertiesText.parse(text);

        assertEquals(
                List.of("three", "four", "seven", "nine"),
                entries.stream().map(PropertiesText.Entry::key).toList());
        assertEquals(
                List.of("3", "a b c", "7", "9"),
                entries.stream().map(PropertiesText.Entry::value).toList());
        assertEquals(
                List.of(3, 4, 7, 8),
                entries.stream().map(PropertiesText.Entry::line).toList());
    }

    @Test
    void shouldNameAnEscapeThatMeansNothing() {
        List<PropertiesText.Entry> entries = PropertiesText.parse("a=\\u12zz\nb=\\u00e9\nc=\\u12\n");

        assertEquals(
                List.of("\\u12zz", "", "\\u12"),
                entries.stream().map(PropertiesText.Entry::badEscape).toList());
        assertEquals("é", entries.get(1).value());
    }

    /// java.util.Properties is the model; where it throws, we name a bad escape.
    @Test
    void shouldReadWhatJavaReads() throws IOException {
        Random random = Seeds.random("PropertiesTextTest");
        for (int round = 0; round < 200_000; round++) {
            String text = text(random, 24);
            Map<String, String> ours = new LinkedHashMap<>();
            boolean bad = false;
            for (PropertiesText.Entry entry : PropertiesText.parse(text)) {
                ours.put(entry.key(), entry.value());
                bad |= !entry.badEscape().isEmpty();
            }
            Properties theirs = new Properties();
            try {
                theirs.load(new StringReader(text));
            } catch (IllegalArgumentException badEscape) {
                assertEquals(true, bad, () -> "a bad escape was not seen in " + visible(text));
                continue;
            }
            theirs.remove(""); // A lone backslash at the end of the file is an empty key there, and nothing here.
            ours.remove("");
            assertEquals(theirs, ours, () -> "differs for " + visible(text));
        }
    }

    @Test
    void shouldReadBackWhatItEscapes() {
        Random random = Seeds.random("PropertiesTextTest");
        for (int round = 0; round < 50_000; round++) {
            String key = "k" + text(random, 8);
            String value = text(random, 12);
            String line = PropertiesText.escapeKey(key) + "=" + PropertiesText.escapeValue(value) + "\n";

            List<PropertiesText.Entry> entries = PropertiesText.parse(line);

            assertEquals(1, entries.size(), () -> visible(line));
            assertEquals(key, entries.getFirst().key(), () -> visible(line));
            assertEquals(value, entries.getFirst().value(), () -> visible(line));
        }
    }

    @Test
    void shouldPlaceEachEntryInItsText() {
        Random random = Seeds.random("PropertiesTextTest");
        for (int round = 0; round < 50_000; round++) {
            String text = text(random, 30);
            int done = 0;
            for (PropertiesText.Entry entry : PropertiesText.parse(text)) {
                boolean ordered = done <= entry.start()
                        && entry.start() <= entry.valueStart()
                        && entry.valueStart() <= entry.end()
                        && entry.end() <= entry.next();
                assertEquals(true, ordered, () -> visible(text) + " " + entry);
                String alone = text.substring(entry.start(), entry.next());
                assertEquals(
                        entry.value(), PropertiesText.parse(alone).getFirst().value(), () -> visible(text));
                done = entry.next();
            }
        }
    }

    private static String text(Random random, int most) {
        String alphabet = "ab=: \t\f\\\\\\\n\n\r#!u0041é";
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(most); i > 0; i--) {
            text.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
        return text.toString();
    }

    private static String visible(String text) {
        return '"'
                + text.replace("\\", "\\\\")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r")
                        .replace("\f", "\\f")
                + '"';
    }
}
