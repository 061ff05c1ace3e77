package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.config.Addresses;
import io.penstock.control.log.Log;
import io.penstock.forwarder.backend.HostState.Need;
import io.penstock.forwarder.backend.InstallRecord.Change;
import io.penstock.forwarder.backend.InstallRecord.Place;
import io.penstock.forwarder.backend.InstallRecord.Vip;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.Decapsulator;
import io.penstock.forwarder.linux.HostNetwork;
import io.penstock.forwarder.linux.HostNetwork.Link;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.MountNamespace;
import io.penstock.forwarder.linux.Tunnel;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The host as a backend: puts VIPs on its loopback without a word to the neighbours, opens tunnels, and takes all of
/// it back.
///
/// Silence comes before the address, and goes after it. What was there before is recorded in
/// `/run/penstock-backend/net-N`, N being the network namespace; the decapsulator is pinned in a bpf file system of its
/// own below, mounted where it outlives this process. After a restart of the host nothing is left.
///
/// Made and used by one thread, in the network namespace it works on and in the mount namespace that is to keep the
/// decapsulator ([MountNamespace#inOutermost]).
final class BackendHost implements AutoCloseable {
    /// Where the records are.
    static final Path DEFAULT_BASE = Path.of("/run/penstock-backend");

    private static final String NO_MODE = "none";

    private final Path base;
    private final Path folder;
    private final Path bpf;
    private final HostNetwork network = new HostNetwork();
    private final List<String> done = new ArrayList<>();

    BackendHost(Path base) throws IOException {
        this.base = base.toAbsolutePath();
        long cookie = HostNetwork.namespaceCookie();
        // The inode number may come again after the namespace's end, so it is the second choice.
        Object number = cookie != 0 ? cookie : Files.getAttribute(Path.of("/proc/thread-self/ns/net"), "unix:ino");
        folder = this.base.resolve("net-" + number);
        bpf = folder.resolve("bpf");
    }

    /// {@return what was done, a line each, since this was made}
    List<String> done() {
        return done;
    }

    /// Installs VIPs beside those that are installed already. What is as it should be stays as it is.
    ///
    /// @throws CommandException   when the host is in the way; nothing is left half done
    /// @throws HostLacksException when the host lacks something
    void install(Wish wish) throws IOException {
        makeFolders();
        try (var _ = lock()) {
            InstallRecord record = InstallRecord.read(recordFile());
            boolean isFirst = record.isEmpty();
            boolean complete = false;
            try {
                install(wish, record);
                complete = true;
            } finally {
                if (!complete && isFirst) {
                    undoQuietly(record);
                }
            }
        }
    }

    private void install(Wish wish, InstallRecord record) throws IOException {
        HostState state = HostState.read(network);
        Set<InetAddress> vips = new LinkedHashSet<>(record.vips().keySet());
        vips.addAll(wish.vips());
        List<Link> serving = serving(wish, record, state);
        refuse(wish, vips, serving, state);
        if (!wish.interfaceNames().isEmpty()) {
            record.setInterfacesChosen();
        }
        if (!state.isLoopbackUp()) {
            network.setLoopbackUp();
            done.add("lo is up (and stays up)");
        }
        for (Need need : HostState.needs(vips, serving)) {
            // The oldest value is what was before us; somebody else may have changed it since.
            Change known = record.sysctls().get(need.key());
            record.sysctls()
                    .put(need.key(), new Change(known == null ? need.current() : known.before(), need.wanted()));
            record.save();
            Sysctls.write(need.key(), need.wanted());
            done.add("%s is %d (was %d)".formatted(Sysctls.name(need.key()), need.wanted(), need.current()));
        }
        List<String> opened = new ArrayList<>();
        for (InetAddress vip : wish.vips()) {
            Vip known = record.vips().get(vip);
            Set<Tunnel> fresh = EnumSet.noneOf(Tunnel.class);
            fresh.addAll(wish.tunnels());
            Set<Tunnel> tunnels = EnumSet.copyOf(fresh);
            if (known != null) {
                fresh.removeAll(known.tunnels());
                tunnels.addAll(known.tunnels());
            }
            boolean added = known == null ? state.ownerOf(vip) == null : known.added();
            record.vips().put(vip, new Vip(added, tunnels));
            if (!fresh.isEmpty()) {
                opened.add(Addresses.text(vip) + " gets packets out of tunnels: " + InstallRecord.text(fresh));
            }
        }
        record.save();
        if (record.hasTunnels()) {
            decapsulate(wish, record, state, serving);
            done.addAll(opened);
        } else {
            serving.forEach(link -> record.places().put(link.name(), new Place(link.index(), NO_MODE)));
            record.save();
        }
        for (Map.Entry<InetAddress, Vip> entry : record.vips().entrySet()) {
            InetAddress vip = entry.getKey();
            if (state.ownerOf(vip) == null) {
                network.addVip(vip);
                record.vips().put(vip, new Vip(true, entry.getValue().tunnels()));
                done.add(Addresses.text(vip) + " is on lo");
            }
        }
        record.save();
    }

