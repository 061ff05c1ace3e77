package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U16;
import static io.penstock.forwarder.linux.Memory.U32;
import static io.penstock.forwarder.linux.Memory.U64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// One AF_XDP socket with four rings over packet memory (UMEM) that it is given (kernel:
/// Documentation/networking/af_xdp.rst).
///
/// Made by one thread and then used by one, which need not be the same. [#kickTransmit], [#kickReceive] and
/// [#statistics] allocate nothing.
public final class XdpSocket implements AutoCloseable {
    /// How a socket is to be.
    ///
    /// @param ringEntries descriptors of the receive, send and completion rings; a power of two
    /// @param fillEntries descriptors of the fill ring, and chunks of the packet memory; a power of two
    /// @param chunkBytes  bytes for each frame with the kernel's headroom; 2048 or 4096
    /// @param copyOnly    whether zero-copy is not even tried
    /// @param busyPoll    whether the driver is to be polled by the worker instead of by interrupts
    public record Options(int ringEntries, int fillEntries, int chunkBytes, boolean copyOnly, boolean busyPoll) {
        /// {@return bytes of packet memory that such a socket needs}
        public long memoryLength() {
            return (long) fillEntries * chunkBytes;
        }
    }

    /// Bytes that the kernel keeps free before each received frame (XDP_PACKET_HEADROOM).
    public static final int KERNEL_HEADROOM = 256;

    private static final int AF_XDP = 44;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_BUSY_POLL = 46;
    private static final int SO_INCOMING_NAPI_ID = 56;
    private static final int SO_PREFER_BUSY_POLL = 69;
    private static final int SO_BUSY_POLL_BUDGET = 70;
    private static final int SOL_XDP = 283;
    private static final int XDP_MMAP_OFFSETS = 1;
    private static final int XDP_RX_RING = 2;
    private static final int XDP_TX_RING = 3;
    private static final int XDP_UMEM_REG = 4;
    private static final int XDP_UMEM_FILL_RING = 5;
    private static final int XDP_UMEM_COMPLETION_RING = 6;
    private static final int XDP_STATISTICS = 7;
    private static final int XDP_OPTIONS = 8;
    private static final int XDP_MAX_TX_SKB_BUDGET = 9;
    private static final int XDP_OPTIONS_ZEROCOPY = 1;
    private static final int XDP_COPY = 2;
    private static final int XDP_USE_NEED_WAKEUP = 8;
    private static final int MSG_DONTWAIT = 0x40;

    private static final long RX_PAGE = 0;
    private static final long TX_PAGE = 0x80000000L;
    private static final long FILL_PAGE = 0x100000000L;
    private static final long COMPLETION_PAGE = 0x180000000L;

    // Microseconds and frames of one busy poll: kernel's own suggestion in af_xdp.rst.
    private static final int BUSY_POLL_US = 20;
    private static final int BUSY_POLL_FRAMES = 64;

    private static final long BUSY_WAIT_MS = 2_000;

    private final Arena arena = Arena.ofShared();
    private final Libc libc = new Libc(arena);
    private final MemorySegment statistics = arena.allocate(48, 8); // struct xdp_statistics
    private final String interfaceName;
    private final int interfaceIndex;
    private final int queue;
    private final Options options;
    private final int fd;
    private final MemorySegment umem;
    private final RingMemory receive;
    private final RingMemory transmit;
    private final RingMemory fill;
    private final RingMemory completion;
    private boolean zeroCopy;
    private int transmitBudget = 32; // frames that one kick sends in copy mode (TX_BATCH_SIZE)
    private boolean closed;

