package io.penstock.control.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Shows S0-04, S2-01..S2-12, S2-31..S2-37, S2-40, S2-60, S2-65, S2-66, S2-78..S2-80, S3-26, S3-29, S3-31,
/// S3-34, S3-35.
class ConfigLoaderTest {
    private static final String WEB = """
            listener.web.vip=203.0.113.10
            listener.web.ports=443
            listener.web.backend.a=10.0.0.11
            """;

    @TempDir
    Path folder;

    @Test
    void shouldFillInDefaults() throws ConfigException {
        PenstockConfig config = ConfigLoader.parse(WEB, "f").config();

        assertEquals("default", config.instance());
        assertEquals(100, config.listenerLimit());
        assertEquals(64, config.forwarder().batchFrames());
        assertEquals(1 << 20, config.forwarder().flowCapacity());
        assertEquals(List.of(0), config.forwarder().cpus());
        ListenerConfig web = config.listeners().getFirst();
        assertEquals(SchedulerKind.MH, web.scheduler());
        assertEquals(300_000, web.idleTimeoutMs());
        assertEquals(HealthKind.TCP, web.health().kind());
        assertEquals(3_000, web.health().intervalMs());
        assertEquals(100, web.backends().getFirst().weight());
    }

    @Test
    void shouldReadEveryKeyOfTheCatalogue() throws ConfigException {
        StringBuilder text = new StringBuilder();
        for (ConfigKeys.Key key : ConfigKeys.all()) {
            if (!key.pattern().equals("include")) {
                String name =
                        key.pattern().replace("NAME", "web").replace("ID", "a").replace("KEY", "team");
                text.append(name).append('=').append(key.example()).append('\n');
            }
        }
        String all = text.toString().replace("listener.web.health=http\n", "listener.web.health=script\n");

        PenstockConfig config = ConfigLoader.parse(all, "f").config();

        assertEquals("edge1", config.instance());
        assertEquals(List.of(2, 3, 4, 5), config.forwarder().cpus());
        assertEquals(PacketRing.V3, config.forwarder().packetRing());
        assertEquals(16 << 20, config.forwarder().flowCapacity());
        assertEquals(2, config.forwarder().tunnelSources().size());
        ListenerConfig web = config.listeners().getFirst();
        assertEquals(2, web.vips().size());
        assertEquals(24, web.persistencePrefix4());
        assertEquals(56, web.persistencePrefix6());
        assertEquals("shop", web.tags().get("team"));
        assertEquals(300, web.backends().getFirst().weight());
        assertEquals(50_000, web.backends().getFirst().maxFlows());
        assertEquals("/usr/local/bin/check-db", web.health().script());
        assertEquals(0x02_00_00_00_00_0aL, config.replay().localMac());
        assertEquals(2, config.replay().neighbours().size());
    }

    @Test
    void shouldReadPortsCpusAndAliases() throws ConfigException {
        PenstockConfig config = ConfigLoader.parse("""
                        forwarder.cpus=0, 2-4,7
                        listener.web.vip=203.0.113.10
                        listener.web.ports= 443, 80-82 ,83,9000 - 9009
                        listener.web.scheduler=wIc
                        listener.web.health=none
                        listener.web.backend.a=10.0.0.11
                        """, "f").config();

        assertEquals(List.of(0, 2, 3, 4, 7), config.forwarder().cpus());
        ListenerConfig web = config.listeners().getFirst();
        assertEquals("443,80-82,83,9000-9009", web.ports().text());
        assertEquals(
                List.of(new PortSet.Range(80, 83), new PortSet.Range(443, 443), new PortSet.Range(9000, 9009)),
                web.ports().ranges());
        assertEquals(SchedulerKind.WLC, web.scheduler());
    }

    @Test
    void shouldReadIdleTimeoutAndHealthByProtocol() throws ConfigException {
        ListenerConfig dns = ConfigLoader.parse(WEB + "listener.web.protocol=udp\n", "f")
                .config()
                .listeners()
                .getFirst();

        assertEquals(60_000, dns.idleTimeoutMs());
        assertEquals(HealthKind.UDP, dns.health().kind());
    }

