package io.penstock.forwarder.transport;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.TransportKind;
import io.penstock.forwarder.linux.Libc;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.Memory;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// What every [WaitLoop] does, over eventfd(2) descriptors.
@Timeout(30)
abstract class WaitLoopContract {
    // EFD_NONBLOCK
    private static final int NONBLOCK = 0x800;
    private static final long LONG_NANOS = SECONDS.toNanos(10);
    // Far above what a wake-up takes, far below LONG_NANOS: a busy machine must not fail the test.
    private static final long SOON_NANOS = SECONDS.toNanos(3);

    private final Arena arena = Arena.ofShared();
    private final Libc libc = new Libc(arena);
    private final MemorySegment word = arena.allocate(8, 8);
    private int descriptor;
    private WaitLoop loop;

    /// Which transport the subclass tests.
    abstract TransportKind kind();

    @BeforeEach
    void open() {
        Assumptions.assumeTrue(
                Transports.isAvailable(kind()), () -> kind() + ": " + Transports.unavailabilityCause(kind()));
        descriptor = LinuxException.check(libc.eventfd(0, NONBLOCK), "eventfd()");
        loop = Transports.open(kind(), Thread.currentThread());
    }

    @AfterEach
    void close() {
        if (loop != null) {
            loop.close();
            libc.close(descriptor);
        }
        arena.close();
    }

    @Test
    void shouldSayItsName() {
        assertEquals(kind().text(), loop.name());
    }

