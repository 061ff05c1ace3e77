package io.penstock.bench.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Draws figures as an SVG picture: for each unit a group of bars, one for each figure, its length the median, a line
/// from the least to the greatest run across its end. Black on white, no script, no font of its own.
public final class SvgPlot {
    private static final int LABEL_WIDTH = 330;
    private static final int BAR_WIDTH = 420;
    private static final int VALUE_WIDTH = 110;
    private static final int ROW_HEIGHT = 18;
    private static final int GROUP_GAP = 34;
    private static final int TOP = 52;
    private static final String[] COLOURS = {"#33658a", "#86bbd8", "#758e4f", "#f6ae2d", "#f26419", "#8d6a9f", "#7a7a7a"
    };

    private SvgPlot() {}

    /// {@return the picture}
    ///
    /// @param title   what it shows
    /// @param caption the conditions
    /// @param figures at least one
    public static String draw(String title, String caption, List<Figure> figures) {
        Map<String, List<Figure>> groups = new LinkedHashMap<>();
        for (Figure figure : figures) {
            groups.computeIfAbsent(figure.unit(), _ -> new ArrayList<>()).add(figure);
        }
        List<String> subjects = figures.stream().map(Figure::subject).distinct().toList();
        int height = TOP + groups.size() * GROUP_GAP + figures.size() * ROW_HEIGHT;
        StringBuilder svg = new StringBuilder();
        line(
                svg,
                String.format(
                        Locale.ROOT,
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">",
                        LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH,
                        height));
        line(svg, String.format(Locale.ROOT, "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>"));
        line(
                svg,
                String.format(Locale.ROOT, "<text x=\"10\" y=\"20\" font-size=\"15\">bench %s</text>", escape(title)));
        line(svg, String.format(Locale.ROOT, "<text x=\"10\" y=\"38\" fill=\"#555\">%s</text>", escape(caption)));
        int y = TOP;
        for (Map.Entry<String, List<Figure>> group : groups.entrySet()) {
            y += GROUP_GAP - ROW_HEIGHT;
            line(
                    svg,
                    String.format(
                            Locale.ROOT,
                            "<text x=\"10\" y=\"%d\" font-weight=\"bold\">%s</text>",
                            y + 10,
                            escape(group.getKey())));
            y += ROW_HEIGHT;
            double longest =
                    group.getValue().stream().mapToDouble(Figure::max).max().orElse(1);
            double scale = longest > 0 ? BAR_WIDTH / longest : 0;
            for (Figure figure : group.getValue()) {
                bar(svg, figure, y, scale, COLOURS[subjects.indexOf(figure.subject()) % COLOURS.length]);
                y += ROW_HEIGHT;
            }
        }
        return svg.append("</svg>\n").toString();
    }

    private static void bar(StringBuilder svg, Figure figure, int y, double scale, String colour) {
        double length = Math.max(0, figure.median() * scale);
        double from = LABEL_WIDTH + Math.max(0, figure.min() * scale);
        double to = LABEL_WIDTH + Math.max(0, figure.max() * scale);
        line(
                svg,
                String.format(
                        Locale.ROOT,
                        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>",
                        LABEL_WIDTH - 8,
                        y + 12,
                        escape(figure.label())));
        line(
                svg,
                String.format(
                        Locale.ROOT,
                        "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>",
                        LABEL_WIDTH,
                        y + 2,
                        length,
                        ROW_HEIGHT - 5,
                        colour));
        line(
                svg,
                String.format(
                        Locale.ROOT,
                        "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"black\"/>",
                        from,
                        y + ROW_HEIGHT / 2,
                        to,
                        y + ROW_HEIGHT / 2));
        line(
                svg,
                String.format(
                        Locale.ROOT,
                        "<text x=\"%.1f\" y=\"%d\">%s</text>",
                        Math.max(to, LABEL_WIDTH + length) + 6,
                        y + 12,
                        Report.number(figure.median())));
    }

    private static void line(StringBuilder svg, String text) {
        svg.append(text).append('\n');
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
