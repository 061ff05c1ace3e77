package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whatever is in the file: either a configuration, whose effective form is read back equal, or problems with a line.
class ConfigFuzzTest {
    private static final String PIECES = "=:#!\\\n\r\t ,.-0123456789abcdefgh%[]/\u00e9\u0000\ud800\u2028";

    @TempDir
    Path folder;

    @Test
    void shouldOnlyEverSayWhatIsWrong() {
        Random random = Seeds.random("ConfigFuzzTest");
        int good = 0;
        for (int round = 0; round < 2_000; round++) {
            String text = mutate(EffectiveConfig.text(new RandomConfig(random).config(1 + random.nextInt(2))), random);
            try {
                PenstockConfig config = ConfigLoader.parse(text, "f").config();
                assertEquals(
                        config,
                        ConfigLoader.parse(EffectiveConfig.text(config), "f").config(),
                        text);
                good++;
            } catch (ConfigException wrong) {
                for (Problem problem : wrong.problems()) {
                    assertTrue(problem.line() >= 1, problem::text);
                    assertFalse(problem.text().contains("\n"), problem::text);
                    assertFalse(problem.wrong().isEmpty() || problem.expected().isEmpty(), problem::text);
                }
            }
        }
        assertTrue(good > 50, "mutations that left a good file: " + good);
    }

    @Test
    void shouldOnlyEverSayWhatIsWrongWithBytes() throws IOException {
        Random random = Seeds.random("ConfigFuzzTest");
        Path file = folder.resolve("bytes.properties");
        for (int round = 0; round < 300; round++) {
            byte[] bytes = new byte[random.nextInt(200)];
            random.nextBytes(bytes);
            Files.write(file, bytes);
            try {
                ConfigLoader.load(file);
            } catch (ConfigException wrong) {
                assertFalse(wrong.problems().isEmpty());
            }
        }
    }

    private static String mutate(String text, Random random) {
        List<String> lines = new ArrayList<>(text.lines().toList());
        for (int i = random.nextInt(4); i >= 0; i--) {
            int at = random.nextInt(lines.size());
            switch (random.nextInt(5)) {
                case 0 -> lines.remove(at);
                case 1 -> lines.add(at, lines.get(random.nextInt(lines.size())));
                case 2 -> {
                    String line = lines.get(at);
                    int cut = random.nextInt(line.length() + 1);
                    lines.set(at, line.substring(0, cut));
                }
                default -> {
                    StringBuilder line = new StringBuilder(lines.get(at));
                    int place = random.nextInt(line.length() + 1);
                    line.insert(place, PIECES.charAt(random.nextInt(PIECES.length())));
                    lines.set(at, line.toString());
                }
            }
            if (lines.isEmpty()) {
                lines.add("");
            }
        }
        return String.join("\n", lines) + "\n";
    }
}
