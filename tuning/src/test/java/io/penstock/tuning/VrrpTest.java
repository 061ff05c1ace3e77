package io.penstock.tuning;

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

/// The manual's pattern of two balancers with VRRP, with Debian's keepalived. The script makes the network and judges;
/// here its verdict is a test.
@Tag("root")
@Tag("slow")
class VrrpTest {
    @TempDir
    private Path folder;

    @Test
    void shouldMoveTheAddressToWhoeverCanServe() throws Exception {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "network namespaces need root");
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/sbin/keepalived")), "keepalived is not installed");
        Path out = folder.resolve("out");
        Process script = new ProcessBuilder(
                        Path.of("cluster", "try-vrrp").toRealPath().toString())
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        boolean ended = script.waitFor(150, TimeUnit.SECONDS);
        // By SIGTERM it still removes its network.
        script.destroy();
        String said = Files.readString(out, StandardCharsets.UTF_8);

        assertTrue(ended, said);
        assertEquals(0, script.exitValue(), said);
        assertEquals(4, said.lines().filter(line -> line.endsWith(" ms")).count(), said);
        System.out.println(said);
    }
}
