package io.penstock.tools.convert;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Addresses;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.Forwarding;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.config.PortSet;
import io.penstock.control.config.Protocol;
import io.penstock.control.config.SchedulerKind;
import io.penstock.tools.Console;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImportKeepalivedTest {
    private static final Path SAMPLES = Path.of("src/test/resources/keepalived");

    @TempDir
    private Path folder;

    private static PenstockConfig imported(Console console) throws Exception {
        assertEquals(0, console.exitCode(), console.err());
        return ConfigLoader.parse(console.out(), "imported").config();
    }

    private static Console run(String sample) {
        return Console.run("import", "keepalived", SAMPLES.resolve(sample).toString());
    }

    @Test
    void shouldCarryOverAWebService() throws Exception {
        PenstockConfig config = imported(run("shop.conf"));
        ListenerConfig web = config.listeners().getFirst();

        assertEquals("bond0", config.forwarder().interfaceName());
        assertEquals("v198-51-100-20-tcp-80", web.name());
        assertEquals(List.of(Addresses.parse("198.51.100.20")), web.vips());
        assertEquals(SchedulerKind.WLC, web.scheduler());
        assertEquals(600_000, web.persistenceMs());
        assertEquals(24, web.persistencePrefix4());
        assertEquals(1_200_000, web.idleTimeoutMs());
        assertEquals(Forwarding.DR, web.forwarding());
        assertEquals(
                List.of(3, 1),
                web.backends().stream().map(backend -> backend.weight()).toList());
        assertEquals(Addresses.parse("10.20.0.11"), web.backends().getFirst().address());
        assertEquals(HealthKind.HTTP, web.health().kind());
        assertEquals("/healthz", web.health().path());
        assertEquals("shop.example", web.health().host());
        assertEquals(2, web.health().expect().size());
        assertEquals(6_000, web.health().intervalMs());
        assertEquals(2_500, web.health().timeoutMs());
        assertEquals(1, web.health().rise());
        assertEquals(3, web.health().fall());
    }

    @Test
    void shouldCarryOverAGroupOfAnIncludedFile() throws Exception {
        Console console = run("shop.conf");
        ListenerConfig dns = imported(console).listeners().get(1);

        assertEquals(Protocol.UDP, dns.protocol());
        assertEquals(
                List.of("198.51.100.53", "198.51.100.60", "198.51.100.61", "198.51.100.62", "2001:db8::53"),
                dns.vips().stream().map(Addresses::text).toList());
        assertEquals(SchedulerKind.RR, dns.scheduler());
        assertEquals(60_000, dns.idleTimeoutMs());
        assertEquals("0x00010203", dns.health().send());
        assertEquals("0x0001", dns.health().receive());
        assertTrue(console.err().contains("conf.d/dns.conf:12: ops: "), console.err());
        assertTrue(console.err().contains("MISC_CHECK: differs from that of the first server"), console.err());
    }

    @Test
    void shouldSayWhatHasNoCounterpart() throws Exception {
        Console console = run("tunnels.conf");
        PenstockConfig config = imported(console);
        ListenerConfig all = config.listeners().getFirst();

        assertEquals(3, config.listeners().size());
        assertEquals(PortSet.ALL, all.ports());
        assertEquals(SchedulerKind.SWRR, all.scheduler());
        assertEquals(Forwarding.IPIP, all.forwarding());
        assertEquals(Forwarding.GUE, all.backends().getFirst().forwarding());
        assertEquals(500, all.backends().getFirst().maxFlows());
        assertEquals(2, all.backends().size());
        for (String remark : List.of(
                "tunnels.conf:6: quorum: ",
                "tunnels.conf:15: real_server db.example: ",
                "tunnels.conf:17: lvs_sched sed: ",
                "tunnels.conf:17: lvs_method NAT: ",
                "tunnels.conf:20: persistence_timeout 30: ",
                "tunnels.conf:21: real_server 10.9.0.3 8443: ports are not translated here",
                "tunnels.conf:23: digest: ",
                "tunnels.conf:27: notify_up: ",
                "tunnels.conf:29: real_server 10.9.0.3 8444: ",
                "tunnels.conf:31: virtual_server 203.0.113.8 443: 203.0.113.8 tcp is there twice",
                "tunnels.conf:34: virtual_server fwmark 7: ",
                "tunnels.conf:37: protocol sctp: ",
                "tunnels.conf:43: SMTP_CHECK: ",
                "tunnels.conf:45: @lb2: ")) {
            assertTrue(console.err().contains(remark), remark + " is missing in\n" + console.err());
            assertTrue(console.out().contains(remark), remark + " is missing in the file's head");
        }
    }

    /// What comes out is a file that `check` accepts, and that says the same when it is read and written again.
    @ParameterizedTest
    @ValueSource(strings = {"shop.conf", "tunnels.conf", "conf.d/dns.conf"})
    void shouldBeAcceptedByCheck(String sample) throws Exception {
        Path file = folder.resolve("imported.properties");
        Console console =
                Console.run("import", "keepalived", SAMPLES.resolve(sample).toString(), "-o", file.toString());
        assertEquals(0, console.exitCode(), console.err());
        assertEquals("", console.out());

        Console checked = Console.run("check", file.toString());
        assertEquals(0, checked.exitCode(), checked.err());
        Path again = folder.resolve("again.properties");
        Files.writeString(again, checked.out());
        assertEquals(checked.out(), Console.run("check", again.toString()).out());
    }

    @Test
    void shouldNotOverwriteAFile() throws Exception {
        Path file = folder.resolve("there.properties");
        Files.writeString(file, "mine\n");

        Console console =
                Console.run("import", "keepalived", SAMPLES.resolve("shop.conf").toString(), "-o", file.toString());

        assertEquals(2, console.exitCode());
        assertEquals("mine\n", Files.readString(file));
    }

    @Test
    void shouldSayThatThereIsNothingToCarryOver() throws Exception {
        Path file = folder.resolve("vrrp.conf");
        Files.writeString(file, "vrrp_instance A {\n interface eth0\n}\n}\n");

        Console console = Console.run("import", "keepalived", file.toString());

        assertEquals(1, console.exitCode());
        assertEquals("", console.out());
        assertTrue(console.err().contains(file + ":4: } closes nothing"), console.err());
        assertTrue(console.err().contains("holds no virtual_server"), console.err());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "virtual_server",
                "virtual_server {",
                "virtual_server 1.2.3.4 80 { real_server",
                "virtual_server 1.2.3.4 80 { real_server 10.0.0.1 80 { HTTP_GET { url",
                "virtual_server 1.2.3.4 99999 { real_server 10.0.0.1 80 {} }",
                "{ } } {",
                "include nothing/*.conf",
                "virtual_server group X { real_server 10.0.0.1 80 { weight 1 } }",
                "virtual_server 1.2.3.4-900 80 { real_server 10.0.0.1 80 { weight x\n persistence_timeout } }",
                "virtual_server 1.2.3.4 80 { real_server 10.0.0.1 80 { UDP_CHECK { payload } } }",
            })
    void shouldLiveThroughBrokenFiles(String text) throws Exception {
        Path file = folder.resolve("broken.conf");
        Files.writeString(file, text + "\n");

        Console console = Console.run("import", "keepalived", file.toString());

        assertTrue(console.exitCode() <= 1, console.err());
        assertFalse(console.err().contains("Exception"), console.err());
    }
}
