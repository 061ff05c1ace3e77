package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// Gives a CPU to the thread that is measured. A host with two CPUs has no isolated one: what else it runs takes
/// turns of milliseconds there, in which a ring overflows, and a forwarder's housekeeping would take its turns from
/// the generator.
final class Precedence {
    private Precedence() {}

    /// All threads of a process go to one CPU, and those that are measured come before all ordinary ones there (nice
    /// -20). Not as real-time threads: those the kernel stops for 50 ms a second.
    ///
    /// @param pid      of the process
    /// @param measured tells by the name of a thread whether it is measured
    static void give(int cpu, long pid, Predicate<String> measured) throws IOException {
        Program.run(List.of("taskset", "-a", "-p", "-c", Integer.toString(cpu), Long.toString(pid)));
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
