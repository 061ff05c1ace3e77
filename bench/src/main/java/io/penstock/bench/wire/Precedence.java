package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// Gives a CPU to the thread that is measured there. A host with two CPUs has no isolated one: what else it runs takes
/// turns of milliseconds, in which a ring overflows.
final class Precedence {
    private Precedence() {}

    /// Lets threads of a process come before all ordinary ones of their CPU (nice -20). Not as real-time threads: those
    /// the kernel stops for 50 ms a second.
    ///
    /// @param measured tells by the name of a thread whether it is one
    static void give(long pid, Predicate<String> measured) throws IOException {
        List<String> command = new ArrayList<>(List.of("renice", "-n", "-20", "-p"));
        int names = command.size();
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
            for (Path thread : threads) {
                if (measured.test(Files.readString(thread.resolve("comm")).strip())) {
                    command.add(String.valueOf(thread.getFileName()));
                }
            }
        }
        if (command.size() == names) {
            throw new IOException("process " + pid + " has no thread to be measured");
        }
        Program.run(command);
    }
}
