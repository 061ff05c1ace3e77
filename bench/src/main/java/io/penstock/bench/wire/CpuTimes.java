package io.penstock.bench.wire;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What a CPU has spent its time on since the host started (proc(5), `/proc/stat`), in hundredths of a second.
///
/// @param user    programs
/// @param system  the kernel on behalf of programs, and its threads
/// @param softirq the kernel's packet work between them
/// @param idle    nothing
record CpuTimes(long user, long system, long softirq, long idle) {
    static CpuTimes of(int cpu) throws IOException {
        try (var lines = Files.lines(Path.of("/proc/stat"))) {
            String[] words = lines.filter(line -> line.startsWith("cpu" + cpu + " "))
                    .findFirst()
                    .orElseThrow()
                    .split(" ");
            return new CpuTimes(
                    Long.parseLong(words[1]) + Long.parseLong(words[2]),
                    Long.parseLong(words[3]),
                    Long.parseLong(words[6]) + Long.parseLong(words[7]),
                    Long.parseLong(words[4]) + Long.parseLong(words[5]));
        }
    }

    CpuTimes since(CpuTimes before) {
        return new CpuTimes(user - before.user, system - before.system, softirq - before.softirq, idle - before.idle);
    }

    /// {@return the kernel's share of all time, in per cent}
    double kernelShare() {
        long all = user + system + softirq + idle;
        return all == 0 ? 0 : 100.0 * (system + softirq) / all;
    }

    /// {@return programs' share of all time, in per cent}
    double userShare() {
        long all = user + system + softirq + idle;
        return all == 0 ? 0 : 100.0 * user / all;
    }
}
