package io.penstock.bench.wire;

import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.forwarder.linux.FrameSink;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock bench wire`.
@Command(
        name = "wire",
        description = {
            "Offers one worker more and more frames over a veth between two network namespaces, until fewer come back: the"
                    + " most that did, in Mpps at 60-byte frames, for each port and transport, beside its peers.",
            "CPU 0 has the generator, CPU 1 the worker and all other kernel work, which comes before the worker's as interrupts"
                    + " do. Needs root and two CPUs."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock bench wire --quick --only 'penstock|c '")
public final class WireCommand implements Callable<ExitCode> {
    private static final int FRAME_BYTES = 60;
    private static final int FIRST_RATE = 10_000;
    private static final int WARM_UP_RATE = 50_000;
    private static final int MEETING_RATE = 100_000;

    @Mixin
    private ReportOptions options = new ReportOptions();

    @Option(names = "--only", paramLabel = "REGEX", description = "Only subjects whose name, port and case match.")
    private Pattern only = Pattern.compile("");

    @Option(names = "--flows", paramLabel = "N", description = "Different flows, a power of two; default 1024.")
    private int flows = 1024;

    @Option(names = "--idle", paramLabel = "MODE", description = "The worker's forwarder.idle; default spin.")
    private String idle = "spin";

    @Override
    public ExitCode call() throws IOException {
        int runs = options.runs(5, 2);
        Report report = options.open("wire");
        try (BenchNetwork network = BenchNetwork.open();
                Subjects.Compiled c = Subjects.Compiled.of(report)) {
            network.collectAtFarEnd();
            List<Subject> subjects = Subjects.usable(report, only, subjects(c));
            byte[] frame = network.frame(FRAME_BYTES);
            Map<Subject, List<PeakRate.Measured>> values = new LinkedHashMap<>();
            try (Progress progress = report.progress(runs * subjects.size())) {
                for (int run = 0; run < runs; run++) {
                    for (Subject subject : List.copyOf(subjects)) {
                        progress.begin(run, runs, subject.label());
                        try {
                            PeakRate.Measured measured = measure(network, subject, frame);
                            values.computeIfAbsent(subject, _ -> new ArrayList<>())
                                    .add(measured);
                            progress.end(List.of(measured.mpps()), "Mpps");
                        } catch (IOException e) {
                            report.missing(subject.label(), String.valueOf(e.getMessage()));
                            subjects.remove(subject);
                            progress.skip(runs - run);
                        }
                    }
                }
            }
            values.forEach((subject, measured) -> add(report, subject, measured));
        }
        ratios(report);
        report.finish();
        return ExitCode.DONE;
    }

    private List<Subject> subjects(Subjects.Compiled c) {
        long room = Math.max(1 << 16, 4L * flows);
        List<Subject> all = new ArrayList<>(Subjects.forwarders(idle, room));
        if (!options.isQuick()) {
            for (String tunnel : List.of("ipip", "gue", "gre")) {
                all.add(new ForwarderSubject("xdp", "epoll", tunnel, idle, room));
            }
        }
        all.addAll(c.loops());
        all.addAll(Subjects.others());
        all.add(new XdpLookup(flows));
        return all;
    }

    private PeakRate.Measured measure(BenchNetwork network, Subject subject, byte[] frame) throws IOException {
        network.makeNeighbours();
        try (FrameSink sink = sink(network, subject);
                Subject.Running running = subject.start(network);
                Flood flood = new Flood(network, frame, TrafficGenerator.Options.flood(flows), FIRST_RATE)) {
            flood.awaitReturns(sink::frames);
            network.pinKernelThreads(BenchNetwork.WORKER_CPU);
            flood.pace(WARM_UP_RATE);
            Pause.ms(options.isQuick() ? 800 : 3_000); // for the JIT compiler
            meetAllFlows(flood);
            running.settle();
            return options.isQuick()
                    ? new PeakRate(sink, flood, 1.5, 60).find(500)
                    : new PeakRate(sink, flood, 1.15, 150).find(1_500);
        }
    }

    /// Sends a frame of each flow, so that none of them is new when it counts.
    private void meetAllFlows(Flood flood) throws IOException {
        flood.pace(MEETING_RATE);
        long enough = flood.sent() + flows;
        while (flood.sent() < enough) {
            flood.check();
            Pause.ms(20);
        }
    }

    private static FrameSink sink(BenchNetwork network, Subject subject) {
        try (var _ = network.enter(network.generatorSide())) {
            return new FrameSink(network.generatorLink(), subject.sinkPlace());
        }
    }

    private void add(Report report, Subject subject, List<PeakRate.Measured> samples) {
        if (samples.isEmpty()) {
            return;
        }
        List<Double> rates = samples.stream().map(PeakRate.Measured::mpps).toList();
        report.add(subject.name(), subject.testCase(), subject.port(), subject.transport(), flows, "Mpps", rates);
        report.say(String.format(
                Locale.ROOT,
                "%s: CPU %d: kernel %.0f %%, programs %.0f %%; %.0f %% of what was on offer was lost",
                subject.label(),
                BenchNetwork.WORKER_CPU,
                samples.stream()
                        .mapToDouble(s -> s.cpu().kernelShare())
                        .average()
                        .orElse(0),
                samples.stream().mapToDouble(s -> s.cpu().userShare()).average().orElse(0),
                samples.stream()
                        .mapToDouble(PeakRate.Measured::lostPercent)
                        .average()
                        .orElse(0)));
    }

    private static void ratios(Report report) {
        for (String port : List.of("xdp", "packet")) {
            for (Figure ours : report.figures()) {
                if (ours.subject().equals("penstock")
                        && ours.testCase().equals("dr")
                        && ours.port().equals(port)) {
                    for (Figure other : report.figures()) {
                        boolean isPeer = !other.subject().equals("penstock")
                                && (other.port().equals(port) || other.port().isEmpty());
                        if (isPeer) {
                            report.say(String.format(
                                    Locale.ROOT,
                                    "penstock %s %s / %s %s: %.2f",
                                    port,
                                    ours.transport(),
                                    other.subject(),
                                    other.testCase(),
                                    ours.median() / other.median()));
                        }
                    }
                }
            }
        }
    }
}
