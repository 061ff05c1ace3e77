package io.penstock.bench.wire;

import io.penstock.control.config.TransportKind;
import io.penstock.forwarder.transport.Transports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The forwarder itself: `penstock forwarder` as an operator starts it, with one worker.
///
/// @param port       `xdp` or `packet`
/// @param transport  `epoll` or `io_uring`
/// @param testCase   `dr`, `ipip`, `gue` or `gre`
/// @param idle       `spin`, `adaptive` or `block`
/// @param flowRoom   `forwarder.flows`
public record ForwarderSubject(String port, String transport, String testCase, String idle, long flowRoom)
        implements Subject {
    private static final String VERSIONED = "v2";

    @Override
    public String name() {
        return "penstock";
    }

    @Override
    public String missing() {
        TransportKind kind = TransportKind.valueOf(transport.toUpperCase(Locale.ROOT));
        @Nullable String cause = Transports.isAvailable(kind) ? null : Transports.unavailabilityCause(kind);
        return cause == null ? "" : cause;
    }

    @Override
    public Running start(BenchNetwork network) throws IOException {
        Path folder = Files.createTempDirectory(inMemory(), "penstock-bench");
        network.leftovers().addFolder(folder);
        Path file = folder.resolve("bench.properties");
        Files.writeString(file, properties(network));
        Path log = folder.resolve("log");
        ProcessBuilder builder = new ProcessBuilder(BenchNetwork.words(
                        network.forwarderSide(),
                        launcher().toString(),
                        "forwarder",
                        "-c",
                        file.toString(),
                        "--runtime-dir",
                        folder.toString()))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        Path stops = folder.resolve("stops");
        builder.environment().put("PENSTOCK_BUILD", "never");
        builder.environment().merge("PENSTOCK_JAVA_OPTS", JvmStops.option(stops), (ours, more) -> ours + " " + more);
        Process process = builder.start();
        return new RunningForwarder(
                new RunningProgram(
                        process, name -> name.startsWith("ps-worker-"), byItself -> end(network, folder, byItself)),
                stops);
    }

    /// {@return where files are kept in memory} Not every host has `/run` there; the pages of a flow table that is
    /// written to a disk now and then are taken from the worker meanwhile.
    private static Path inMemory() throws IOException {
        for (Path folder : List.of(Path.of("/run"), Path.of("/dev/shm"))) {
            if (Files.isDirectory(folder) && Files.getFileStore(folder).type().equals("tmpfs")) {
                return folder;
            }
        }
        return Path.of("/run");
    }

    private static void end(BenchNetwork network, Path folder, boolean byItself) throws IOException {
        String text = Files.readString(folder.resolve("log"));
        network.leftovers().remove(folder);
        if (byItself) {
            throw new IOException("the forwarder ended by itself: "
                    + text.strip().lines().reduce((_, last) -> last).orElse("no word"));
        }
    }

    /// {@return where tools/penstock is}
    static Path launcher() {
        @Nullable String home = System.getenv("PENSTOCK_HOME");
        if (home != null) {
            return Path.of(home, "tools", "penstock");
        }
        for (@Nullable Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            if (Files.isExecutable(folder.resolve("tools/penstock"))) {
                return folder.resolve("tools/penstock");
            }
        }
        throw new IllegalStateException(
                "tools/penstock is not found; set PENSTOCK_HOME to the folder that holds tools");
    }

    private String properties(BenchNetwork network) {
        StringBuilder text = new StringBuilder();
        for (String line : List.of(
                "instance=bench",
                "forwarder.interface=" + network.forwarderLink(),
                "forwarder.port=" + port,
                "forwarder.transport=" + transport,
                "forwarder.packet-ring=" + VERSIONED,
                "forwarder.cpus=" + BenchNetwork.WORKER_CPU,
                "forwarder.idle=" + idle,
                "forwarder.flows=" + flowRoom,
                "forwarder.arp=off",
                "sidecar.api=off",
                "listener.bench.vip=" + BenchNetwork.VIP,
                "listener.bench.protocol=udp",
                "listener.bench.ports=" + BenchNetwork.PORT,
                "listener.bench.forwarding=" + testCase,
                "listener.bench.health=none")) {
            text.append(line).append('\n');
        }
        // What a flood of SYNs goes to.
        text.append("listener.flood.vip=" + BenchNetwork.VIP
                        + "\nlistener.flood.protocol=tcp\nlistener.flood.ports=80\n")
                .append("listener.flood.health=none\n");
        for (String listener : List.of("bench", "flood")) {
            for (int i = 0; i < BenchNetwork.BACKENDS; i++) {
                text.append("listener.%s.backend.b%d=%s%n".formatted(listener, i, BenchNetwork.backend(i)));
            }
        }
        return text.toString();
    }

    /// The program, and what its JVM writes of its stops.
    private static final class RunningForwarder implements Running {
        private final RunningProgram program;
        private final Path stops;
        private long settledAt;

        RunningForwarder(RunningProgram program, Path stops) {
            this.program = program;
            this.stops = stops;
        }

        @Override
        public void settle() throws IOException {
            program.settle();
            settledAt = Files.size(stops);
        }

        @Override
        public Optional<JvmStops> stops() throws IOException {
            return Optional.of(JvmStops.read(stops, settledAt));
        }

        @Override
        public void close() throws IOException {
            program.close();
        }
    }

    /// Waits until a process has ended or a time is over.
    static boolean ends(Process process, long ms) {
        try {
            return Objects.requireNonNull(process).waitFor(ms, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }
}
