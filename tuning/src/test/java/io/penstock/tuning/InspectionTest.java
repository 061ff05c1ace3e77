package io.penstock.tuning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.HugePages;
import io.penstock.control.config.IdleMode;
import io.penstock.control.config.PortMode;
import io.penstock.tuning.check.Inspection;
import io.penstock.tuning.host.Finding;
import io.penstock.tuning.host.Finding.Level;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.host.Setting;
import io.penstock.tuning.host.Target;
import io.penstock.tuning.linux.NicDriver.Channels;
import io.penstock.tuning.linux.NicDriver.Feature;
import io.penstock.tuning.linux.NicDriver.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every check against a recorded host on which all is as a distribution leaves it.
class InspectionTest {
    @TempDir
    private Path folder;

    private final FakeNic nic = new FakeNic();
    private RecordedHost recorded;
    private Host host;

    @BeforeEach
    void record() throws IOException {
        recorded = new RecordedHost(folder);
        host = new Host(recorded.files(), nic);
    }

    private static Target target(Integer... cpus) {
        return new Target("eth1", List.of(cpus), PortMode.AUTO, IdleMode.ADAPTIVE, HugePages.AUTO);
    }

    private Finding finding(String id, Target target) {
        return Inspection.look(host, target).stream()
                .filter(finding -> finding.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no finding " + id));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nic.lro            | PROBLEM | ethtool -K eth1 lro off",
                "nic.gro            | PROBLEM | ethtool -K eth1 gro off",
                "nic.vlan           | PROBLEM | ethtool -K eth1 rxvlan off",
                "nic.queues         | ADVICE  | ethtool -L eth1 combined 2",
                "nic.steering       | PROBLEM | ethtool -X eth1 equal 2",
                "nic.ring           | ADVICE  | ethtool -G eth1 rx 1024",
                "nic.coalescing     | ADVICE  | ethtool -C eth1 adaptive-rx off rx-usecs 50",
                "irq.balance        | ADVICE  | systemctl disable --now irqbalance",
                "sysctl.rp_filter   | ADVICE  | sysctl -w net.ipv4.conf.eth1.rp_filter=2",
                "sysctl.ip_forward  | ADVICE  | sysctl -w net.ipv4.conf.eth1.forwarding=0",
                "sysctl.bpf_jit     | PROBLEM | sysctl -w net.core.bpf_jit_enable=1",
                "memory.thp         | ADVICE  | echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                "memory.swap        | ADVICE  | swapoff -a",
                "cpu.isolated       | ADVICE  | 'isolcpus=managed_irq,domain,2,6 on the kernel''s command line'",
                "cpu.nohz_full      | ADVICE  | 'nohz_full=2,6 rcu_nocbs=2,6 on the kernel''s command line'",
                "cpu.smt            | ADVICE  | penstock tune plan",
                "cpu.governor       | ADVICE  | 'cpupower -c 2,6 frequency-set -g performance'",
                "cpu.c-states       | ADVICE  | 'cpupower -c 2,6 idle-set -D 20'",
            })
    void shouldFindWhatADistributionLeaves(String id, Level level, String command) {
        Finding finding = finding(id, target(2, 6));

        assertEquals(level, finding.level(), finding.toString());
        assertEquals(command, finding.command());
        assertFalse(finding.why().isEmpty());
        assertFalse(finding.should().isEmpty());
    }

    @Test
    void shouldPutEachQueuesInterruptOnItsWorkersCpu() {
        Finding finding = finding("irq.affinity", target(2, 3));

        // eth10's interrupt is not eth1's.
        assertEquals(
                List.of("50", "51", "52", "53"),
                finding.changes().stream()
                        .map(change -> change.target().replaceAll("[^0-9]", ""))
                        .toList());
        assertEquals(
                List.of("2", "3", "2", "3"),
                finding.changes().stream().map(Setting::value).toList());
    }

    @Test
    void shouldSeeThatTheNicIsOnAnotherNode() {
        assertEquals(Level.ADVICE, finding("cpu.numa", target(0, 2)).level());
        assertEquals(Level.OK, finding("cpu.numa", target(2, 3)).level());
    }

    @Test
    void shouldRefuseCpusThatAreNotThere() {
        Finding finding = finding("cpu.online", target(2, 8));

        assertEquals(Level.PROBLEM, finding.level());
        assertTrue(finding.is().startsWith("CPU 8 "), finding.is());
    }

    @Test
    void shouldAskForFewerWorkersWhereTheNicHasNoMoreQueues() {
        nic.channels = new Channels(0, 0, 1, 0, 1);
        Finding finding = finding("nic.queues", target(2, 3));

        assertEquals("forwarder.cpus=2", finding.command());
        assertTrue(finding.changes().isEmpty());
    }

    @ParameterizedTest(name = "rx {0} tx {1}")
    @CsvSource({
        "4, 4, ADVICE, ethtool -L eth1 rx 2 tx 4",
        "1, 1, PROBLEM, ethtool -L eth1 rx 2 tx 2",
        "2, 1, PROBLEM, ethtool -L eth1 rx 2 tx 2",
        "2, 2, OK, ''"
    })
    void shouldCallAProblemWhatXdpRefuses(int rx, int tx, Level level, String command) {
        nic.channels = new Channels(rx, tx, 0, 4, 0);
        Target target = new Target("eth1", List.of(2, 3), PortMode.XDP, IdleMode.ADAPTIVE, HugePages.AUTO);

        Finding finding = finding("nic.queues", target);

        assertEquals(level, finding.level());
        assertEquals(command, finding.command());
    }

    @Test
    void shouldNotAskForWhatTheDriverDoesNotLetAnybodyChange() {
        nic.features.put(Feature.GRO_HARDWARE, new State(true, true));
        Finding finding = finding("nic.gro-hw", target(2));

        assertEquals(Level.ADVICE, finding.level());
        assertTrue(finding.changes().isEmpty());
    }

    @Test
    void shouldSayWhatItCouldNotRead(@TempDir Path empty) {
        Host nothing = new Host(new HostFiles(empty), nic);
        List<Finding> findings =
                Inspection.look(nothing, new Target("eth7", List.of(0), PortMode.AUTO, IdleMode.BLOCK, HugePages.AUTO));

        List<String> unknown = findings.stream()
                .filter(finding -> finding.level() == Level.UNKNOWN)
                .map(Finding::id)
                .toList();
        assertTrue(
                unknown.containsAll(
                        List.of("nic", "cpu", "clock", "memory.thp", "memory.hugepages", "sysctl.rp_filter")),
                unknown.toString());
    }

    @Test
    void shouldPlanForThisHost() throws Exception {
        String plan = new HostPlan(host).text(null);
        var forwarder = ConfigLoader.parse(plan, "plan").config().forwarder();

        assertEquals("eth1", forwarder.interfaceName());
        // Near the NIC, a core each: 2 and 3; their siblings 6 and 7 are left alone.
        assertEquals(List.of(2, 3), forwarder.cpus());
        assertEquals(16 << 20, forwarder.flowCapacity());
    }

    @Test
    void shouldLeaveTheFirstCoreToTheHost() throws Exception {
        recorded.write("/sys/devices/pci0000:00/0000:3b:00.0/numa_node", "-1");

        assertEquals(List.of(1, 2, 3), new HostPlan(host).cpus("eth1", 8));
        recorded.write("/sys/devices/system/cpu/isolated", "5,7");
        assertEquals(List.of(5, 7), new HostPlan(host).cpus("eth1", 8));
    }
}
