package io.penstock.sidecar.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.SnapshotFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `health.target=vip` with the real process and real hosts: each backend is asked for the VIP at its own MAC address,
/// so that one which serves its own address but not the VIP is found out, whoever else serves the VIP.
///
/// ```
///   lb 10.78.0.1, fd78::1 on a bridge ---- b1 10.78.0.11, fd78::11
///                                     `--- b2 10.78.0.12, fd78::12      both with the VIPs on lo
/// ```
@Tag("root")
@Tag("slow")
@Timeout(90)
class VipProbeTest {
    private static final String VIP = "10.78.0.100";
    private static final String VIP6 = "fd78::100";

    @TempDir
    Path folder;

    private final String prefix = "psv" + Long.toString(ProcessHandle.current().pid(), Character.MAX_RADIX)
            + Long.toString(System.nanoTime() & 0xfffL, Character.MAX_RADIX);
    private final List<Process> processes = new ArrayList<>();

    @BeforeEach
    void makeNetwork() throws Exception {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "network namespaces need root");
        run("ip", "netns", "add", prefix + "-lb");
        on("lb", "ip", "link", "set", "lo", "up");
        on("lb", "ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
        on("lb", "ip", "address", "add", "10.78.0.1/24", "dev", "br0");
        on("lb", "ip", "address", "add", "fd78::1/64", "dev", "br0", "nodad");
        on("lb", "ip", "link", "set", "br0", "up");
        // As with a default route: without any route to the VIP, rp_filter drops answers that come from it.
        on("lb", "ip", "route", "add", "default", "dev", "br0");
        on("lb", "ip", "-6", "route", "add", "default", "dev", "br0");
        for (int i = 1; i <= 2; i++) {
            String host = "b" + i;
            run("ip", "netns", "add", prefix + "-" + host);
            on("lb", "ip", "link", "add", host, "type", "veth", "peer", "eth0", "netns", prefix + "-" + host);
            on("lb", "ip", "link", "set", host, "master", "br0", "up");
            on(host, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
            on(host, "sh", "-c", "echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce");
            on(host, "ip", "link", "set", "lo", "up");
            on(host, "ip", "address", "add", VIP + "/32", "dev", "lo");
            on(host, "ip", "address", "add", VIP6 + "/128", "dev", "lo", "nodad");
            on(host, "ip", "address", "add", "10.78.0.1" + i + "/24", "dev", "eth0");
            on(host, "ip", "address", "add", "fd78::1" + i + "/64", "dev", "eth0", "nodad");
            on(host, "ip", "link", "set", "eth0", "up");
        }
    }

    @AfterEach
    void removeNetwork() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly();
            process.waitFor(5, TimeUnit.SECONDS);
        }
        for (String host : List.of("lb", "b1", "b2")) {
            new ProcessBuilder("ip", "netns", "delete", prefix + "-" + host)
                    .redirectErrorStream(true)
                    .start()
                    .waitFor(5, TimeUnit.SECONDS);
        }
    }

    @Test
    void shouldAskEachBackendForTheVipAndLeaveNoRouteBehind() throws Exception {
        Path file = folder.resolve("penstock.properties");
        Files.writeString(file, """
                sidecar.api=off
                listener.web.vip=%s
                listener.web.ports=80
                listener.web.health=http
                listener.web.health.target=vip
                listener.web.health.path=/
                listener.web.health.interval=200ms
                listener.web.health.timeout=200ms
                listener.web.backend.b1=10.78.0.11
                listener.web.backend.b2=10.78.0.12
                listener.web6.vip=%s
                listener.web6.ports=80
                listener.web6.health=tcp
                listener.web6.health.target=vip
                listener.web6.health.interval=200ms
                listener.web6.health.timeout=200ms
                listener.web6.backend.b1=fd78::11
                listener.web6.backend.b2=fd78::12
                """.formatted(VIP, VIP6));
        serve("b1", VIP);
        serve("b1", VIP6);
        Process ownAddress = serve("b2", "10.78.0.12");
        Process ownAddress6 = serve("b2", "fd78::12");
        Process sidecar = sidecar(file);
        await("b1 serves the VIP, b2 does not", List.of(Health.UP, Health.DOWN, Health.UP, Health.DOWN));

        ownAddress.destroyForcibly();
        ownAddress6.destroyForcibly();
        serve("b2", VIP);
        serve("b2", VIP6);
        await("b2 does now", List.of(Health.UP, Health.UP, Health.UP, Health.UP));

        on("lb", "ip", "link", "set", "br0", "down"); // The kernel drops every route over it.
        on("lb", "ip", "link", "set", "br0", "up");
        on("lb", "ip", "address", "add", "fd78::1/64", "dev", "br0", "nodad");
        on("lb", "ip", "route", "replace", "default", "dev", "br0");
        on("lb", "ip", "-6", "route", "replace", "default", "dev", "br0");
        awaitLine("10.78.0.100 via 10.78.0.11", "-4");
        awaitLine("fd78::100 via fd78::11", "-6");

        assertEquals(4, rules("-4"), "one for each address of a backend");
        sidecar.destroyForcibly();
        assertTrue(sidecar.waitFor(5, TimeUnit.SECONDS));
        assertEquals(4, rules("-4"), "it could not clean up");
        Process next = sidecar(file);
        Files.writeString(file, Files.readString(file).replace("listener.web6.backend.b2=fd78::12\n", ""));
        await("the pool without one", List.of(Health.UP, Health.UP, Health.UP));
        awaitRules(3);
        next.destroy();
        assertTrue(next.waitFor(10, TimeUnit.SECONDS), "it ends in order");
        assertEquals(0, rules("-4"));
        assertEquals(0, rules("-6"));
    }

    private void awaitLine(String route, String family) throws Exception {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!on("lb", "ip", family, "route", "show", "table", "all").contains(route)) {
            assertTrue(System.nanoTime() < endNs, () -> "route: " + route);
            Thread.sleep(50);
        }
    }

    private void awaitRules(int count) throws Exception {
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (rules("-4") != count || rules("-6") != count) {
            assertTrue(System.nanoTime() < endNs, "rules: " + on("lb", "ip", "rule", "show"));
            Thread.sleep(50);
        }
    }

    private long rules(String family) throws Exception {
        return on("lb", "ip", family, "rule", "show")
                .lines()
                .filter(line -> line.contains("fwmark"))
                .count();
    }

    private void await(String what, List<Health> wanted) throws Exception {
        RuntimeFolder runtime = RuntimeFolder.of(folder.resolve("run"), "default");
        long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(15);
        List<Health> found = List.of();
        while (!found.equals(wanted)) {
            List<Health> last = found;
            assertTrue(System.nanoTime() < endNs, () -> what + ", but " + last + "\n" + log());
            Thread.sleep(50);
            found = SnapshotFile.read(runtime).stream()
                    .flatMap(snapshot -> snapshot.listeners().stream())
                    .flatMap(listener -> listener.backends().stream())
                    .map(backend -> backend.health())
                    .toList();
        }
    }

    private String log() {
        try {
            return Files.readString(folder.resolve("log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private Process sidecar(Path file) throws IOException {
        List<String> command = new ArrayList<>(List.of("ip", "netns", "exec", prefix + "-lb"));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home", ""), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path", ""),
                "io.penstock.sidecar.SidecarMain",
                "sidecar",
                "-c",
                file.toString(),
                "--runtime-dir",
                folder.resolve("run").toString()));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                .start();
        processes.add(process);
        return process;
    }

    private Process serve(String host, String address) throws IOException {
        Path empty = Files.createDirectories(folder.resolve("www"));
        Process process = new ProcessBuilder(
                        "ip",
                        "netns",
                        "exec",
                        prefix + "-" + host,
                        "python3",
                        "-m",
                        "http.server",
                        "80",
                        "--bind",
                        address)
                .directory(empty.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        processes.add(process);
        return process;
    }

    private String on(String host, String... command) throws Exception {
        List<String> whole = new ArrayList<>(List.of("ip", "netns", "exec", prefix + "-" + host));
        whole.addAll(List.of(command));
        return run(whole.toArray(String[]::new));
    }

    private static String run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), () -> String.join(" ", command) + ": " + output);
        return output;
    }
}
