package io.penstock.control.cli;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.Problem;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// `-c FILE`, for commands that run by a configuration.
public final class ConfigOptions {
    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            required = true,
            description = "The properties file; docs/configuration.md lists its keys.")
    private Path file = Path.of("penstock.properties");

    /// {@return the file, as the operator named it}
    public Path file() {
        return file;
    }

    /// Reads the file and writes its warnings to standard error.
    ///
    /// @throws ConfigException naming everything that is wrong; ends the command with status 2
    public ConfigLoader.Loaded load() throws ConfigException {
        return warned(ConfigLoader.load(file));
    }

    /// Reads the file for a command that probes no backend, and writes its warnings to standard error.
    ///
    /// @throws ConfigException naming everything that is wrong; ends the command with status 2
    public ConfigLoader.Loaded loadUnprobed() throws ConfigException {
        return warned(ConfigLoader.loadUnprobed(file));
    }

    private static ConfigLoader.Loaded warned(ConfigLoader.Loaded loaded) {
        for (Problem warning : loaded.warnings()) {
            System.err.println(warning.warningText());
        }
        return loaded;
    }
}
