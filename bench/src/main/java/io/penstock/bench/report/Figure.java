package io.penstock.bench.report;

import java.util.Arrays;
import java.util.List;

/// One measured figure: what was measured, and the result of each run.
///
/// @param bench     the benchmark: `path`, `wire`, ...
/// @param subject   who did it: `penstock`, `c`, `testpmd`, ...
/// @param testCase  what was done: `dr`, `ipip`, ...
/// @param port      `memory`, `xdp` or `packet`; empty where there is none
/// @param transport `epoll` or `io_uring`; empty where there is none
/// @param flows     different flows; 0 where that has no meaning
/// @param unit      of all values
/// @param values    one for each run, at least one
public record Figure(
        String bench,
        String subject,
        String testCase,
        String port,
        String transport,
        long flows,
        String unit,
        List<Double> values) {
    /// @throws IllegalArgumentException without a value
    public Figure {
        values = List.copyOf(values);
        if (values.isEmpty()) {
            throw new IllegalArgumentException("values: none");
        }
    }

    /// {@return the middle value; the mean of the middle two where their count is even}
    public double median() {
        double[] sorted = sorted();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// {@return the least value}
    public double min() {
        return sorted()[0];
    }

    /// {@return the greatest value}
    public double max() {
        return sorted()[values.size() - 1];
    }

    /// {@return how many runs there were}
    public int runs() {
        return values.size();
    }

    /// {@return what tells this figure from others of the same benchmark, for plots}
    public String label() {
        StringBuilder label = new StringBuilder(subject);
        for (String part : List.of(port, transport, testCase)) {
            label.append(part.isEmpty() ? "" : " " + part);
        }
        return label.append(flows == 0 ? "" : " " + flowsText(flows)).toString();
    }

    /// {@return a number of flows as people write it: `1k`, `10m`}
    public static String flowsText(long flows) {
        if (flows >= 1_000_000 && flows % 1_000_000 == 0) {
            return flows / 1_000_000 + "m";
        }
        return flows >= 1_000 && flows % 1_000 == 0 ? flows / 1_000 + "k" : Long.toString(flows);
    }

    /// {@return who, and the middle value: `penstock 20.1 ns/packet`}
    public String text() {
        return subject + " " + Report.number(median()) + " " + unit;
    }

    private double[] sorted() {
        double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        return sorted;
    }
}
