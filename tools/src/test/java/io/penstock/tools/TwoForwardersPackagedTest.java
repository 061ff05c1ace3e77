package io.penstock.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two balancers behind a router with BGP and ECMP (bird2): one forwarder is killed under real connections, the other
/// takes them over by the same hash key and `midstream=adopt`, the VIP is withdrawn and announced again. The script
/// makes the network and judges; here its verdict is a test.
@Tag("root")
@Tag("slow")
class TwoForwardersPackagedTest {
    @TempDir
    private Path folder;

    @Test
    void shouldTakeOverTheConnectionsOfAKilledForwarder() throws Exception {
        Packaged.assumeRoot();
        Packaged.assumeJars("forwarder", "sidecar", "tools");
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/sbin/bird")), "bird2 is not installed");
        Path out = folder.resolve("out");
        ProcessBuilder builder = new ProcessBuilder(Path.of("..", "tuning", "cluster", "try-two-forwarders")
                        .toRealPath()
                        .toString())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile());
        builder.environment().put("PENSTOCK_JAVA", System.getProperty("java.home", ""));
        Process script = builder.start();
        boolean ended = script.waitFor(240, TimeUnit.SECONDS);
        // By SIGTERM it still removes its network.
        script.destroy();
        String said = Files.readString(out, StandardCharsets.UTF_8);

        assertTrue(ended, said);
        assertEquals(0, script.exitValue(), said);
        assertTrue(said.contains(" 0 broken, "), said);
        System.out.println(said);
    }
}
