package io.penstock.bench.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.io.SerializedString;
import io.penstock.control.cli.Table;
import io.penstock.control.cli.Terminal;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What one benchmark has to say: figures as they come, notes about what could not be measured, and at the end a table,
/// a CSV file and a plot. With JSON the figures go to standard output, one line each, and everything else to standard
/// error. One thread.
public final class Report {
    private static final MathContext DIGITS = new MathContext(4);
    private static final String HEAD =
            "bench,subject,case,port,transport,flows,unit,median,min,max,runs,values,host,cpu,kernel,jdk,load,seed,command";

    private final String bench;
    private final Host host;
    private final long seed;
    private final String command;
    private final boolean json;
    private final PrintWriter out;
    private final PrintWriter err;
    private final Path csv;
    private final Path folder;
    private final double load = Host.load();
    private final List<Figure> figures = new ArrayList<>();
    private @Nullable Progress progress;

    Report(
            String bench,
            Host host,
            long seed,
            String command,
            boolean json,
            PrintWriter out,
            PrintWriter err,
            Path csv,
            Path folder) {
        this.bench = bench;
        this.host = host;
        this.seed = seed;
        this.command = command;
        this.json = json;
        this.out = out;
        this.err = err;
        this.csv = csv;
        this.folder = folder;
        say("bench " + bench + ": " + host.text() + ", seed " + seed);
    }

    /// Adds a figure.
    public void add(Figure figure) {
        figures.add(figure);
        if (json) {
            makeRoom();
            out.println(toJson(figure));
            out.flush();
        }
    }

    /// Adds a figure of this benchmark.
    ///
    /// @see Figure
    public void add(
            String subject,
            String testCase,
            String port,
            String transport,
            long flows,
            String unit,
            List<Double> values) {
        add(new Figure(bench, subject, testCase, port, transport, flows, unit, values));
    }

    /// Says a line for people.
    public void say(String line) {
        PrintWriter to = json ? err : out;
        makeRoom();
        to.println(line);
        to.flush();
    }

    /// Says that a subject was not measured, and why.
    public void missing(String subject, String reason) {
        say("not measured: " + subject + ": " + reason);
    }

    /// Begins to say how far the benchmark is; the caller closes it.
    ///
    /// @param steps how many there will be
    public Progress progress(int steps) {
        Progress begun = new Progress(err, Terminal.errorWidth(), steps, System::nanoTime);
        progress = begun;
        return begun;
    }

    private void makeRoom() {
        if (progress != null) {
            progress.clear();
        }
    }

    /// {@return the figures so far}
    public List<Figure> figures() {
        return figures;
    }

    /// Prints the table, unless JSON was asked for, and writes the files.
    public void finish() {
        if (figures.isEmpty()) {
            say("nothing was measured");
            return;
        }
        if (!json) {
            out.println();
            table().print(out, Terminal.width());
            out.println();
        }
        double after = Host.load();
        if (Math.max(load, after) > 2) {
            say(String.format(
                    Locale.ROOT, "others were at work too: load %.1f before, %.1f after (one minute)", load, after));
        }
        write(csv, csvText());
        write(folder.resolve(bench + ".svg"), SvgPlot.draw(bench, host.text(), figures));
    }

    private Table table() {
        Table table =
                new Table("SUBJECT", "CASE", "PORT", "TRANSPORT", "FLOWS", "MEDIAN", "MIN", "MAX", "UNIT", "RUNS");
        for (Figure figure : figures) {
            table.row(
                    figure.subject(),
                    dash(figure.testCase()),
                    dash(figure.port()),
                    dash(figure.transport()),
                    figure.flows() == 0 ? "-" : Figure.flowsText(figure.flows()),
                    number(figure.median()),
                    number(figure.min()),
                    number(figure.max()),
                    figure.unit(),
                    figure.runs());
        }
        return table;
    }

    private void write(Path file, String text) {
        try {
            @Nullable Path parent = file.toAbsolutePath().getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            Files.writeString(file, text);
            say("written: " + file);
        } catch (IOException e) {
            // The figures were printed: a folder that cannot be written to does not make them worthless.
            err.println("not written: " + file + ": " + e.getClass().getSimpleName() + " " + e.getMessage());
            err.flush();
        }
    }

    private String csvText() {
        StringBuilder text = new StringBuilder(HEAD).append('\n');
        for (Figure figure : figures) {
            List<String> values = figure.values().stream().map(Report::number).toList();
            List<String> cells = List.of(
                    figure.bench(),
                    figure.subject(),
                    figure.testCase(),
                    figure.port(),
                    figure.transport(),
                    Long.toString(figure.flows()),
                    figure.unit(),
                    number(figure.median()),
                    number(figure.min()),
                    number(figure.max()),
                    Integer.toString(figure.runs()),
                    String.join(" ", values),
                    host.name(),
                    host.cpu(),
                    host.kernel(),
                    host.jdk(),
                    Double.toString(load),
                    Long.toString(seed),
                    command);
            text.append(String.join(",", cells.stream().map(Report::csvCell).toList()))
                    .append('\n');
        }
        return text.toString();
    }

    /// RFC 4180: quoted where it must be.
    private static String csvCell(String text) {
        return text.matches("[^,\"\\r\\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
    }

    private static String dash(String text) {
        return text.isEmpty() ? "-" : text;
    }

    /// {@return a number with the four digits that mean something at most}
    static String number(double value) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("value=" + value);
        }
        BigDecimal rounded = new BigDecimal(value).round(DIGITS);
        if (rounded.signum() == 0) {
            return "0";
        }
        BigDecimal stripped = rounded.stripTrailingZeros();
        return (stripped.scale() < 0 ? stripped.setScale(0) : stripped).toPlainString();
    }

    private static String toJson(Figure figure) {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = new JsonFactory().createGenerator(text)) {
            generator.setRootValueSeparator(new SerializedString("\n"));
            generator.writeStartObject();
            generator.writeStringField("bench", figure.bench());
            generator.writeStringField("subject", figure.subject());
            generator.writeStringField("case", figure.testCase());
            generator.writeStringField("port", figure.port());
            generator.writeStringField("transport", figure.transport());
            generator.writeNumberField("flows", figure.flows());
            generator.writeStringField("unit", figure.unit());
            generator.writeNumberField("median", new BigDecimal(number(figure.median())));
            generator.writeNumberField("min", new BigDecimal(number(figure.min())));
            generator.writeNumberField("max", new BigDecimal(number(figure.max())));
            generator.writeNumberField("runs", figure.runs());
            generator.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }
}
