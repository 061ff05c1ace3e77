package io.penstock.forwarder.linux;

import io.penstock.control.config.Keyword;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Opens tunnels on a backend host, without the kernel's tunnel devices: an XDP program takes the outer headers off and
/// hands the inner packet to the stack, as if it had come by the same interface.
///
/// A packet is a tunnel's when its outer destination is an address of this host, its protocol is that of a kind that
/// some VIP here gets, and for GUE its UDP port is 6080. Of these,
/// 1. what is whole, and whose inner destination is a VIP that gets this kind, goes to the stack without the outer
///    header. The Ethernet header, with its 802.1Q tag if it has one, stays; so does the inner TTL. A congestion mark
///    that the outer header got on its way is copied to the inner one (RFC 6040 §4.2; the mark ECT(1) is not);
/// 2. all else is dropped and counted, see [Counter]. Fragments of the outer packet are never put together: our
///    outer headers forbid it on IPv4, and nobody fragments IPv6 on the way.
///
/// Whatever is no tunnel's packet passes untouched. The checksum of an outer IPv4 header is verified, that of an outer
/// UDP header is not: it would take every byte of the packet, and the inner packet has checksums of its own.
///
/// Everything is pinned in a folder of a bpf file system and works without any process: the program, a link for each
/// interface, the two maps of addresses, the counters. Set-up only; one thread at a time.
public final class Decapsulator implements AutoCloseable {
    /// What the program counts; packets.
    public enum Counter implements Keyword {
        /// Handed to the stack without their outer header.
        DECAPSULATED(0),
        /// Dropped: the inner destination is no VIP here, or one that does not get this kind of tunnel.
        NOT_A_VIP(1),
        /// Dropped: lengths, versions, checksums or flags that contradict.
        MALFORMED(2),
        /// Dropped: a fragment of an outer packet.
        OUTER_FRAGMENT(3),
        /// Dropped: marked for congestion outside, while the inner packet's sender knows no such mark.
        CONGESTION(4);

        final int index;

        Counter(int index) {
            this.index = index;
        }
    }

    /// The maps that the program looks into.
    ///
    /// @param addresses4 IPv4 address to flags: [Tunnel]'s bits as a VIP; shifted, as an outer destination
    /// @param addresses6 likewise
    /// @param counters   by [Counter]
    record Maps(BpfMap addresses4, BpfMap addresses6, BpfMap counters) implements AutoCloseable {
        @Override
        public void close() {
            addresses4.close();
            addresses6.close();
            counters.close();
        }
    }

    /// A place where the program is attached.
    ///
    /// @param interfaceIndex of the interface it was attached to
    /// @param attached       whether it still is
    public record Place(int interfaceIndex, boolean attached) {}

    private static final int ADDRESSES_MAX = 65_536;
    private static final String PROGRAM = "program";
    private static final String ADDRESSES4 = "addresses4";
    private static final String ADDRESSES6 = "addresses6";
    private static final String COUNTERS = "counters";
    private static final List<String> NAMES = List.of(ADDRESSES4, ADDRESSES6, COUNTERS, PROGRAM);
    private static final String LINK = "link-"; // and the interface's index: such names may hold no dots

    private final Path folder;
    private final Maps maps;
    private final BpfProgram program;

    /// For [#create(Path)], [#open(Path)], and tests that try frames on a program which is attached nowhere.
    Decapsulator(Path folder, Maps maps, BpfProgram program) {
        this.folder = folder;
        this.maps = maps;
        this.program = program;
    }

    /// Loads the program and pins it; attaches nothing yet, and knows no address.
    ///
    /// @param folder in a bpf file system, empty
    /// @throws LinuxException when the kernel refuses
    public static Decapsulator create(Path folder) {
        Maps maps = createMaps();
        BpfProgram program = null;
        try {
            program = load(maps);
            maps.addresses4.pin(folder.resolve(ADDRESSES4));
            maps.addresses6.pin(folder.resolve(ADDRESSES6));
            maps.counters.pin(folder.resolve(COUNTERS));
            program.pin(folder.resolve(PROGRAM));
            return new Decapsulator(folder, maps, program);
        } catch (LinuxException e) {
            if (program != null) {
                program.close();
            }
            maps.close();
            throw e;
        }
    }

    /// {@return what was pinned before, or null when there is nothing, or only part of it}
    public static @Nullable Decapsulator open(Path folder) {
        for (String name : NAMES) {
            if (!Files.exists(folder.resolve(name))) {
                return null;
            }
        }
        Maps maps = new Maps(
                BpfMap.openPinned(folder.resolve(ADDRESSES4), 4, 4),
                BpfMap.openPinned(folder.resolve(ADDRESSES6), 16, 4),
                BpfMap.openPinned(folder.resolve(COUNTERS), 4, 8));
        return new Decapsulator(folder, maps, BpfProgram.openPinned(BpfProgram.Kind.XDP, folder.resolve(PROGRAM)));
    }

    static Maps createMaps() {
        return new Maps(
                BpfMap.create(BpfMap.Kind.HASH, "ps_decap4", 4, 4, ADDRESSES_MAX),
                BpfMap.create(BpfMap.Kind.HASH, "ps_decap6", 16, 4, ADDRESSES_MAX),
                BpfMap.create(BpfMap.Kind.ARRAY_PER_CPU, "ps_decap_count", 4, 8, Counter.values().length));
    }

