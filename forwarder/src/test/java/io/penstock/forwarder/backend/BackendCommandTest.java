package io.penstock.forwarder.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.config.Addresses;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import io.penstock.forwarder.linux.Tunnel;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/// A backend with real sockets on its VIPs, and a client that reaches them through tunnels. Answers go straight back:
///
/// ```
/// client c0 ---- l0 relay l1 ==tunnel== b0 backend
///        c1 ------------------------------ b1
/// ```
@Tag("root")
class BackendCommandTest {
    private static final String VIP4 = "203.0.113.10";
    private static final String VIP6 = "2001:db8:feed::10";
    private static final String BOTH = VIP4 + "," + VIP6;
    private static final String BACKEND4 = "10.0.0.11";
    private static final String BACKEND6 = "fd00::11";

    @TempDir
    private Path folder;

    private NetworkNamespaces net;
    private String client;
    private String relayHost;
    private String backend;
    private final List<TunnelRelay> relays = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();

    @BeforeEach
    void build() {
        net = NetworkNamespaces.open();
        client = net.add("client");
        relayHost = net.add("relay");
        backend = net.add("backend");
        net.veth(client, "c0", relayHost, "l0", 1);
        net.veth(relayHost, "l1", backend, "b0", 1);
        net.veth(client, "c1", backend, "b1", 1);
        address(client, "c0", "198.51.100.7/24", "2001:db8:1::7/64");
        address(relayHost, "l0", "198.51.100.1/24", "2001:db8:1::1/64");
        address(relayHost, "l1", "10.0.0.1/24", "fd00::1/64");
        address(backend, "b0", BACKEND4 + "/24", BACKEND6 + "/64", "fe80::b0/64");
        address(client, "c1", "172.16.0.7/24", "fd01::7/64");
        address(backend, "b1", "172.16.0.11/24", "fd01::11/64", "fe80::b1/64");
        for (String end : new String[] {relayHost + " link set l1", backend + " link set b0"}) {
            NetworkNamespaces.run("ip -n " + end + " mtu 1600"); // Room for tunnels.
        }
        ip(client, "route add " + VIP4 + " via 198.51.100.1");
        ip(client, "-6 route add " + VIP6 + " via 2001:db8:1::1");
        // Beside the relay, the host it runs on says nothing.
        ip(relayHost, "route add blackhole " + VIP4);
        ip(relayHost, "-6 route add blackhole " + VIP6);
        ip(backend, "route add 198.51.100.0/24 via 172.16.0.7");
        ip(backend, "-6 route add 2001:db8:1::/64 via fd01::7");
        // What a host may have been set to: the answers come to the client by another way than its questions went.
        sysctl(client, "all.rp_filter", 0);
        sysctl(client, "c1.rp_filter", 0);
        sysctl(backend, "all.rp_filter", 0);
        sysctl(backend, "b0.rp_filter", 1);
        sysctl(backend, "b1.rp_filter", 0);
        sysctl(backend, "all.arp_ignore", 0);
        sysctl(backend, "all.arp_announce", 0);
    }

    private TunnelRelay startRelay() throws Exception {
        TunnelRelay relay = new TunnelRelay(
                net,
                relayHost,
                "l0",
                "l1",
                backendMac(),
                parse("10.0.0.1"),
                parse("fd00::1"),
                parse(BACKEND4),
                Set.of(parse(VIP4), parse(VIP6)));
        relays.add(relay);
        return relay;
    }

    private long backendMac() throws Exception {
        return net.inside(backend, () -> LinuxInterface.read("b0").mac());
    }

