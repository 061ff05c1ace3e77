package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class LibcTest {
    private final Libc libc = new Libc(Arena.ofAuto());

    @Test
    void shouldReturnTheNegativeErrno() {
        assertEquals(-Errno.EBADF.code(), libc.close(-1));
        assertEquals(-Errno.EBADF.code(), libc.sendto(-1, 0, 0, 0));
        assertTrue(Errno.ENODEV.is(libc.if_nametoindex("no-such-link")));
        assertTrue(Errno.EBADF.is(libc.mmap(4096, Memory.READ_WRITE, Memory.MAP_SHARED, -1, 1L << 31)));
    }

    @Test
    void shouldMapWriteAndUnmap() {
        long address = libc.mmap(4096, Memory.READ_WRITE, Memory.MAP_PRIVATE | Memory.MAP_ANONYMOUS, -1, 0);
        assertTrue(address > 0, "address=" + address);
        MemorySegment map = Memory.at(address, 4096);

        map.set(ValueLayout.JAVA_LONG, 4088, 42);

        assertEquals(42, map.get(ValueLayout.JAVA_LONG, 4088));
        assertEquals(0, libc.munmap(address, 4096));
    }

    @Test
    void shouldPassVariadicArguments() {
        int event = libc.eventfd(0, 0);
        assertTrue(event >= 0, Errno.describe(event));
        int setFlags = 4; // F_SETFL
        int getFlags = 3; // F_GETFL
        int nonBlocking = 0x800; // O_NONBLOCK

        assertEquals(0, libc.fcntl(event, setFlags, nonBlocking));

        assertEquals(nonBlocking, libc.fcntl(event, getFlags, 0) & nonBlocking);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment eight = arena.allocate(8, 8);
            assertTrue(Errno.EAGAIN.is(libc.read(event, eight.address(), 8)));
            eight.set(ValueLayout.JAVA_LONG, 0, 3);
            assertEquals(8, libc.write(event, eight.address(), 8));
            eight.set(ValueLayout.JAVA_LONG, 0, 0);
            assertEquals(8, libc.read(event, eight.address(), 8));
            assertEquals(3, eight.get(ValueLayout.JAVA_LONG, 0));
        }
        assertEquals(0, libc.close(event));
    }

    @Test
    void shouldReadAndSetSocketOptions() {
        int udp = libc.socket(2, 2, 0); // AF_INET, SOCK_DGRAM
        assertTrue(udp >= 0, Errno.describe(udp));

        assertEquals(0, libc.setsockopt(udp, 1, 2, 1)); // SOL_SOCKET, SO_REUSEADDR

        assertEquals(1, libc.getsockopt(udp, 1, 2));
        assertTrue(Errno.ENOPROTOOPT.is(libc.getsockopt(udp, 1, 9999)));
        assertEquals(0, libc.close(udp));
    }

    @Test
    void shouldSayCallCauseAndRemedy() {
        String message = String.valueOf(LinuxException.of("bind(AF_XDP, eth0, queue 3)", -Errno.EPERM.code())
                .getMessage());

        assertTrue(message.startsWith("bind(AF_XDP, eth0, queue 3): EPERM (operation not permitted): "), message);
        assertTrue(message.contains("run as root"), message);
        assertEquals("errno 77", Errno.describe(-77));
    }
}
