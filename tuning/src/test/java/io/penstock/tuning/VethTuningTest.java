package io.penstock.tuning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import org.junit.jupiter.api.io.TempDir;

/// The command in a network namespace of its own, on a real veth pair with two queues, beside the real `ethtool`.
@Tag("root")
class VethTuningTest {
    private final String namespace =
            "psx" + Long.toString(ProcessHandle.current().pid(), 36);

    @TempDir
    private Path folder;

    @BeforeEach
    void makeNamespace() throws Exception {
        Assumptions.assumeTrue("root".equals(System.getProperty("user.name")), "network namespaces need root");
        run(List.of("ip", "netns", "add", namespace));
        in("ip link add eth1 numrxqueues 2 numtxqueues 2 type veth peer name eth2 numrxqueues 2 numtxqueues 2");
        in("ethtool -L eth1 rx 1 tx 1");
        in("ethtool -K eth1 gro on");
        in("ip link set eth1 up");
        in("sysctl -qw net.ipv4.conf.eth1.rp_filter=1 net.ipv4.conf.eth1.forwarding=1");
    }

    @AfterEach
    void removeNamespace() throws Exception {
        new ProcessBuilder("ip", "netns", "del", namespace).start().waitFor(10, TimeUnit.SECONDS);
    }

    @Test
    void shouldMendARealInterfaceAndPutItBack() throws Exception {
        String before = state();
        // Findings that concern this namespace alone: the rest is the host's.
        String only = "nic.gro,nic.queues,sysctl.rp_filter,sysctl.ip_forward";
        String record = folder.resolve("record.json").toString();

        String found = tune("check", "--interface", "eth1", "--cpus", "0,1", "--json");
        assertTrue(found.contains("\"is\":\"eth1 is driven by veth\""), found);
        assertTrue(found.contains("1 receive queue(s) of at most 2 for 2 worker(s)"), found);
        assertTrue(found.contains("eth1: gro is on"), found);
        assertTrue(found.contains("rp_filter is strict"), found);

        String applied = tune("apply", "--interface", "eth1", "--cpus", "0,1", "--only", only, "--record", record);
        String[] lines = applied.split("\n");
        assertEquals("eth1 queues: rx 1 tx 1 combined 0 -> rx 2 tx 2 combined 0", lines[0], applied);
        String tuned = state();
        assertTrue(tuned.contains("generic-receive-offload: off"), tuned);
        assertTrue(tuned.contains("net.ipv4.conf.eth1.rp_filter = 2"), tuned);
        assertTrue(tuned.contains("net.ipv4.conf.eth1.forwarding = 0"), tuned);
        assertTrue(tune("check", "--interface", "eth1", "--cpus", "0,1").contains("2 receive queue(s) of at most 2"));

        tune("undo", "--record", record);
        assertEquals(before, state());
    }

    private String state() throws Exception {
        return in("ethtool -l eth1")
                + in("ethtool -k eth1")
                + in("sysctl -a -r net.ipv[46].conf.eth1.(rp_f|forwarding$)");
    }

    private String tune(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "io.penstock.tuning.TuningMain",
                "tune"));
        command.addAll(List.of(arguments));
        return in(command);
    }

    private String in(String command) throws Exception {
        return in(List.of(command.split(" ")));
    }

    private String in(List<String> command) throws Exception {
        List<String> whole = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        whole.addAll(command);
        return run(whole);
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        Path out = Files.createTempFile(folder, "run", ".out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        boolean ended = process.waitFor(30, TimeUnit.SECONDS);
        process.destroyForcibly();
        String text = Files.readString(out, StandardCharsets.UTF_8);
        assertTrue(ended && process.exitValue() == 0, () -> String.join(" ", command) + "\n" + text);
        return text;
    }
}
