package io.penstock.sidecar.linux;

import io.netty.util.NetUtil;
import io.penstock.control.log.Log;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// Sends a probe of a VIP to one certain backend, by the way that the forwarder's packets take with `dr`: over the
/// segment, to the backend's MAC address, with the VIP as destination.
///
/// Each backend has a firewall mark and a routing table of the same number (ip-rule(8)): what carries the mark looks up
/// the table, and the table says that the VIP is reached `via` the backend. A probe sets the mark on its socket. The
/// answer comes from the VIP to our own address, which is the host's: the forwarder leaves it alone. With strict
/// `rp_filter` the kernel drops such answers unless the VIP is routed over the same interface.
///
/// Numbers are `instance`-dependent, so that two instances on a host do not meet; what an earlier run of the instance
/// left is removed at the first use. For one thread.
public final class VipRoutes implements AutoCloseable {
    /// A VIP probed through a backend.
    public record Path(InetAddress vip, InetAddress backend) {}

    /// A command for `ip -batch`, and whose path it serves.
    ///
    /// @param family  -4 or -6
    /// @param line    without the leading `ip`
    /// @param backend who cannot be probed this way when it fails
    private record Command(String family, String line, InetAddress backend) {}

    private static final int BASE = 0x5000_0000; // far from what people number by hand
    private static final int BACKENDS_MAX = 0xffff;
    private static final int PRIORITY = 900; // before the main table's 32766, behind the local table's 0
    private static final List<String> FAMILIES = List.of("-4", "-6");
    private static final InetAddress ANY = new InetSocketAddress(0).getAddress();
    private static final Pattern RULE = Pattern.compile("fwmark (0x[0-9a-f]+)");
    private static final Pattern FAILED = Pattern.compile("Command failed -:(\\d+)");

    private final Log log = new Log("health");
    private final int base;
    private final Map<InetAddress, Integer> marks = new HashMap<>();
    private Set<Path> installed = Set.of();
    private Set<InetAddress> failing = Set.of();
    private boolean cleaned;
    private int next = 1;

    /// @param instance whose routes these are
    public VipRoutes(String instance) {
        CRC32 crc = new CRC32();
        crc.update(instance.getBytes(StandardCharsets.UTF_8));
        base = BASE | (int) (crc.getValue() & 0xfff) << 16;
    }

    /// {@return whether Linux can route a VIP via a backend: the same family, or an IPv4 VIP via an IPv6 backend}
    public static boolean isPossible(InetAddress vip, InetAddress backend) {
        return !(vip instanceof Inet6Address) || backend instanceof Inet6Address;
    }

    /// {@return the mark that leads to a backend, or 0 where there is none}
    public int mark(InetAddress backend) {
        return failing.contains(backend) ? 0 : marks.getOrDefault(backend, 0);
    }

    /// Makes the routes be exactly these. Where that fails, it is said, and the backends concerned have no mark.
    public void replace(Set<Path> wanted) {
        if (wanted.equals(installed)) {
            return;
        }
        try {
            clean();
            Set<InetAddress> backends = new LinkedHashSet<>();
            wanted.forEach(path -> backends.add(path.backend));
            remove(wanted, backends);
            List<Command> commands = new ArrayList<>();
            for (InetAddress backend : backends) {
                if (!marks.containsKey(backend)) {
                    marks.put(backend, number());
                    commands.addAll(rules("add", backend));
                }
            }
            wanted.forEach(path -> commands.add(route("replace", path)));
            installed = Set.copyOf(wanted);
            say(run(commands));
        } catch (IOException e) {
            log.error("health.target=vip cannot be set up, so the backends' own addresses are probed", e);
            marks.clear();
            installed = Set.of();
            cleaned = false;
        }
    }

    /// Puts back the routes that the kernel has dropped, as it does when their link goes down.
    ///
    /// @return whether [#mark] says something else of a backend now
    public boolean refresh() {
        if (installed.isEmpty()) {
            return false;
        }
        Set<InetAddress> before = failing;
        try {
            say(run(installed.stream().map(path -> route("replace", path)).toList()));
        } catch (IOException e) {
            log.error("routes for health.target=vip", e);
        }
        return !failing.equals(before);
    }

    private void remove(Set<Path> wanted, Set<InetAddress> backends) throws IOException {
        List<Command> commands = new ArrayList<>();
        for (Path gone : installed) {
            if (!wanted.contains(gone)) {
                commands.add(route("del", gone));
            }
        }
        for (InetAddress backend : List.copyOf(marks.keySet())) {
            if (!backends.contains(backend)) {
                commands.addAll(rules("del", backend));
                marks.remove(backend);
            }
        }
        run(commands); // What the kernel has dropped by itself cannot be removed, and need not.
    }

