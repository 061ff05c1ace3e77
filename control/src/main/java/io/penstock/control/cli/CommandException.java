package io.penstock.control.cli;

/// Ends a command with a status and one line for people, no stack trace.
public final class CommandException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final ExitCode exitCode;

    /// @param message what failed, and what to do
    public CommandException(String message) {
        this(ExitCode.FAILED, message);
    }

    /// @param exitCode what kind of failure it is
    /// @param message  what failed, and what to do
    public CommandException(ExitCode exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /// {@return what kind of failure it is}
    public ExitCode exitCode() {
        return exitCode;
    }
}
