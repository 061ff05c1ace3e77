package io.penstock.tuning;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.JsonOption;
import io.penstock.control.cli.Terminal;
import io.penstock.control.config.ConfigException;
import io.penstock.tuning.check.Inspection;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.Target;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `penstock tune check`.
@Command(
        name = "check",
        description = {
            "Says what is, what is better, what it costs as it is, and the command that mends it. Changes nothing.",
            "Levels: problem (breaks forwarding or loses packets), advice (costs speed or evenness), unknown (could not "
                    + "be read), ok.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock tune check -c /etc/penstock/default.properties")
final class TuneCheckCommand implements Callable<ExitCode> {
    private static final int TEXT_WIDTH_MAX = 100;
    private static final int INDENT = 9;

    @Mixin
    private TuneOptions options = new TuneOptions();

    @Mixin
    private JsonOption json = new JsonOption();

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws IOException, ConfigException {
        Host host = options.host();
        Target target = options.target(host);
        List<Finding> findings = Inspection.look(host, target);
        PrintWriter out = command.commandLine().getOut();
        if (json.json()) {
            out.println(json(target, findings));
        } else {
            lines(target, findings, Math.min(TEXT_WIDTH_MAX, Terminal.width())).forEach(out::println);
        }
        out.flush();
        return ExitCode.DONE;
    }

    private static List<String> lines(Target target, List<Finding> findings, int width) {
        List<String> lines = new ArrayList<>();
        lines.add("interface %s, worker CPU(s) %s, port %s"
                .formatted(
                        target.nic() == null ? "not known" : target.nic(),
                        target.cpuList(),
                        target.port().text()));
        for (Finding finding : findings) {
            boolean told = finding.level() == Level.PROBLEM || finding.level() == Level.ADVICE;
            if (told) {
                lines.add("");
            } else if (!lines.getLast().startsWith("ok ") && !lines.getLast().startsWith("unknown ")) {
                lines.add("");
            }
            lines.addAll(field(finding.level().text(), finding.id() + ": " + finding.is(), width));
            if (told) {
                lines.addAll(field("  better", finding.should(), width));
                lines.addAll(field("  why", finding.why(), width));
                // Never broken: it is there to be copied.
                if (!finding.command().isEmpty()) {
                    lines.add("  " + pad("by") + finding.command());
                }
            }
        }
        lines.add("");
        lines.add(summary(findings));
        return lines;
    }

    private static String summary(List<Finding> findings) {
        long changes = findings.stream()
                .filter(finding -> !finding.changes().isEmpty())
                .count();
        return "%d problem(s), %d advice, %d not readable, %d ok"
                        .formatted(
                                count(findings, Level.PROBLEM),
                                count(findings, Level.ADVICE),
                                count(findings, Level.UNKNOWN),
                                count(findings, Level.OK))
                + (changes == 0 ? "" : "; penstock tune apply mends " + changes + " of them, tune undo puts all back");
    }

    private static long count(List<Finding> findings, Level level) {
        return findings.stream().filter(finding -> finding.level() == level).count();
    }

    /// A word, then text behind it, broken at blanks.
    private static List<String> field(String word, String text, int width) {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder(word.startsWith(" ") ? "  " + pad(word.strip()) : pad(word));
        int indent = line.length();
        int start = indent;
        for (String part : text.split(" ")) {
            if (line.length() > start && line.length() + 1 + part.length() > width) {
                lines.add(line.toString());
                line = new StringBuilder(" ".repeat(indent));
                start = indent;
            }
            line.append(line.length() > start ? " " : "").append(part);
        }
        lines.add(line.toString());
        return lines;
    }

    private static String pad(String word) {
        return word + " ".repeat(Math.max(1, INDENT - word.length()));
    }

    private static String json(Target target, List<Finding> findings) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("interface", target.nic());
            json.writeArrayFieldStart("cpus");
            for (int cpu : target.cpus()) {
                json.writeNumber(cpu);
            }
            json.writeEndArray();
            json.writeArrayFieldStart("findings");
            for (Finding finding : findings) {
                json.writeStartObject();
                json.writeStringField("id", finding.id());
                json.writeStringField("level", finding.level().text());
                json.writeStringField("is", finding.is());
                json.writeStringField("should", finding.should());
                json.writeStringField("why", finding.why());
                json.writeStringField("command", finding.command());
                json.writeBooleanField("applies", !finding.changes().isEmpty());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return text.toString();
    }
}
