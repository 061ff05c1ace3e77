package io.penstock.tools.run;

import java.util.List;

/// A process to keep alive.
///
/// @param name        what its lines of output begin with
/// @param command     program and arguments
/// @param stopLimitMs how long it may take to end after SIGTERM, before it is killed
record ChildSpec(String name, List<String> command, long stopLimitMs) {
    /// Copies the command.
    ChildSpec {
        command = List.copyOf(command);
    }
}
