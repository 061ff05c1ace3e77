package io.penstock.control.cli;

import picocli.CommandLine.Option;

/// `--json`, for commands whose output programs read.
public final class JsonOption {
    @Option(names = "--json", description = "Write JSON for programs instead of a table.")
    private boolean json;

    /// {@return whether to write JSON}
    public boolean json() {
        return json;
    }
}
