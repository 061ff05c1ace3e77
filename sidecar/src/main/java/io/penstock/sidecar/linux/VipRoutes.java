package io.penstock.sidecar.linux;

import io.netty.util.NetUtil;
import io.penstock.control.log.Log;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Inet6Address;
import java.net.InetAddress;
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

    /// Runs `ip -batch`, or stands in for it.
    interface IpCommand {
        /// @param lines one command each, without the leading `ip`
        /// @return what it printed
        /// @throws IOException when it cannot run or one of the commands failed
        String run(List<String> arguments, List<String> lines) throws IOException;
    }

    private static final int BASE = 0x5000_0000; // far from what people number by hand
    private static final int BACKENDS_MAX = 0xffff;
    private static final int PRIORITY = 900; // before the main table's 32766, behind the local table's 0
    private static final Pattern RULE = Pattern.compile("fwmark (0x[0-9a-f]+)");

    private final Log log = new Log("health");
    private final IpCommand ip;
    private final int base;
    private final Map<InetAddress, Integer> marks = new HashMap<>();
    private Set<Path> installed = Set.of();
    private boolean cleaned;
    private int next = 1;

    /// @param instance whose routes these are
    public VipRoutes(String instance) {
        this(instance, VipRoutes::runIp);
    }

    VipRoutes(String instance, IpCommand ip) {
        CRC32 crc = new CRC32();
        crc.update(instance.getBytes(StandardCharsets.UTF_8));
        base = BASE | (int) (crc.getValue() & 0xfff) << 16;
        this.ip = ip;
    }

    /// {@return whether Linux can route a VIP via a backend: the same family, or an IPv4 VIP via an IPv6 backend}
    public static boolean isPossible(InetAddress vip, InetAddress backend) {
        return !(vip instanceof Inet6Address) || backend instanceof Inet6Address;
    }

    /// {@return the mark that leads to a backend, or 0 where there is none}
    public int mark(InetAddress backend) {
        return marks.getOrDefault(backend, 0);
    }

    /// Makes the routes be exactly these. Where that fails, it is said, and the backends concerned have no mark.
    public void replace(Set<Path> wanted) {
        if (wanted.equals(installed)) {
            return;
        }
        try {
            clean();
            List<String> lines = new ArrayList<>();
            for (Path gone : installed) {
                if (!wanted.contains(gone)) {
                    lines.add(route("del", gone));
                }
            }
            Set<InetAddress> backends = new LinkedHashSet<>();
            wanted.forEach(path -> backends.add(path.backend));
            for (InetAddress backend : List.copyOf(marks.keySet())) {
                if (!backends.contains(backend)) {
                    lines.addAll(rules("del", backend));
                    marks.remove(backend);
                }
            }
            for (InetAddress backend : backends) {
                if (!marks.containsKey(backend)) {
                    marks.put(backend, number());
                    lines.addAll(rules("add", backend));
                }
            }
            for (Path path : wanted) {
                lines.add(route("replace", path));
            }
            ip.run(List.of("-force", "-batch", "-"), lines);
            installed = Set.copyOf(wanted);
        } catch (IOException e) {
            log.error("health.target=vip cannot be set up, so the backends' own addresses are probed", e);
            marks.clear();
            installed = Set.of();
            cleaned = false;
        }
    }

    private int number() throws IOException {
        if (next > BACKENDS_MAX) {
            throw new IOException("more than " + BACKENDS_MAX + " backends were checked at a VIP; restart the sidecar");
        }
        return base + next++;
    }

    // An unreachable route behind the rule's own: without it a probe would go to the default route once the VIP's
    // route is gone, and be answered by whoever serves the VIP.
    private List<String> rules(String verb, InetAddress backend) {
        List<String> lines = new ArrayList<>();
        int mark = mark(backend);
        for (String family : List.of("-4", "-6")) {
            lines.add(family + " rule " + verb + " fwmark " + hex(mark) + " lookup " + Integer.toUnsignedString(mark)
                    + " priority " + PRIORITY);
            lines.add(family + " route " + verb + " unreachable default metric 4278198272 table "
                    + Integer.toUnsignedString(mark));
        }
        return lines;
    }

    private String route(String verb, Path path) {
        boolean vip6 = path.vip instanceof Inet6Address;
        boolean backend6 = path.backend instanceof Inet6Address;
        String via = backend6 && !vip6 ? " via inet6 " : " via ";
        String vip = NetUtil.toAddressString(path.vip);
        return (vip6 ? "-6" : "-4") + " route " + verb + " " + vip + (vip6 ? "/128" : "/32") + via
                + NetUtil.toAddressString(path.backend) + " table " + Integer.toUnsignedString(mark(path.backend));
    }

    private static String hex(int mark) {
        return "0x" + Integer.toHexString(mark);
    }

    // Removes what a killed run of this instance left.
    private void clean() throws IOException {
        if (cleaned) {
            return;
        }
        List<String> lines = new ArrayList<>();
        for (String family : List.of("-4", "-6")) {
            Matcher rules = RULE.matcher(ip.run(List.of(family, "rule", "show"), List.of()));
            while (rules.find()) {
                int mark = Integer.parseUnsignedInt(rules.group(1).substring(2), 16);
                if ((mark & 0xffff_0000) == base) {
                    lines.add(family + " rule del fwmark " + hex(mark));
                    lines.add(family + " route flush table " + Integer.toUnsignedString(mark));
                }
            }
        }
        if (!lines.isEmpty()) {
            ip.run(List.of("-force", "-batch", "-"), lines);
        }
        cleaned = true;
    }

    @Override
    public void close() {
        replace(Set.of());
    }

    private static String runIp(List<String> arguments, List<String> lines) throws IOException {
        List<String> command = new ArrayList<>(List.of(program()));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (OutputStream in = process.getOutputStream()) {
            in.write((String.join("\n", lines) + "\n").getBytes(StandardCharsets.US_ASCII));
        }
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException("ip(8) did not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        if (process.exitValue() != 0) {
            throw new IOException("ip " + String.join(" ", arguments) + " ended with " + process.exitValue()
                    + (lines.isEmpty() ? "" : " after: " + String.join("; ", lines))
                    + " (does the sidecar have CAP_NET_ADMIN? are the backends on a segment of this host?)");
        }
        return out;
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
