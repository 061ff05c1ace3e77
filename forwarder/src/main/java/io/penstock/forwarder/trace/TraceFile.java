package io.penstock.forwarder.trace;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The forwarder's side of a trace file: a ring for each worker. The conductor makes it; each worker writes its ring.
public final class TraceFile {
    /// Most bytes kept of a frame: a frame of the usual MTU is whole.
    public static final int KEPT_MAX = 2048;

    private final MemorySegment memory;
    private final int keptMax;

    /// Fills in the head of a file.
    ///
    /// @param memory  zeros, of [#bytesFor] bytes
    /// @param keptMax bytes kept of a frame, `1..`[#KEPT_MAX]
    /// @param nowNs   monotonic time of this moment
    /// @param wallNs  wall-clock time of this moment, ns since 1970
    public TraceFile(MemorySegment memory, long id, int workers, int keptMax, long nowNs, long wallNs) {
        this.memory = memory;
        this.keptMax = keptMax;
        memory.set(JAVA_LONG, TraceLayout.H_ID, id);
        memory.set(JAVA_LONG, TraceLayout.H_WORKERS, workers);
        memory.set(JAVA_LONG, TraceLayout.H_RECORDS, TraceLayout.records(keptMax));
        memory.set(JAVA_LONG, TraceLayout.H_KEPT_MAX, keptMax);
        memory.set(JAVA_LONG, TraceLayout.H_MONOTONIC_NS, nowNs);
        memory.set(JAVA_LONG, TraceLayout.H_WALL_NS, wallNs);
        // Release: whoever sees the magic sees all of the head.
        TraceLayout.LONG.setRelease(memory, TraceLayout.H_MAGIC, TraceLayout.MAGIC);
    }

    /// {@return bytes of a file}
    public static long bytesFor(int workers, int keptMax) {
        return TraceLayout.ring(workers, TraceLayout.records(keptMax), keptMax);
    }

    /// {@return a worker's ring}
    public TraceRing ring(int worker) {
        return new TraceRing(memory, TraceLayout.ring(worker, TraceLayout.records(keptMax), keptMax), keptMax);
    }

    /// Opens a file for reading; it may be deleted while it is read.
    ///
    /// @throws IOException when it is not there, or of another version
    public static TraceReader open(Path path, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment memory = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            boolean isOurs = memory.byteSize() >= TraceLayout.RINGS
                    // Acquire: pairs with the release of the constructor.
                    && (long) TraceLayout.LONG.getAcquire(memory, TraceLayout.H_MAGIC) == TraceLayout.MAGIC;
            if (!isOurs) {
                throw new IOException(path + " is no trace of this version of the program");
            }
            return new TraceReader(memory);
        }
    }
}
