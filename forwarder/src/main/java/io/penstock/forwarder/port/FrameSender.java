package io.penstock.forwarder.port;

import io.penstock.forwarder.linux.Errno;
import io.penstock.forwarder.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Sends frames from where they lie, one sendmmsg(2) for a batch. The kernel has copied them when the call returns.
///
/// ```
/// message  0        8        16       24       32        40           48      56      60
///          +--------+--------+--------+--------+---------+------------+-------+-------+-----+
///          | name   | length | vector | count  | control | ctl length | flags | sent  | pad |
///          +--------+--------+--------+--------+---------+------------+-------+-------+-----+
/// vector   | address 8       | length 8        |
/// ```
///
/// One worker's own.
final class FrameSender {
    private static final int MESSAGE_BYTES = 64;
    private static final int MESSAGE_VECTOR = 16;
    private static final int MESSAGE_COUNT = 24;
    private static final int VECTOR_BYTES = 16;
    private static final int VECTOR_LENGTH = 8;
    private static final int MSG_DONTWAIT = 0x40;

    // Frames that may find the device's queue full before the rest of the batch is given up: a try costs a system
    // call, and a queue that was full four times will be so for the next frame.
    private static final int FULL_MAX = 4;

    private final Libc libc;
    private final int fd;
    private final long memoryAddress;
    private final MemorySegment messages;
    private final MemorySegment vectors;
    private int queued;

    /// @param memory   where the frames lie
    /// @param capacity most frames in a batch
    FrameSender(Arena arena, Libc libc, int fd, MemorySegment memory, int capacity) {
        this.libc = libc;
        this.fd = fd;
        memoryAddress = memory.address();
        messages = arena.allocate((long) capacity * MESSAGE_BYTES, 64);
        vectors = arena.allocate((long) capacity * VECTOR_BYTES, 64);
        for (long i = 0; i < capacity; i++) {
            messages.set(
                    ValueLayout.JAVA_LONG, i * MESSAGE_BYTES + MESSAGE_VECTOR, vectors.address() + i * VECTOR_BYTES);
            messages.set(ValueLayout.JAVA_LONG, i * MESSAGE_BYTES + MESSAGE_COUNT, 1);
        }
    }

    /// Puts a frame into the batch to be sent.
    void add(long offset, int length) {
        long vector = (long) queued++ * VECTOR_BYTES;
        vectors.set(ValueLayout.JAVA_LONG, vector, memoryAddress + offset);
        vectors.set(ValueLayout.JAVA_LONG, vector + VECTOR_LENGTH, length);
    }

    /// Sends the batch and empties it. Never waits.
    ///
    /// @return frames sent
    int flush() {
        int sent = 0;
        int full = 0;
        int at = 0;
        while (at < queued) {
            int result = libc.sendmmsg(fd, messages.address() + (long) at * MESSAGE_BYTES, queued - at, MSG_DONTWAIT);
            if (result > 0) {
                sent += result;
                at += result;
            } else if (isFull(result)) {
                if (++full == FULL_MAX) {
                    break;
                }
                at++;
            } else if (Errno.ENETDOWN.is(result) || Errno.ENXIO.is(result)) {
                break; // No frame gets out until the link is back.
            } else if (!Errno.EINTR.is(result)) {
                at++; // This frame is not to the device's liking: too long for the MTU, above all.
            }
        }
        queued = 0;
        return sent;
    }

    private static boolean isFull(int result) {
        return Errno.ENOBUFS.is(result) || Errno.EAGAIN.is(result);
    }
}
