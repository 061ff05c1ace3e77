package io.penstock.tools.demo;

import io.penstock.tools.run.Launcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// `penstock run` on the demo's forwarder host: its configuration, its process and its output.
final class Balancer implements AutoCloseable {
    static final String INSTANCE = "demo";
    static final String LISTENER = "web";
    private static final long STOP_LIMIT_S = 8;

    private final Path log;
    private final Process process;

    private Balancer(Path log, Process process) {
        this.log = log;
        this.process = process;
    }

    /// Writes the configuration and starts forwarder and sidecar. For a thread that lives as long as the demo: the
    /// kernel takes its end for that of the parent.
    static Balancer start(DemoNetwork network, DemoPlan plan) throws IOException {
        Files.writeString(configuration(network), properties(plan));
        return start(network, plan.keep());
    }

    /// Does the same with the configuration that is there.
    ///
    /// @param keep whether it may outlive us
    static Balancer start(DemoNetwork network, boolean keep) throws IOException {
        Path file = configuration(network);
        Path log = network.folder().resolve("penstock.log");
        List<String> command = new ArrayList<>();
        if (Program.isInstalled("setsid")) {
            command.add("setsid"); // Ctrl-C at our terminal is for us: we stop it in order.
        }
        if (!keep && Program.isInstalled("setpriv")) {
            command.addAll(List.of("setpriv", "--pdeathsig", "TERM")); // It does not outlive us, even if we are killed.
        }
        command.addAll(network.on(
                DemoNetwork.FORWARDER,
                List.of(
                        Launcher.path().toString(),
                        "run",
                        "-c",
                        file.toString(),
                        "--runtime-dir",
                        runtimeFolder(network).toString())));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .redirectInput(Path.of("/dev/null").toFile());
        builder.environment().put("PENSTOCK_BUILD", "never");
        return new Balancer(log, builder.start());
    }

    /// {@return the properties file of the demo's instance}
    static Path configuration(DemoNetwork network) {
        return network.folder().resolve("penstock.properties");
    }

    /// {@return the folder that stands in for `/run/penstock`}
    static Path runtimeFolder(DemoNetwork network) {
        return network.folder().resolve("run");
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /// {@return the supervisor's process}
    long pid() {
        return process.pid();
    }

    /// {@return its exit code, when it has ended}
    int exitCode() {
        return process.exitValue();
    }

    /// {@return the last lines that it and its processes wrote}
    List<String> lastLines(int count) throws IOException {
        List<String> lines = Files.readAllLines(log);
        return lines.subList(Math.max(0, lines.size() - count), lines.size());
    }

    /// Stops it as an operator would.
    @Override
    public void close() {
        process.toHandle().destroy();
        try {
            if (!process.waitFor(STOP_LIMIT_S, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// {@return the configuration}
    static String properties(DemoPlan plan) throws IOException {
        StringBuilder text = new StringBuilder("""
                # The demo's instance. `penstock check` shows what all the other keys are.
                instance=%s

                forwarder.interface=%s
                forwarder.port=%s
                forwarder.transport=%s
                forwarder.cpus=%d
                # Servers and clients share our CPUs here: sleep when no packet waits.
                forwarder.idle=block
                forwarder.flows=64k
                forwarder.huge-pages=off

                sidecar.api=127.0.0.1:9650

                listener.web.vip=%s
                listener.web.protocol=tcp
                listener.web.ports=%d
                listener.web.scheduler=mh
                listener.web.health=http
                listener.web.health.path=/
                listener.web.health.interval=500ms
                listener.web.health.timeout=400ms
                listener.web.health.rise=2
                listener.web.health.fall=2

                """.formatted(
                        INSTANCE,
                        DemoNetwork.INTERFACE,
                        plan.port().text(),
                        plan.transport().text(),
                        lastCpu(),
                        DemoNetwork.VIP,
                        DemoNetwork.PORT));
        for (String backend : DemoNetwork.BACKENDS) {
            text.append("listener.web.backend.%s=%s%n".formatted(backend, DemoNetwork.backendAddress(backend)));
        }
        return text.toString();
    }

    /// {@return the last CPU that we may run on: interrupts and much else prefer the first}
    private static int lastCpu() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("Cpus_allowed_list:")) {
                String[] numbers = line.substring(line.indexOf(':') + 1).strip().split("[-,]");
                return Integer.parseInt(numbers[numbers.length - 1]);
            }
        }
        return 0;
    }
}
