package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.LinuxException.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// A packet(7) socket while it is set up: raw frames of one interface, Ethernet header included.
///
/// Made with protocol 0, so that no frame of another interface slips in before the bind. What it is for is decided
/// before: receiving into a ring, or only sending. One thread at a time.
public final class PacketSocket implements AutoCloseable {
    /// AF_PACKET
    public static final int FAMILY = 17;

    private static final int SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0x80000 | 0x800;
    private static final int ETH_P_ALL = 3;
    private static final int SOL_SOCKET = 1;
    private static final int SO_ATTACH_FILTER = 26;
    private static final int SO_SNDBUFFORCE = 32;
    private static final int SO_ATTACH_BPF = 50;
    private static final int BPF_RETURN = 0x06; // BPF_RET | BPF_K: so many bytes of the frame

    // linux/if_packet.h
    private static final int SOL_PACKET = 263;
    private static final int PACKET_ADD_MEMBERSHIP = 1;
    private static final int PACKET_DROP_MEMBERSHIP = 2;
    private static final int PACKET_RX_RING = 5;
    private static final int PACKET_STATISTICS = 6;
    private static final int PACKET_VERSION = 10;
    private static final int PACKET_RESERVE = 12;
    private static final int PACKET_FANOUT = 18;
    private static final int PACKET_QDISC_BYPASS = 20;
    private static final int PACKET_IGNORE_OUTGOING = 23;
    private static final int PACKET_FANOUT_HASH = 0;
    private static final int PACKET_FANOUT_FLAG_UNIQUEID = 0x2000;
    private static final int PACKET_FANOUT_FLAG_IGNORE_OUTGOING = 0x4000;
    private static final int PACKET_MR_MULTICAST = 0;

    private static final int SOCKADDR_LL_BYTES = 20;
    private static final long SIOCGIFHWADDR = 0x8927;
    private static final int ARPHRD_ETHER = 1;
    private static final int ARPHRD_LOOPBACK = 772;
    private static final int MAP_FIXED = 0x10;

    private final Libc libc;
    private final String interfaceName;
    private final int interfaceIndex;
    private final int fd;
    private final MemorySegment statistics;

    /// Opens a socket that as yet receives nothing.
    ///
    /// @param arena owns what the socket needs for its calls; must outlive it
    /// @throws LinuxException without CAP_NET_RAW, or when there is no such interface
    public PacketSocket(Arena arena, String interfaceName) {
        libc = new Libc(arena);
        statistics = arena.allocate(12, 4);
        this.interfaceName = interfaceName;
        interfaceIndex = check(libc.if_nametoindex(interfaceName), "if_nametoindex(" + interfaceName + ")");
        fd = check(libc.socket(FAMILY, SOCK_RAW_CLOEXEC_NONBLOCK, 0), "socket(AF_PACKET)");
    }

    /// {@return the descriptor}
    public int fd() {
        return fd;
    }

    /// {@return the calls of this socket's owner}
    public Libc libc() {
        return libc;
    }