    /// {@return the interfaces that the operator named, now or before; else those that are found}
    private static List<Link> serving(Wish wish, InstallRecord record, HostState state) {
        Set<String> names = new LinkedHashSet<>(wish.interfaceNames());
        if (record.interfacesChosen()) {
            record.placeNames().stream()
                    .filter(name -> state.link(name) != null)
                    .forEach(names::add);
        }
        return names.isEmpty() ? state.serving() : state.named(names);
    }

    private static void refuse(Wish wish, Set<InetAddress> vips, List<Link> serving, HostState state)
            throws IOException {
        for (InetAddress vip : wish.vips()) {
            Link owner = state.ownerOf(vip);
            if (owner != null && owner.answersArp()) {
                throw new CommandException(Addresses.text(vip) + " is an address of " + owner.name()
                        + ", which answers its neighbours for it: ip addr del " + Addresses.text(vip) + "/"
                        + (Addresses.isIpv6(vip) ? 128 : 32) + " dev " + owner.name());
            }
        }
        List<String> withoutIpv6 = HostState.withoutIpv6(vips, serving);
        if (!withoutIpv6.isEmpty()) {
            String name = withoutIpv6.getFirst();
            throw new HostLacksException(
                    "IPv6 is switched off on " + String.join(", ", withoutIpv6),
                    "sysctl -w " + Sysctls.name("net/ipv6/conf/" + name + "/disable_ipv6") + "=0");
        }
        if (!wish.tunnels().isEmpty() && serving.isEmpty()) {
            throw new CommandException(
                    "no interface is up and has an address, so no tunnel can lead here: name one with --interface");
        }
    }

    private void decapsulate(Wish wish, InstallRecord record, HostState state, List<Link> serving) throws IOException {
        if (!Files.isDirectory(bpf)) {
            Files.createDirectory(bpf);
        }
        MountNamespace.mountBpf(bpf);
        Decapsulator known = Decapsulator.open(bpf);
        if (known == null) {
            Decapsulator.remove(bpf); // What an install that was killed left of it.
        }
        try (Decapsulator decapsulator = known == null ? Decapsulator.create(bpf) : known) {
            for (Decapsulator.Place place : decapsulator.places()) {
                if (!place.attached()) {
                    decapsulator.detach(place.interfaceIndex());
                }
            }
            Set<InetAddress> vips = record.vips().keySet();
            decapsulator.update(record.tunnelsByVip(), state.outerAddresses(vips));
            Set<Integer> attached = decapsulator.places().stream()
                    .map(Decapsulator.Place::interfaceIndex)
                    .collect(Collectors.toSet());
            for (Link link : serving) {
                if (attached.contains(link.index())) {
                    continue;
                }
                try (BpfLink attachment = decapsulator.attach(LinuxInterface.read(link.name()), wish.mode())) {
                    boolean generic = attachment.mode() == BpfLink.Mode.GENERIC;
                    record.places().put(link.name(), new Place(link.index(), generic ? "generic" : "driver"));
                    record.save();
                    done.add("tunnels are opened on " + link.name()
                            + (generic ? " in generic mode" : " in the driver")
                            + (attachment.reason().isEmpty() ? "" : " (" + attachment.reason() + ")"));
                }
            }
        }
    }

    /// Takes VIPs away, and with the last one all that was installed.
    ///
    /// @param vips which; empty for all
    void remove(Set<InetAddress> vips) throws IOException {
        if (!Files.exists(recordFile())) {
            requireReadable();
            done.add("nothing is installed");
            return;
        }
        try (var _ = lock()) {
            InstallRecord record = InstallRecord.read(recordFile());
            for (InetAddress vip : vips.isEmpty() ? Set.copyOf(record.vips().keySet()) : vips) {
                removeVip(record, vip);
            }
            if (record.vips().isEmpty()) {
                undo(record);
            } else {
                closeTunnels(record);
            }
        }
        if (!Files.exists(folder)) {
            deleteIfEmpty();
        }
    }

    private void removeVip(InstallRecord record, InetAddress vip) throws IOException {
        Vip known = record.vips().get(vip);
        if (known == null) {
            done.add(Addresses.text(vip) + " is not installed");
            return;
        }
        if (known.added()) {
            network.removeVip(vip);
            done.add(Addresses.text(vip) + " is off lo");
        } else {
            done.add(Addresses.text(vip) + " stays: it was there before install");
        }
        record.vips().remove(vip);
        record.save();
    }

