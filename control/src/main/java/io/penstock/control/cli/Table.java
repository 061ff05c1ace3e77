package io.penstock.control.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// A text table: a head, rows, columns as wide as they need to be, numbers to the right.
///
/// Where the window is too narrow, columns that were named [#spare] are left out first; then text is cut, and numbers
/// never. On a terminal the words in columns of states are coloured.
///
/// A column is a column of numbers when every cell that is not blank or `-` begins with a digit, a sign or a `<`.
public final class Table {
    private static final String GAP = "  ";
    private static final int LEAST_WIDTH = 4;

    private static final String RED = "31";
    private static final String GREEN = "32";
    private static final String YELLOW = "33";
    private static final List<String> STATES = List.of("STATE", "HEALTH", "ADMIN");
    private static final Map<String, String> COLOURS = Map.of(
            "up",
            GREEN,
            "running",
            GREEN,
            "down",
            RED,
            "stopped",
            RED,
            "draining",
            YELLOW,
            "out",
            YELLOW,
            "unknown",
            YELLOW);

    private final List<String[]> rows = new ArrayList<>();
    private final int columns;
    private List<String> spare = List.of();

    /// @param head one word for each column
    public Table(String... head) {
        columns = head.length;
        rows.add(head.clone());
    }

    /// Adds a row.
    ///
    /// @param cells as many as there are columns
    /// @return this table
    public Table row(Object... cells) {
        if (cells.length != columns) {
            throw new IllegalArgumentException("cells=" + cells.length + ": " + columns + " expected");
        }
        rows.add(Arrays.stream(cells).map(String::valueOf).toArray(String[]::new));
        return this;
    }

    /// Names columns that a narrow window can do without.
    ///
    /// @param heads the first is left out first
    /// @return this table
    public Table spare(String... heads) {
        spare = List.of(heads);
        return this;
    }

    /// {@return columns of a window that shows the table whole}
    public int fullWidth() {
        int[] widths = new int[columns];
        for (int column = 0; column < columns; column++) {
            widths[column] = width(column);
        }
        return total(widths);
    }

    /// {@return whether there is nothing but the head}
    public boolean isEmpty() {
        return rows.size() == 1;
    }

    /// Prints the table. Text that does not fit is cut from the widest column that is not of numbers.
    ///
    /// @param width columns of the terminal; [Terminal#width()]
    public void print(PrintWriter out, int width) {
        lines(width).forEach(out::println);
    }

    /// {@return the lines of the table, without blanks at their ends}
    public List<String> lines(int width) {
        return lines(width, Terminal.isColoured());
    }

    List<String> lines(int width, boolean isColoured) {
        int[] widths = new int[columns];
        boolean[] numbers = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            numbers[column] = isNumbers(column);
            widths[column] = width(column);
        }
        leaveOut(widths, width);
        shrink(widths, numbers, width);
        List<String> lines = new ArrayList<>();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < columns; column++) {
                if (widths[column] > 0) {
                    String cell = cell(row[column], widths[column], numbers[column]);
                    line.append(line.isEmpty() ? "" : GAP)
                            .append(isColoured && isState(column) ? coloured(row[column], cell) : cell);
                }
            }
            lines.add(line.toString().stripTrailing());
        }
        return lines;
    }

    private int width(int column) {
        return rows.stream().mapToInt(row -> row[column].length()).max().orElse(0);
    }

    private static int total(int[] widths) {
        int shown = (int) Arrays.stream(widths).filter(width -> width > 0).count();
        return Arrays.stream(widths).sum() + GAP.length() * Math.max(0, shown - 1);
    }

    private void leaveOut(int[] widths, int width) {
        List<String> heads = List.of(rows.getFirst());
        for (String head : spare) {
            if (total(widths) <= width) {
                return;
            }
            widths[heads.indexOf(head)] = 0;
        }
    }

    private boolean isState(int column) {
        return STATES.contains(rows.getFirst()[column]);
    }

    private static String coloured(String text, String cell) {
        String colour = COLOURS.get(text);
        return colour == null ? cell : cell.replace(text, "\u001b[" + colour + "m" + text + "\u001b[0m");
    }

    private static void shrink(int[] widths, boolean[] numbers, int width) {
        int total = total(widths);
        while (total > width) {
            int widest = -1;
            for (int column = 0; column < widths.length; column++) {
                boolean candidate = !numbers[column] && widths[column] > LEAST_WIDTH;
                if (candidate && (widest < 0 || widths[column] > widths[widest])) {
                    widest = column;
                }
            }
            if (widest < 0) {
                return; // Numbers are never cut: rather let the terminal wrap.
            }
            widths[widest]--;
            total--;
        }
    }

    private static String cell(String text, int width, boolean number) {
        String cut = text.length() > width ? text.substring(0, width - 1) + "…" : text;
        String blanks = " ".repeat(width - cut.length());
        return number ? blanks + cut : cut + blanks;
    }

    private boolean isNumbers(int column) {
        boolean some = false;
        for (String[] row : rows.subList(1, rows.size())) {
            String cell = row[column];
            if (cell.isBlank() || cell.equals("-")) {
                continue;
            }
            // An address begins with a digit too, but has more than one point or a colon.
            if (!cell.matches("[<+-]?[0-9][0-9,]*(\\.[0-9]+)?( ?[a-zA-Z%/]+)?( [0-9]+[a-z]+)?")) {
                return false;
            }
            some = true;
        }
        return some;
    }
}
