package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.tools.Packaged;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Each profile starts and forwards: `penstock run` with a file that includes it, real connections through the VIP. And
/// it starts soon: from the command to the first answer.
@Tag("root")
@Tag("slow")
@Timeout(180)
class ProfilesPackagedTest {
    private static final Path PROFILES = Path.of("..", "tuning", "profiles");
    private static final int WAIT_MS = 30_000;
    /// For the quickest of all profiles. 3.8 s were measured at a load of six on two CPUs, three JVMs starting at once.
    private static final long START_MS_MAX = 8_000;

    private final List<Guest> servers = new ArrayList<>();
    private DemoNetwork network;
    private Guest client;

    @BeforeEach
    void makeNetwork() throws Exception {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
        network = DemoNetwork.create();
        for (String backend : DemoNetwork.BACKENDS) {
            servers.add(Guest.server(network, backend, false));
        }
        client = Guest.client(network);
        client.ask("offloads");
    }

    @AfterEach
    void remove() throws Exception {
        if (client != null) {
            client.close();
        }
        servers.forEach(Guest::close);
        if (network != null) {
            network.close();
        }
    }

    @Test
    void shouldForwardWithEachProfile() throws Exception {
        List<Path> profiles;
        try (Stream<Path> files = Files.list(PROFILES)) {
            profiles = files.sorted().toList();
        }
        assertEquals(4, profiles.size(), profiles.toString());
        long quickestMs = Long.MAX_VALUE;
        for (Path profile : profiles) {
            quickestMs = Math.min(quickestMs, forward(profile));
        }
        assertTrue(quickestMs <= START_MS_MAX, "ms from the command to the first answer: " + quickestMs);
    }

    /// {@return ms from the command to the first answer}
    private long forward(Path profile) throws Exception {
        String name = String.valueOf(profile.getFileName()).replace(".properties", "");
        Path folder = Files.createDirectories(network.folder().resolve(name));
        // As it is, but for the one value that a small test machine has no memory for.
        String text = Files.readString(profile).replace("forwarder.flows=16m", "forwarder.flows=1m");
        Files.writeString(folder.resolve("profile.properties"), text);
        Path file = folder.resolve("penstock.properties");
        StringBuilder own =
                new StringBuilder("""
                include=profile.properties
                instance=%s
                forwarder.interface=%s
                sidecar.api=off
                listener.web.vip=%s
                listener.web.ports=%d
                listener.web.health=none
                """.formatted(name, DemoNetwork.INTERFACE, DemoNetwork.VIP, DemoNetwork.PORT));
        for (String backend : DemoNetwork.BACKENDS) {
            own.append("listener.web.backend.%s=%s%n".formatted(backend, DemoNetwork.backendAddress(backend)));
        }
        Files.writeString(file, own);
        Path log = folder.resolve("log");
        long startNs = System.nanoTime();
        Process run = run(file, log);
        try {
            assertEquals(
                    1,
                    client.ask("wait " + DemoNetwork.VIP + " " + DemoNetwork.PORT + " " + WAIT_MS)
                            .get("ok"),
                    () -> name + ":\n" + read(log));
            long startMs = (System.nanoTime() - startNs) / 1_000_000;
            System.out.println("measured: profile " + name + " answers " + startMs + " ms after the command: "
                    + read(log)
                            .lines()
                            .filter(line -> line.contains("forwards"))
                            .findFirst()
                            .orElse(""));
            return startMs;
        } finally {
            run.toHandle().destroy();
            assertTrue(run.waitFor(20, TimeUnit.SECONDS), () -> name + " does not stop:\n" + read(log));
        }
    }

    private Process run(Path file, Path log) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(network.on(
                        DemoNetwork.FORWARDER,
                        List.of(
                                Path.of("..", "tools", "penstock").toRealPath().toString(),
                                "run",
                                "-c",
                                file.toString(),
                                "--runtime-dir",
                                network.folder().resolve("run").toString())))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .redirectInput(Path.of("/dev/null").toFile());
        builder.environment().put("PENSTOCK_BUILD", "never");
        builder.environment().put("PENSTOCK_JAVA", System.getProperty("java.home", ""));
        return builder.start();
    }

    private static String read(Path log) {
        try {
            return Files.readString(log, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
