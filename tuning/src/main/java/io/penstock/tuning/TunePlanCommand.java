package io.penstock.tuning;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.ConfigEditor;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.Problem;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `penstock tune plan`.
@Command(
        name = "plan",
        description = {
            "Prints the forwarder's part of a properties file that fits this host, with the reasons.",
            "With --write it puts these keys into a file: a key that is there gets the new value, all else stays as it"
                    + " is, and nothing is written unless the result passes penstock check. A file that is not there is made.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock tune plan --interface eth1 --write /etc/penstock/default.properties")
final class TunePlanCommand implements Callable<ExitCode> {
    @Mixin
    private TuneOptions options = new TuneOptions();

    @Option(
            names = {"-w", "--write"},
            paramLabel = "FILE",
            description = "Put the keys into this properties file.")
    private @Nullable Path file;

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws IOException, ConfigException {
        String plan = new HostPlan(options.host()).text(options.named());
        PrintWriter out = command.commandLine().getOut();
        out.print(plan);
        if (file != null) {
            if (Files.notExists(file)) {
                Files.writeString(file, plan);
                out.println("# Written to " + file + ", which was not there");
            } else {
                write(file, HostPlan.keys(plan), out);
            }
        }
        out.flush();
        return ExitCode.DONE;
    }

    private static void write(Path file, Map<String, String> keys, PrintWriter out)
            throws IOException, ConfigException {
        ConfigEditor editor = ConfigEditor.open(file);
        keys.forEach(editor::set);
        for (Problem warning : editor.preview().warnings()) {
            out.println("# " + warning.warningText());
        }
        out.println(editor.isChanged() ? "# Written to " + file : "# " + file + " has it all: nothing written");
        editor.save();
    }
}
