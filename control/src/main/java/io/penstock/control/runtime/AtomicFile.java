package io.penstock.control.runtime;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// Files that are there whole or not at all: written beside, then renamed.
public final class AtomicFile {
    /// Readable and writable by their owner alone.
    public static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rw-------");

    private AtomicFile() {}

    /// Writes a file that only its owner can read. Survives the end of this process at any point; not a power cut,
    /// since runtime files are worth nothing after one.
    ///
    /// @throws IOException with the old file untouched
    public static void write(Path file, byte[] content) throws IOException {
        write(file, content, PRIVATE, false);
    }

    /// Writes a file that survives a power cut too: content, name and folder are synced to the disk.
    ///
    /// @throws IOException with the old file untouched
    public static void writeDurably(Path file, byte[] content, Set<PosixFilePermission> permissions)
            throws IOException {
        write(file, content, permissions, true);
    }

    private static void write(Path file, byte[] content, Set<PosixFilePermission> permissions, boolean durably)
            throws IOException {
        Path beside = file.resolveSibling(
                "." + file.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
        Files.deleteIfExists(beside); // Left by a process of the same number that was killed.
        boolean renamed = false;
        try {
            try (FileChannel channel = FileChannel.open(
                    beside,
                    Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                    PosixFilePermissions.asFileAttribute(PRIVATE))) {
                ByteBuffer buffer = ByteBuffer.wrap(content);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                if (durably) {
                    channel.force(true);
                }
            }
            if (!permissions.equals(PRIVATE)) {
                Files.setPosixFilePermissions(beside, permissions);
            }
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            renamed = true;
        } finally {
            if (!renamed) {
                Files.deleteIfExists(beside);
            }
        }
        Path folder = file.toAbsolutePath().getParent();
        if (durably && folder != null) {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }
}
