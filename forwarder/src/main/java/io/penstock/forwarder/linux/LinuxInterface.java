package io.penstock.forwarder.linux;

import static io.penstock.forwarder.linux.Memory.U16;
import static io.penstock.forwarder.linux.Memory.U32;
import static io.penstock.forwarder.linux.Memory.U64;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What the kernel says of a network interface, asked by ioctl so that the answer is for the calling thread's network
/// namespace, which sysfs's is not.
///
/// @param index        the kernel's number for it
/// @param mac          its address, in the low 48 bits, first byte highest
/// @param mtu          longest packet, bytes after the Ethernet header
/// @param up           whether it is set up
/// @param running      whether it has a carrier
/// @param receiveQueues receive queues in use (`ethtool -l`: RX and combined), at least 1
/// @param receiveQueuesMax the most it can have
/// @param sendQueues   send queues in use (`ethtool -l`: TX and combined), at least 1
/// @param combinedQueues whether a receive queue is one of `combined` to ethtool, not of `rx`
/// @param driver       name of the driver, or `?`
/// @param stripsTags   whether the NIC takes 802.1Q tags off the frames it receives (`rxvlan`)
/// @param mergesFrames whether the NIC merges TCP segments it receives (`lro`)
/// @param mergesInStack whether the kernel merges segments after the driver (`gro`); XDP comes before that
public record LinuxInterface(
        String name,
        int index,
        long mac,
        int mtu,
        boolean up,
        boolean running,
        int receiveQueues,
        int receiveQueuesMax,
        int sendQueues,
        boolean combinedQueues,
        String driver,
        boolean stripsTags,
        boolean mergesFrames,
        boolean mergesInStack) {

    private static final int NAME_LENGTH = 16;
    private static final int REQUEST_LENGTH = 40; // struct ifreq
    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SIOCGIFFLAGS = 0x8913;
    private static final int SIOCGIFMTU = 0x8921;
    private static final int SIOCGIFHWADDR = 0x8927;
    private static final int SIOCETHTOOL = 0x8946;
    private static final int ETHTOOL_GDRVINFO = 0x03;
    private static final int ETHTOOL_GLINK = 0x0a;
    private static final int ETHTOOL_GFLAGS = 0x25;
    private static final int ETHTOOL_GGRO = 0x2b;
    private static final int ETHTOOL_GCHANNELS = 0x3c;
    private static final int ETH_FLAG_RXVLAN = 1 << 8;
    private static final int ETH_FLAG_LRO = 1 << 15;
    private static final int IFF_UP = 1;
    private static final int IFF_RUNNING = 0x40;

    /// Asks the kernel.
    ///
    /// @throws LinuxException when there is no such interface
    public static LinuxInterface read(String name) {
        Libc libc = new Libc(Arena.ofAuto());
        int index = name.length() < NAME_LENGTH ? libc.if_nametoindex(name) : -Errno.ENODEV.code();
        if (index < 0) {
            throw new LinuxException(
                    "interface " + name,
                    index,
                    "there is no such network interface here",
                    "set forwarder.interface to one that ip link shows");
        }
        int socket = LinuxException.check(libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket(AF_INET)");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(REQUEST_LENGTH, 8);
            request.setString(0, name);
            LinuxException.check(libc.ioctl(socket, SIOCGIFFLAGS, request), "ioctl(SIOCGIFFLAGS, " + name + ")");
            int flags = request.get(U16, NAME_LENGTH);
            LinuxException.check(libc.ioctl(socket, SIOCGIFMTU, request), "ioctl(SIOCGIFMTU, " + name + ")");
            int mtu = request.get(U32, NAME_LENGTH);
            LinuxException.check(libc.ioctl(socket, SIOCGIFHWADDR, request), "ioctl(SIOCGIFHWADDR, " + name + ")");
            long mac = 0;
            for (int i = 0; i < 6; i++) {
                mac = mac << 8 | Byte.toUnsignedLong(request.get(ValueLayout.JAVA_BYTE, NAME_LENGTH + 2 + i));
            }

            // struct ethtool_channels: command, four maxima (rx, tx, other, combined), four counts.
            MemorySegment channels = arena.allocate(36, 8);
            int queues = 1;
            int queuesMax = 1;
            int sendQueues = 1;
            boolean combined = false;
            if (ethtool(libc, socket, request, channels, ETHTOOL_GCHANNELS)) {
                queuesMax = Math.max(1, Math.max(channels.get(U32, 4), channels.get(U32, 16)));
                queues = Math.max(1, channels.get(U32, 20) + channels.get(U32, 32));
                sendQueues = Math.max(1, channels.get(U32, 24) + channels.get(U32, 32));
                combined = channels.get(U32, 16) > 0;
            }
            MemorySegment driverInfo = arena.allocate(196, 8);
            String driver =
                    ethtool(libc, socket, request, driverInfo, ETHTOOL_GDRVINFO) ? driverInfo.getString(4) : "?";
            MemorySegment features = arena.allocate(8, 8); // struct ethtool_value
            int offloads = ethtool(libc, socket, request, features, ETHTOOL_GFLAGS) ? features.get(U32, 4) : 0;
            boolean gro = ethtool(libc, socket, request, features, ETHTOOL_GGRO) && features.get(U32, 4) != 0;
            // Asked of the driver: IFF_RUNNING may lag a second behind.
            boolean running = ethtool(libc, socket, request, features, ETHTOOL_GLINK)
                    ? features.get(U32, 4) != 0
                    : (flags & IFF_RUNNING) != 0;
            return new LinuxInterface(
                    name,
                    index,
                    mac,
                    mtu,
                    (flags & IFF_UP) != 0,
                    running,
                    queues,
                    queuesMax,
                    sendQueues,
                    combined,
                    driver,
                    (offloads & ETH_FLAG_RXVLAN) != 0,
                    (offloads & ETH_FLAG_LRO) != 0,
                    gro);
        } finally {
            libc.close(socket);
        }
    }

    /// {@return the command that gives it so many receive queues}
    public String queueCommand(int queues) {
        return "ethtool -L " + name + (combinedQueues ? " combined " + queues : " rx " + queues + " tx " + queues);
    }

    private static boolean ethtool(
            Libc libc, int socket, MemorySegment request, MemorySegment command, int commandNumber) {
        command.set(U32, 0, commandNumber);
        request.set(U64, NAME_LENGTH, command.address());
        return libc.ioctl(socket, SIOCETHTOOL, request) >= 0;
    }
}
