package io.penstock.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final String OVERWRITE = "\r\033[K";

    private final StringWriter text = new StringWriter();
    private long nowNs;

    @Test
    void shouldSayALineForEachStepWhereNobodyWatches() {
        Progress progress = progress(0, 4);
        progress.begin(0, 2, "a");
        pass(60);
        progress.end(List.of(3.0, 1.0, 2.0), "Mpps");
        progress.begin(0, 2, "b");
        pass(60);
        progress.skip(1);
        progress.end("nothing");
        progress.begin(1, 2, "a");
        pass(60);
        progress.end("the last");
        progress.close();

        assertEquals(
                List.of(
                        "run 1 of 2: a … 2 Mpps, about 3 min left",
                        "run 1 of 2: b … nothing, about 60 s left",
                        "run 2 of 2: a … the last"),
                text.toString().lines().toList());
    }

    @Test
    void shouldWriteOneLineOverAndOverOnATerminal() {
        Progress progress = progress(40, 2);
        progress.begin("a");
        pass(5);
        progress.end(List.of(1.5), "ns");
        progress.begin("a thing with a long name");
        progress.close();

        assertEquals(
                OVERWRITE + "a …" + OVERWRITE + "a thing with a long name …, about 5 s l" + OVERWRITE, text.toString());
    }

    private Progress progress(int width, int steps) {
        return new Progress(new PrintWriter(text, true), width, steps, () -> nowNs);
    }

    private void pass(int seconds) {
        nowNs += seconds * 1_000_000_000L;
    }
}