    /// {@return whether the interface speaks Ethernet, as the loopback also does}
    public boolean isEthernet() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(40, 8);
            request.setString(0, interfaceName);
            check(libc.ioctl(fd, SIOCGIFHWADDR, request), "ioctl(SIOCGIFHWADDR, " + interfaceName + ")");
            int kind = request.get(Memory.U16, 16) & 0xffff;
            return kind == ARPHRD_ETHER || kind == ARPHRD_LOOPBACK;
        }
    }

    /// Prepares a receive ring with slots of one size (TPACKET_V2).
    ///
    /// @param reserve bytes free before each frame, beyond the kernel's own
    public void receiveIntoSlots(int reserve, int blockBytes, int blocks, int slotBytes) {
        option("PACKET_VERSION", PACKET_VERSION, 1);
        ringOptions(reserve);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(16, 4); // struct tpacket_req
            request.set(Memory.U32, 0, blockBytes);
            request.set(Memory.U32, 4, blocks);
            request.set(Memory.U32, 8, slotBytes);
            request.set(Memory.U32, 12, blockBytes / slotBytes * blocks);
            check(libc.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request), call("PACKET_RX_RING, TPACKET_V2"));
        }
    }

    /// Prepares a receive ring of blocks that are handed over full or after a time (TPACKET_V3).
    ///
    /// @param reserve   bytes free before each frame, beyond the kernel's own
    /// @param timeoutMs after which a block is handed over that is not full
    public void receiveIntoBlocks(int reserve, int blockBytes, int blocks, int timeoutMs) {
        option("PACKET_VERSION", PACKET_VERSION, 2);
        ringOptions(reserve);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(28, 4); // struct tpacket_req3
            int frameBytes = 2048; // Has no meaning in V3, but must divide the block.
            request.set(Memory.U32, 0, blockBytes);
            request.set(Memory.U32, 4, blocks);
            request.set(Memory.U32, 8, frameBytes);
            request.set(Memory.U32, 12, blockBytes / frameBytes * blocks);
            request.set(Memory.U32, 16, timeoutMs);
            check(libc.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request), call("PACKET_RX_RING, TPACKET_V3"));
        }
    }

    private void ringOptions(int reserve) {
        option("PACKET_RESERVE", PACKET_RESERVE, reserve);
        ignoreOutgoing();
    }

    /// Keeps out what the host itself sends. Has no effect in a group; see [#foundGroup()].
    public void ignoreOutgoing() {
        option("PACKET_IGNORE_OUTGOING", PACKET_IGNORE_OUTGOING, 1);
    }

    /// Maps the ring over a part of memory that is reserved already.
    public void mapRing(long address, long length) {
        check(
                libc.mmap(address, length, Memory.READ_WRITE, Memory.MAP_SHARED | MAP_FIXED, fd, 0),
                "mmap(" + interfaceName + ", PACKET_RX_RING, " + length + ")");
    }

    /// Lets no frame in until another filter takes this one's place, so that nothing is seen twice while a group
    /// forms.
    public void receiveNothing() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment instruction = arena.allocate(8, 8); // struct sock_filter, returning 0 bytes
            instruction.set(Memory.U16, 0, (short) BPF_RETURN);
            MemorySegment program = arena.allocate(16, 8); // struct sock_fprog
            program.set(Memory.U16, 0, (short) 1);
            program.set(Memory.U64, 8, instruction.address());
            check(libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program), call("SO_ATTACH_FILTER"));
        }
    }

    /// Lets in what a program of type BPF_PROG_TYPE_SOCKET_FILTER says. Replaces any filter before.
    ///
    /// @param program its descriptor
    public void receiveWhat(int program) {
        check(libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, program), call("SO_ATTACH_BPF"));
    }

    /// Begins to receive every protocol. `ETH_P_ALL` sees frames before the host's stack and its tc programs do.
    public void bindToReceive() {
        bind(ETH_P_ALL);
    }

    /// Binds for sending only: with protocol 0 the socket has no place on the receive path. Frames go straight to the
    /// driver, round the interface's queueing discipline and round the taps.
    public void bindToSend(int sendBufferBytes) {
        option("PACKET_QDISC_BYPASS", PACKET_QDISC_BYPASS, 1);
        // Only a larger buffer than the host's default; without CAP_NET_ADMIN the default has to do.
        libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, sendBufferBytes);
        bind(0);
    }

    private void bind(int protocol) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(SOCKADDR_LL_BYTES, 4);
            address.set(Memory.U16, 0, (short) FAMILY);
            address.set(Memory.U16.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) protocol);
            address.set(Memory.U32, 4, interfaceIndex);
            check(libc.bind(fd, address), "bind(AF_PACKET, " + interfaceName + ")");
        }
    }

    /// Founds a group of sockets that share the frames by flow. Frames that the host sends are kept out: in a group
    /// the option of the single socket is ignored, and what we send would come back to us.
    ///
    /// No rollover to the next socket when one is full: a flow's state is with one worker only.
    ///
    /// @return the group's number, for [#joinGroup(int)]
    public int foundGroup() {
        int kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
        check(
                libc.setsockopt(fd, SOL_PACKET, PACKET_FANOUT, (kind | PACKET_FANOUT_FLAG_UNIQUEID) << 16),
                call("PACKET_FANOUT, unique"));
        return check(libc.getsockopt(fd, SOL_PACKET, PACKET_FANOUT), call("PACKET_FANOUT")) & 0xffff;
    }

    /// Joins a group; see [#foundGroup()].
    public void joinGroup(int group) {
        int kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
        check(
                libc.setsockopt(fd, SOL_PACKET, PACKET_FANOUT, group | (kind << 16)),
                call("PACKET_FANOUT, group " + group));
    }

    /// Takes frames to a multicast MAC address from the NIC, for as long as the socket is open.
    ///
    /// @param mac in the low 48 bits
    public void addMulticast(long mac) {
        check(membership(PACKET_ADD_MEMBERSHIP, mac), call("PACKET_ADD_MEMBERSHIP"));
    }

    /// Ends what [#addMulticast(long)] began.
    public void dropMulticast(long mac) {
        // Of an interface that is gone nothing is left to drop.
        membership(PACKET_DROP_MEMBERSHIP, mac);
    }

    private int membership(int option, long mac) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(16, 4); // struct packet_mreq
            request.set(Memory.U32, 0, interfaceIndex);
            request.set(Memory.U16, 4, (short) PACKET_MR_MULTICAST);
            request.set(Memory.U16, 6, (short) 6);
            for (int i = 0; i < 6; i++) {
                request.set(ValueLayout.JAVA_BYTE, 8 + i, (byte) (mac >>> (40 - 8 * i)));
            }
            return libc.setsockopt(fd, SOL_PACKET, option, request);
        }
    }

    /// Reads and clears how many frames found the ring full. Allocates nothing.
    ///
    /// @return frames lost since the last call; 0 when the interface is gone
    public long takeLost() {
        int length = libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics);
        return length < 8 ? 0 : Integer.toUnsignedLong(statistics.get(Memory.U32, 4));
    }

    @Override
    public void close() {
        libc.close(fd);
    }

    private void option(String name, int option, int value) {
        check(libc.setsockopt(fd, SOL_PACKET, option, value), call(name + ", " + value));
    }

    private String call(String what) {
        return "setsockopt(" + interfaceName + ", " + what + ")";
    }
}
