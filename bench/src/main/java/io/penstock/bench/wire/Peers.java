package io.penstock.bench.wire;

import static io.penstock.forwarder.linux.BpfAssembler.Condition.ABOVE;
import static io.penstock.forwarder.linux.BpfAssembler.Operation.ADD;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R0;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R1;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R2;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R3;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R4;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R5;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R6;
import static io.penstock.forwarder.linux.BpfAssembler.Register.R7;
import static io.penstock.forwarder.linux.BpfAssembler.Size.HALF;
import static io.penstock.forwarder.linux.BpfAssembler.Size.WORD;

import io.penstock.bench.peer.CPrograms;
import io.penstock.forwarder.linux.BpfAssembler;
import io.penstock.forwarder.linux.BpfAssembler.Label;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.BpfProgram;
import io.penstock.forwarder.linux.FrameSink;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Others that forward frames, each driven as its manual says.
final class Peers {
    private static final int XDP_TX = 3;

    private Peers() {}

    /// A program of ours in C that swaps MAC addresses, on AF_XDP or AF_PACKET.
    ///
    /// @param name    what reports call it
    /// @param port    `xdp` or `packet`
    /// @param program compiled
    record Child(String name, String port, Path program) implements Subject {
        @Override
        public String testCase() {
            return "swap";
        }

        @Override
        public Running start(BenchNetwork network) throws IOException {
            boolean taps = port.equals("packet");
            if (taps) {
                dropBehindTap(network);
            }
            Process process = new ProcessBuilder(BenchNetwork.words(
                            network.forwarderSide(),
                            program.toString(),
                            network.forwarderLink(),
                            Integer.toString(BenchNetwork.WORKER_CPU)))
                    .redirectErrorStream(true)
                    .start();
            BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
            @Nullable String line = output.readLine();
            if (!"ready".equals(line)) {
                Program.end(process);
                throw new IOException(line == null ? "it ended without a word" : line);
            }
            return new RunningProgram(process, _ -> true, _ -> {
                if (taps) {
                    network.in(
                            network.forwarderSide(), "tc", "qdisc", "delete", "dev", network.forwarderLink(), "clsact");
                }
            });
        }

        /// As the forwarder does for its VIPs: behind the tap the host's stack sees nothing of them.
        private static void dropBehindTap(BenchNetwork network) throws IOException {
            String link = network.forwarderLink();
            network.in(network.forwarderSide(), "tc", "qdisc", "add", "dev", link, "clsact");
            network.in(
                    network.forwarderSide(),
                    "tc",
                    "filter",
                    "add",
                    "dev",
                    link,
                    "ingress",
                    "bpf",
                    "da",
                    "bytecode",
                    "1,6 0 0 2,");
        }
    }

    /// The least that XDP can do: swap MAC addresses and send back, all in the kernel.
    record XdpProgram() implements Subject {
        @Override
        public String name() {
            return "xdp-program";
        }

        @Override
        public String testCase() {
            return "swap";
        }

        @Override
        public String port() {
            return "";
        }

        @Override
        public FrameSink.Place sinkPlace() {
            return FrameSink.Place.XDP;
        }

        @Override
        public Running start(BenchNetwork network) throws IOException {
            try (var _ = network.enter(network.forwarderSide());
                    BpfProgram program = BpfProgram.load(BpfProgram.Kind.XDP, "ps_swap", swap())) {
                LinuxInterface nic = LinuxInterface.read(network.forwarderLink());
                BpfLink link = BpfLink.attachXdp(program, nic.name(), nic.index());
                return link::close;
            } catch (LinuxException e) {
                throw new IOException(e.getMessage(), e);
            }
        }

        private static BpfAssembler swap() {
            BpfAssembler assembler = new BpfAssembler();
            Label pass = new Label();
            assembler.load(WORD, R6, R1, 0).load(WORD, R7, R1, 4);
            assembler.move(R2, R6).compute(ADD, R2, 14).jumpIf(ABOVE, R2, R7, pass);
            assembler.load(WORD, R2, R6, 0).load(HALF, R3, R6, 4);
            assembler.load(WORD, R4, R6, 6).load(HALF, R5, R6, 10);
            assembler.store(WORD, R6, 0, R4).store(HALF, R6, 4, R5);
            assembler.store(WORD, R6, 6, R2).store(HALF, R6, 10, R3);
            assembler.move(R0, XDP_TX).exit();
            assembler.bind(pass);
            assembler.move(R0, BpfProgram.XDP_PASS).exit();
            return assembler;
        }
    }

    /// nftables at the netdev hook: a hash over the source chooses the MAC address, `fwd` sends.
    record Nftables() implements Subject {
        private static final int BACKENDS = 64;

        @Override
        public String name() {
            return "nftables";
        }

        @Override
        public String testCase() {
            return "dr";
        }