    @Test
    void shouldReturnAtOnceWhenADescriptorIsReadableAlready() {
        loop.register(descriptor);
        signal(libc, descriptor, word);

        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS);
        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS, "it is still readable");
    }

    @Test
    void shouldReturnWhenADescriptorBecomesReadable() throws Exception {
        loop.register(descriptor);
        Thread writer = later(() -> signalFromOtherThread(descriptor));

        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS);
        writer.join();
    }

    @Test
    void shouldReturnForEachOfSeveralDescriptors() throws Exception {
        int second = LinuxException.check(libc.eventfd(0, NONBLOCK), "eventfd()");
        loop.register(descriptor);
        loop.register(second);

        signal(libc, second, word);
        awaitReadable(second);
        clear(second);
        signal(libc, descriptor, word);
        awaitReadable(descriptor);

        loop.unregister(second);
        libc.close(second);
    }

    @Test
    void shouldReturnWhenTheTimeIsOver() {
        loop.register(descriptor);
        long tenMillis = MILLISECONDS.toNanos(10);

        long shortest = Long.MAX_VALUE;
        long longest = 0;
        for (int i = 0; i < 10; i++) {
            long waited = awaitNanos(tenMillis);
            shortest = Math.min(shortest, waited);
            longest = Math.max(longest, waited);
        }

        assertTrue(shortest >= MILLISECONDS.toNanos(9), "ns waited: " + shortest);
        assertTrue(longest < SOON_NANOS, "ns waited: " + longest);
    }

    @Test
    void shouldNotBlockWithoutTime() {
        loop.register(descriptor);

        assertTrue(awaitNanos(0) < SOON_NANOS);
        assertTrue(awaitNanos(-1) < SOON_NANOS);
    }

    @Test
    void shouldReturnWhenAnotherThreadWakesIt() throws Exception {
        loop.register(descriptor);
        Thread waker = later(loop::wakeup);

        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS);
        waker.join();
    }

    @Test
    void shouldKeepAWakeUpForTheNextWait() throws Exception {
        loop.register(descriptor);
        awaitNanos(1_000_000);
        Thread waker = Thread.ofPlatform().start(loop::wakeup);
        waker.join();

        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS);
    }

    /// A command and its wake-up race with the owner going to sleep; none may be seen only at the end of the wait.
    @Test
    void shouldLoseNoWakeUp() throws Exception {
        int commands = 5_000;
        AtomicLong offered = new AtomicLong();
        AtomicLong taken = new AtomicLong();
        loop.register(descriptor);
        Thread conductor = Thread.ofPlatform().start(() -> {
            for (int i = 0; i < commands; i++) {
                offered.incrementAndGet();
                loop.wakeup();
                while (taken.get() < offered.get()) {
                    Thread.onSpinWait();
                }
            }
        });

        long longest = 0;
        while (taken.get() < commands) {
            if (taken.get() < offered.get()) {
                taken.incrementAndGet();
            } else {
                longest = Math.max(longest, awaitNanos(LONG_NANOS));
            }
        }

        assertTrue(longest < SOON_NANOS, "longest wait in ns: " + longest);
        conductor.join();
    }

    /// More than the loops take in at once: a NIC's queues may be many more than the workers.
    @Test
    void shouldReturnForEachOfManyDescriptors() throws Exception {
        int[] many = new int[70];
        for (int i = 0; i < many.length; i++) {
            many[i] = LinuxException.check(libc.eventfd(0, NONBLOCK), "eventfd()");
            loop.register(many[i]);
        }
        awaitNanos(1_000_000);
        for (int i = many.length - 1; i >= 0; i--) {
            signal(libc, many[i], word);
            awaitReadable(many[i]);
            clear(many[i]);
        }
        for (int fd : many) {
            signal(libc, fd, word);
        }
        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS, "all at once");
        for (int fd : many) {
            clear(fd);
            loop.unregister(fd);
            libc.close(fd);
        }
    }

    @Test
    void shouldForgetADescriptor() {
        loop.register(descriptor);
        awaitNanos(1_000_000); // So that io_uring has a poll armed.
        loop.unregister(descriptor);
        signal(libc, descriptor, word);
        awaitNanos(1_000_000); // Whatever was on its way.

        assertTrue(awaitNanos(MILLISECONDS.toNanos(20)) >= MILLISECONDS.toNanos(19));

        loop.register(descriptor);
        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS, "registered again");
    }

    @Test
    void shouldFreeItsDescriptorsAndLeaveThePortsOpen() {
        loop.close(); // The first use of a transport may open descriptors for good.
        for (int round = 0; round < 2; round++) {
            int before = openDescriptors();
            loop = Transports.open(kind(), Thread.currentThread());
            loop.register(descriptor);
            awaitNanos(1_000_000);
            loop.close();

            assertEquals(before, openDescriptors());
            signal(libc, descriptor, word);
        }
        loop.wakeup(); // Of a closed loop: nothing to do, nothing to fail.
        loop = Transports.open(kind(), Thread.currentThread());
    }

    /// Netty's io_uring handler makes one small object a turn; nothing more, and nothing that grows.
    @Test
    void shouldHardlyAllocateWhenBlocking() {
        loop.register(descriptor);
        signal(libc, descriptor, word);
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        for (int round = 0; round < 20; round++) {
            long before = thread.getCurrentThreadAllocatedBytes();
            for (int turn = 0; turn < 2_000; turn++) {
                loop.await(LONG_NANOS);
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertTrue(fewest <= 2_000 * 16, "bytes allocated by 2,000 waits: " + fewest);
    }

    private long awaitNanos(long maxNanos) {
        long start = System.nanoTime();
        loop.await(maxNanos);
        return System.nanoTime() - start;
    }

    private void awaitReadable(int fd) {
        MemorySegment pollfd = arena.allocate(8, 8);
        pollfd.set(Memory.U32, 0, fd);
        pollfd.set(Memory.U16, 4, (short) 1);
        assertTrue(awaitNanos(LONG_NANOS) < SOON_NANOS);
        assertEquals(1, libc.poll(pollfd.address(), 1, 0), "readable");
    }

    private void clear(int fd) {
        assertEquals(8, libc.read(fd, word.address(), 8));
    }

    private static void signal(Libc libc, int fd, MemorySegment word) {
        word.set(Memory.U64, 0, 1);
        assertEquals(8, libc.write(fd, word.address(), 8));
    }

    private static void signalFromOtherThread(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            signal(new Libc(arena), fd, arena.allocate(8, 8));
        }
    }

    private static Thread later(Runnable action) {
        return Thread.ofPlatform().start(() -> {
            try {
                Thread.sleep(50); // Long enough that the owner blocks.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            action.run();
        });
    }

    private static int openDescriptors() {
        String[] names = new File("/proc/self/fd").list();
        return names == null ? -1 : names.length;
    }
}
