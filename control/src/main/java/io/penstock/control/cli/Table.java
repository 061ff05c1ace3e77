package io.penstock.control.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A text table: a head, rows, columns as wide as they need to be, numbers to the right.
///
/// A column is a column of numbers when every cell that is not blank or `-` begins with a digit, a sign or a `<`.
public final class Table {
    private static final String GAP = "  ";
    private static final int LEAST_WIDTH = 4;

    private final List<String[]> rows = new ArrayList<>();
    private final int columns;

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
        int[] widths = new int[columns];
        boolean[] numbers = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            numbers[column] = isNumbers(column);
            for (String[] row : rows) {
                widths[column] = Math.max(widths[column], row[column].length());
            }
        }
        shrink(widths, numbers, width);
        List<String> lines = new ArrayList<>();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder();
            for (int column = 0; column < columns; column++) {
                line.append(column == 0 ? "" : GAP).append(cell(row[column], widths[column], numbers[column]));
            }
            lines.add(line.toString().stripTrailing());
        }
        return lines;
    }

    private static void shrink(int[] widths, boolean[] numbers, int width) {
        int total = Arrays.stream(widths).sum() + GAP.length() * (widths.length - 1);
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
