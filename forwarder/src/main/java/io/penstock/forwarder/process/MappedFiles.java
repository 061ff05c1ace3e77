package io.penstock.forwarder.process;

import io.penstock.control.runtime.AtomicFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// Makes and maps files of zeros whose pages all exist: a disk that is full is found here, with a message, and not by a
/// worker that touches a page. Set-up only.
final class MappedFiles {
    private static final int STEP = 1 << 20;

    private MappedFiles() {}

    /// Maps a file that is there.
    static MemorySegment map(Path path, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment memory = channel.map(MapMode.READ_WRITE, 0, channel.size(), arena);
            memory.load(); // No worker waits for a page of it later.
            return memory;
        }
    }

    /// Makes a file of zeros and maps it.
    ///
    /// @throws IOException when the disk is full; nothing is left behind
    static MemorySegment make(Path path, long bytes, Arena arena) throws IOException {
        boolean made = false;
        try (FileChannel channel = FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(AtomicFile.PRIVATE))) {
            ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(STEP, bytes));
            for (long at = 0; at < bytes; at += zeros.limit()) {
                zeros.clear().limit((int) Math.min(STEP, bytes - at));
                int length = zeros.limit();
                while (zeros.hasRemaining()) {
                    channel.write(zeros, at + zeros.position());
                }
                zeros.limit(length);
            }
            MemorySegment memory = channel.map(MapMode.READ_WRITE, 0, bytes, arena);
            memory.load();
            made = true;
            return memory;
        } catch (IOException full) {
            long freeMiB = Files.getFileStore(path.toAbsolutePath().getParent()).getUsableSpace() >> 20;
            throw new IOException(
                    "no room for " + path.getFileName() + ": " + (bytes >> 20) + " MiB wanted, " + freeMiB
                            + " MiB free in " + path.getParent() + " (" + full.getMessage()
                            + "); lower forwarder.flows, or give the file system more room (mount -o remount,size=...)",
                    full);
        } finally {
            if (!made) {
                Files.deleteIfExists(path);
            }
        }
    }
}
