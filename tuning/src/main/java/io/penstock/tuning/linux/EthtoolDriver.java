package io.penstock.tuning.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;

/// Asks drivers by `ioctl(SIOCETHTOOL)`, whose structures (linux/ethtool.h) have not changed in twenty years and which
/// every driver answers. Not by the `ethtool` program, which a small system does not have and whose output differs from
/// version to version; not by ethtool's netlink family, which kernels before 5.6 lack and which knows nothing more that
/// is asked here.
///
/// Acts on the network namespace of the calling thread. Not thread-safe.
public final class EthtoolDriver implements NicDriver {
    private static final long SIOCETHTOOL = 0x8946;
    private static final int GET_DRIVER_INFO = 0x03;
    private static final int GET_COALESCE = 0x0e;
    private static final int SET_COALESCE = 0x0f;
    private static final int GET_RING = 0x10;
    private static final int SET_RING = 0x11;
    private static final int GET_STRINGS = 0x1b;
    private static final int GET_SET_INFO = 0x37;
    private static final int GET_FEATURES = 0x3a;
    private static final int SET_FEATURES = 0x3b;
    private static final int GET_CHANNELS = 0x3c;
    private static final int SET_CHANNELS = 0x3d;
    private static final int GET_STEERING = 0x46;
    private static final int SET_STEERING = 0x47;
    private static final int FEATURE_STRINGS = 4; // ETH_SS_FEATURES

    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 0x80000;
    // struct ifreq: name[16], then a union of which we use the pointer; 40 bytes in all.
    private static final int NAME_LENGTH_MAX = 15;
    private static final int REQUEST_POINTER = 16;
    private static final int REQUEST_LENGTH = 40;
    private static final int STRING_LENGTH = 32; // ETH_GSTRING_LEN
    private static final int DRIVER_INFO_LENGTH = 196;
    private static final int COALESCE_LENGTH = 92;
    private static final int COALESCE_RECEIVE_US = 4;
    private static final int COALESCE_ADAPTIVE_RECEIVE = 40;
    private static final int RING_LENGTH = 36;
    private static final int RING_MAX = 4;
    private static final int RING_NOW = 20;
    private static final int CHANNELS_LENGTH = 36;
    private static final int STEERING_HEADER = 28; // struct ethtool_rxfh up to rss_config

    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(PathElement.groupElement("errno"));
    private static final int EPERM = 1;

