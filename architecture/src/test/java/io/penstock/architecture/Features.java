package io.penstock.architecture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The product's feature list: `features.txt` beside the tests of this module.
final class Features {
    private static final Path LIST = Path.of("src", "test", "resources", "features.txt");

    /// Whether a line is to hold today.
    enum When {
        NOW,
        LATER,
        NEVER
    }

    /// One line of the list.
    ///
    /// @param id   such as `S2-41`
    /// @param kind `DP` data plane, `CP` control plane, `OPS` guidance, `NA` not for us
    /// @param text what the product has to do
    record Line(String id, String kind, When when, String text) {}

    private Features() {}

    static List<Line> read() {
        List<Line> lines = new ArrayList<>();
        try {
            for (String row : Files.readAllLines(LIST)) {
                if (!row.isBlank() && !row.startsWith("#")) {
                    String[] cells = row.split(" \\| ", 4);
                    lines.add(new Line(cells[0], cells[1], When.valueOf(cells[2].toUpperCase(Locale.ROOT)), cells[3]));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return lines;
    }
}
