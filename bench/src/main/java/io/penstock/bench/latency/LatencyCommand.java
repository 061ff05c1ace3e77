package io.penstock.bench.latency;

import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.bench.traffic.FrameMix;
import io.penstock.bench.traffic.LoadGenerator;
import io.penstock.bench.wire.BenchNetwork;
import io.penstock.bench.wire.Subject;
import io.penstock.bench.wire.Subjects;
import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.HugePages;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.port.XdpInterface;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock bench latency`.
@Command(
        name = "latency",
        description = {
            "Sends frames at fixed rates through one worker and back, and shows the time of flight: p50 to p99.99.",
            "The subject xdp-program is the bare wire: what the kernel itself needs for the same way there and back."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock bench latency --quick --rates 1000,100000")
public final class LatencyCommand implements Callable<ExitCode> {
    private static final double[] PERCENTILES = {50, 90, 99, 99.9, 99.99};
    private static final String BARE = "xdp-program";
    private static final int WARM_UP_MS = 1_500;
    private static final int FIRST_FRAME_TRIES = 100;

    @Mixin
    private ReportOptions options = new ReportOptions();

    @Option(
            names = "--rates",
            split = ",",
            paramLabel = "N",
            description = "Frames a second; default 1000,100000,400000 (quick: the first two).")
    private long[] rates = {};

    @Option(names = "--flows", paramLabel = "N", description = "Different flows; default 1000.")
    private int flows = 1_000;

    @Option(names = "--idle", paramLabel = "MODE", description = "The worker's forwarder.idle; default spin.")
    private String idle = "spin";

    @Option(names = "--imix", description = "Frames of 60, 566 and 1514 bytes, 7 to 4 to 1, in place of 60 bytes.")
    private boolean imix;

    @Option(
            names = "--syn-flood",
            paramLabel = "PERCENT",
            description = "So many of a hundred frames are SYNs of flows that nobody saw before; 0 to 90.")
    private int floodPercent;

    @Option(names = "--only", paramLabel = "REGEX", description = "Only subjects whose name, port and case match.")
    private Pattern only = Pattern.compile("");

    @Override
    public ExitCode call() throws IOException {
        if (floodPercent < 0 || floodPercent > 90) {
            throw new CommandException(ExitCode.USAGE, "--syn-flood=" + floodPercent + ": 0 to 90 expected");
        }
        long[] wanted = rates.length > 0
                ? rates
                : options.isQuick() ? new long[] {1_000, 100_000} : new long[] {1_000, 100_000, 400_000};
        int runs = options.runs(5, 2);
        Report report = options.open("latency");
        try (BenchNetwork network = BenchNetwork.open();
                Subjects.Compiled c = Subjects.Compiled.of(report);
                XdpInterface port = openPort(network)) {
            List<Subject> subjects = Subjects.usable(report, only, subjects(c));
            Map<Subject, Map<Long, List<LoadGenerator.Result>>> results = new LinkedHashMap<>();
            LoadGenerator generator = new LoadGenerator(port.ports().getFirst(), mix(network));
            onGeneratorCpu(() -> {
                for (int run = 0; run < runs; run++) {
                    for (Subject subject : List.copyOf(subjects)) {
                        try {
                            measure(network, subject, generator, wanted, results);
                        } catch (IOException e) {
                            report.missing(subject.label(), String.valueOf(e.getMessage()));
                            subjects.remove(subject);
                        }
                    }
                }
            });
            results.forEach((subject, byRate) -> byRate.forEach((rate, all) -> add(report, subject, rate, all)));
        }
        added(report);
        report.finish();
        return ExitCode.DONE;
    }

    private List<Subject> subjects(Subjects.Compiled c) {
        List<Subject> all = new ArrayList<>(Subjects.forwarders(idle, 1 << 20));
        all.addAll(c.loops());
        all.add(Subjects.xdpProgram());
        return all;
    }

    private FrameMix mix(BenchNetwork network) throws IOException {
        return new FrameMix(
                network.forwarderMac(),
                network.generatorMac(),
                0xc000_0201,
                BenchNetwork.PORT,
                imix ? FrameMix.imix() : new int[] {FrameMix.LENGTH_MIN},
                flows,
                floodPercent,
                options.seed());
    }

    /// The generator's port: frames for the VIP come to it, since direct server return leaves the VIP in them.
    private static XdpInterface openPort(BenchNetwork network) throws IOException {
        try (var _ = network.enter(network.generatorSide())) {
            XdpInterface port = XdpInterface.open(
                    network.generatorLink(), 1, new XdpInterface.Options(HugePages.AUTO, true, false));
            port.filter().update(Set.of(InetAddress.getByName(BenchNetwork.VIP)), Set.of());
            return port;
        }
    }

    private void measure(
            BenchNetwork network,
            Subject subject,
            LoadGenerator generator,
            long[] wanted,
            Map<Subject, Map<Long, List<LoadGenerator.Result>>> results)
            throws IOException {
        try (Subject.Running _ = subject.start(network)) {
            awaitFrames(generator);
            network.pinKernelThreads();
            generator.run(50_000, WARM_UP_MS);
            for (long rate : wanted) {
                long ms = options.isQuick() ? 1_000 : 5_000;
                results.computeIfAbsent(subject, _ -> new LinkedHashMap<>())
                        .computeIfAbsent(rate, _ -> new ArrayList<>())
                        .add(generator.run(rate, ms));
            }
        }
    }

    private static void awaitFrames(LoadGenerator generator) throws IOException {
        for (int i = 0; i < FIRST_FRAME_TRIES; i++) {
            if (generator.run(1_000, 100).received() > 0) {
                return;
            }
        }
        throw new IOException("no frame came back within " + FIRST_FRAME_TRIES / 10 + " s");
    }

    private static void add(Report report, Subject subject, long rate, List<LoadGenerator.Result> results) {
        for (double percentile : PERCENTILES) {
            List<Double> values = results.stream()
                    .filter(result -> result.received() > 0)
                    .map(result -> result.latencyNs().getValueAtPercentile(percentile) / 1e3)
                    .toList();
            if (!values.isEmpty()) {
                report.add(
                        subject.name(),
                        caseOf(subject, rate, percentile),
                        subject.port(),
                        subject.transport(),
                        0,
                        "us",
                        values);
            }
        }
        report.add(
                subject.name(),
                subject.testCase() + " " + Figure.flowsText(rate) + "pps loss",
                subject.port(),
                subject.transport(),
                0,
                "%",
                results.stream().map(LoadGenerator.Result::lossPercent).toList());
    }

    private static String caseOf(Subject subject, long rate, double percentile) {
        String number =
                percentile == Math.rint(percentile) ? Long.toString((long) percentile) : Double.toString(percentile);
        return subject.testCase() + " " + Figure.flowsText(rate) + "pps p" + number;
    }

    /// What each takes longer than the bare wire, percentile by percentile.
    private static void added(Report report) {
        for (Figure bare : report.figures()) {
            if (!bare.subject().equals(BARE) || !bare.unit().equals("us")) {
                continue;
            }
            String which = bare.testCase().substring(bare.testCase().indexOf(' ') + 1);
            for (Figure other : report.figures()) {
                if (!other.subject().equals(BARE) && other.testCase().endsWith(" " + which)) {
                    report.say(String.format(
                            Locale.ROOT,
                            "%s %s %s: %s: %.1f us more than the bare wire",
                            other.subject(),
                            other.port(),
                            other.transport(),
                            which,
                            other.median() - bare.median()));
                }
            }
        }
    }

    /// Runs a task on a thread that is pinned to the generator's CPU.
    private static void onGeneratorCpu(Task task) throws IOException {
        List<Exception> failures = new ArrayList<>();
        Thread thread = new Thread(
                () -> {
                    CpuAffinity.pin(BenchNetwork.GENERATOR_CPU);
                    try {
                        task.run();
                    } catch (IOException | RuntimeException e) {
                        failures.add(e);
                    }
                },
                "ps-bench-load");
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!failures.isEmpty()) {
            throw failures.getFirst() instanceof IOException io ? io : new IOException(failures.getFirst());
        }
    }

    private interface Task {
        void run() throws IOException;
    }
}
