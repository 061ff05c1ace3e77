package io.penstock.control.runtime;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// `/run/penstock/INSTANCE`: the files that the forwarder, the sidecar and the tools share. Their names are here and
/// nowhere else. Only the owner of the processes can look inside.
public final class RuntimeFolder {
    /// Where instances live unless `--runtime-dir` says otherwise.
    public static final Path DEFAULT_BASE = Path.of("/run/penstock");

    /// sun_path of sockaddr_un holds 108 bytes, the last one zero (unix(7)).
    private static final int SOCKET_PATH_MAX = 107;

    private final Path path;
    private final String instance;

    private RuntimeFolder(Path base, String instance) {
        this.path = base.toAbsolutePath().normalize().resolve(instance);
        this.instance = instance;
    }

    /// Names the folder of an instance, whether it is there or not.
    ///
    /// @param base     `--runtime-dir`, or [#DEFAULT_BASE]
    /// @param instance of the configuration
    public static RuntimeFolder of(Path base, String instance) {
        return new RuntimeFolder(base, instance);
    }

    /// Makes the folder with mode 0700 if it is not there.
    ///
    /// @throws AccessDeniedException when we may not; the message says what to do
    /// @throws IOException           when the path is too long for a socket, or something else is in the way
    public static RuntimeFolder create(Path base, String instance) throws IOException {
        RuntimeFolder folder = new RuntimeFolder(base, instance);
        int length = folder.forwarderSocket().toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > SOCKET_PATH_MAX) {
            throw new IOException("the runtime folder's path is too long: sockets in " + folder.path + " would need "
                    + length + " bytes, and the kernel allows " + SOCKET_PATH_MAX + "; choose a shorter --runtime-dir");
        }
        try {
            Path parent = folder.path.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            if (!Files.isDirectory(folder.path)) {
                Files.createDirectory(
                        folder.path,
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            }
            refuseStrangers(folder.path);
            Files.setPosixFilePermissions(folder.path, PosixFilePermissions.fromString("rwx------"));
        } catch (AccessDeniedException denied) {
            throw new AccessDeniedException(
                    folder.path.toString(), null, "no permission to make it: run as root, or choose --runtime-dir");
        }
        return folder;
    }

    /// Whoever owns the folder could swap the files under us, so in a shared place such as /tmp nobody else may.
    private static void refuseStrangers(Path path) throws IOException {
        Object owner = Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        Object us = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        if (!owner.equals(us) || Files.isSymbolicLink(path)) {
            throw new IOException(path + " belongs to somebody else (uid " + owner + ", we are " + us
                    + ") or is a link: remove it, or choose another --runtime-dir");
        }
    }

    /// {@return the folder, absolute}
    public Path path() {
        return path;
    }

    /// {@return the instance's name}
    public String instance() {
        return instance;
    }

    /// {@return whether the folder is there}
    public boolean exists() {
        return Files.isDirectory(path);
    }

    /// {@return counters, states and errors of the forwarder; mapped}
    public Path statusFile() {
        return path.resolve("status.dat");
    }

    /// {@return the desired state that the sidecar wrote last}
    public Path snapshotFile() {
        return path.resolve("snapshot.json");
    }

    /// {@return the version of the desired state; mapped}
    public Path snapshotVersionFile() {
        return path.resolve("snapshot.version");
    }

    /// {@return the IPv4 flow table of a worker; mapped}
    public Path flowTable4(int worker) {
        return path.resolve("flows4-" + worker + ".dat");
    }

    /// {@return the IPv6 flow table of a worker; mapped}
    public Path flowTable6(int worker) {
        return path.resolve("flows6-" + worker + ".dat");
    }

    /// {@return which backend each client of a listener with persistence has; mapped}
    public Path persistenceFile() {
        return path.resolve("persistence.dat");
    }

    /// {@return the random hash key, where the configuration names none}
    public Path hashKeyFile() {
        return path.resolve("hash.key");
    }

    /// {@return the hash key by which the tables of this folder were filled}
    public Path tablesKeyFile() {
        return path.resolve("tables.key");
    }

    /// {@return the Unix socket on which the forwarder answers questions}
    public Path forwarderSocket() {
        return path.resolve("forwarder.sock");
    }

    /// {@return the frames that `penstock trace` asked for; mapped, there while somebody looks}
    public Path traceFile() {
        return path.resolve("trace.dat");
    }

    /// {@return what the sidecar counts; mapped}
    public Path sidecarCounters() {
        return path.resolve("sidecar.dat");
    }

    /// {@return the Unix socket of the sidecar's API}
    public Path apiSocket() {
        return path.resolve("api.sock");
    }

    /// The right to be the one forwarder or sidecar of an instance, until closed or until the process ends.
    public static final class Lock implements AutoCloseable {
        private final FileChannel channel;
        private final FileLock lock;

        private Lock(FileChannel channel, FileLock lock) {
            this.channel = channel;
            this.lock = lock;
        }

        /// {@return whether it still holds}
        public boolean isValid() {
            return lock.isValid();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    /// Takes the instance for one process of a kind.
    ///
    /// @param role `forwarder` or `sidecar`: the lock file is `ROLE.lock`
    /// @throws AlreadyRunningException when another process, or this one, has it
    public Lock lock(String role) throws IOException {
        FileChannel channel = FileChannel.open(
                path.resolve(role + ".lock"),
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(AtomicFile.PRIVATE));
        boolean taken = false;
        try {
            FileLock lock = channel.tryLock();
            if (lock == null) {
                throw new AlreadyRunningException(role, this, pid(channel));
            }
            byte[] pid = (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII);
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(pid), 0);
            taken = true;
            return new Lock(channel, lock);
        } catch (OverlappingFileLockException ours) {
            throw new AlreadyRunningException(
                    role, this, ProcessHandle.current().pid());
        } finally {
            if (!taken) {
                channel.close();
            }
        }
    }

    private static long pid(FileChannel channel) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(20);
        channel.read(buffer, 0);
        String text = new String(buffer.array(), 0, buffer.position(), StandardCharsets.US_ASCII).strip();
        return text.matches("[0-9]{1,18}") ? Long.parseLong(text) : 0;
    }

    /// Finds the secret of the flow hash: the configured one, or a random one that is made once and kept.
    ///
    /// @param configured `forwarder.hash-key`, or null
    /// @throws IOException when the kept key cannot be read or written
    public HashKey hashKey(@Nullable HashKey configured) throws IOException {
        if (configured != null) {
            return configured;
        }
        try {
            String text = Files.readString(hashKeyFile()).strip();
            return HashKey.parse(text);
        } catch (NoSuchFileException firstStart) {
            SecureRandom random = new SecureRandom();
            HashKey made = new HashKey(random.nextLong(), random.nextLong());
            AtomicFile.write(hashKeyFile(), (made.text() + "\n").getBytes(StandardCharsets.US_ASCII));
            return made;
        } catch (IllegalArgumentException damaged) {
            throw new IOException(
                    hashKeyFile() + " does not hold 32 hex digits; delete it to have a new key made, which moves flows"
                            + " that have no entry",
                    damaged);
        }
    }
}
