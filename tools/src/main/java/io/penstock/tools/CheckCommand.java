package io.penstock.tools;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.EffectiveConfig;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `penstock check`.
@Command(
        name = "check",
        description = {
            "Checks a properties file and its includes.",
            "Problems, all at once, and warnings go to standard error as FILE:LINE: key: what is wrong (what is "
                    + "expected). Without problems the effective configuration, defaults included, goes to standard "
                    + "output in the file's own syntax.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock check penstock.properties")
public final class CheckCommand implements Callable<ExitCode> {
    @Parameters(paramLabel = "FILE", description = "The properties file.")
    private Path file = Path.of("penstock.properties");

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public ExitCode call() throws ConfigException {
        ConfigLoader.Loaded loaded = ConfigLoader.load(file);
        loaded.warnings().forEach(warning -> command.commandLine().getErr().println(warning.warningText()));
        PrintWriter out = command.commandLine().getOut();
        out.print(EffectiveConfig.text(loaded.config()));
        out.flush();
        return ExitCode.DONE;
    }
}
