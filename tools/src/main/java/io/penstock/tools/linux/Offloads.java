package io.penstock.tools.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// Switches off what a virtual cable leaves to a NIC that is not there: checksums that nobody computes, segments that
/// nobody cuts. A forwarder behind such a cable would see frames that no wire ever carries.
///
/// Here and not by `ethtool`, which a small Debian does not have. Acts on the network namespace of the process.
public final class Offloads {
    // linux/sockios.h, linux/ethtool.h
    private static final long SIOCETHTOOL = 0x8946;
    private static final int[] COMMANDS = {
        0x17, // ETHTOOL_STXCSUM
        0x1f, // ETHTOOL_STSO
        0x24, // ETHTOOL_SGSO
        0x2c, // ETHTOOL_SGRO
    };
    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM = 2;
    // struct ifreq: name[16], then a union of which we use the pointer; 40 bytes in all.
    private static final int NAME_LENGTH_MAX = 15;
    private static final int IFREQ_POINTER = 16;
    private static final int IFREQ_LENGTH = 40;

    private Offloads() {}

    /// Switches checksum and segmentation offloads off.
    ///
    /// @throws IOException when the interface does not exist or the kernel refuses
    public static void disable(String interfaceName) throws IOException {
        if (interfaceName.length() > NAME_LENGTH_MAX) {
            throw new IOException(
                    "interface name '" + interfaceName + "' is longer than " + NAME_LENGTH_MAX + " letters");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(IFREQ_LENGTH, 8);
            request.setString(0, interfaceName);
            MemorySegment value = arena.allocate(JAVA_INT, 2); // struct ethtool_value: command, data; data stays 0
            request.set(ADDRESS, IFREQ_POINTER, value);
            int descriptor = (int) Calls.SOCKET.invokeExact(AF_INET, SOCK_DGRAM, 0);
            try {
                for (int command : COMMANDS) {
                    value.set(JAVA_INT, 0, command);
                    if ((int) Calls.IOCTL.invokeExact(descriptor, SIOCETHTOOL, request) < 0) {
                        throw new IOException("ioctl(SIOCETHTOOL, 0x%x) on '%s' failed: does it exist, are you root?"
                                .formatted(command, interfaceName));
                    }
                }
            } finally {
                int ignored = (int) Calls.CLOSE.invokeExact(descriptor);
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError("offloads", t);
        }
    }

    /// Linked when first used.
    private static final class Calls {
        // int socket(int domain, int type, int protocol)
        static final MethodHandle SOCKET =
                link("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
        // int ioctl(int fd, unsigned long request, ...)
        static final MethodHandle IOCTL = link(
                "ioctl",
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS),
                Linker.Option.firstVariadicArg(2));
        // int close(int fd)
        static final MethodHandle CLOSE = link("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

        @SuppressWarnings("restricted") // Native calls are what this package is for.
        private static MethodHandle link(String name, FunctionDescriptor descriptor, Linker.Option... options) {
            Linker linker = Linker.nativeLinker();
            return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
        }
    }
}
