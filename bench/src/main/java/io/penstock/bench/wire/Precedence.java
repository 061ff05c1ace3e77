package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/// Gives a CPU to the threads that are measured there. A host with two CPUs has no isolated one: what else it
/// runs takes turns of milliseconds, in which a ring overflows.
///
/// By default Linux shares a CPU among sessions before it shares a session's part among its threads (sched(7),
/// "The autogroup feature"). There a thread's nice value counts among threads of its session only, against the
/// kernel's threads and other programs for nothing; and a thread with nice -20 takes its session's part away from
/// the session's threads on other CPUs, the generator among them. So each program that is measured has a session
/// of its own, which gets the nice value.
final class Precedence {
    private static final String HIGHEST = "-20"; // Not real-time: such threads the kernel stops for 50 ms a second.

    private Precedence() {}

    /// Lets a program come before all ordinary ones.
    ///
    /// @param pid      leader of a session of its own
    /// @param measured tells by the name of a thread whether it is one that is measured
    static void give(long pid, Predicate<String> measured) throws IOException {
        if (sharesBySession(pid)) {
            Files.writeString(Path.of("/proc/" + pid + "/autogroup"), HIGHEST);
            return;
        }
        List<String> command = new ArrayList<>(List.of("renice", "-n", HIGHEST, "-p"));
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

    /// {@return whether autogroups are in use, which are for processes in the root of the CPU control groups alone}
    private static boolean sharesBySession(long pid) throws IOException {
        Path setting = Path.of("/proc/sys/kernel/sched_autogroup_enabled");
        if (!Files.exists(setting) || !Files.readString(setting).strip().equals("1")) {
            return false;
        }
        // ID:CONTROLLERS:PATH; without controllers that of version 2, with cpu that of version 1, which comes first.
        List<String[]> groups = Files.readAllLines(Path.of("/proc/" + pid + "/cgroup")).stream()
                .map(line -> line.split(":", 3))
                .toList();
        return groups.stream()
                .filter(group -> List.of(group[1].split(",")).contains("cpu"))
                .findFirst()
                .or(() -> groups.stream().filter(group -> group[1].isEmpty()).findFirst())
                .map(group -> group[2].equals("/"))
                .orElse(true);
    }
}
