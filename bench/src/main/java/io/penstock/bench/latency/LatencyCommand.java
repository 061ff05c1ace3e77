package io.penstock.bench.latency;

import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.bench.wire.BenchNetwork;
import io.penstock.bench.wire.Flood;
import io.penstock.bench.wire.JvmStops;
import io.penstock.bench.wire.Pause;
import io.penstock.bench.wire.Subject;
import io.penstock.bench.wire.Subjects;
import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.FlightTimes;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `penstock bench latency`.
@Command(
        name = "latency",
        description = {
            "Sends frames at fixed rates through one worker and back, and shows the time of flight: p50 to p99.99. A time"
                    + " is taken by the kernel at both ends of the wire, so no turn of a program of the benchmark is part"
                    + " of it.",
            "The subject xdp-program is the bare wire: what the kernel itself needs for the same way there and back, on"
                    + " a CPU that is kept awake where the worker does so, too (--idle spin)."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  sudo penstock bench latency --quick --rates 1000,100000")
public final class LatencyCommand implements Callable<ExitCode> {
    private static final String BARE = "xdp-program";
    private static final long[] DEFAULT_RATES = {1_000, 50_000, 200_000};
    private static final int RATES_WHEN_QUICK = 2;
    private static final long FIRST_RATE = 10_000;
    private static final long WARM_UP_RATE = 50_000;
    private static final int FRAME_LENGTH = 60;
    private static final double LOSS_TO_SAY_PERCENT = 1;
    private static final double RATE_HELD = 0.95;

    @Mixin
    private ReportOptions options = new ReportOptions();

    @Option(
            names = "--rates",
            split = ",",
            paramLabel = "N",
            description =
                    "Frames a second; default 1000,50000,200000: on two virtual CPUs about half of what packet, and"
                            + " of what xdp, takes frame by frame.")
    private long[] rates = {};

    @Option(names = "--flows", paramLabel = "N", description = "Different flows, a power of two; default 1024.")
    private int flows = 1024;

    @Option(names = "--idle", paramLabel = "MODE", description = "The worker's forwarder.idle; default spin.")
    private String idle = "spin";

    @Option(names = "--imix", description = "Frames of 60, 566 and 1514 bytes, 7 to 4 to 1, in place of 60 bytes.")
    private boolean imix;

    @Option(
            names = "--syn-flood",
            paramLabel = "PERCENT",
            description =
                    "So many of a hundred frames are SYNs of flows that nobody saw before, which are neither timed"
                            + " nor counted; 0 to 90.")
    private int floodPercent;

    @Option(names = "--only", paramLabel = "REGEX", description = "Only subjects whose name, port and case match.")
    private Pattern only = Pattern.compile("");

    @Override
    public ExitCode call() throws IOException {
        if (floodPercent < 0 || floodPercent > 90) {
            throw new CommandException(ExitCode.USAGE, "--syn-flood=" + floodPercent + ": 0 to 90 expected");
        }
        if (Integer.bitCount(flows) != 1 || flows > TrafficGenerator.FLOWS_MAX) {
            throw new CommandException(
                    ExitCode.USAGE,
                    "--flows=" + flows + ": a power of two up to " + TrafficGenerator.FLOWS_MAX + " expected");
        }
        for (long rate : rates) {
            if (rate < 1 || rate > 100_000_000) {
                throw new CommandException(ExitCode.USAGE, "--rates=" + rate + ": 1 to 100000000 expected");
            }
        }
        long[] wanted = rates.length > 0
                ? rates
                : Arrays.copyOf(DEFAULT_RATES, options.isQuick() ? RATES_WHEN_QUICK : DEFAULT_RATES.length);
        int runs = options.runs(5, 2);
        Report report = options.open("latency");
        BitSet cpus = CpuAffinity.available();
        try (BenchNetwork network = BenchNetwork.open();
                Subjects.Compiled c = Subjects.Compiled.of(report)) {
            keepOffWorkerCpu();
            List<Subject> subjects = Subjects.usable(report, only, subjects(c));
            Map<Subject, Map<Long, List<Flight>>> flights = new LinkedHashMap<>();
            Map<Subject, JvmStops> stops = new LinkedHashMap<>();
            try (Progress progress = report.progress(runs * subjects.size())) {
                for (int run = 0; run < runs; run++) {
                    for (Subject subject : List.copyOf(subjects)) {
                        progress.begin(run, runs, subject.label());
                        try {
                            measure(network, subject, cpus, wanted, flights, stops);
                            progress.end(medians(flights.getOrDefault(subject, Map.of())));
                        } catch (IOException e) {
                            report.missing(subject.label(), String.valueOf(e.getMessage()));
                            subjects.remove(subject);
                            progress.skip(runs - run);
                        }
                    }
                }
            }
            flights.forEach((subject, byRate) -> byRate.forEach((rate, all) -> add(report, subject, rate, all)));
            stops.forEach((subject, times) -> report.say(subject.label() + ": " + times));
        } finally {
            CpuAffinity.setAllThreads(cpus);
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

    /// The JVM's own threads would take their turns there too.
    private static void keepOffWorkerCpu() {
        BitSet generator = new BitSet();
        generator.set(BenchNetwork.GENERATOR_CPU);
        CpuAffinity.setAllThreads(generator);
    }

    private void measure(
            BenchNetwork network,
            Subject subject,
            BitSet cpus,
            long[] wanted,
            Map<Subject, Map<Long, List<Flight>>> flights,
            Map<Subject, JvmStops> stops)
            throws IOException {
        network.makeNeighbours();
        TrafficGenerator.Options traffic =
                TrafficGenerator.Options.timed(flows).withMix(imix).withSyns(floodPercent);
        byte[] frame = network.frame(imix ? TrafficGenerator.MIX_LENGTH_MAX : FRAME_LENGTH);
        try (FlightTimes times = times(network);
                Subject.Running running = start(subject, network, cpus);
                Flood flood = new Flood(network, frame, traffic, FIRST_RATE)) {
            flood.awaitReturns(times::frames);
            network.pinKernelThreads(BenchNetwork.GENERATOR_CPU);
            boolean restsOtherwise = subject.port().isEmpty() && idle.equals("spin");
            AwakeCpu awake = restsOtherwise ? new AwakeCpu(BenchNetwork.WORKER_CPU) : null;
            try (awake) {
                flood.pace(WARM_UP_RATE);
                Pause.ms(options.isQuick() ? 1_500 : 5_000); // For the JIT compiler.
                running.settle();
                for (long rate : wanted) {
                    Flight flight = Flight.run(flood, times, rate, options.isQuick() ? 1_000 : 5_000);
                    flights.computeIfAbsent(subject, _ -> new LinkedHashMap<>())
                            .computeIfAbsent(rate, _ -> new ArrayList<>())
                            .add(flight);
                }
                running.stops().ifPresent(its -> stops.merge(subject, its, JvmStops::and));
            }
        }
    }

    /// {@return the latest p50 at each rate, for people}
    private static String medians(Map<Long, List<Flight>> byRate) {
        return byRate.values().stream()
                .map(List::getLast)
                .map(flight -> flight.received() == 0 ? "-" : String.format(Locale.ROOT, "%.1f", flight.us()[0]))
                .collect(Collectors.joining("/", "p50 ", " us"));
    }

    private static FlightTimes times(BenchNetwork network) throws IOException {
        try (var _ = network.enter(network.generatorSide())) {
            return new FlightTimes(network.generatorLink());
        } catch (LinuxException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    /// Starts a subject, which gets the CPUs of who starts it.
    private static Subject.Running start(Subject subject, BenchNetwork network, BitSet cpus) throws IOException {
        CpuAffinity.set(cpus);
        try {
            return subject.start(network);
        } finally {
            CpuAffinity.pin(BenchNetwork.GENERATOR_CPU);
        }
    }

    private void add(Report report, Subject subject, long rate, List<Flight> flights) {
        for (int i = 0; i < Flight.PERCENTILES.length; i++) {
            int which = i;
            List<Double> values = flights.stream()
                    .filter(flight -> flight.received() > 0)
                    .map(flight -> flight.us()[which])
                    .toList();
            if (!values.isEmpty()) {
                report.add(
                        subject.name(),
                        caseOf(subject, rate, Flight.PERCENTILES[i]),
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
                flights.stream().map(Flight::lossPercent).toList());
        doubts(report, subject, rate, flights);
    }

    /// Says where the times of a rate are not those of that rate.
    private void doubts(Report report, Subject subject, long rate, List<Flight> flights) {
        double loss =
                flights.stream().mapToDouble(Flight::lossPercent).average().orElse(0);
        if (loss > LOSS_TO_SAY_PERCENT) {
            report.say(String.format(
                    Locale.ROOT,
                    "%s: %.1f %% of %spps were lost: above its limit, the times are those of the others",
                    subject.label(),
                    loss,
                    Figure.flowsText(rate)));
        }
        double timed = rate * (100 - floodPercent) / 100.0;
        double sent = flights.stream().mapToDouble(Flight::perSecond).average().orElse(0);
        if (sent < RATE_HELD * timed) {
            report.say(String.format(
                    Locale.ROOT,
                    "%s: of %.0f frames a second to be timed the generator sent %.0f",
                    subject.label(),
                    timed,
                    sent));
        }
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
}
