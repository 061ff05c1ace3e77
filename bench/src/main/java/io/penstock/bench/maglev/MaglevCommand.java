package io.penstock.bench.maglev;

import io.penstock.bench.report.Progress;
import io.penstock.bench.report.Report;
import io.penstock.bench.report.ReportOptions;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock bench maglev`.
@Command(
        name = "maglev",
        description = {
            "Builds Maglev tables: how long it takes, how even the shares are, which slots a lost backend moves.",
            "A case is slots x backends; shares are in per cent of the fair share, moves in per cent of all slots."
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock bench maglev")
public final class MaglevCommand implements Callable<ExitCode> {
    @Mixin
    private ReportOptions options = new ReportOptions();

    @Override
    public ExitCode call() {
        Report report = options.open("maglev");
        MaglevBench bench = new MaglevBench(options.seed(), options.runs(15, 5), options.isQuick() ? 5 : 30);
        try (Progress progress = report.progress(7)) {
            bench.measure(report, progress, 65_537, 10);
            bench.measure(report, progress, 65_537, 100);
            bench.measure(report, progress, 65_537, 655);
            bench.measure(report, progress, 65_537, 1_000);
            bench.measure(report, progress, 655_373, 1_000);
            bench.measure(report, progress, 655_373, 6_553);
            bench.measureWeighted(report, progress, 65_537, 1_000);
        }
        report.finish();
        return ExitCode.DONE;
    }
}
