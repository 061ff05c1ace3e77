package io.penstock.control.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RuntimeFolderTest {
    @TempDir
    Path base;

    @Test
    void shouldBePrivate() throws IOException {
        RuntimeFolder folder = RuntimeFolder.create(base.resolve("run"), "edge1");

        assertEquals(base.resolve("run/edge1"), folder.path());
        assertEquals("rwx------", mode(folder.path()));
        Files.setPosixFilePermissions(folder.path(), PosixFilePermissions.fromString("rwxrwxrwx"));
        RuntimeFolder.create(base.resolve("run"), "edge1");
        assertEquals("rwx------", mode(folder.path()), "also one that was there");
    }

    @Test
    void shouldRefuseAFolderThatAnotherPathStandsFor() throws IOException {
        Files.createDirectory(base.resolve("elsewhere"));
        Files.createSymbolicLink(base.resolve("edge1"), base.resolve("elsewhere"));

        IOException refused = assertThrows(IOException.class, () -> RuntimeFolder.create(base, "edge1"));

        assertTrue(String.valueOf(refused.getMessage()).contains("--runtime-dir"), refused.getMessage());
    }

    @Test
    void shouldRefuseASecondOwner() throws IOException {
        RuntimeFolder folder = RuntimeFolder.create(base, "edge1");
        try (RuntimeFolder.Lock forwarder = folder.lock("forwarder");
                RuntimeFolder.Lock sidecar = folder.lock("sidecar")) {
            assertTrue(forwarder.isValid() && sidecar.isValid(), "one of each kind");
            AlreadyRunningException refused =
                    assertThrows(AlreadyRunningException.class, () -> folder.lock("forwarder"));
            assertEquals(
                    "instance edge1 already has a forwarder, pid "
                            + ProcessHandle.current().pid() + ", in " + folder.path()
                            + "; stop that one, or name another instance",
                    refused.getMessage());
        }
        folder.lock("forwarder").close();
    }

    @Test
    void shouldRefuseASecondProcess() throws Exception {
        RuntimeFolder folder = RuntimeFolder.create(base, "edge1");
        Process other = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Owner.class.getName(),
                        base.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertEquals('l', other.getInputStream().read());
            AlreadyRunningException refused =
                    assertThrows(AlreadyRunningException.class, () -> folder.lock("forwarder"));
            assertEquals(other.pid(), refused.pid());
        } finally {
            other.destroyForcibly().waitFor();
        }
        folder.lock("forwarder").close(); // A killed owner leaves no lock behind.
    }

    /// Takes the lock and waits to be killed.
    static final class Owner {
        private Owner() {}

        public static void main(String[] args) throws Exception {
            RuntimeFolder folder = RuntimeFolder.create(Path.of(args[0]), "edge1");
            try (RuntimeFolder.Lock lock = folder.lock("forwarder")) {
                System.out.print(lock.isValid() ? 'l' : 'x');
                System.out.flush();
                Thread.sleep(60_000);
            }
        }
    }

    @Test
    void shouldMakeOneHashKeyAndKeepIt() throws IOException {
        RuntimeFolder folder = RuntimeFolder.create(base, "edge1");
        HashKey made = folder.hashKey(null);

        assertNotEquals(HashKey.ZERO, made);
        assertEquals(made, folder.hashKey(null));
        assertEquals("rw-------", mode(folder.hashKeyFile()));
        assertEquals(HashKey.ZERO, folder.hashKey(HashKey.ZERO), "a configured one goes first");
        assertNotEquals(made, RuntimeFolder.create(base, "edge2").hashKey(null));

        Files.writeString(folder.hashKeyFile(), "garbage");
        IOException damaged = assertThrows(IOException.class, () -> folder.hashKey(null));
        assertTrue(String.valueOf(damaged.getMessage()).contains("32 hex digits"), damaged.getMessage());
    }

    @Test
    void shouldRefuseAPathThatNoSocketCanHave() {
        Path deep = base.resolve("x".repeat(100));

        IOException refused = assertThrows(IOException.class, () -> RuntimeFolder.create(deep, "edge1"));

        assertTrue(String.valueOf(refused.getMessage()).contains("--runtime-dir"), refused.getMessage());
    }

    @Test
    void shouldWriteFilesWholeOrNotAtAll() throws IOException {
        Path file = base.resolve("a");
        AtomicFile.write(file, new byte[] {1});
        AtomicFile.write(file, new byte[] {2, 3});
        assertEquals(2, Files.size(file));
        assertEquals("rw-------", mode(file));
        Path blocked = base.resolve("folder");
        Files.createDirectories(blocked.resolve("not-empty"));
        assertThrows(IOException.class, () -> AtomicFile.write(blocked, new byte[1]));
        try (var left = Files.list(base)) {
            assertFalse(left.anyMatch(each -> each.toString().endsWith(".tmp")), "nothing is left beside");
        }
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