        @Override
        public String port() {
            return "";
        }

        @Override
        public String missing() {
            return CPrograms.isInstalled("nft") ? "" : "not installed (Debian: nftables)";
        }

        @Override
        public Running start(BenchNetwork network) throws IOException {
            List<String> map = new ArrayList<>();
            for (int i = 0; i < BACKENDS; i++) {
                map.add("%d : 02:00:00:00:01:%02x".formatted(i, i));
            }
            Path rules = Files.createTempFile("penstock-bench", ".nft");
            try {
                Files.writeString(rules, """
                        table netdev bench {
                          chain in {
                            type filter hook ingress device "%1$s" priority 0;
                            ip daddr %2$s ether daddr set jhash ip saddr . udp sport mod %3$d map { %4$s } fwd to "%1$s"
                          }
                        }
                        """.formatted(
                                network.forwarderLink(), BenchNetwork.VIP, BACKENDS, String.join(", ", map)));
                network.in(network.forwarderSide(), "nft", "-f", rules.toString());
            } finally {
                Files.delete(rules);
            }
            return () -> network.in(network.forwarderSide(), "nft", "delete", "table", "netdev", "bench");
        }
    }

    /// Linux as a router: a route for the VIP back out of the same interface.
    record LinuxRouting() implements Subject {
        @Override
        public String name() {
            return "linux";
        }

        @Override
        public String testCase() {
            return "route";
        }

        @Override
        public String port() {
            return "";
        }

        @Override
        public Running start(BenchNetwork network) throws IOException {
            String link = network.forwarderLink();
            network.in(
                    network.forwarderSide(),
                    "sysctl",
                    "-qw",
                    "net.ipv4.ip_forward=1",
                    "net.ipv4.conf.all.send_redirects=0",
                    "net.ipv4.conf." + link + ".send_redirects=0",
                    "net.ipv4.conf.all.rp_filter=0",
                    "net.ipv4.conf." + link + ".rp_filter=0");
            // The sources need a way back, or the kernel takes them for forged.
            network.in(network.forwarderSide(), "ip", "route", "add", "10.0.0.0/8", "via", BenchNetwork.backend(0));
            network.in(network.forwarderSide(), "ip", "route", "add", BenchNetwork.VIP, "via", BenchNetwork.backend(0));
            return () -> {
                network.in(network.forwarderSide(), "sysctl", "-qw", "net.ipv4.ip_forward=0");
                network.in(network.forwarderSide(), "ip", "route", "delete", BenchNetwork.VIP);
                network.in(network.forwarderSide(), "ip", "route", "delete", "10.0.0.0/8");
            };
        }
    }

    /// DPDK's test program, which swaps MAC addresses, over a kernel interface.
    ///
    /// @param port `xdp` or `packet`
    record Testpmd(String port) implements Subject {
        private static final String PROGRAM = "dpdk-testpmd";
        private static final int MAIN_CPU = BenchNetwork.GENERATOR_CPU;

        @Override
        public String name() {
            return "testpmd";
        }

        @Override
        public String testCase() {
            return "swap";
        }

        @Override
        public String missing() {
            return CPrograms.isInstalled(PROGRAM)
                    ? ""
                    : "not installed (Debian: dpdk-dev librte-net-af-xdp23 librte-net-af-packet23)";
        }

        @Override
        public Running start(BenchNetwork network) throws IOException {
            boolean taps = port.equals("packet");
            if (taps) {
                Child.dropBehindTap(network);
            }
            Path log = Files.createTempFile("penstock-bench", ".testpmd");
            String device = port.equals("xdp") ? "net_af_xdp0" : "net_af_packet0";
            Process process = new ProcessBuilder(BenchNetwork.words(
                            network.forwarderSide(),
                            PROGRAM,
                            "--no-huge",
                            "-m",
                            "256",
                            "--no-pci",
                            "--no-telemetry",
                            "--file-prefix",
                            network.forwarderLink(),
                            "-l",
                            MAIN_CPU + "," + BenchNetwork.WORKER_CPU,
                            "--vdev",
                            device + ",iface=" + network.forwarderLink(),
                            "--",
                            "--forward-mode=macswap",
                            "--auto-start",
                            "--nb-cores=1",
                            "--total-num-mbufs=16384",
                            "--stats-period=3600"))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            Running running = new RunningProgram(process, name -> name.contains("worker"), _ -> {
                Files.deleteIfExists(log);
                if (taps) {
                    network.in(
                            network.forwarderSide(), "tc", "qdisc", "delete", "dev", network.forwarderLink(), "clsact");
                }
            });
            if (ForwarderSubject.ends(process, 1_500)) {
                String text = Files.readString(log);
                running.close();
                throw new IOException(
                        text.strip().lines().reduce((_, last) -> last).orElse("it ended without a word"));
            }
            return running;
        }
    }
}