    @AfterEach
    void remove() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly();
            process.waitFor(5, TimeUnit.SECONDS);
        }
        relays.forEach(TunnelRelay::close);
        if (net != null) {
            backend("remove");
            net.close();
        }
    }

    /// Shows S2-72, S2-74, S2-76 and S2-77 from the backend's side, through every tunnel, in the driver.
    @Tag("slow")
    @ParameterizedTest(name = "--xdp {0}")
    @ValueSource(strings = {"auto", "generic"})
    void shouldServeClientsThroughEachTunnel(String mode) throws Exception {
        assertDone(backend("install", "--vip", BOTH, "--decap", "ipip,gue,gre", "--xdp", mode));
        serve(VIP4, VIP6);
        TunnelRelay relay = startRelay();
        int decapsulated = 0;
        for (Tunnel tunnel : Tunnel.values()) {
            for (String outer : new String[] {BACKEND4, BACKEND6}) {
                relay.use(tunnel, parse(outer));
                assertEquals("ok", ask(BOTH, 200_000, 50_000), tunnel + " to " + outer);
            }
            int now = counted("decapsulated");
            assertTrue(now > decapsulated + 100, tunnel + ": " + now);
            decapsulated = now;
        }
        assertEquals(0, counted("malformed") + counted("not_a_vip") + counted("congestion"));
        Output check = backend("check", "--vip", BOTH, "--decap", "ipip,gue,gre");
        assertDone(check);
        assertTrue(check.out.contains(mode.equals("generic") ? "in generic mode" : "in the driver"), check.out);
    }

    /// The program sees every frame of the host; those that are no tunnel's keep their offloads and their way.
    @Test
    void shouldLeaveOtherTrafficAloneWithAllOffloads() throws Exception {
        net.in(client, "ethtool -K c1 tx on gso on tso on gro on");
        net.in(backend, "ethtool -K b1 tx on gso on tso on gro on");

        assertDone(backend("install", "--vip", BOTH, "--decap", "ipip"));
        serve("172.16.0.11", "fd01::11");

        assertEquals("ok", ask("172.16.0.11,fd01::11", 3_000_000, 3_000_000));
        assertEquals(0, counted("decapsulated"));
    }

    /// Below a bridge the stack merges segments, tunnel and all, before a generic program sees them.
    @Test
    void shouldOpenTunnelsThatWereMerged() throws Exception {
        ip(backend, "addr flush dev b0");
        ip(backend, "link add br0 address " + Addresses.macText(backendMac()) + " mtu 1600 type bridge");
        ip(backend, "link set b0 master br0");
        ip(backend, "link set br0 addrgenmode none up");
        address(backend, "br0", BACKEND4 + "/24");
        net.in(backend, "ethtool -K b0 gro on");
        sysfs(backend, "b0/napi_defer_hard_irqs", 100);
        sysfs(backend, "b0/gro_flush_timeout", 1_000_000);

        assertDone(backend("install", "--vip", VIP4, "--decap", "ipip"));
        Output leftOut = backend("check");
        assertDone(leftOut);
        assertTrue(leftOut.out.contains("note     tunnels that come by the bridge br0 are not opened"), leftOut.out);
        Output installed = backend("install", "--vip", VIP4, "--decap", "ipip", "--interface", "br0");
        assertDone(installed);
        assertTrue(installed.out.contains("br0 in generic mode"), installed.out);
        serve(VIP4);
        startRelay().use(Tunnel.IPIP, parse(BACKEND4));

        assertEquals("ok", ask(VIP4, 2_000_000, 1_000));
        assertTrue(counted("decapsulated") < 1_350, "of 1,380 segments and more: " + counted("decapsulated"));
    }

    @Test
    void shouldCarryJumboFrames() throws Exception {
        for (String end : new String[] {
            client + " link set c0", relayHost + " link set l0", relayHost + " link set l1", backend + " link set b0"
        }) {
            NetworkNamespaces.run("ip -n " + end + " mtu " + (end.endsWith("0") && !end.endsWith("b0") ? 9000 : 9100));
        }
        for (String end : new String[] {client + " link set c1", backend + " link set b1"}) {
            NetworkNamespaces.run("ip -n " + end + " mtu 9000");
        }

        assertDone(backend("install", "--vip", VIP4, "--decap", "gue"));
        serve(VIP4);
        startRelay().use(Tunnel.GUE, parse(BACKEND4));

        assertEquals("ok", ask(VIP4, 2_000_000, 100_000));
        assertTrue(backend("check").out.contains("b0 opens tunnels in the driver"), backend("check").out);
        assertTrue(counted("decapsulated") < 700, "segments of 9000 bytes: " + counted("decapsulated"));
    }

    @Test
    void shouldAnswerNeitherArpNorSolicitationsForVips() throws Exception {
        ip(backend, "addr add " + VIP4 + "/32 dev lo"); // As an operator might, without silence.
        assertTrue(isAnswered(), "before");

        assertDone(backend("install", "--vip", BOTH));

        assertFalse(isAnswered(), "after");
        String lo = ip(backend, "addr show dev lo");
        assertTrue(lo.contains(VIP4 + "/32"), lo);
        assertTrue(lo.contains(VIP6 + "/128") && lo.contains("deprecated"), lo);
        // Neither is chosen for the host's own connections.
        assertTrue(ip(backend, "route get 10.0.0.1").contains("src " + BACKEND4));
        assertTrue(ip(backend, "-6 route get fd00::1").contains("src " + BACKEND6));
    }

    /// {@return whether the backend answers who-has for the VIP on b0, or a solicitation}
    private boolean isAnswered() throws Exception {
        String mac = net.inside(
                backend, () -> Addresses.macText(LinuxInterface.read("b0").mac()));
        try (var _ = net.enter(relayHost);
                RawSocket wire = new RawSocket("l1")) {
            long own = LinuxInterface.read("l1").mac();
            byte[] question = HexFormat.of()
                    .parseHex("ffffffffffff%012x08060001080006040001%012x0a000001000000000000cb00710a"
                            .formatted(own, own));
            byte[] solicitation = HexFormat.of()
                    .parseHex(("3333ff000010%012x86dd6000000000203aff" + "fd000000000000000000000000000001"
                                    + "ff0200000000000000000001ff000010" + "8700%04x00000000"
                                    + "20010db8feed00000000000000000010" + "0101%012x")
                            .formatted(own, solicitationChecksum(own), own));
            wire.send(question);
            wire.send(solicitation);
            long deadlineNs = System.nanoTime() + 500_000_000L;
            while (System.nanoTime() - deadlineNs < 0) {
                byte[] frame = wire.receive(100);
                if (frame == null || !mac.equals(Addresses.macText(macAt(frame)))) {
                    continue;
                }
                boolean arpReply = frame[12] == 8 && frame[13] == 6 && frame[21] == 2;
                boolean advertisement = frame[12] == (byte) 0x86 && frame.length > 54 && frame[54] == (byte) 136;
                if (arpReply || advertisement) {
                    return true;
                }
            }
            return false;
        }
    }

    private static long macAt(byte[] frame) {
        long mac = 0;
        for (int i = 6; i < 12; i++) {
            mac = mac << 8 | (frame[i] & 0xff);
        }
        return mac;
    }

    private static int solicitationChecksum(long mac) {
        String pseudo = ("fd000000000000000000000000000001" + "ff0200000000000000000001ff000010" + "00000020"
                        + "0000003a" + "8700000000000000" + "20010db8feed00000000000000000010" + "0101%012x")
                .formatted(mac);
        int sum = 0;
        for (int at = 0; at < pseudo.length(); at += 4) {
            sum += Integer.parseInt(pseudo.substring(at, at + 4), 16);
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
    }

    @Test
    void shouldPutEverythingBack() throws Exception {
        String before = everything();
        assertDone(backend("install", "--vip", BOTH, "--decap", "ipip,gre"));
        String installed = everything();
        assertFalse(before.equals(installed));
        assertEquals(1, readSysctl("all.arp_ignore"));
        assertEquals(2, readSysctl("all.arp_announce"));
        assertEquals(2, readSysctl("b0.rp_filter"));
        assertEquals(0, readSysctl("b1.rp_filter"), "it was not in the way");

        Output again = backend("install", "--vip", BOTH, "--decap", "ipip,gre");

        assertDone(again);
        assertEquals("all is installed already\n", again.out);
        assertEquals(installed, everything());

        assertDone(backend("remove", "--vip", BOTH));

        assertEquals(before, everything());
        assertFalse(Files.exists(folder.resolve("state")));
        Output twice = backend("remove");
        assertDone(twice);
        assertEquals("nothing is installed\n", twice.out);
    }

    private String everything() {
        return ip(backend, "addr show")
                        .replaceAll("preferred_lft \\S+|valid_lft \\S+", "")
                        .replaceAll("prog/xdp id \\d+[^\n]*", "prog/xdp")
                + net.in(backend, "sysctl net.ipv4.conf net.ipv6.conf").replaceAll("(?m)^.*stable_secret.*$", "")
                + ip(backend, "route show table all")
                + ip(backend, "-6 route show table all")
                + net.in(backend, "cat /proc/self/mountinfo")
                        .lines()
                        .filter(line -> line.contains("bpf"))
                        .count();
    }

    @Test
    void shouldTakeVipsAwayOneByOne() throws Exception {
        assertDone(backend("install", "--vip", VIP4, "--decap", "ipip"));
        assertDone(backend("install", "--vip", VIP6, "--decap", "gre"));
        serve(VIP6);
        startRelay().use(Tunnel.GRE, parse(BACKEND4));

        assertDone(backend("remove", "--vip", VIP4, "--decap", "ipip"));

        assertEquals("ok", ask(VIP6, 1_000, 1_000));
        assertFalse(ip(backend, "addr show dev lo").contains(VIP4));
        assertDone(backend("check"));
        assertEquals(1, readSysctl("all.arp_ignore"));

        assertDone(backend("remove", "--vip", VIP6));
        assertEquals(0, readSysctl("all.arp_ignore"));
        assertEquals(1, backend("check").status);
    }

    @Test
    void shouldSayWhatIsMissing() throws Exception {
        Output nothing = backend("check", "--vip", BOTH, "--decap", "ipip");
        assertEquals(1, nothing.status);
        for (String word : new String[] {
            VIP4 + " is no address",
            VIP6 + " is no address",
            "net.ipv4.conf.all.arp_ignore is 0",
            "net.ipv4.conf.all.arp_announce is 0",
            "net.ipv4.conf.b0.rp_filter is 1",
            "no tunnel is opened"
        }) {
            assertTrue(nothing.out.contains(word), word + " in " + nothing.out);
        }

        ip(backend, "addr del fe80::b0/64 dev b0");
        Output installed = backend("install", "--vip", BOTH, "--decap", "ipip");
        assertDone(installed);
        assertTrue(installed.err.contains("b0 has IPv6 but no link-local address"), installed.err);
        assertMissing("b0 has IPv6 but no link-local address", "check");
        address(backend, "b0", "fe80::b0/64");
        assertDone(backend("check"));
        assertDone(backend("check", "--vip", BOTH, "--decap", "ipip"));

        assertMissing("gue", "check", "--vip", VIP4, "--decap", "gue");
        sysctl(backend, "all.arp_ignore", 0);
        assertMissing("arp_ignore", "check");
        sysctl(backend, "all.arp_ignore", 1);
        ip(backend, "addr del " + VIP4 + "/32 dev lo");
        assertMissing(VIP4 + " is no address", "check");
        ip(backend, "addr add 10.0.0.99/24 dev b0");
        assertMissing("10.0.0.99, an address that is new", "check");
        ip(backend, "link del b1");
        net.veth(client, "c1", backend, "b1", 1);
        address(backend, "b1", "172.16.0.11/24", "fd01::11/64", "fe80::b1/64");
        assertMissing("no tunnel is opened on b1", "check");

        assertDone(backend("install", "--vip", BOTH, "--decap", "ipip"));
        Output mended = backend("check", "--json");
        assertDone(mended);
        assertTrue(mended.out.startsWith("{\"complete\":true,\"findings\":[{\"state\":\"ok\","), mended.out);
        assertTrue(mended.out.contains("\"counters\":{\"decapsulated\":0,"), mended.out);
    }

    private void assertMissing(String word, String... args) throws Exception {
        Output output = backend(args);
        assertEquals(1, output.status, output.out);
        assertTrue(
                output.out.lines().anyMatch(line -> line.startsWith("missing") && line.contains(word)),
                word + " in " + output.out);
    }

    @Test
    void shouldRefuseWhatItCannotDo() throws Exception {
        ip(backend, "addr add " + VIP4 + "/32 dev b0");
        String before = everything();
        Output onWire = backend("install", "--vip", BOTH, "--decap", "ipip");
        assertEquals(1, onWire.status);
        assertTrue(onWire.err.contains("ip addr del " + VIP4 + "/32 dev b0"), onWire.err);
        assertEquals(before, everything());
        ip(backend, "addr del " + VIP4 + "/32 dev b0");

        sysctl6(backend, "b0.disable_ipv6", 1);
        Output noIpv6 = backend("install", "--vip", BOTH);
        assertEquals(3, noIpv6.status, noIpv6.err);
        assertTrue(noIpv6.err.contains("IPv6 is switched off on b0"), noIpv6.err);
        sysctl6(backend, "b0.disable_ipv6", 0);

        Output noSuch = backend("install", "--vip", VIP4, "--decap", "ipip", "--interface", "b7");
        assertEquals(1, noSuch.status);
        assertTrue(noSuch.err.contains("there is no interface b7; there are: b0, b1"), noSuch.err);
        assertFalse(ip(backend, "addr show dev lo").contains(VIP4));
        assertEquals(0, readSysctl("all.arp_ignore"));
    }

    /// Nothing is left when the program of somebody else is in the place of ours.
    @Test
    void shouldUndoAnInstallThatFails() throws Exception {
        String before = everything();
        Process other = start(
                "install",
                "--vip",
                VIP4,
                "--decap",
                "ipip",
                "--state-dir",
                folder.resolve("other").toString());
        assertEquals(0, other.waitFor());

        Output refused = backend("install", "--vip", VIP6, "--decap", "ipip");

        assertEquals(1, refused.status);
        assertTrue(refused.err.contains("another XDP program is attached"), refused.err);
        assertFalse(ip(backend, "addr show dev lo").contains(VIP6));
        assertFalse(Files.exists(folder.resolve("state")));
        Process undo = start("remove", "--state-dir", folder.resolve("other").toString());
        assertEquals(0, undo.waitFor());
        assertEquals(before, everything());
    }

    /// The address is what comes last, so all else has to be undone.
    @Test
    void shouldUndoAnInstallThatLacksAPrivilege() throws Exception {
        String before = everything();
        for (String lacking : new String[] {"-net_admin", "-sys_admin"}) {
            Process process = start(
                    List.of("setpriv", "--bounding-set", lacking, "--inh-caps", lacking),
                    "install",
                    "--vip",
                    VIP4,
                    "--decap",
                    "ipip",
                    "--state-dir",
                    folder.resolve("state").toString());

            assertEquals(3, process.waitFor(), lacking);
            assertEquals(before, everything(), lacking);
            assertFalse(Files.exists(folder.resolve("state")), lacking);
        }
    }

    /// `ip netns exec` gives each command a mount namespace that ends with it.
    @Test
    void shouldLastWhenItsMountNamespaceIsGone() throws Exception {
        String state = folder.resolve("state").toString();
        Process process = start("install", "--vip", VIP4, "--decap", "ipip", "--state-dir", state);
        assertEquals(0, process.waitFor());
        serve(VIP4);
        startRelay();

        assertEquals("ok", ask(VIP4, 10_000, 10_000));
        Process check = start("check", "--state-dir", state);
        assertEquals(0, check.waitFor());
        Process remove = start("remove", "--state-dir", state);
        assertEquals(0, remove.waitFor());
        assertFalse(ip(backend, "link show dev b0").contains("xdp"));
    }

    @Test
    void shouldTellWrongUsage() throws Exception {
        assertUsage("--vip is missing", "install");
        assertUsage("not an address", "install", "--vip", "203.0.113.10/32");
        assertUsage("cannot be a VIP", "install", "--vip", "127.0.0.1");
        assertUsage("cannot be a VIP", "install", "--vip", "ff02::1");
        assertUsage("not a tunnel", "install", "--vip", VIP4, "--decap", "vxlan");
        assertUsage("not a mode", "install", "--vip", VIP4, "--xdp", "fast");
        assertUsage("install, check or remove");
        assertEquals(List.of(), CommandRunner.withoutExample(new BackendCommand()));
    }

    private void assertUsage(String word, String... args) throws Exception {
        Output output = backend(args);
        assertEquals(2, output.status, output.err);
        assertTrue(output.err.contains(word), output.err);
    }

    // The command

    private record Output(int status, String out, String err) {}

    private Output backend(String... args) throws Exception {
        List<String> words = new ArrayList<>(List.of(args));
        if (!words.isEmpty()) {
            words.addAll(List.of("--state-dir", folder.resolve("state").toString()));
        }
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] all = words.toArray(String[]::new);
        CommandLine line = CommandRunner.prepare(new BackendCommand(), all);
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(err));
        int status = net.inside(backend, () -> line.execute(all));
        line.getOut().flush();
        line.getErr().flush();
        return new Output(status, out.toString(), err.toString());
    }

    private static void assertDone(Output output) {
        assertEquals(0, output.status, () -> output.out + output.err);
    }

    private Process start(String... args) {
        return start(List.of(), args);
    }

    private Process start(List<String> before, String... args) {
        List<String> words = new ArrayList<>(before);
        words.addAll(List.of(
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                BackendMain.class.getName()));
        words.addAll(List.of(args));
        Process process = net.start(backend, words.toArray(String[]::new));
        processes.add(process);
        return process;
    }

    private int counted(String counter) throws Exception {
        String counters = backend("check", "--json").out;
        return Integer.parseInt(counters.replaceAll("(?s).*\"" + counter + "\":(\\d+).*", "$1"));
    }

    // The hosts

    private void serve(String... addresses) throws IOException {
        List<String> words = new ArrayList<>(List.of("ip", "netns", "exec", backend, "python3", script("server.py")));
        words.addAll(List.of(addresses));
        Process server = new ProcessBuilder(words).redirectErrorStream(true).start();
        processes.add(server);
        BufferedReader output =
                new BufferedReader(new InputStreamReader(server.getInputStream(), StandardCharsets.UTF_8));
        assertEquals("ready", output.readLine());
    }

    private String ask(String addresses, int request, int reply) {
        return net.in(client, "python3 %s %s %d %d".formatted(script("client.py"), addresses, request, reply))
                .strip();
    }

    private static String script(String name) {
        return Path.of(Objects.requireNonNull(BackendCommandTest.class.getResource("/backend/" + name))
                        .getPath())
                .toString();
    }

    private void address(String namespace, String link, String... addresses) {
        for (String each : addresses) {
            ip(namespace, "addr add " + each + " dev " + link + (each.contains(":") ? " nodad" : ""));
        }
    }

    private static String ip(String namespace, String command) {
        return NetworkNamespaces.run("ip -n " + namespace + " " + command);
    }

    private void sysfs(String namespace, String file, int value) throws Exception {
        Process write = net.start(namespace, "sh", "-c", "echo " + value + " > /sys/class/net/" + file);
        assertEquals(0, write.waitFor());
    }

    private void sysctl(String namespace, String key, int value) {
        net.in(namespace, "sysctl -qw net.ipv4.conf." + key + "=" + value);
    }

    private void sysctl6(String namespace, String key, int value) {
        net.in(namespace, "sysctl -qw net.ipv6.conf." + key + "=" + value);
    }

    private int readSysctl(String key) {
        return Integer.parseInt(
                net.in(backend, "sysctl -n net.ipv4.conf." + key).strip());
    }

    private static InetAddress parse(String text) {
        return Objects.requireNonNull(Addresses.parse(text), text);
    }
}
