package io.penstock.bench.report;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// The conditions of a run, which every row of the CSV repeats.
///
/// @param name   the host's name
/// @param cpu    its processor and how many of them Java sees
/// @param kernel release of the running kernel
/// @param jdk    version of this JVM
public record Host(String name, String cpu, String kernel, String jdk) {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Path LOAD = Path.of("/proc/loadavg");

    /// {@return this host}
    public static Host read() {
        return new Host(
                hostName(),
                cpuModel() + ", " + Runtime.getRuntime().availableProcessors() + " CPUs",
                System.getProperty("os.version"),
                Runtime.version().toString());
    }

    /// {@return runnable threads over the last minute, as the kernel averages them; -1 when it does not say}
    public static double load() {
        try {
            return Double.parseDouble(Files.readString(LOAD).split(" ")[0]);
        } catch (IOException | NumberFormatException e) {
            return -1;
        }
    }

    /// {@return a line for people}
    public String text() {
        return String.format(
                Locale.ROOT, "%s, Linux %s, JDK %s, load %.2f before the first run", cpu, kernel, jdk, load());
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    private static String cpuModel() {
        try (var lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(System.getProperty("os.arch"));
        } catch (IOException e) {
            return System.getProperty("os.arch");
        }
    }
}
