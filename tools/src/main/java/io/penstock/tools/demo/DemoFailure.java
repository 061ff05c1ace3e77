package io.penstock.tools.demo;

/// The demo cannot go on.
final class DemoFailure extends Exception {
    private static final long serialVersionUID = 1;

    private final int exitCode;

    DemoFailure(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /// {@return the exit code that fits}
    int exitCode() {
        return exitCode;
    }
}
