package io.penstock.bench.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.bench.BenchMain;
import io.penstock.control.cli.CommandRunner;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/// Frames through network namespaces, with the peers that need no jar: the loops in C and a program in the kernel.
@Tag("root")
@Tag("slow")
class WireCommandTest {
    @TempDir
    private Path folder = Path.of("");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void assumeRootAndTwoCpus() {
        String missing = !"root".equals(System.getProperty("user.name"))
                ? "network namespaces need root"
                : Runtime.getRuntime().availableProcessors() < 2 ? "one CPU: the generator needs one of its own" : "";
        if (!missing.isEmpty()) {
            System.out.println("skipped: " + missing);
        }
        Assumptions.assumeTrue(missing.isEmpty(), missing);
    }

    @Test
    void shouldCountWhatThePeersForward() throws IOException {
        run(
                "bench",
                "wire",
                "--quick",
                "--runs",
                "1",
                "--only",
                "^c|xdp-program",
                "--json",
                "--out",
                folder.toString());
        String lines = out.toString();
        for (String subject : List.of(
                "\"subject\":\"c\",\"case\":\"swap\",\"port\":\"xdp\"",
                "\"subject\":\"c\",\"case\":\"swap\",\"port\":\"packet\"",
                "\"subject\":\"xdp-program\"")) {
            assertTrue(lines.contains(subject), () -> lines + err);
        }
        assertNothingLeft();
    }

    @Test
    void shouldTimeWhatTheKernelSendsBack() throws IOException {
        run(
                "bench",
                "latency",
                "--quick",
                "--runs",
                "1",
                "--rates",
                "1000",
                "--imix",
                "--only",
                "xdp-program",
                "--json",
                "--out",
                folder.toString());
        assertTrue(out.toString().contains("swap 1kpps p50"), () -> out + err.toString());
        assertNothingLeft();
    }

    @Test
    void shouldTimeTheRestOfAFlood() throws IOException {
        run(
                "bench",
                "latency",
                "--quick",
                "--runs",
                "1",
                "--rates",
                "20000",
                "--syn-flood",
                "50",
                "--only",
                "^c xdp",
                "--json",
                "--out",
                folder.toString());
        assertTrue(out.toString().contains("swap 20kpps p50"), () -> out + err.toString());
        assertNothingLeft();
    }

    @ParameterizedTest
    @CsvSource({"wire, TERM", "latency, INT"})
    void shouldLeaveNothingWhenItIsEndedEarly(String command, String signal) throws Exception {
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        Process bench = new ProcessBuilder(
                        "env",
                        "--default-signal=INT", // A shell's background jobs are started with it ignored.
                        ProcessHandle.current().info().command().orElseThrow(),
                        "--enable-native-access=ALL-UNNAMED",
                        "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                        "-Djava.io.tmpdir=" + temporary,
                        "-cp",
                        System.getProperty("java.class.path"),
                        BenchMain.class.getName(),
                        "bench",
                        command,
                        "--only",
                        "^c xdp",
                        "--out",
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output").toFile())
                .start();
        String both = "ps" + Long.toString(bench.pid(), Character.MAX_RADIX) + "-";
        String namespace = both + "fwd";
        for (int i = 0; processesIn(namespace).isEmpty(); i++) {
            assertTrue(i < 200 && bench.isAlive(), () -> "no subject started: " + read(folder.resolve("output")));
            Thread.sleep(100);
        }
        List<ProcessHandle> left = processesIn(namespace);
        Program.run(List.of("kill", "-" + signal, String.valueOf(bench.pid())));
        assertTrue(bench.waitFor(20, TimeUnit.SECONDS), "it hangs");
        assertFalse(Program.run(List.of("ip", "netns", "list")).contains(both));
        for (ProcessHandle process : left) {
            process.onExit().get(5, TimeUnit.SECONDS);
        }
        try (Stream<Path> files = Files.list(temporary)) {
            assertEquals(List.of(), files.toList());
        }
    }

    private static List<ProcessHandle> processesIn(String namespace) {
        try {
            return Program.run(List.of("ip", "netns", "pids", namespace))
                    .lines()
                    .flatMap(pid -> ProcessHandle.of(Long.parseLong(pid.strip())).stream())
                    .toList();
        } catch (IOException notYet) {
            return List.of();
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return String.valueOf(e);
        }
    }

    private void run(String... arguments) {
        CommandLine line = CommandRunner.prepare(new BenchMain(), arguments);
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        assertEquals(0, line.execute(arguments), err::toString);
    }

    private static void assertNothingLeft() throws IOException {
        String mine = "ps" + Long.toString(ProcessHandle.current().pid(), Character.MAX_RADIX) + "-";
        assertFalse(Program.run(List.of("ip", "netns", "list")).contains(mine));
    }
}
