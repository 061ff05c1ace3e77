package io.penstock.control.snapshot;

import io.penstock.control.runtime.AtomicFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// The version of the newest snapshot, in a mapped file of one cache line: whoever waits for a new one polls a long and
/// touches no file. The file is made when it is not there, so that writer and reader may start in either order.
public final class SnapshotVersion implements AutoCloseable {
    private static final int LENGTH = 64;
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment line;

    /// @param path the runtime folder's `snapshot.version`
    public SnapshotVersion(Path path) throws IOException {
        boolean mapped = false;
        try (FileChannel channel = FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(AtomicFile.PRIVATE))) {
            if (channel.size() < LENGTH) {
                // A full disk shows here and not as a fault in raise(). The last byte, since another process may have
                // announced a version meanwhile.
                channel.write(ByteBuffer.allocate(1), LENGTH - 1);
            }
            line = channel.map(MapMode.READ_WRITE, 0, LENGTH, arena);
            mapped = true;
        } finally {
            if (!mapped) {
                arena.close();
            }
        }
    }

    /// {@return the version of the newest snapshot, 0 before the first}
    public long get() {
        // Acquire: pairs with the release of raise(), so the file of that version is there.
        return (long) LONG.getAcquire(line, 0L);
    }

    /// Announces a snapshot. Called by the writer, after its file has its name.
    public void raise(long version) {
        LONG.setRelease(line, 0L, version);
    }

    @Override
    public void close() {
        arena.close();
    }
}
