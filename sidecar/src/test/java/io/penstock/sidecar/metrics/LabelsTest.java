package io.penstock.sidecar.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LabelsTest {
    @Test
    void shouldEscapeWhatTheFormatUses() {
        assertEquals(
                "{name=\"a\\\\b\\\"c\\nd\",other=\"é\"}",
                new String(Labels.of("name", "a\\b\"c\nd", "other", "é"), StandardCharsets.UTF_8));
        assertEquals("one\\ntwo \"quoted\" \\\\", Labels.escapeHelp("one\ntwo \"quoted\" \\"));
    }

    @Test
    void shouldWriteNumbersAsTheyAre() {
        double[] values = {0, -1, 9, 10, 1e15, 0.5, 1.0 / 3, -12345, Double.NaN, Double.POSITIVE_INFINITY};
        List<byte[]> labels = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            labels.add(Labels.of("i", Integer.toString(i)));
        }
        String text = text(new Family("x", MetricType.GAUGE, "Help.", labels, i -> values[i]));
        assertEquals("""
                # HELP x Help.
                # TYPE x gauge
                x{i="0"} 0
                x{i="1"} -1
                x{i="2"} 9
                x{i="3"} 10
                x{i="4"} 1000000000000000
                x{i="5"} 0.5
                x{i="6"} 0.3333333333333333
                x{i="7"} -12345
                x{i="8"} NaN
                x{i="9"} +Inf
                """, text);
    }

    @Test
    void shouldLoseNothingBetweenTwoPieces() {
        int samples = 20_000;
        List<byte[]> labels = new ArrayList<>();
        for (int i = 0; i < samples; i++) {
            labels.add(Labels.of("backend", "b" + i));
        }
        String text = text(new Family("penstock_x_total", MetricType.COUNTER, "Help.", labels, i -> i));
        String[] lines = text.split("\n");
        assertEquals(samples + 2, lines.length);
        for (int i = 0; i < samples; i++) {
            assertEquals("penstock_x_total{backend=\"b" + i + "\"} " + i, lines[i + 2]);
        }
    }

    private static String text(Family family) {
        MetricsText text = new MetricsText(List.of(family));
        StringBuilder all = new StringBuilder();
        while (!text.isEndOfInput()) {
            ByteBuf piece = text.readChunk(UnpooledByteBufAllocator.DEFAULT);
            all.append(piece.toString(StandardCharsets.UTF_8));
            piece.release();
        }
        return all.toString();
    }
}
