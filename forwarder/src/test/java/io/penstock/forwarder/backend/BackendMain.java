package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandRunner;

/// The command as a process of its own.
final class BackendMain {
    private BackendMain() {}

    public static void main(String[] args) {
        System.exit(CommandRunner.run(new BackendCommand(), args));
    }
}
