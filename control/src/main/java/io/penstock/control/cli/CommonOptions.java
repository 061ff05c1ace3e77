package io.penstock.control.cli;

import picocli.CommandLine.Option;

/// Options of every command. [CommandRunner] adds them.
public final class CommonOptions {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    // Read by CommandRunner from the arguments, since a command may fail before it is parsed.
    @Option(names = CommandRunner.VERBOSE, description = "Show where an error came from.")
    private boolean verbose;

    /// {@return whether the operator wants to know where an error came from}
    public boolean verbose() {
        return verbose;
    }

    /// {@return whether help was asked for}
    public boolean help() {
        return help;
    }
}
