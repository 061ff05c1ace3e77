package io.penstock.bench.path;

import io.penstock.bench.path.BenchPath.Pools;
import io.penstock.bench.peer.CPrograms;
import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.HostLacksException;
import io.penstock.flowtable.FlowTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock bench path`.
@Command(
        name = "path",
        description = {
            "Runs the forwarder's packet path over memory: nanoseconds a packet by number of flows, 60-byte frames.",
            "Subjects: penstock, the worker's whole duty cycle; bare, the same parse, lookup and rewrite without listeners,"
                    + " state and limits; c, the bare loop in C on the very same table."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock bench path --quick")
public final class PathCommand implements Callable<ExitCode> {
    private static final String NS = "ns/packet";
    private static final long LIMIT_MIN = 1 << 16;
    private static final int NEW_FLOWS = 1_000_000;
    private static final int[] THERE = {1, 1_000_000, 10_000_000};
    private static final int FLOOD_ROOM = 4_000_000;
    /// Half a table of SYNs.
    private static final int FLOOD_MS = 40;

    private static final int[] IN_FLOOD = {1_000, 100_000};
    private static final List<String> TUNNELS = List.of("ipip", "gue", "gre");
    private static final List<Pools> POOLS = List.of(new Pools(1, 1), new Pools(1, 1_000), new Pools(100, 100));

    @Mixin
    private ReportOptions options = new ReportOptions();

    @Option(
            names = "--flows",
            split = ",",
            paramLabel = "N",
            description = "Numbers of flows; default 1,1000,100000,1000000,10000000.")
    private int[] flows = {1, 1_000, 100_000, 1_000_000, 10_000_000};

    @Option(
            names = "--only",
            paramLabel = "REGEX",
            description =
                    "Only parts whose name matches: 'N known flows', 'listeners and backends', 'new flows', flood, ipip, gue,"
                            + " gre, 'known flows that somebody traces'.")
    private Pattern only = Pattern.compile("");

    @Option(
            names = "--xdp-lookup",
            description =
                    "Also the same lookup in the kernel: xdp-lookup, an XDP program on a worker's own table. Needs"
                            + " root.")
    private boolean xdpLookup;

    private int runs;
    private int runMs;

    @Override
    public ExitCode call() throws IOException {
        runs = options.runs(9, 5);
        runMs = options.isQuick() ? 150 : 500;
        Report report = options.open("path");
        try (CCompiled c = CCompiled.of(report)) {
            List<Part> parts = parts(report, c.program).stream()
                    .filter(part -> only.matcher(part.name).find())
                    .toList();
            try (Progress progress = report.progress(parts.size())) {
                for (Part part : parts) {
                    int before = report.figures().size();
                    progress.begin(part.name);
                    part.measuring.run();
                    progress.end(report.figures().stream()
                            .skip(before)
                            .map(Figure::text)
                            .collect(Collectors.joining(", ")));
                }
            }
        }
        ratios(report);
        KernelPath.sayRatios(report);
        report.finish();
        return ExitCode.DONE;
    }

    /// What there is to measure, in this order: tunnels after all that is forwarded by `dr`, for which the
    /// compiler makes other code once there were tunnels; what is traced last, since it makes the compiler
    /// forget that nobody traces.
    private List<Part> parts(Report report, @Nullable Path program) {
        List<Part> parts = new ArrayList<>();
        for (int count : flows) {
            parts.add(new Part(Figure.flowsText(count) + " known flows", () -> known(report, program, count)));
            if (xdpLookup) {
                parts.add(new Part(
                        Figure.flowsText(count) + " known flows in the kernel",
                        () -> KernelPath.measure(report, count, runs, runMs, options.seed())));
            }
        }
        parts.add(new Part("listeners and backends", () -> pools(report)));
        parts.add(new Part("new flows", () -> newFlows(report)));
        parts.add(new Part("flood", () -> flood(report)));
        TUNNELS.forEach(tunnel -> parts.add(new Part(tunnel, () -> tunnel(report, tunnel))));
        parts.add(new Part("known flows that somebody traces", () -> traced(report)));
        return parts;
    }

    private record Part(String name, Step measuring) {}

    private interface Step {
        void run() throws IOException;
    }

    private void known(Report report, @Nullable Path program, int count) throws IOException {
        long limit = limit(count);
        Path folder = TableFolder.withRoom(FlowTable.bytesFor(FlowTable.Shape.IPV4, limit));
        try (PathBench bench = new PathBench("dr", count, limit, options.seed(), program, folder)) {
            List<Double> whole = PathBench.values(runs);
            List<Double> bare = PathBench.values(runs);
            List<Double> c = PathBench.values(runs);
            warmUp(bench);
            for (int run = 0; run < runs; run++) {
                whole.add(bench.known(runMs));
                bare.add(bench.bare(runMs));
                if (program != null) {
                    c.add(bench.c(runMs));
                }
            }
            report.add("penstock", "dr", "memory", "", count, NS, whole);
            report.add("bare", "dr", "memory", "", count, NS, bare);
            if (program != null) {
                report.add("c", "dr", "memory", "", count, NS, c);
            }
            if (count == 1_000) {
                int packets = 1 << 16;
                double bytes = (double) bench.allocatedBytes(20, packets) / packets;
                report.add("penstock", "allocation", "memory", "", count, "B/packet", List.of(bytes));
            }
        }
    }

    /// Half as many again as there are flows, and then the next power of two: how full a table is that was sized well.
    static long limit(int flows) {
        return Math.max(LIMIT_MIN, flows * 3L / 2);
    }

    private void tunnel(Report report, String tunnel) throws IOException {
        int count = 1_000;
        try (PathBench bench =
                new PathBench(tunnel, count, LIMIT_MIN, options.seed(), null, TableFolder.withRoom(LIMIT_MIN * 36))) {
            List<Double> values = PathBench.values(runs);
            warmUp(bench);
            for (int run = 0; run < runs; run++) {
                values.add(bench.known(runMs));
            }
            report.add("penstock", tunnel, "memory", "", count, NS, values);
        }
    }

    /// The same flows over few and many listeners and backends, in turns.
    private void pools(Report report) throws IOException {
        int count = 100_000;
        long limit = count * 3L / 2;
        Path folder = TableFolder.withRoom(POOLS.size() * FlowTable.bytesFor(FlowTable.Shape.IPV4, limit));
        List<PathBench> benches = new ArrayList<>();
        try {
            List<List<Double>> values = new ArrayList<>();
            for (Pools pools : POOLS) {
                BenchPath path = new BenchPath("dr", limit, folder, pools);
                benches.add(new PathBench(path, count, options.seed(), null));
                values.add(PathBench.values(runs));
            }
            for (PathBench bench : benches) {
                bench.known(2 * runMs);
            }
            for (int run = 0; run < runs; run++) {
                for (int i = 0; i < benches.size(); i++) {
                    values.get(i).add(benches.get(i).known(runMs));
                }
            }
            for (int i = 0; i < benches.size(); i++) {
                report.add("penstock", text(POOLS.get(i)), "memory", "", count, NS, values.get(i));
            }
        } finally {
            benches.forEach(PathBench::close);
        }
    }

    private static String text(Pools pools) {
        return pools.listeners() + " x " + pools.backends() + " backends";
    }

    private void newFlows(Report report) throws IOException {
        for (int there : THERE) {
            long limit = limit(there + NEW_FLOWS);
            Path folder = TableFolder.withRoom(FlowTable.bytesFor(FlowTable.Shape.IPV4, limit));
            List<Double> rates = PathBench.values(runs);
            for (int run = 0; run < runs; run++) {
                try (PathBench bench = new PathBench("dr", there, limit, options.seed(), null, folder)) {
                    rates.add(1e3 / bench.open(there, NEW_FLOWS));
                }
            }
            report.add("penstock", "new flows", "memory", "", there, "m/s", rates);
        }
    }

    /// Known flows, alone and then in turns with SYNs of as many others, while the table has room and when it is full.
    private void flood(Report report) throws IOException {
        Path folder = TableFolder.withRoom(FlowTable.bytesFor(FlowTable.Shape.IPV4, FLOOD_ROOM));
        for (int count : IN_FLOOD) {
            List<Double> alone = PathBench.values(runs);
            List<Double> beside = PathBench.values(runs);
            List<Double> full = PathBench.values(runs);
            for (int run = 0; run < runs; run++) {
                try (PathBench bench = new PathBench("dr", count, FLOOD_ROOM, options.seed(), null, folder)) {
                    bench.known(runMs);
                    alone.add(bench.known(FLOOD_MS));
                    beside.add(bench.knownInFlood(FLOOD_MS));
                    bench.open(FLOOD_ROOM, FLOOD_ROOM);
                    full.add(bench.knownInFlood(FLOOD_MS));
                }
            }
            report.add("penstock", "known alone", "memory", "", count, NS, alone);
            report.add("penstock", "known beside flood", "memory", "", count, NS, beside);
            report.add("penstock", "known beside flood, table full", "memory", "", count, NS, full);
        }
    }

    private void traced(Report report) throws IOException {
        int count = 1_000;
        try (PathBench bench =
                new PathBench("dr", count, LIMIT_MIN, options.seed(), null, TableFolder.withRoom(LIMIT_MIN * 36))) {
            TraceCost.measure(report, bench, count, runs, runMs);
        }
    }

    private void warmUp(PathBench bench) {
        bench.known(2 * runMs);
        bench.bare(2 * runMs);
    }

    private static void ratios(Report report) {
        List<Figure> figures = List.copyOf(report.figures());
        for (Figure c : figures) {
            if (c.subject().equals("c")) {
                report.say(String.format(
                        Locale.ROOT,
                        "%s flows: the bare loop has %.2f of C's rate; the whole path takes %.2f times the bare loop's time",
                        Figure.flowsText(c.flows()),
                        c.median() / find(figures, "bare", c.flows()).median(),
                        find(figures, "penstock", c.flows()).median()
                                / find(figures, "bare", c.flows()).median()));
            }
        }
    }

    private static Figure find(List<Figure> figures, String subject, long flows) {
        return figures.stream()
                .filter(figure -> figure.subject().equals(subject)
                        && figure.flows() == flows
                        && figure.testCase().equals("dr"))
                .findFirst()
                .orElseThrow();
    }

    /// The loop in C, if there is a compiler.
    private static final class CCompiled implements AutoCloseable {
        private final @Nullable CPrograms programs;
        private final @Nullable Path program;

        private CCompiled(@Nullable CPrograms programs, @Nullable Path program) {
            this.programs = programs;
            this.program = program;
        }

        static CCompiled of(Report report) {
            try {
                CPrograms programs = CPrograms.open();
                return new CCompiled(programs, programs.compile("path"));
            } catch (HostLacksException e) {
                report.missing("c", String.valueOf(e.getMessage()));
                return new CCompiled(null, null);
            }
        }

        @Override
        public void close() {
            if (programs != null) {
                programs.close();
            }
        }
    }

    /// Where the table's file is made.
    private static final class TableFolder {
        private static final List<Path> CANDIDATES = List.of(Path.of("/dev/shm"), Path.of("/run"));

        static Path withRoom(long bytes) throws IOException {
            for (Path folder : CANDIDATES) {
                if (Files.isWritable(folder) && Files.getFileStore(folder).getUsableSpace() > bytes + (1 << 26)) {
                    return folder;
                }
            }
            throw new HostLacksException(
                    bytes / (1 << 20) + " MiB of memory in /dev/shm", "free some, or measure fewer flows with --flows");
        }
    }
}