    @Override
    public String name(String nic) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(DRIVER_INFO_LENGTH, 8);
            call(arena, nic, info, GET_DRIVER_INFO, "driver");
            return info.getString(4);
        }
    }

    @Override
    public State feature(String nic, Feature feature) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<String> names = featureNames(arena, nic);
            int bit = indexOf(names, feature);
            int blocks = (names.size() + 31) / 32;
            // struct ethtool_gfeatures: command, blocks, then of each block: available, requested, active, never
            // changed.
            MemorySegment features = arena.allocate(8 + 16L * blocks, 8);
            features.set(JAVA_INT, 4, blocks);
            call(arena, nic, features, GET_FEATURES, "features");
            long block = 8 + 16L * (bit / 32);
            int mask = 1 << bit % 32;
            boolean available = (features.get(JAVA_INT, block) & mask) != 0;
            boolean active = (features.get(JAVA_INT, block + 8) & mask) != 0;
            boolean never = (features.get(JAVA_INT, block + 12) & mask) != 0;
            return new State(active, !available || never);
        }
    }

    @Override
    public void setFeature(String nic, Feature feature, boolean on) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<String> names = featureNames(arena, nic);
            int bit = indexOf(names, feature);
            int blocks = (names.size() + 31) / 32;
            // struct ethtool_sfeatures: command, blocks, then of each block: valid, requested.
            MemorySegment features = arena.allocate(8 + 8L * blocks, 8);
            features.set(JAVA_INT, 4, blocks);
            long block = 8 + 8L * (bit / 32);
            features.set(JAVA_INT, block, 1 << bit % 32);
            features.set(JAVA_INT, block + 4, on ? 1 << bit % 32 : 0);
            call(arena, nic, features, SET_FEATURES, feature.commandName());
        }
        if (feature(nic, feature).on() != on) {
            throw new IOException(nic + ": the driver keeps " + feature.commandName() + (on ? " off" : " on"));
        }
    }

    private static List<String> featureNames(Arena arena, String nic) throws IOException {
        // struct ethtool_sset_info: command, reserved, mask of string sets, then a length for each.
        MemorySegment sets = arena.allocate(20, 8);
        sets.set(JAVA_LONG, 8, 1L << FEATURE_STRINGS);
        call(arena, nic, sets, GET_SET_INFO, "features");
        int count = sets.get(JAVA_INT, 16);
        MemorySegment strings = arena.allocate(12 + (long) count * STRING_LENGTH, 8);
        strings.set(JAVA_INT, 4, FEATURE_STRINGS);
        strings.set(JAVA_INT, 8, count);
        call(arena, nic, strings, GET_STRINGS, "features");
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            names.add(strings.asSlice(12 + (long) i * STRING_LENGTH, STRING_LENGTH)
                    .getString(0));
        }
        return names;
    }

    private static int indexOf(List<String> names, Feature feature) throws IOException {
        int index = names.indexOf(feature.kernelName());
        if (index < 0) {
            throw new IOException("this kernel knows no feature " + feature.kernelName());
        }
        return index;
    }

    // struct ethtool_channels: command, four maxima (rx, tx, other, combined), four counts.
    @Override
    public Channels channels(String nic) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment channels = arena.allocate(CHANNELS_LENGTH, 8);
            call(arena, nic, channels, GET_CHANNELS, "queues");
            return new Channels(
                    channels.get(JAVA_INT, 20),
                    channels.get(JAVA_INT, 24),
                    channels.get(JAVA_INT, 32),
                    channels.get(JAVA_INT, 4),
                    channels.get(JAVA_INT, 16));
        }
    }

    @Override
    public void setChannels(String nic, Channels wanted) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment channels = arena.allocate(CHANNELS_LENGTH, 8);
            call(arena, nic, channels, GET_CHANNELS, "queues");
            channels.set(JAVA_INT, 20, wanted.rx());
            channels.set(JAVA_INT, 24, wanted.tx());
            channels.set(JAVA_INT, 32, wanted.combined());
            call(arena, nic, channels, SET_CHANNELS, "queues");
        }
    }

    @Override
    public Coalescing coalescing(String nic) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment coalesce = arena.allocate(COALESCE_LENGTH, 8);
            call(arena, nic, coalesce, GET_COALESCE, "coalescing");
            return new Coalescing(
                    coalesce.get(JAVA_INT, COALESCE_ADAPTIVE_RECEIVE) != 0,
                    coalesce.get(JAVA_INT, COALESCE_RECEIVE_US));
        }
    }

    @Override
    public void setCoalescing(String nic, Coalescing wanted) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment coalesce = arena.allocate(COALESCE_LENGTH, 8);
            call(arena, nic, coalesce, GET_COALESCE, "coalescing");
            coalesce.set(JAVA_INT, COALESCE_ADAPTIVE_RECEIVE, wanted.adaptive() ? 1 : 0);
            coalesce.set(JAVA_INT, COALESCE_RECEIVE_US, wanted.receiveUs());
            call(arena, nic, coalesce, SET_COALESCE, "coalescing");
        }
    }

    // struct ethtool_ringparam: command, four maxima (rx, mini, jumbo, tx), four counts.
    @Override
    public Ring ring(String nic) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ring = arena.allocate(RING_LENGTH, 8);
            call(arena, nic, ring, GET_RING, "rings");
            return new Ring(ring.get(JAVA_INT, RING_NOW), ring.get(JAVA_INT, RING_MAX));
        }
    }

    @Override
    public void setRing(String nic, int entries) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ring = arena.allocate(RING_LENGTH, 8);
            call(arena, nic, ring, GET_RING, "rings");
            ring.set(JAVA_INT, RING_NOW, entries);
            call(arena, nic, ring, SET_RING, "rings");
        }
    }

    // struct ethtool_rxfh: command, context, table size, key size, function and reserved, then table and key.
    @Override
    public Steering steering(String nic) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment sizes = arena.allocate(STEERING_HEADER, 8);
            call(arena, nic, sizes, GET_STEERING, "receive-side scaling");
            int buckets = sizes.get(JAVA_INT, 8);
            int keyBytes = sizes.get(JAVA_INT, 12);
            MemorySegment steering = arena.allocate(STEERING_HEADER + 4L * buckets + keyBytes, 8);
            steering.set(JAVA_INT, 8, buckets);
            steering.set(JAVA_INT, 12, keyBytes);
            call(arena, nic, steering, GET_STEERING, "receive-side scaling");
            List<Integer> queues = new ArrayList<>();
            for (int i = 0; i < buckets; i++) {
                queues.add(steering.get(JAVA_INT, STEERING_HEADER + 4L * i));
            }
            boolean hasKey = false;
            for (int i = 0; i < keyBytes; i++) {
                hasKey |= steering.get(JAVA_BYTE, STEERING_HEADER + 4L * buckets + i) != 0;
            }
            return new Steering(queues, hasKey);
        }
    }

    @Override
    public void setSteering(String nic, List<Integer> queues) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment steering = arena.allocate(STEERING_HEADER + 4L * queues.size(), 8);
            steering.set(JAVA_INT, 8, queues.size());
            for (int i = 0; i < queues.size(); i++) {
                steering.set(JAVA_INT, STEERING_HEADER + 4L * i, queues.get(i));
            }
            call(arena, nic, steering, SET_STEERING, "receive-side scaling");
        }
    }

    private static void call(Arena arena, String nic, MemorySegment command, int number, String subject)
            throws IOException {
        if (nic.length() > NAME_LENGTH_MAX) {
            throw new IOException(nic + ": there is no such interface");
        }
        command.set(JAVA_INT, 0, number);
        MemorySegment request = arena.allocate(REQUEST_LENGTH, 8);
        request.setString(0, nic);
        request.set(ADDRESS, REQUEST_POINTER, command);
        MemorySegment state = arena.allocate(CALL_STATE);
        try {
            int socket = (int) Calls.SOCKET.invokeExact(state, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            if (socket < 0) {
                throw new IOException("socket(AF_INET): errno " + (int) ERRNO.get(state, 0L));
            }
            try {
                if ((int) Calls.IOCTL.invokeExact(state, socket, SIOCETHTOOL, request) < 0) {
                    int errno = (int) ERRNO.get(state, 0L);
                    throw errno == EPERM
                            ? new java.nio.file.AccessDeniedException(nic + ": " + subject)
                            : new IOException(nic + ": " + subject + ": " + text(errno));
                }
            } finally {
                int ignored = (int) Calls.CLOSE.invokeExact(state, socket);
            }
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new AssertionError("ethtool", t);
        }
    }

    private static String text(int errno) {
        return switch (errno) {
            case 16 -> "the device is busy";
            case 19 -> "there is no such interface";
            case 22 -> "the driver refuses the value";
            case 95 -> "the driver does not say";
            default -> "errno " + errno;
        };
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
            Linker.Option[] all = java.util.Arrays.copyOf(options, options.length + 1);
            all[options.length] = Linker.Option.captureCallState("errno");
            return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, all);
        }
    }
}