    /// Makes the socket and its rings; it receives nothing before [#bind].
    ///
    /// @param umem [Options#memoryLength()] bytes from a page's boundary on, no other socket's; they must
    ///             stay until the socket is closed
    /// @throws LinuxException when the kernel refuses
    public XdpSocket(LinuxInterface nic, int queue, MemorySegment umem, Options options) {
        assert umem.byteSize() == options.memoryLength() : umem.byteSize();
        this.umem = umem;
        this.interfaceName = nic.name();
        this.interfaceIndex = nic.index();
        this.queue = queue;
        this.options = options;
        int opened = libc.socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (Errno.EAFNOSUPPORT.is(opened)) {
            arena.close();
            throw new LinuxException(
                    "socket(AF_XDP)",
                    opened,
                    "this kernel was built without AF_XDP (CONFIG_XDP_SOCKETS)",
                    "use forwarder.port=packet, or another kernel");
        }
        if (opened < 0) {
            arena.close();
            throw LinuxException.of("socket(AF_XDP)", opened);
        }
        fd = opened;
        try {
            register();
            MemorySegment offsets = arena.allocate(128, 8);
            LinuxException.check(
                    libc.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, offsets), "getsockopt(XDP_MMAP_OFFSETS)");
            int ring = options.ringEntries;
            receive = ring("RX", XDP_RX_RING, RX_PAGE, offsets.asSlice(0, 32), ring, 16);
            transmit = ring("TX", XDP_TX_RING, TX_PAGE, offsets.asSlice(32, 32), ring, 16);
            fill = ring("FILL", XDP_UMEM_FILL_RING, FILL_PAGE, offsets.asSlice(64, 32), options.fillEntries, 8);
            completion =
                    ring("COMPLETION", XDP_UMEM_COMPLETION_RING, COMPLETION_PAGE, offsets.asSlice(96, 32), ring, 8);
        } catch (LinuxException e) {
            libc.close(fd);
            arena.close();
            throw e;
        }
    }

    /// Binds the socket to its queue: from here on frames may come. The fill ring should have been filled.
    ///
    /// @throws LinuxException when the queue does not exist or is taken
    public void bind() {
        if (options.busyPoll) {
            // Best effort: a driver without a NAPI of its own ignores them, an old kernel does not know them.
            libc.setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1);
            libc.setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, BUSY_POLL_US);
            libc.setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, BUSY_POLL_FRAMES);
        }
        MemorySegment address = arena.allocate(16, 8); // struct sockaddr_xdp
        address.set(U16, 0, (short) AF_XDP);
        // Neither COPY nor ZEROCOPY asked for: the kernel takes zero-copy if the driver has it, and copies if not.
        address.set(U16, 2, (short) (XDP_USE_NEED_WAKEUP | (options.copyOnly ? XDP_COPY : 0)));
        address.set(U32, 4, interfaceIndex);
        address.set(U32, 8, queue);
        int result = bindPatiently(address);
        String call = "bind(AF_XDP, " + interfaceName + ", queue " + queue + ")";
        if (Errno.EBUSY.is(result)) {
            throw new LinuxException(
                    call,
                    result,
                    "another AF_XDP socket has this queue",
                    "stop the other program, or use forwarder.port=packet");
        }
        if (Errno.ENETDOWN.is(result)) {
            throw new LinuxException(call, result, "the interface is down", "ip link set " + interfaceName + " up");
        }
        if (Errno.EINVAL.is(result)) {
            throw new LinuxException(
                    call, result, "the interface has no such queue", "see ethtool -l " + interfaceName);
        }
        LinuxException.check(result, call);

        MemorySegment obtained = arena.allocate(4, 4);
        zeroCopy = libc.getsockopt(fd, SOL_XDP, XDP_OPTIONS, obtained) == 4
                && (obtained.get(U32, 0) & XDP_OPTIONS_ZEROCOPY) != 0;
        if (!zeroCopy && libc.setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, options.ringEntries) == 0) {
            transmitBudget = options.ringEntries;
        }
    }

    /// The kernel lets go of a closed socket's queue a little later, when its last frames are freed: a forwarder that
    /// is started again right away finds the queue busy at first.
    private int bindPatiently(MemorySegment address) {
        long deadlineNs = System.nanoTime() + BUSY_WAIT_MS * 1_000_000;
        int result = libc.bind(fd, address);
        while (Errno.EBUSY.is(result) && System.nanoTime() - deadlineNs < 0) {
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return result;
            }
            result = libc.bind(fd, address);
        }
        return result;
    }

    /// {@return its descriptor}
    public int descriptor() {
        return fd;
    }

    /// {@return how it was to be}
    public Options options() {
        return options;
    }

    /// {@return received frames, written by the kernel}
    public RingMemory receive() {
        return receive;
    }

    /// {@return frames to send, read by the kernel}
    public RingMemory transmit() {
        return transmit;
    }

    /// {@return chunks for frames to come, read by the kernel}
    public RingMemory fill() {
        return fill;
    }

    /// {@return chunks of frames that were sent, written by the kernel}
    public RingMemory completion() {
        return completion;
    }

    /// {@return whether the NIC reads and writes the packet memory itself}
    public boolean isZeroCopy() {
        return zeroCopy;
    }

    /// {@return the most frames that one kick sends in copy mode}
    public int transmitBudget() {
        return transmitBudget;
    }

    /// Makes the kernel look at the send ring.
    ///
    /// @return 0 or `-errno`; `EAGAIN`, `EBUSY`, `ENOBUFS` and `ENETDOWN` are to be tried again later
    public long kickTransmit() {
        return libc.sendto(fd, 0, 0, MSG_DONTWAIT);
    }

    /// Makes the kernel look at the fill ring and, with busy polling, at the NIC.
    ///
    /// @return 0 or `-errno`
    public long kickReceive() {
        return libc.recvfrom(fd, 0, 0, MSG_DONTWAIT);
    }

    /// {@return frames lost so far because no chunk or no room in the receive ring was left}
    public long lostFrames() {
        if (closed || libc.getsockopt(fd, SOL_XDP, XDP_STATISTICS, statistics) < 0) {
            return 0;
        }
        // rx_dropped (no chunk in the fill ring, or a frame longer than a chunk) and rx_ring_full. The count of
        // empty fill rings is about the same frames in copy mode, and about attempts, not frames, in zero-copy.
        return statistics.get(U64, 0) + statistics.get(U64, 24);
    }

    /// {@return the NAPI that the driver told this socket with a frame, or 0 when it has told none}
    public int napiId() {
        return closed ? 0 : Math.max(0, libc.getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID));
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            libc.close(fd);
            arena.close();
        }
    }

    private void register() {
        MemorySegment registration = arena.allocate(32, 8); // struct xdp_umem_reg
        registration.set(U64, 0, umem.address());
        registration.set(U64, 8, umem.byteSize());
        registration.set(U32, 16, options.chunkBytes);
        int result = libc.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, registration);
        if (Errno.EINVAL.is(result)) { // Kernels before 6.8 take the structure without its last field.
            result = libc.setsockopt(fd, SOL_XDP, XDP_UMEM_REG, registration.asSlice(0, 24));
        }
        LinuxException.check(result, "setsockopt(XDP_UMEM_REG, " + umem.byteSize() + " bytes)");
    }

    @SuppressWarnings("restricted") // mmap returned exactly these bytes.
    private RingMemory ring(
            String name, int option, long page, MemorySegment offsets, int entries, int descriptorLength) {
        LinuxException.check(
                libc.setsockopt(fd, SOL_XDP, option, entries), "setsockopt(XDP " + name + " ring, " + entries + ")");
        long length = offsets.get(U64, 16) + (long) entries * descriptorLength;
        long address = LinuxException.check(
                libc.mmap(length, Memory.READ_WRITE, Memory.MAP_SHARED | Memory.MAP_POPULATE, fd, page),
                "mmap(XDP " + name + " ring)");
        MemorySegment map = MemorySegment.ofAddress(address)
                .reinterpret(length, arena, _ -> new Libc(Arena.ofAuto()).munmap(address, length));
        return new RingMemory(
                map, offsets.get(U64, 0), offsets.get(U64, 8), offsets.get(U64, 24), offsets.get(U64, 16), entries);
    }
}