    /// The example of the manual, with every key that an operator may copy from it.
    @Test
    void shouldTakeTheManualsExample() throws ConfigException {
        ConfigLoader.Loaded loaded = ConfigLoader.parse("""
                instance=edge1
                forwarder.interface=eth1
                forwarder.port=auto
                forwarder.transport=epoll
                forwarder.cpus=2-5
                forwarder.idle=adaptive
                forwarder.batch=64
                forwarder.flows=1m
                forwarder.tunnel-source=
                forwarder.arp=on
                forwarder.huge-pages=auto
                forwarder.metrics-latency=off
                forwarder.hash-key=
                sidecar.api=127.0.0.1:9650
                sidecar.api-token-file=
                listener.web.vip=203.0.113.10
                listener.web.protocol=tcp
                listener.web.ports=80,443,9000-9009
                listener.web.scheduler=mh
                listener.web.persistence=off
                listener.web.persistence.prefix=32
                listener.web.idle-timeout=300s
                listener.web.midstream=reset
                listener.web.forwarding=dr
                listener.web.on-backend-down=keep
                listener.web.on-backend-removed=drain
                listener.web.drain-deadline=300s
                listener.web.slow-start=0s
                listener.web.max-new-flows=0
                listener.web.mss-clamp=auto
                listener.web.enabled=true
                listener.web.tags.team=shop
                listener.web.backend.a=10.0.0.11
                listener.web.backend.b=10.0.0.12 weight=3
                listener.web.backend.c=10.9.0.7 weight=1 forwarding=ipip max-flows=50000
                listener.web.health=tcp
                listener.web.health.port=443
                listener.web.health.interval=3s
                listener.web.health.timeout=2s
                listener.web.health.rise=2
                listener.web.health.fall=2
                listener.web.health.path=/healthz
                listener.web.health.host=
                listener.web.health.expect=200-299
                listener.web.health.send=
                listener.web.health.target=backend
                listener.web.health.fail-open=off
                replay.local-mac=02:00:00:00:00:01
                replay.next-hop-mac=02:00:00:00:00:fe
                replay.local-address=10.0.0.1
                replay.local-address6=fd00::1
                replay.mtu=1500
                replay.neighbours=10.0.0.11 02:00:00:00:00:0b, fd00::11 02:00:00:00:00:0b
                """, "f");

        assertEquals(
                List.of("f:42: listener.web.health.path: warning: has no effect: health=tcp (leave it out)"),
                loaded.warnings().stream().map(Problem::warningText).toList());
        assertEquals(3, loaded.config().listeners().getFirst().backends().size());
    }

