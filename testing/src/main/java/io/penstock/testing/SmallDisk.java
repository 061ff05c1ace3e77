package io.penstock.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// A file system in memory that is full soon, mounted on a folder.
public final class SmallDisk {
    private final Path folder;

    private SmallDisk(Path folder) {
        this.folder = folder;
    }

    /// Mounts one; skips the test where that is not allowed.
    ///
    /// @param bytes room on it
    public static SmallDisk mount(Path folder, int bytes) throws IOException, InterruptedException {
        assumeTrue("root".equals(System.getProperty("user.name")), "mounting a file system needs root");
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=" + bytes, "penstock-test", folder.toString()) == 0,
                "this host does not let us mount a tmpfs");
        return new SmallDisk(folder);
    }

    /// Takes it away, with what is on it.
    public void unmount() throws IOException, InterruptedException {
        assertEquals(0, run("umount", "--lazy", folder.toString()));
    }

    private static int run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        if (status != 0) {
            System.out.println(String.join(" ", command) + ": " + output);
        }
        return status;
    }
}
