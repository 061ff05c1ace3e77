package io.penstock.bench.micro;

import io.penstock.bench.report.Figure;
import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `penstock bench micro`.
@Command(
        name = "micro",
        description = {
            "Measures single steps with JMH: parse, checksums, hash, flow table, Maglev, schedulers, counters.",
            "Each benchmark runs in a JVM of its own. Maps from elsewhere are other subjects of the case find."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock bench micro --quick FlowTable")
public final class MicroCommand implements Callable<ExitCode> {
    private static final List<String> JVM = List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow", // for JCTools' maps
            "-XX:+UseSerialGC",
            "-Xmx2g");
    private static final String OTHERS = "findIn";

    @Mixin
    private ReportOptions options = new ReportOptions();

    @Parameters(arity = "0..1", paramLabel = "REGEX", description = "Only benchmarks whose name matches.")
    private String only = ".*";

    @Override
    public ExitCode call() throws IOException {
        Report report = options.open("micro");
        Path log = Files.createTempFile("penstock-bench", ".jmh");
        Options run = new OptionsBuilder()
                .include("io\\.penstock\\.bench\\.micro\\..*(" + only + ").*")
                .mode(Mode.AverageTime)
                .timeUnit(TimeUnit.NANOSECONDS)
                .forks(1)
                .warmupIterations(options.isQuick() ? 1 : 3)
                .warmupTime(TimeValue.milliseconds(options.isQuick() ? 300 : 1_000))
                .measurementIterations(options.runs(5, 3))
                .measurementTime(TimeValue.milliseconds(options.isQuick() ? 150 : 1_000))
                .jvmArgs(JVM.toArray(String[]::new))
                .shouldFailOnError(true)
                .build();
        try (PrintStream text = new PrintStream(log.toFile(), StandardCharsets.UTF_8);
                Progress progress = report.progress(count(run))) {
            OutputFormat written = OutputFormatFactory.createFormatInstance(text, VerboseMode.NORMAL);
            add(report, new Runner(run, telling(progress, written)).run());
            Files.delete(log);
        } catch (RunnerException e) {
            throw new CommandException("JMH: " + e.getMessage() + "; its output is in " + log);
        }
        report.finish();
        return ExitCode.DONE;
    }

    /// {@return how many benchmarks there are, each with all its parameters}
    private static int count(Options run) {
        OutputFormat nowhere = OutputFormatFactory.createFormatInstance(
                new PrintStream(OutputStream.nullOutputStream()), VerboseMode.SILENT);
        int count = 0;
        for (BenchmarkListEntry entry : BenchmarkList.defaultList().find(nowhere, run.getIncludes(), List.of())) {
            Map<String, String[]> none = Map.of();
            count += entry.getParams().orElse(none).values().stream()
                    .mapToInt(values -> values.length)
                    .reduce(1, Math::multiplyExact);
        }
        return count;
    }

    /// What JMH has to say goes on to where it is written; its beginning and ending with a benchmark is told as well. A
    /// proxy, since that is two of thirteen methods.
    private static OutputFormat telling(Progress progress, OutputFormat written) {
        return (OutputFormat) Proxy.newProxyInstance(
                OutputFormat.class.getClassLoader(), new Class<?>[] {OutputFormat.class}, (_, method, arguments) -> {
                    if (method.getName().equals("startBenchmark")) {
                        BenchmarkParams params = (BenchmarkParams) arguments[0];
                        progress.begin(nameOf(params));
                    } else if (method.getName().equals("endBenchmark") && arguments[0] != null) {
                        progress.end(
                                List.of(((BenchmarkResult) arguments[0])
                                        .getPrimaryResult()
                                        .getScore()),
                                "ns");
                    }
                    return method.invoke(written, arguments);
                });
    }

    private static String nameOf(BenchmarkParams params) {
        String text = caseOf(params, methodOf(params));
        return flowsOf(params) == 0 ? text : text + ", " + Figure.flowsText(flowsOf(params)) + " flows";
    }

    private static void add(Report report, Collection<RunResult> results) {
        for (RunResult result : results) {
            List<Double> values = new ArrayList<>();
            for (BenchmarkResult fork : result.getBenchmarkResults()) {
                for (IterationResult iteration : fork.getIterationResults()) {
                    values.add(iteration.getPrimaryResult().getScore());
                }
            }
            BenchmarkParams params = result.getParams();
            String method = methodOf(params);
            boolean isOther = method.startsWith(OTHERS);
            report.add(
                    isOther ? method.substring(OTHERS.length()) : "penstock",
                    isOther ? "FlowTable.findOne" : caseOf(params, method),
                    "",
                    "",
                    flowsOf(params),
                    "ns",
                    values);
        }
    }

    private static String methodOf(BenchmarkParams params) {
        return params.getBenchmark().substring(params.getBenchmark().lastIndexOf('.') + 1);
    }

    private static String caseOf(BenchmarkParams params, String method) {
        String type = params.getBenchmark().substring(0, params.getBenchmark().lastIndexOf('.'));
        String name = type.substring(type.lastIndexOf('.') + 1).replace("Benchmark", "") + "." + method;
        @Nullable String kind = params.getParam("kind");
        return kind == null ? name : name + " " + kind.toLowerCase(Locale.ROOT);
    }

    private static long flowsOf(BenchmarkParams params) {
        @Nullable String flows = params.getParam("flows");
        return flows == null ? 0 : Long.parseLong(flows);
    }
}
