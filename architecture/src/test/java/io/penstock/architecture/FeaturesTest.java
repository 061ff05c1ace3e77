package io.penstock.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.architecture.Features.Line;
import io.penstock.architecture.Features.When;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// `docs/features.md` says which test shows which line of the feature list; `-Dpenstock.docs=write` writes it.
class FeaturesTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final Path PAGE = ROOT.resolve("docs").resolve("features.md");

    @Test
    void shouldSayWhatShowsEachLine() throws IOException {
        ShownFeatures shown = ShownFeatures.collect(ROOT);
        List<Line> lines = Features.read();
        String text = page(lines, shown);
        if ("write".equals(System.getProperty("penstock.docs"))) {
            Files.writeString(PAGE, text);
        }
        List<Line> missing = shown.missing(
                lines.stream().filter(line -> line.when() == When.NOW).toList());
        if (!missing.isEmpty()) {
            System.out.println("feature lines that nothing shows yet: " + ids(missing));
        }
        assertTrue(Files.exists(PAGE), () -> PAGE + " is missing; write it with -Dpenstock.docs=write");
        assertEquals(
                text.lines().toList(),
                Files.readString(PAGE).lines().toList(),
                "features.md is not as the tests say; write it again:"
                        + " ./mvnw -q -pl architecture test -Dtest=FeaturesTest -Dpenstock.docs=write");
    }

    @Test
    void shouldNameOnlyLinesOfTheList() throws IOException {
        SortedSet<String> unknown = ShownFeatures.collect(ROOT).ids();
        Features.read().forEach(line -> unknown.remove(line.id()));
        assertTrue(unknown.isEmpty(), () -> "named by tests, but no lines of the list: " + unknown);
    }

    private static String ids(List<Line> lines) {
        return lines.stream().map(Line::id).collect(Collectors.joining(" "));
    }

    private static String page(List<Line> lines, ShownFeatures shown) {
        StringBuilder out = new StringBuilder("""
                # Features, and what shows them

                *Written from the tests by `FeaturesTest`; to write it again:
                `./mvnw -q -pl architecture test -Dtest=FeaturesTest -Dpenstock.docs=write`.*

                What a load-balancer listener has to do, line by line, gathered from five published descriptions: S0 and S1
                Huawei Cloud and Open Telekom Cloud ELB, S2 Zenlayer Elastic Compute (Layer 4 with direct server return: the
                core of this product), S3 Alibaba Cloud ALB, S4 AWS Classic Load Balancer. A test that shows a line names it
                in its Javadoc ("Shows S2-41."), a page of the manual in a comment (`<!-- Shows S2-44. -->`).

                DP: data plane, CP: control plane, OPS: guidance.

                | line | kind | what | shown by |
                |---|---|---|---|
                """);
        for (Line line : lines) {
            if (line.when() == When.NOW || !shown.of(line.id()).isEmpty()) {
                out.append("| ").append(line.id()).append(" | ").append(line.kind());
                out.append(" | ").append(line.text()).append(" | ");
                out.append(String.join(", ", shown.of(line.id()))).append(" |\n");
            }
        }
        out.append("\n## Later\n\nMost are of the Layer-7 half, which does not exist yet.\n\n");
        for (Line line : lines) {
            if (line.when() == When.LATER && shown.of(line.id()).isEmpty()) {
                out.append("- ")
                        .append(line.id())
                        .append(": ")
                        .append(line.text())
                        .append('\n');
            }
        }
        out.append("\n## Not for us\n\nMatters of the clouds that the descriptions are from.\n\n");
        for (Line line : lines) {
            if (line.when() == When.NEVER) {
                out.append("- ")
                        .append(line.id())
                        .append(": ")
                        .append(line.text())
                        .append('\n');
            }
        }
        return out.toString();
    }
}