    private static BpfProgram load(Maps maps) {
        BpfProgram program = loadForJumbo(maps);
        return program == null ? loadForOldKernels(maps) : program;
    }

    static @Nullable BpfProgram loadForJumbo(Maps maps) {
        return BpfProgram.loadForFragments("ps_decap", DecapProgram.assemble(maps, true));
    }

    static BpfProgram loadForOldKernels(Maps maps) {
        return BpfProgram.load(BpfProgram.Kind.XDP, "ps_decap", DecapProgram.assemble(maps, false));
    }

    /// Attaches the program to an interface, for good.
    ///
    /// @param mode how, or null for in the driver if that can be, else in the generic way
    /// @return the link, whose mode and reason tell what was obtained; closing it detaches nothing
    /// @throws LinuxException when it cannot be
    public BpfLink attach(LinuxInterface nic, BpfLink.@Nullable Mode mode) {
        BpfLink link = mode == null
                ? BpfLink.attachXdp(program, nic.name(), nic.index())
                : BpfLink.attachXdp(program, nic.name(), nic.index(), mode);
        try {
            link.pin(folder.resolve(LINK + nic.index()));
        } catch (LinuxException e) {
            link.close();
            throw e;
        }
        return link;
    }

    /// Takes the program off an interface.
    public void detach(int interfaceIndex) {
        Path pin = folder.resolve(LINK + interfaceIndex);
        try (BpfLink link = BpfLink.openPinned(pin)) {
            link.detach();
        }
        delete(pin);
    }

    /// {@return where the program was attached}
    public List<Place> places() {
        List<Place> places = new ArrayList<>();
        for (Path pin : pinsIn(folder)) {
            String name = pin.getFileName().toString();
            if (name.startsWith(LINK)) {
                try (BpfLink link = BpfLink.openPinned(pin)) {
                    int index = Integer.parseInt(name.substring(LINK.length()));
                    places.add(new Place(index, link.interfaceIndex() == index));
                }
            }
        }
        return places;
    }

    /// Makes these the addresses known, at once for packets that come from now on.
    ///
    /// @param vips  the VIPs, and of which tunnels each gets its packets
    /// @param outer addresses of this host to which tunnels may lead
    public void update(Map<InetAddress, Set<Tunnel>> vips, Set<InetAddress> outer) {
        int all = vips.values().stream().mapToInt(Tunnel::bits).reduce(0, (a, b) -> a | b);
        Map<InetAddress, Integer> wanted = new HashMap<>();
        vips.forEach((vip, tunnels) -> wanted.merge(vip, Tunnel.bits(tunnels), (a, b) -> a | b));
        outer.forEach(address -> wanted.merge(address, all << DecapProgram.OUTER_SHIFT, (a, b) -> a | b));
        wanted.forEach((address, flags) -> map(address).put(address.getAddress(), flags));
        for (BpfMap map : List.of(maps.addresses4, maps.addresses6)) {
            for (byte[] key : map.keys()) {
                InetAddress address = Routes.address(MemorySegment.ofArray(key));
                if (address != null && !wanted.containsKey(address)) {
                    map.remove(key);
                }
            }
        }
    }

    /// {@return of which tunnels an address gets packets as a VIP}
    public Set<Tunnel> tunnelsOfVip(InetAddress vip) {
        return Tunnel.ofBits(flags(vip));
    }

    /// {@return which tunnels may lead to an address of this host}
    public Set<Tunnel> tunnelsToOuter(InetAddress address) {
        return Tunnel.ofBits(flags(address) >>> DecapProgram.OUTER_SHIFT);
    }

    /// {@return the program, to try frames on}
    BpfProgram program() {
        return program;
    }

    private int flags(InetAddress address) {
        byte[] value = map(address).get(address.getAddress());
        return value == null ? 0 : MemorySegment.ofArray(value).get(Memory.U32, 0);
    }

    /// {@return what was counted since the program was loaded}
    public Map<Counter, Long> counters() {
        Map<Counter, Long> counters = new EnumMap<>(Counter.class);
        long[] sums = maps.counters.sums(Counter.values().length);
        for (Counter counter : Counter.values()) {
            counters.put(counter, sums[counter.index]);
        }
        return counters;
    }

    /// Takes the program off all interfaces and deletes all that is pinned in a folder, also where part of it is
    /// missing.
    public static void remove(Path folder) {
        for (Path pin : pinsIn(folder)) {
            String name = pin.getFileName().toString();
            if (name.startsWith(LINK)) {
                // Detached by name and not only unpinned: a mount namespace that was copied meanwhile still has the
                // pin.
                try (BpfLink link = BpfLink.openPinned(pin)) {
                    link.detach();
                }
                delete(pin);
            }
        }
        // By name: some kernels put files of their own into every bpf file system (CONFIG_BPF_PRELOAD).
        for (String name : NAMES) {
            delete(folder.resolve(name));
        }
    }

    /// Closes the descriptors; what is attached stays.
    @Override
    public void close() {
        program.close();
        maps.close();
    }

    private BpfMap map(InetAddress address) {
        return address.getAddress().length == 4 ? maps.addresses4 : maps.addresses6;
    }

    private static List<Path> pinsIn(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> pins = Files.list(folder)) {
            return pins.toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path pin) {
        try {
            Files.deleteIfExists(pin);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
