package io.penstock.bench.path;

import io.penstock.bench.kernel.KernelTables;
import io.penstock.bench.kernel.LookupProgram.Extent;
import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Report;
import io.penstock.forwarder.linux.LinuxException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// `bench path --xdp-lookup`: a worker whose flow table lies in a BPF array, and in turns with it an XDP
/// program that looks flows up there and forwards. The figures of the program are without the stamping of its
/// frames, which is measured in every turn and subtracted.
final class KernelPath {
    private static final String NS = "ns/packet";
    private static final String SUBJECT = "xdp-lookup";
    private static final Map<Extent, String> CASES =
            Map.of(Extent.FIND, "find", Extent.REWRITE, "dr, uncounted", Extent.WHOLE, "dr");

    private KernelPath() {}

    static void measure(Report report, int flows, int runs, int runMs, long seed) throws IOException {
        if (!"root".equals(System.getProperty("user.name"))) {
            report.missing(SUBJECT, "BPF maps and programs need root");
            return;
        }
        long limit = PathCommand.limit(flows);
        try (KernelTables tables = new KernelTables(limit, BenchPath.ROWS);
                PathBench java = new PathBench(flows, limit, seed, tables)) {
            measure(report, java, tables, flows, runs, runMs, seed);
        } catch (LinuxException e) {
            report.missing(SUBJECT, String.valueOf(e.getMessage()));
        }
    }

    private static void measure(
            Report report, PathBench java, KernelTables tables, int flows, int runs, int runMs, long seed) {
        java.known(2 * runMs);
        java.bare(2 * runMs);
        List<Double> whole = PathBench.values(runs);
        List<Double> bare = PathBench.values(runs);
        Map<Extent, List<Double>> kernel = new EnumMap<>(Extent.class);
        BenchPath path = java.path();
        try (KernelLoop stamping = KernelLoop.stampingAlone(path, flows, seed);
                KernelLoop find = KernelLoop.of(path, tables, flows, seed, Extent.FIND);
                KernelLoop rewrite = KernelLoop.of(path, tables, flows, seed, Extent.REWRITE);
                KernelLoop all = KernelLoop.of(path, tables, flows, seed, Extent.WHOLE)) {
            for (int run = 0; run < runs; run++) {
                whole.add(java.known(runMs));
                bare.add(java.bare(runMs));
                double[] ns = KernelLoop.runInTurns(List.of(stamping, find, rewrite, all), runMs / 5);
                add(kernel, Extent.FIND, ns[1] - ns[0]);
                add(kernel, Extent.REWRITE, ns[2] - ns[0]);
                add(kernel, Extent.WHOLE, ns[3] - ns[0]);
            }
        }
        report.add("penstock", "dr, in a BPF array", "memory", "", flows, NS, whole);
        report.add("bare", "dr, in a BPF array", "memory", "", flows, NS, bare);
        kernel.forEach((extent, values) ->
                report.add(SUBJECT, CASES.getOrDefault(extent, ""), "memory", "", flows, NS, values));
    }

    private static void add(Map<Extent, List<Double>> values, Extent extent, double ns) {
        values.computeIfAbsent(extent, _ -> new ArrayList<>()).add(ns);
    }

    /// Says how the program stands beside the worker on the same table.
    static void sayRatios(Report report) {
        for (Figure kernel : report.figures()) {
            if (kernel.subject().equals(SUBJECT) && kernel.testCase().equals("dr")) {
                for (Figure java : report.figures()) {
                    if (java.flows() == kernel.flows() && java.testCase().equals("dr, in a BPF array")) {
                        report.say(String.format(
                                Locale.ROOT,
                                "%s flows: xdp-lookup takes %.2f times the time of %s on the same table",
                                Figure.flowsText(kernel.flows()),
                                kernel.median() / java.median(),
                                java.subject()));
                    }
                }
            }
        }
    }
}