    /// One line is added to a good file; each has to be refused at its line, with these words.
    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiterString = "=>", textBlock = """
            instance=a.b => "a.b" cannot name an instance (1 to 64 letters, digits, - and _)
            instance= => has no value (1 to 64 letters, digits, - and _)
            limit.listeners=0 => 0 is out of range (1..65536)
            limit.listener=5 => not a known key (limit.listeners?)
            forwarder.bach=64 => not a known key (forwarder.batch?)
            forwarder.zzzzzzzzzzzz=64 => not a known key (see docs/configuration.md)
            xyzzy=1 => not a known key (see docs/configuration.md)
            forwarder.batch=7 => 7 is out of range (8..512)
            forwarder.batch=513 => 513 is out of range (8..512)
            forwarder.batch=-8 => "-8" is out of range (8..512)
            forwarder.batch=1k => "1k" is not a whole number (8..512)
            forwarder.batch= => has no value (8..512)
            forwarder.batch=64 # frames => "64 # frames" is not a whole number (8..512; a comment needs a line of its own)
            forwarder.port=dpdk => "dpdk" is not one of the words (auto | xdp | packet)
            forwarder.packet-ring=v1 => "v1" is not one of the words (v2 | v3)
            forwarder.transport=nio => "nio" is not one of the words (epoll | io_uring)
            forwarder.idle=sleep => "sleep" is not one of the words (adaptive | spin | block)
            forwarder.flows=0 => 0 is out of range (1..256m)
            forwarder.flows=1t => "1t" is not a number with or without k, m, g (1..256m)
            forwarder.flows=99999999999999g => "99999999999999g" is out of range (1..256m)
            forwarder.cpus=2- => "2-" is not a CPU number or range (CPU numbers 0..1023, such as 2-5 or 0,2, each once)
            forwarder.cpus=5-2 => the range 5-2 runs backwards (CPU numbers 0..1023, such as 2-5 or 0,2, each once)
            forwarder.cpus=1,0-2 => CPU 1 is there twice (CPU numbers 0..1023, such as 2-5 or 0,2, each once)
            forwarder.cpus=1024 => 1024 is out of range (CPU numbers 0..1023, such as 2-5 or 0,2, each once)
            forwarder.interface=a b => "a b" cannot name an interface (the name of a network interface)
            forwarder.arp=maybe => "maybe" is not one of the words (on | off)
            forwarder.tunnel-source=10.0.0.1,10.0.0.2 => 10.0.0.2 is the second of its family (at most one IPv4 and one IPv6 address)
            forwarder.tunnel-source=here => "here" is not an address (at most one IPv4 and one IPv6 address)
            forwarder.hash-key=abc => the 3 characters are no key (32 hex digits, or nothing)
            sidecar.api=0.0.0.0:9650 => "0.0.0.0:9650" is not loopback (a loopback address, or sidecar.api-token-file)
            sidecar.api=localhost:9650 => "localhost:9650" is not an address and a port (ADDRESS:PORT, [ADDRESS]:PORT or off)
            sidecar.api=127.0.0.1 => "127.0.0.1" is not an address and a port (ADDRESS:PORT, [ADDRESS]:PORT or off)
            sidecar.api=127.0.0.1:0 => port 0 is out of range (1..65535)
            replay.local-mac=02:00 => "02:00" is not a MAC address (a MAC address)
            replay.local-address=fd00::1 => "fd00::1" is not one (an IPv4 address)
            replay.mtu=67 => 67 is out of range (68..65535)
            replay.neighbours=10.0.0.1 => "10.0.0.1" is not an address and its MAC address (ADDRESS MAC, ADDRESS MAC, ...)
            listener.web.protocol=sctp => "sctp" is not one of the words (tcp | udp)
            listener.web.scheduler=maglev => "maglev" is not one of the words (mh | wrr | lc | wlc | rr | swrr | sh)
            listener.web.persistence=59s => 59s is out of range (off | 60s..3600s)
            listener.web.persistence=3601 => 3601 is out of range (off | 60s..3600s)
            listener.web.persistence=on => "on" is not a duration in ms, s, m or h (off | 60s..3600s)
            listener.web.persistence.prefix=33 => 33 is out of range (1..32 for IPv4 VIPs, 1..128 for IPv6 VIPs; both as 24,56)
            listener.web.persistence.prefix=0 => 0 is out of range (1..32 for IPv4 VIPs, 1..128 for IPv6 VIPs; both as 24,56)
            listener.web.idle-timeout=999ms => 999ms is out of range (1s..86400s)
            listener.web.idle-timeout=25h => 25h is out of range (1s..86400s)
            listener.web.idle-timeout=5 minutes => "5 minutes" is not a duration in ms, s, m or h (1s..86400s)
            listener.web.midstream=ignore => "ignore" is not one of the words (reset | drop | adopt)
            listener.web.forwarding=nat => "nat" is not one of the words (dr | ipip | gue | gre)
            listener.web.on-backend-down=move => "move" is not one of the words (keep | reschedule | reset)
            listener.web.on-backend-removed=keep => "keep" is not one of the words (drain | reset)
            listener.web.drain-deadline=8000h => 8000h is out of range (0s..604800s)
            listener.web.slow-start=1201s => 1201s is out of range (0s..1200s)
            listener.web.max-new-flows=many => "many" is not a number with or without k, m, g (0..1000000000)
            listener.web.mss-clamp=63 => 63 is out of range (auto | off | 64..65495)
            listener.web.enabled=yes => "yes" is not one of the words (true | false)
            listener.web.schedular=mh => not a known key (listener.web.scheduler?)
            listener.web.health=ping => "ping" is not one of the words (tcp | http | https | udp | icmp | script | none)
            listener.web.health.port=0 => 0 is out of range (1..65535)
            listener.web.health.port=65536 => 65536 is out of range (1..65535)
            listener.web.health.interval=99ms => 99ms is out of range (100ms..300s)
            listener.web.health.interval=301s => 301s is out of range (100ms..300s)
            listener.web.health.timeout=0 => 0 is out of range (10ms..300s)
            listener.web.health.rise=0 => 0 is out of range (1..100)
            listener.web.health.fall=1.5 => "1.5" is not a whole number (1..100)
            listener.web.health.path=healthz => "healthz" cannot be asked for (a path that begins with /, without blanks)
            listener.web.health.path=/a b => "/a b" cannot be asked for (a path that begins with /, without blanks)
            listener.web.health.host=a b => "a b" cannot be a Host header (a host name, or nothing)
            listener.web.health.expect=99 => "99" is not a status code or range (up to 5 codes or ranges within 100..599, such as 200,301-302)
            listener.web.health.expect=299-200 => the range 299-200 runs backwards (up to 5 codes or ranges within 100..599, such as 200,301-302)
            listener.web.health.expect=200,201,202,203,204,205 => 6 codes and ranges (up to 5 codes or ranges within 100..599, such as 200,301-302)
            listener.web.health.send=0x123 => "0x123" is not an even number of hex digits (text, or 0x and an even number of hex digits; at most 1024 bytes)
            listener.web.health.target=both => "both" is not one of the words (backend | vip)
            listener.web.backend.b= => has no value (ADDRESS [weight=0..65535] [forwarding=dr|ipip|gue|gre] [max-flows=0..1000000000])
            listener.web.backend.b=server1 => "server1" is not an address (ADDRESS [weight=0..65535] [forwarding=dr|ipip|gue|gre] [max-flows=0..1000000000])
            listener.web.backend.b=10.0.0.11 => 10.0.0.11 is also backend a (each address once in a listener)
            listener.web.backend.b=203.0.113.10 => 203.0.113.10 is a VIP of listener web (the backend's own address)
            listener.web.backend.b=224.0.0.1 => 224.0.0.1 is a multicast address (a unicast address)
            listener.web.backend.b=10.0.0.12 weight=65536 => weight=65536 is out of range (weight=0..65535)
            listener.web.backend.b=10.0.0.12 weight=-1 => weight=-1 is out of range (weight=0..65535)
            listener.web.backend.b=10.0.0.12 weight=x => weight="x" is not a whole number (weight=0..65535)
            listener.web.backend.b=10.0.0.12 weight=1 weight=2 => weight is there twice (each option once)
            listener.web.backend.b=10.0.0.12 wieght=1 => "wieght" is not a known option (weight?)
            listener.web.backend.b=10.0.0.12 forwarding=nat => forwarding="nat" is not one of the words (dr | ipip | gue | gre)
            listener.web.backend.b.c=10.0.0.12 => "b.c" cannot name a backend (1 to 64 letters, digits, - and _)
            """)
    void shouldRefuse(String line, String problem) {
        String key = line.substring(0, line.indexOf('='));
        String text = "\n" + WEB.replace("listener.web.backend", line + "\nlistener.web.backend");

        assertEquals(List.of(expected(line, "f:4: " + key + ": " + problem)), problems(text));
    }

    /// A backend that repeats an address is the later one, and here that is the one that was there before.
    private static String expected(String line, String expected) {
        return line.equals("listener.web.backend.b=10.0.0.11")
                ? "f:5: listener.web.backend.a: 10.0.0.11 is also backend b (each address once in a listener)"
                : expected;
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiterString = "=>", textBlock = """
            vip= => has no value (one or more IPv4 or IPv6 addresses)
            vip=www.example.com => "www.example.com" is not an address (one or more IPv4 or IPv6 addresses)
            vip=127.0.0.1 => 127.0.0.1 is a loopback address (a unicast address that clients reach)
            vip=::1 => ::1 is a loopback address (a unicast address that clients reach)
            vip=0.0.0.0 => 0.0.0.0 is the zero address, or of its network (a unicast address that clients reach)
            vip=239.1.2.3 => 239.1.2.3 is a multicast address (a unicast address that clients reach)
            vip=ff02::1 => ff02::1 is a multicast address (a unicast address that clients reach)
            vip=255.255.255.255 => 255.255.255.255 is a broadcast or reserved address (a unicast address that clients reach)
            vip=fe80::1 => fe80::1 is a link-local address (a unicast address that clients reach)
            vip=203.0.113.1,203.0.113.1 => 203.0.113.1 is there twice (each address once)
            vip=203.0.113.1, => "" is not an address (one or more IPv4 or IPv6 addresses)
            ports=0 => 0 is out of range (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            ports=65536 => 65536 is out of range (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            ports=80- => "" is not a port (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            ports=90-80 => the range 90-80 runs backwards (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            ports=http => "http" is not a port (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            ports=80,,81 => "" is not a port (ports 1..65535 such as 80, 80,443, 9000-9009, or all)
            """)
    void shouldRefuseVipsAndPorts(String line, String problem) {
        String key = "listener.web." + line.substring(0, line.indexOf('='));
        String text = WEB.replaceAll(key + "=.*", "listener.web." + line);

        int number = key.endsWith("vip") ? 1 : 2;
        assertEquals(List.of("f:" + number + ": " + key + ": " + problem), problems(text));
    }

    @Test
    void shouldNameWhatIsMissing() {
        assertEquals(
                List.of(
                        "f:1: listener.x.vip: is missing (one or more IPv4 or IPv6 addresses)",
                        "f:1: listener.x.ports: is missing (ports 1..65535 such as 80, 80,443, 9000-9009, or all)",
                        "f:1: listener.x.backend: the listener has no backend"
                                + " (at least one listener.x.backend.ID=ADDRESS)"),
                problems("listener.x.scheduler=lc\n"));
    }

    @Test
    void shouldAskForTheScript() {
        assertEquals(
                List.of("f:1: listener.web.health.script: is missing (a file, relative to this one)"),
                problems(WEB + "listener.web.health=script\n"));
    }

    @Test
    void shouldTellEveryProblemAtOnce() {
        List<String> problems = problems("""
                forwarder.batch=1
                listener.a.vip=x
                listener.a.ports=0
                listener.a.nonsense=1
                instance=?
                instance=b
                """);

        assertEquals(
                List.of(1, 2, 2, 3, 4, 5, 6),
                problems.stream().map(ConfigLoaderTest::line).toList());
    }

    private static int line(String problem) {
        return Integer.parseInt(problem.split(":")[1]);
    }

    @ParameterizedTest(name = "{0}, {1}: {2}")
    @CsvSource(delimiterString = "=>", textBlock = """
            443 => 443 => port 443
            80,443 => 443,8443 => port 443
            9000-9009 => 9009-9100 => port 9009
            443 => all => port 443
            all => all => every port
            1-100,200-300 => 150,250 => port 250
            """)
    void shouldRefuseListenersThatClash(String first, String second, String ports) {
        assertEquals(
                List.of("f:6: listener.b.ports: " + ports + " of 203.0.113.10 tcp belongs to listener a"
                        + " (a VIP, protocol and port that no other listener has)"),
                problems(pair(first, "tcp", "203.0.113.10", second)));
        assertEquals(List.of(), problems(pair(first, "udp", "203.0.113.10", second)), "TCP and UDP may share a port");
        assertEquals(List.of(), problems(pair(first, "tcp", "203.0.113.11", second)), "another VIP");
        assertEquals(
                1,
                problems(pair(first, "tcp", "2001:db8::1,203.0.113.10", second)).size(),
                "one VIP of two");
    }

    private static String pair(String first, String protocol, String vip, String second) {
        return "listener.a.vip=203.0.113.10\nlistener.a.ports=" + first
                + "\nlistener.a.backend.a=10.0.0.11\nlistener.a.health=none\nlistener.b.vip=" + vip
                + "\nlistener.b.ports=" + second + "\nlistener.b.backend.a=10.0.0.11\nlistener.b.health=none"
                + "\nlistener.b.protocol=" + protocol + "\n";
    }

    @Test
    void shouldAskWhichPortToProbe() {
        for (String ports : List.of("80,443", "80-81", "all")) {
            String text = WEB.replace("443", ports);
            assertEquals(
                    List.of("f:1: listener.web.health.port: is missing, and ports=" + ports
                            + " does not say which to probe (1..65535, or health=none)"),
                    problems(text));
            assertEquals(List.of(), problems(text + "listener.web.health.port=443\n"));
            for (String kind : List.of("none", "icmp", "script")) {
                String checked = text + "listener.web.health=" + kind + "\nlistener.web.health.script=/bin/true\n";
                assertEquals(List.of(), problems(checked), kind);
            }
        }
    }

    @Test
    void shouldOnlyWarnOfAMissingHealthPortWhereNothingIsProbed() throws Exception {
        Path file = folder.resolve("replayed.properties");
        Files.writeString(file, WEB.replace("443", "80-81"));

        ConfigLoader.Loaded loaded = ConfigLoader.loadUnprobed(file);

        assertEquals(1, loaded.config().listeners().size());
        assertEquals("listener.web.health.port", loaded.warnings().getFirst().key());
        assertThrows(ConfigException.class, () -> ConfigLoader.load(file));
    }

    @Test
    void shouldLimitListenersAndBackends() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 101; i++) {
            text.append(WEB.replace("web", "l" + i).replace("=443", "=" + (1 + i)));
        }
        assertEquals(
                List.of("f:301: listener.l100.vip: 101 listeners (at most 100, or a higher limit.listeners)"),
                problems(text.toString()));
        assertEquals(List.of(), problems(text + "limit.listeners=101\n"));

        StringBuilder pool = new StringBuilder(WEB);
        for (int i = 0; i < 4095; i++) {
            pool.append("listener.web.backend.b")
                    .append(i)
                    .append("=10.1.")
                    .append(i / 250)
                    .append('.');
            pool.append(1 + i % 250).append('\n');
        }
        assertEquals(List.of(), problems(pool.toString()));
        assertEquals(
                List.of("f:4099: listener.web.backend.more: more than 4096 backends (at most 4096)"),
                problems(pool + "listener.web.backend.more=10.2.0.1\n"));
    }

    @Test
    void shouldReadThousandsOfListeners() {
        StringBuilder text = new StringBuilder("limit.listeners=65536\n");
        for (int i = 0; i < 20_000; i++) {
            String name = "l" + i;
            text.append(WEB.replace("web", name).replace("=443", "=" + (1 + i)));
        }

        assertEquals(List.of(), problems(text.toString()));
    }

    @Test
    void shouldNeedATokenWhereOthersCanReachTheApi() throws ConfigException {
        String open = "sidecar.api=0.0.0.0:9650\n";

        assertEquals(List.of(), problems(open + "sidecar.api-token-file=/etc/token\n"));
        assertEquals(
                List.of("f:2: sidecar.api-token-file: has no value, and sidecar.api is not loopback"
                        + " (a file with a token)"),
                problems(open + "sidecar.api-token-file=\n"));
        assertEquals(List.of(), problems("sidecar.api=[::1]:9650\n"));
        assertEquals(
                null,
                ConfigLoader.parse("sidecar.api=off\n", "f").config().sidecar().api());
    }

    @Test
    void shouldFindFilesBesideTheOneThatNamesThem() throws IOException, ConfigException {
        Path main = folder.resolve("main.properties");
        Files.writeString(
                main,
                WEB + "sidecar.api-token-file=token\nlistener.web.health=script\n"
                        + "listener.web.health.script=checks/web\n");

        PenstockConfig config = ConfigLoader.load(main).config();

        assertEquals(folder.resolve("token").toString(), config.sidecar().apiTokenFile());
        assertEquals(
                folder.resolve("checks/web").toString(),
                config.listeners().getFirst().health().script());
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiterString = "=>", textBlock = """
            scheduler=wrr;backend.b=10.0.0.12 weight=3 => scheduler => wrr ignores weights, and the backends' weights differ
            scheduler=rr;backend.b=10.0.0.12 weight=3 => scheduler => rr ignores weights, and the backends' weights differ
            scheduler=lc;backend.b=10.0.0.12 weight=3 => scheduler => lc ignores weights, and the backends' weights differ
            persistence=60s => persistence => mh already keeps each 5-tuple at its backend
            health.interval=1s;health.timeout=2s => health.timeout => longer than the interval of 1s
            backend.b=127.0.0.2 => backend.b => 127.0.0.2 is a loopback address: no frame reaches it
            protocol=udp;midstream=drop => midstream => has no effect: udp has no such packets
            health.path=/x => health.path => has no effect: health=tcp
            health.send=hello => health.send => has no effect: health=tcp
            scheduler=wrr;slow-start=10s => slow-start => wrr ignores weights, so nothing grows
            """)
    void shouldWarn(String lines, String key, String warning) throws ConfigException {
        String added = "listener.web." + lines.replace(";", "\nlistener.web.") + "\n";

        List<Problem> warnings = ConfigLoader.parse(WEB + added, "f").warnings();

        assertEquals(1, warnings.size(), warnings::toString);
        assertEquals("listener.web." + key, warnings.getFirst().key());
        assertEquals(warning, warnings.getFirst().wrong());
        assertTrue(warnings.getFirst().warningText().contains(": warning: "));
    }

    @ParameterizedTest
    @CsvSource({
        "scheduler=wrr, backend.b=10.0.0.12",
        "scheduler=wrr, backend.b=10.0.0.12 weight=0",
        "scheduler=swrr, backend.b=10.0.0.12 weight=3",
        "scheduler=wlc, persistence=60s",
    })
    void shouldNotWarnWithoutNeed(String one, String other) throws ConfigException {
        String added = "listener.web." + one + "\nlistener.web." + other + "\n";

        assertEquals(List.of(), ConfigLoader.parse(WEB + added, "f").warnings());
    }

    /// Shows S0-01, S1-01.
    @Test
    void shouldWarnOfAFileWithoutListeners() throws ConfigException {
        assertEquals(
                List.of("f:1: listener: warning: no listener is configured (at least one to serve clients)"),
                ConfigLoader.parse("instance=x\n", "f").warnings().stream()
                        .map(Problem::warningText)
                        .toList());
    }

    @Test
    void shouldReadOneListenerFromItsKeys() throws ConfigException {
        ListenerConfig web = ConfigLoader.parse(WEB, "f").config().listeners().getFirst();

        assertEquals(web, ConfigLoader.listener("web", EffectiveConfig.listener(web)));
    }

    @Test
    void shouldTakeOnePrefixForTheFamilyOfTheVips() throws ConfigException {
        ListenerConfig v4 = listener(WEB + "listener.web.persistence.prefix=24\n");
        ListenerConfig v6 =
                listener(WEB.replace("203.0.113.10", "2001:db8::1") + "listener.web.persistence.prefix=56\n");

        assertEquals(List.of(24, 128), List.of(v4.persistencePrefix4(), v4.persistencePrefix6()));
        assertEquals(List.of(32, 56), List.of(v6.persistencePrefix4(), v6.persistencePrefix6()));
    }

    @Test
    void shouldNeverAskANameServer() {
        // A resolver would take its time, or find something.
        assertEquals(1, problems(WEB.replace("203.0.113.10", "localhost")).size());
        assertEquals(1, problems(WEB.replace("10.0.0.11", "localhost")).size());
    }

    @Test
    void shouldKeepTheOrderOfTheFile() throws ConfigException {
        ListenerConfig web = listener(WEB + "listener.web.backend.c=10.0.0.13\nlistener.web.backend.b=10.0.0.12\n");

        assertEquals(
                List.of("a", "c", "b"),
                web.backends().stream().map(BackendConfig::id).toList());
    }

    @Test
    void shouldAllowAServerInSeveralPools() throws ConfigException {
        PenstockConfig config = ConfigLoader.parse(
                        WEB + WEB.replace("web", "dns").replace("443", "53") + "listener.dns.backend.x=10.0.0.12\n",
                        "f")
                .config();

        List<InetAddress> first = config.listeners().stream()
                .map(listener -> listener.backends().getFirst().address())
                .toList();
        assertEquals(first.get(0), first.get(1));
    }

    private static ListenerConfig listener(String text) throws ConfigException {
        return ConfigLoader.parse(text, "f").config().listeners().getFirst();
    }

    private static List<String> problems(String text) {
        try {
            ConfigLoader.parse(text, "f");
            return List.of();
        } catch (ConfigException wrong) {
            assertThrows(
                    UnsupportedOperationException.class, () -> wrong.problems().clear());
            return new ArrayList<>(wrong.problems().stream().map(Problem::text).toList());
        }
    }
}
