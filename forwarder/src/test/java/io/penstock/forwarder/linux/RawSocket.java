package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U16;
import static io.penstock.forwarder.linux.Memory.U32;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// The far end of a test's wire: sends and receives whole Ethernet frames on an interface of the namespace that the
/// thread was in when this was made. Usable from any one thread afterwards.
public final class RawSocket implements AutoCloseable {
    private static final int AF_PACKET = 17;
    private static final int SOCK_RAW = 3;
    private static final int ETH_P_ALL = 3;
    private static final int SOL_PACKET = 263;
    private static final int PACKET_IGNORE_OUTGOING = 23;
    private static final int MSG_DONTWAIT = 0x40;
    private static final short POLLIN = 1;
    private static final int FRAME_LENGTH_MAX = 70_000;

    private final Arena arena = Arena.ofShared();
    private final Libc libc = new Libc(arena);
    private final MemorySegment buffer = arena.allocate(FRAME_LENGTH_MAX, 8);
    private final MemorySegment pollfd = arena.allocate(8, 8);
    private final int fd;

    /// @param interfaceName in the calling thread's namespace
    public RawSocket(String interfaceName) {
        fd = LinuxException.check(libc.socket(AF_PACKET, SOCK_RAW, 0), "socket(AF_PACKET)");
        libc.setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
        libc.setsockopt(fd, 1, 33, 16 << 20); // SO_RCVBUFFORCE
        MemorySegment address = arena.allocate(20, 4); // struct sockaddr_ll
        address.set(U16, 0, (short) AF_PACKET);
        address.set(U16, 2, (short) (ETH_P_ALL << 8)); // network order
        address.set(U32, 4, LinuxException.check(libc.if_nametoindex(interfaceName), interfaceName));
        LinuxException.check(libc.bind(fd, address), "bind(AF_PACKET)");
        pollfd.set(U32, 0, fd);
        pollfd.set(U16, 4, POLLIN);
    }

    /// Sends a frame.
    ///
    /// @return 0, or `-errno`
    public int send(byte[] frame) {
        MemorySegment.copy(frame, 0, buffer, ValueLayout.JAVA_BYTE, 0, frame.length);
        return (int) Math.min(0, libc.sendto(fd, buffer.address(), frame.length, 0));
    }

    /// {@return the next frame, or null when none came in time}
    public byte @Nullable [] receive(int timeoutMs) {
        if (timeoutMs > 0 && libc.poll(pollfd.address(), 1, timeoutMs) <= 0) {
            return null;
        }
        long length = libc.recvfrom(fd, buffer.address(), FRAME_LENGTH_MAX, MSG_DONTWAIT);
        return length < 0 ? null : buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }

    /// {@return the next frame to an IPv4 address, or null when none came in time; others are thrown away}
    public byte @Nullable [] receiveTo(int address, int timeoutMs) {
        long deadlineNs = System.nanoTime() + timeoutMs * 1_000_000L;
        do {
            byte[] frame = receive((int) Math.max(0, (deadlineNs - System.nanoTime()) / 1_000_000));
            if (frame != null && isTo(frame, address)) {
                return frame;
            }
        } while (System.nanoTime() - deadlineNs < 0);
        return null;
    }

    @Override
    public void close() {
        libc.close(fd);
        arena.close();
    }

    private static boolean isTo(byte[] frame, int address) {
        MemorySegment bytes = MemorySegment.ofArray(frame);
        return frame.length >= 34
                && frame[12] == 8
                && frame[13] == 0
                && Integer.reverseBytes(bytes.get(U32, 30)) == address;
    }
}
