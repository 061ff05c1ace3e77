package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.forwarder.linux.Errno;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.Memory;
import io.penstock.forwarder.linux.PacketSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The wire as a test sees it: raw frames in and out of one interface, which belongs to the namespace that the thread
/// is in when this is made.
final class RawLink implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment buffer = arena.allocate(70_000, 8);
    private final PacketSocket receiver;
    private final PacketSocket sender;

    RawLink(String interfaceName) {
        receiver = new PacketSocket(arena, interfaceName);
        receiver.ignoreOutgoing();
        // SO_RCVBUFFORCE: a whole burst of a test.
        LinuxException.check(receiver.libc().setsockopt(receiver.fd(), 1, 33, 64 << 20), "setsockopt(SO_RCVBUFFORCE)");
        receiver.bindToReceive();
        sender = new PacketSocket(arena, interfaceName);
        sender.bindToSend(4 << 20);
    }

    /// Sends a frame, or fails.
    void send(byte[] frame) {
        MemorySegment.copy(frame, 0, buffer, ValueLayout.JAVA_BYTE, 0, frame.length);
        assertEquals(
                frame.length,
                sender.libc().sendto(sender.fd(), buffer.address(), frame.length, 0),
                "bytes sent of a frame");
    }

    /// {@return the next frame that is wanted, or null when none came in time; others are thrown away}
    byte @Nullable [] receive(Predicate<byte[]> wanted, long timeoutMs) {
        long deadline = System.nanoTime() + timeoutMs * 1_000_000;
        do {
            byte[] frame = next((int) Math.max(0, (deadline - System.nanoTime()) / 1_000_000));
            if (frame != null && wanted.test(frame)) {
                return frame;
            }
        } while (System.nanoTime() < deadline);
        return null;
    }

    /// {@return all wanted frames, until so many have come or none has for a time}
    List<byte[]> receiveAll(Predicate<byte[]> wanted, int count, long timeoutMs) {
        List<byte[]> frames = new ArrayList<>();
        while (frames.size() < count) {
            byte[] frame = receive(wanted, timeoutMs);
            if (frame == null) {
                break;
            }
            frames.add(frame);
        }
        return frames;
    }

    private byte @Nullable [] next(int timeoutMs) {
        long length = receiver.libc().recvfrom(receiver.fd(), buffer.address(), buffer.byteSize(), 0);
        if (Errno.EAGAIN.is(length)) {
            try (Arena confined = Arena.ofConfined()) {
                MemorySegment pollfd = confined.allocate(8, 8);
                pollfd.set(Memory.U32, 0, receiver.fd());
                pollfd.set(Memory.U16, 4, (short) 1);
                receiver.libc().poll(pollfd.address(), 1, timeoutMs);
            }
            length = receiver.libc().recvfrom(receiver.fd(), buffer.address(), buffer.byteSize(), 0);
        }
        return length < 0 ? null : buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        receiver.close();
        sender.close();
        arena.close();
    }
}