    /// Leaves to the decapsulator what the VIPs that are left need.
    private void closeTunnels(InstallRecord record) throws IOException {
        if (!record.hasTunnels()) {
            removeDecapsulator();
            record.places().replaceAll((_, place) -> new Place(place.index(), NO_MODE));
            record.save();
            return;
        }
        Decapsulator known = Decapsulator.open(bpf);
        if (known != null) {
            try (known) {
                Set<InetAddress> vips = record.vips().keySet();
                known.update(record.tunnelsByVip(), HostState.read(network).outerAddresses(vips));
            }
        }
    }

    private void undo(InstallRecord record) throws IOException {
        List<String> keys = new ArrayList<>(record.sysctls().keySet());
        for (String key : keys.reversed()) {
            restore(key, record.sysctls().get(key));
        }
        removeDecapsulator();
        Files.deleteIfExists(bpf);
        Files.deleteIfExists(recordFile());
        Files.deleteIfExists(folder);
    }

    private void restore(String key, @Nullable Change change) throws IOException {
        int current = Sysctls.read(key);
        if (change == null || current == Sysctls.ABSENT) {
            return; // Of an interface that is gone.
        }
        if (current == change.after()) {
            Sysctls.write(key, change.before());
            done.add("%s is %d again".formatted(Sysctls.name(key), change.before()));
        } else {
            done.add("%s stays %d: somebody changed it since (it was %d before install)"
                    .formatted(Sysctls.name(key), current, change.before()));
        }
    }

    private void removeDecapsulator() throws IOException {
        if (Files.isDirectory(bpf)) {
            Decapsulator.remove(bpf);
            MountNamespace.unmount(bpf);
            done.add("no tunnel is opened any more");
        }
    }

    /// Puts back what a failed install did. The failure is what the operator has to read: what cannot be undone either
    /// stays recorded, for remove.
    private void undoQuietly(InstallRecord record) {
        try {
            HostState state = HostState.read(network);
            for (InetAddress vip : Set.copyOf(record.vips().keySet())) {
                if (state.ownerOf(vip) == null) {
                    record.vips().remove(vip);
                } else {
                    removeVip(record, vip);
                }
            }
            undo(record);
            deleteIfEmpty();
        } catch (IOException | RuntimeException e) {
            new Log("backend").warn("not all of it could be undone: " + Log.reason(e));
        }
    }

    /// {@return what is as it has to be, and what is not}
    List<Finding> check(Wish wish) throws IOException {
        requireReadable();
        InstallRecord record = InstallRecord.read(recordFile());
        HostState state = HostState.read(network);
        Decapsulator decapsulator = Decapsulator.open(bpf);
        try {
            return new HostCheck(wish, record, state, decapsulator).findings();
        } finally {
            if (decapsulator != null) {
                decapsulator.close();
            }
        }
    }

    /// {@return what the decapsulator counted; empty where there is none}
    Map<Decapsulator.Counter, Long> counters() {
        Decapsulator decapsulator = Decapsulator.open(bpf);
        if (decapsulator == null) {
            return Map.of();
        }
        try (decapsulator) {
            return decapsulator.counters();
        }
    }

    private Path recordFile() {
        return folder.resolve("install.properties");
    }

    private void makeFolders() throws IOException {
        var mode = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        for (Path each : List.of(base, folder)) {
            if (!Files.isDirectory(each)) {
                Files.createDirectory(each, mode);
            }
        }
    }

    /// Fails where we could not see what is installed.
    private void requireReadable() throws AccessDeniedException {
        if (Files.isDirectory(base) && !Files.isReadable(base)) {
            throw new AccessDeniedException(base.toString());
        }
    }

    /// One command at a time.
    private FileChannel lock() throws IOException {
        FileChannel channel =
                FileChannel.open(base.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        boolean locked = false;
        try {
            channel.lock();
            locked = true;
            return channel;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
    }

    private void deleteIfEmpty() throws IOException {
        try (var entries = Files.list(base)) {
            if (entries.anyMatch(entry -> !entry.getFileName().toString().equals("lock"))) {
                return;
            }
        } catch (NoSuchFileException gone) {
            return;
        }
        Files.deleteIfExists(base.resolve("lock"));
        try {
            Files.deleteIfExists(base);
        } catch (DirectoryNotEmptyException somebodyElseInstalls) {
            // Then it is theirs.
        }
    }

    @Override
    public void close() {
        network.close();
    }
}
