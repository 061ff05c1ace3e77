package io.penstock.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The launcher with the real jars and a real JDK.
class LauncherPackagedTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void needsJars() throws Exception {
        Packaged.assumeJars("tools");
    }

    @Test
    void shouldCheckAFile() throws Exception {
        Path good = folder.resolve("good.properties");
        Files.writeString(good, """
                listener.web.vip=203.0.113.10
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.backend.a=10.0.0.1
                """);
        Path bad = folder.resolve("bad.properties");
        Files.writeString(bad, "forwarder.bach=64\n");

        Packaged.Result checked = Packaged.run(60, "check", good.toString());
        assertEquals(0, checked.exitCode(), checked.toString());
        assertEquals("", checked.err());
        assertTrue(checked.out().contains("listener.web.scheduler=mh\n"), checked.toString());

        Packaged.Result refused = Packaged.run(60, "check", bad.toString());
        assertEquals(2, refused.exitCode(), refused.toString());
        assertEquals("", refused.out());
        assertTrue(refused.err().startsWith(bad + ":1: forwarder.bach: "), refused.toString());
    }

    @Test
    void shouldSayThatThereIsNoInstance() throws Exception {
        Packaged.Result result = Packaged.run(60, "status", "--json", "--runtime-dir", folder.toString());

        assertEquals(1, result.exitCode(), result.toString());
        assertEquals("", result.out());
        assertEquals(1, result.err().lines().count(), result.toString());
    }
}
