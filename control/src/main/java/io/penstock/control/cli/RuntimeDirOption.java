package io.penstock.control.cli;

import io.penstock.control.runtime.RuntimeFolder;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/// `--runtime-dir`, for every command that has to do with an instance.
public final class RuntimeDirOption {
    @Option(
            names = "--runtime-dir",
            paramLabel = "DIR",
            description = "Where the instances' runtime folders are; default /run/penstock.")
    private Path base = RuntimeFolder.DEFAULT_BASE;

    /// {@return the folder of runtime folders}
    public Path base() {
        return base;
    }
}