    private void say(Set<InetAddress> failed) {
        if (!failed.equals(failing) && !failed.isEmpty()) {
            log.error("health.target=vip cannot be set up for " + failed.size()
                    + " backends, so their own addresses are probed (does the sidecar have CAP_NET_ADMIN? are they on a"
                    + " segment of this host?): "
                    + failed.stream().limit(10).map(NetUtil::toAddressString).toList());
        }
        failing = failed;
    }

    private int number() throws IOException {
        if (next > BACKENDS_MAX) {
            throw new IOException("more than " + BACKENDS_MAX + " backends were checked at a VIP; restart the sidecar");
        }
        return base + next++;
    }

    // A forbidding route behind the rule's own: without it a probe would go to the default route once the VIP's route
    // is
    // gone, and be answered by whoever serves the VIP. What it forbids is a fault of the check.
    private List<Command> rules(String verb, InetAddress backend) {
        List<Command> commands = new ArrayList<>();
        int mark = marks.getOrDefault(backend, 0);
        String table = Integer.toUnsignedString(mark);
        for (String family : FAMILIES) {
            commands.add(new Command(
                    family,
                    "rule " + verb + " fwmark " + hex(mark) + " lookup " + table + " priority " + PRIORITY,
                    backend));
            commands.add(new Command(
                    family, "route " + verb + " prohibit default metric 4278198272 table " + table, backend));
        }
        return commands;
    }

    private Command route(String verb, Path path) {
        boolean vip6 = path.vip instanceof Inet6Address;
        boolean backend6 = path.backend instanceof Inet6Address;
        String via = backend6 && !vip6 ? " via inet6 " : " via ";
        int mark = marks.getOrDefault(path.backend, 0);
        String line = "route " + verb + " " + NetUtil.toAddressString(path.vip) + (vip6 ? "/128" : "/32") + via
                + NetUtil.toAddressString(path.backend) + " table " + Integer.toUnsignedString(mark);
        return new Command(vip6 ? "-6" : "-4", line, path.backend);
    }

    private static String hex(int mark) {
        return "0x" + Integer.toHexString(mark);
    }

    // Removes what a killed run of this instance left.
    private void clean() throws IOException {
        if (cleaned) {
            return;
        }
        List<Command> commands = new ArrayList<>();
        for (String family : FAMILIES) {
            Matcher rules = RULE.matcher(ip(List.of(family, "rule", "show"), "").out);
            while (rules.find()) {
                int mark = Integer.parseUnsignedInt(rules.group(1).substring(2), 16);
                if ((mark & 0xffff_0000) == base) {
                    commands.add(new Command(family, "rule del fwmark " + hex(mark), ANY));
                    commands.add(new Command(family, "route flush table " + Integer.toUnsignedString(mark), ANY));
                }
            }
        }
        run(commands);
        cleaned = true;
    }

    @Override
    public void close() {
        replace(Set.of());
    }

    /// {@return the backends for which a command failed}
    private static Set<InetAddress> run(List<Command> commands) throws IOException {
        Set<InetAddress> failed = new LinkedHashSet<>();
        for (String family : FAMILIES) { // A batch has one family.
            List<Command> batch = commands.stream()
                    .filter(command -> command.family.equals(family))
                    .toList();
            if (batch.isEmpty()) {
                continue;
            }
            String lines = String.join("\n", batch.stream().map(Command::line).toList()) + "\n";
            Output output = ip(List.of(family, "-force", "-batch", "-"), lines);
            Matcher numbers = FAILED.matcher(output.out);
            boolean named = false;
            while (numbers.find()) {
                failed.add(batch.get(Integer.parseInt(numbers.group(1)) - 1).backend);
                named = true;
            }
            if (output.exit != 0 && !named) {
                throw new IOException("ip -batch ended with " + output.exit + ": " + output.out.strip());
            }
        }
        return failed;
    }

    private record Output(int exit, String out) {}

    private static Output ip(List<String> arguments, String input) throws IOException {
        List<String> command = new ArrayList<>(List.of(program()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        // Ended from outside if it hangs: then both ends of its pipes close.
        var limit = process.onExit().orTimeout(10, TimeUnit.SECONDS).exceptionally(late -> process.destroyForcibly());
        Thread feeder = Thread.ofVirtual().start(() -> {
            try (OutputStream in = process.getOutputStream()) {
                in.write(input.getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                // It has ended early; its exit code says why.
            }
        });
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            feeder.join();
            return new Output(limit.join().waitFor(), out);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static String program() throws IOException {
        @Nullable String found = null;
        for (String folder : List.of("/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/")) {
            if (found == null && Files.isExecutable(java.nio.file.Path.of(folder + "ip"))) {
                found = folder + "ip";
            }
        }
        if (found == null) {
            throw new IOException("ip(8) is not installed (package iproute2)");
        }
        return found;
    }
}
