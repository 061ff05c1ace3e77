package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.forwarder.linux.Privileges.Capability;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("root")
class PrivilegesTest {
    private static final int AF_PACKET = 17;
    private static final int SOCK_RAW = 3;

    @BeforeEach
    void needsRoot() {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "only root has something to give up");
    }

    // A thread of its own: what it gives up does not come back.
    private static <T> T elsewhere(Callable<T> work) throws Exception {
        FutureTask<T> task = new FutureTask<>(work);
        Thread thread = new Thread(task);
        thread.start();
        thread.join();
        return task.get();
    }

    private static String effective() throws Exception {
        return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                .filter(line -> line.startsWith("CapEff:"))
                .map(line -> line.substring(7).strip())
                .findFirst()
                .orElseThrow();
    }

    private static int packetSocket() {
        Libc libc = new Libc(Arena.ofAuto());
        int fd = libc.socket(AF_PACKET, SOCK_RAW, 0);
        if (fd >= 0) {
            libc.close(fd);
        }
        return fd;
    }

    @Test
    void shouldLeaveAWorkerNothing() throws Exception {
        String before = effective();
        elsewhere(() -> {
            Privileges.keepOnly(Set.of());
            assertEquals("0000000000000000", effective());
            assertTrue(Errno.EPERM.is(packetSocket()), "no new packet socket");
            assertEquals("0000000000000000", elsewhere(PrivilegesTest::effective), "nor for what it starts");
            Privileges.keepOnly(Set.of(Capability.NET_RAW));
            assertEquals("0000000000000000", effective(), "it does not come back");
            return null;
        });
        assertEquals(before, effective(), "other threads are as they were");
    }

    @Test
    void shouldLeaveTheConductorWhatItNeeds() throws Exception {
        elsewhere(() -> {
            Privileges.keepOnly(Privileges.OF_CONDUCTOR);
            assertEquals("0000008000007000", effective());
            assertTrue(packetSocket() >= 0);
            return null;
        });
    }

    @Test
    void shouldNotLetPrivilegesComeBackByExecution() throws Exception {
        String child = elsewhere(() -> {
            Privileges.keepOnly(Set.of());
            Process process = new ProcessBuilder("grep", "CapEff", "/proc/self/status").start();
            return new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.US_ASCII);
        });
        assertTrue(child.contains("0000000000000000"), child);
    }
}
