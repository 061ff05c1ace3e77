package io.penstock.tools.convert;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.Problem;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `penstock import keepalived`.
@Command(
        name = "keepalived",
        description = {
            "Turns the virtual_server blocks of a keepalived configuration, with all that it includes, into listeners.",
            "The properties file goes to standard output or to --output. What could not be carried over, and what "
                    + "happens instead, goes to standard error, and as comments to the head of the file.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock import keepalived /etc/keepalived/keepalived.conf > penstock.properties")
final class ImportKeepalivedCommand implements Callable<ExitCode> {
    @Parameters(paramLabel = "FILE", description = "The file of keepalived.")
    private Path file = Path.of("/etc/keepalived/keepalived.conf");

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FILE",
            description = "Where to write the properties file; it must not be there yet.")
    private @Nullable Path output;

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws IOException {
        KeepalivedImport.Result result = KeepalivedImport.convert(KeepalivedFile.read(file));
        PrintWriter err = command.commandLine().getErr();
        List<String> remarks = new ArrayList<>(result.remarks());
        if (result.listeners() == 0) {
            remarks.forEach(err::println);
            throw new CommandException(file + " holds no virtual_server that can be carried over");
        }
        String text = text(result);
        boolean accepted = check(text, remarks);
        remarks.forEach(err::println);
        err.println("%d listener(s); %d remark(s) to read".formatted(result.listeners(), remarks.size()));
        err.flush();
        write(text);
        return accepted ? ExitCode.DONE : ExitCode.FAILED;
    }

    private String text(KeepalivedImport.Result result) {
        List<String> lines = new ArrayList<>();
        lines.add("# From " + file + " by penstock import keepalived.");
        if (!result.remarks().isEmpty()) {
            lines.add("# Not carried over, or not as it was:");
            result.remarks().forEach(remark -> lines.add("# - " + remark));
        }
        lines.add("");
        lines.addAll(result.lines());
        return String.join("\n", lines) + "\n";
    }

    /// What is odd in the old file can make the new one odd: say so here rather than at the first start.
    private static boolean check(String text, List<String> remarks) {
        try {
            for (Problem warning : ConfigLoader.parse(text, "").warnings()) {
                remarks.add("in the result: " + warning.warningText());
            }
            return true;
        } catch (ConfigException wrong) {
            wrong.problems().forEach(problem -> remarks.add("in the result, to be mended: " + problem.text()));
            return false;
        }
    }

    private void write(String text) throws IOException {
        if (output == null) {
            PrintWriter out = command.commandLine().getOut();
            out.print(text);
            out.flush();
            return;
        }
        try {
            Files.writeString(output, text, StandardCharsets.UTF_8, StandardOpenOption.CREATE_NEW);
        } catch (FileAlreadyExistsException there) {
            throw new CommandException(ExitCode.USAGE, output + " is there already");
        }
    }
}
