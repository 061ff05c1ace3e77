package io.penstock.control.cli;

/// What the exit status of every command means.
public enum ExitCode {
    /// Done.
    DONE(0),
    /// It failed while running.
    FAILED(1),
    /// Wrong usage, or an invalid configuration.
    USAGE(2),
    /// The host lacks something: privilege, kernel feature, JDK.
    HOST_LACKS(3);

    private final int status;

    ExitCode(int status) {
        this.status = status;
    }

    /// {@return the exit status}
    public int status() {
        return status;
    }
}
