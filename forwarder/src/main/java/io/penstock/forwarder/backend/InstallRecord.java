package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandException;
import io.penstock.control.config.Addresses;
import io.penstock.control.runtime.AtomicFile;
import io.penstock.forwarder.linux.Tunnel;
import java.io.IOException;
import java.io.StringReader;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// What was changed on this host, and what was there before. Written before each change, so that an install that was
/// killed half-way can be undone too. One thread.
///
/// ```properties
/// layout=1
/// interfaces=found
/// vip.203.0.113.10=added ipip,gue
/// interface.eth1=3 driver
/// sysctl.net/ipv4/conf/all/arp_ignore=0 1
/// ```
final class InstallRecord {
    /// A VIP.
    ///
    /// @param added   whether we put it on the loopback; else it was there, or is on a dummy interface
    /// @param tunnels which are opened for it
    record Vip(boolean added, Set<Tunnel> tunnels) {}

    /// An interface by which tunnels or clients' packets come.
    ///
    /// @param index of the interface when it was recorded
    /// @param mode  how the program runs: `driver`, `generic`, or `none` where there is none
    record Place(int index, String mode) {}

    /// A parameter of the kernel.
    record Change(int before, int after) {}

    private static final String LAYOUT = "1";

    private final Path file;
    private final Map<InetAddress, Vip> vips = new LinkedHashMap<>();
    private final Map<String, Place> places = new LinkedHashMap<>();
    private final Map<String, Change> sysctls = new LinkedHashMap<>();
    private boolean interfacesChosen;

    private InstallRecord(Path file) {
        this.file = file;
    }

    /// {@return what the file says, or an empty record when there is no file}
    static InstallRecord read(Path file) throws IOException {
        InstallRecord record = new InstallRecord(file);
        Properties text = new Properties();
        try {
            text.load(new StringReader(Files.readString(file, StandardCharsets.UTF_8)));
        } catch (NoSuchFileException none) {
            return record;
        }
        if (!LAYOUT.equals(text.getProperty("layout"))) {
            throw new CommandException(file + " is of another version of Penstock: remove with that version first");
        }
        try {
            for (String key : new TreeSet<>(text.stringPropertyNames())) {
                record.take(key, text.getProperty(key).split(" ", 2));
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException damaged) {
            throw new CommandException(file + " is damaged (" + damaged.getMessage()
                    + "): delete it, and mend by hand what penstock backend check then names");
        }
        return record;
    }

    private void take(String key, String[] words) {
        int dot = key.indexOf('.');
        String name = key.substring(dot + 1);
        switch (dot < 0 ? key : key.substring(0, dot)) {
            case "layout" -> {}
            case "interfaces" -> interfacesChosen = words[0].equals("chosen");
            case "vip" -> {
                InetAddress vip = Addresses.parse(name);
                if (vip == null) {
                    throw new IllegalArgumentException(key);
                }
                vips.put(vip, new Vip(words[0].equals("added"), words.length > 1 ? tunnels(words[1]) : Set.of()));
            }
            case "interface" -> places.put(name, new Place(Integer.parseInt(words[0]), words[1]));
            case "sysctl" -> sysctls.put(name, new Change(Integer.parseInt(words[0]), Integer.parseInt(words[1])));
            default -> throw new IllegalArgumentException(key);
        }
    }

    private static Set<Tunnel> tunnels(String words) {
        EnumSet<Tunnel> tunnels = EnumSet.noneOf(Tunnel.class);
        for (String word : words.split(",")) {
            if (!word.isBlank()) {
                tunnels.add(Tunnel.valueOf(word.strip().toUpperCase(Locale.ROOT)));
            }
        }
        return tunnels;
    }

    /// Writes the file.
    void save() throws IOException {
        StringBuilder text = new StringBuilder("# What penstock backend install changed, for remove.\n");
        text.append("layout=" + LAYOUT + "\n");
        text.append("interfaces=").append(interfacesChosen ? "chosen" : "found").append('\n');
        vips.forEach((vip, entry) -> text.append("vip.")
                .append(Addresses.text(vip).replace(":", "\\:"))
                .append('=')
                .append(entry.added ? "added " : "found ")
                .append(text(entry.tunnels))
                .append('\n'));
        places.forEach((name, place) -> text.append("interface.")
                .append(escaped(name))
                .append('=')
                .append(place.index)
                .append(' ')
                .append(place.mode)
                .append('\n'));
        sysctls.forEach((key, change) -> text.append("sysctl.")
                .append(escaped(key))
                .append('=')
                .append(change.before)
                .append(' ')
                .append(change.after)
                .append('\n'));
        AtomicFile.write(file, text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /// Names of interfaces may hold almost anything.
    private static String escaped(String key) {
        return key.replaceAll("([\\\\:=#! ])", "\\\\$1");
    }

    /// {@return tunnels as words with commas, empty for none}
    static String text(Set<Tunnel> tunnels) {
        return tunnels.stream().map(Tunnel::text).collect(Collectors.joining(","));
    }

    /// {@return whether nothing is installed}
    boolean isEmpty() {
        return vips.isEmpty() && places.isEmpty() && sysctls.isEmpty();
    }

    /// {@return the VIPs}
    Map<InetAddress, Vip> vips() {
        return vips;
    }

    /// {@return the interfaces, by name}
    Map<String, Place> places() {
        return places;
    }

    /// {@return the kernel's parameters that were changed, in that order}
    Map<String, Change> sysctls() {
        return sysctls;
    }

    /// {@return whether the operator named the interfaces}
    boolean interfacesChosen() {
        return interfacesChosen;
    }

    void setInterfacesChosen() {
        interfacesChosen = true;
    }

    /// {@return which tunnels each VIP gets}
    Map<InetAddress, Set<Tunnel>> tunnelsByVip() {
        Map<InetAddress, Set<Tunnel>> tunnels = new LinkedHashMap<>();
        vips.forEach((vip, entry) -> tunnels.put(vip, entry.tunnels));
        return tunnels;
    }

    /// {@return whether some VIP gets tunnels}
    boolean hasTunnels() {
        return vips.values().stream().anyMatch(vip -> !vip.tunnels.isEmpty());
    }

    /// {@return names of all interfaces that are recorded}
    List<String> placeNames() {
        return List.copyOf(places.keySet());
    }
}
