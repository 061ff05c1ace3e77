package io.penstock.tools.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PortMode;
import io.penstock.control.config.TransportKind;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.tools.Packaged;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// `penstock run` with its real processes, on the demo's network.
@Tag("root")
@Tag("slow")
class RunPackagedTest {
    private DemoNetwork network;
    private Balancer balancer;
    private Instance instance;

    @BeforeEach
    void start() throws Exception {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
        network = DemoNetwork.create();
        balancer = Balancer.start(network, new DemoPlan(PortMode.PACKET, TransportKind.EPOLL, 1, false));
        instance = new Instance(Balancer.runtimeFolder(network), Balancer.INSTANCE);
        await("the forwarder is up", instance::isUp);
    }

    @AfterEach
    void remove() throws IOException {
        if (network != null) {
            balancer.close();
            network.close();
        }
    }

    @Test
    void shouldStopTheSidecarThenTheForwarder() throws Exception {
        balancer.close();

        assertEquals(0, balancer.exitCode(), log());
        String log = log();
        assertTrue(log.contains("stopping sidecar"), log);
        assertTrue(log.indexOf("stopping sidecar") < log.indexOf("stopping forwarder"), log);
        assertFalse(log.contains("was killed"), log);
    }

    @Test
    void shouldStartASidecarThatDiedAndLeaveTheForwarderAlone() throws Exception {
        long forwarder = instance.pid();
        sidecar().destroyForcibly();

        await("the sidecar is started again", () -> log().contains("sidecar ended"));
        await("its API answers", () -> log().indexOf("sidecar | ", log().indexOf("sidecar ended")) > 0);
        assertEquals(forwarder, instance.pid());
        assertTrue(instance.isUp());
    }

    @Test
    void shouldReadTheFileAgainOnSighup() throws Exception {
        long before = snapshotVersion();
        Path file = Balancer.configuration(network);
        Files.writeString(
                file, Files.readString(file).replace("backend.b1=10.77.0.11", "backend.b1=10.77.0.11 weight=7"));
        Program.run("sh", "-c", "kill -HUP " + balancer.pid());

        await("a new snapshot", () -> snapshotVersion() > before);
    }

    @Test
    void shouldRefuseASecondRunOfTheInstance() throws Exception {
        Path file = Balancer.configuration(network);
        Process second = new ProcessBuilder(network.on(
                        DemoNetwork.FORWARDER,
                        List.of(
                                "timeout",
                                "20",
                                "env",
                                "PENSTOCK_BUILD=never",
                                Path.of("..", "tools", "penstock")
                                        .toAbsolutePath()
                                        .toString(),
                                "forwarder",
                                "-c",
                                file.toString(),
                                "--runtime-dir",
                                Balancer.runtimeFolder(network).toString())))
                .redirectErrorStream(true)
                .start();
        String output = new String(second.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(1, second.waitFor(), output);
        assertTrue(output.contains(Long.toString(instance.pid())), output);
        assertTrue(instance.isUp());
    }

    private ProcessHandle sidecar() {
        return ProcessHandle.of(balancer.pid())
                .orElseThrow()
                .descendants()
                .filter(process -> Arrays.asList(process.info().arguments().orElse(new String[0]))
                        .contains("io.penstock.sidecar.SidecarMain"))
                .findFirst()
                .orElseThrow();
    }

    private long snapshotVersion() {
        try {
            return SnapshotFile.read(RuntimeFolder.of(Balancer.runtimeFolder(network), Balancer.INSTANCE))
                    .map(snapshot -> snapshot.version())
                    .orElse(0L);
        } catch (IOException e) {
            return 0; // Being written.
        }
    }

    private String log() {
        try {
            return String.join("\n", balancer.lastLines(1_000));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void await(String what, BooleanSupplier condition) throws InterruptedException {
        long endNs = System.nanoTime() + 30_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() - endNs < 0, () -> what + " does not come:\n" + log());
            Thread.sleep(50);
        }
    }
}
