package io.penstock.bench.wire;

import java.io.IOException;
import java.util.function.Predicate;

/// A subject that is a program of its own.
///
/// @param process  the program
/// @param measured tells by the name of a thread of it whether it forwards frames
/// @param after    what is left to do when it has ended
record RunningProgram(Process process, Predicate<String> measured, Ending after) implements Subject.Running {
    /// What is left to do when a program has ended.
    @FunctionalInterface
    interface Ending {
        /// @param byItself whether it had ended before it was asked to
        void run(boolean byItself) throws IOException;
    }

    @Override
    public void settle() throws IOException {
        Precedence.give(process.pid(), measured);
    }

    @Override
    public void close() throws IOException {
        boolean byItself = !process.isAlive();
        Program.end(process);
        after.run(byItself);
    }
}
