package io.penstock.bench.wire;

import io.penstock.control.cli.HostLacksException;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.Libc;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NamespaceStay;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// The wire of one benchmark: two network namespaces and a veth between them, removed when this closes.
///
/// ```
///   generator and sink                       forwarder
///   10.78.0.2   gNAME ------------------- fNAME   10.78.0.1
///   stands for the backends 10.78.0.11..   one arm: what comes in there goes out there
/// ```
///
/// CPU 0 has the generator, CPU 1 the forwarder with all kernel work of its end: the NAPI of an interface is a kernel
/// thread that is pinned.
public final class BenchNetwork implements AutoCloseable {
    /// The generator's CPU.
    public static final int GENERATOR_CPU = 0;
    /// The forwarder's CPU.
    public static final int WORKER_CPU = 1;
    /// What the frames are sent to.
    public static final String VIP = "192.0.2.1";
    /// Its UDP port.
    public static final int PORT = 53;
    /// Backends behind the VIP.
    public static final int BACKENDS = 4;
    /// The forwarder's own address.
    public static final String ADDRESS = "10.78.0.1";

    private final String name = Long.toString(ProcessHandle.current().pid(), Character.MAX_RADIX);
    private final Leftovers leftovers = new Leftovers();

    private BenchNetwork() {}

    /// Makes the network, all of it or nothing.
    ///
    /// @throws HostLacksException without root, a second CPU, ip or ethtool
    public static BenchNetwork open() throws IOException {
        if (!"root".equals(System.getProperty("user.name"))) {
            throw new HostLacksException("network namespaces", "run this as root: sudo penstock bench ...");
        }
        if (CpuAffinity.available().cardinality() < 2) {
            throw new HostLacksException("a second CPU", "the generator needs one, the forwarder another");
        }
        BenchNetwork network = new BenchNetwork();
        try {
            network.make();
            return network;
        } catch (IOException | RuntimeException e) {
            network.close();
            throw e;
        }
    }

    /// {@return the namespace of generator and sink}
    public String generatorSide() {
        return "ps" + name + "-gen";
    }

    /// {@return the forwarder's namespace}
    public String forwarderSide() {
        return "ps" + name + "-fwd";
    }

    /// {@return the generator's interface}
    public String generatorLink() {
        return "g" + name;
    }

    /// {@return the forwarder's interface}
    public String forwarderLink() {
        return "f" + name;
    }

    /// {@return the address of a backend, `0..BACKENDS - 1`}
    public static String backend(int i) {
        return "10.78.0." + (11 + i);
    }

    /// {@return a frame to the VIP: Ethernet, IPv4, UDP without checksum; from 10.0.0.1}
    ///
    /// @param length in bytes, at least 60
    public byte[] frame(int length) throws IOException {
        byte[] frame = new byte[length];
        byte[] head = HexFormat.of()
                .parseHex(mac(forwarderSide(), forwarderLink()) + mac(generatorSide(), generatorLink()) + "0800"
                        + "45000000" + "00010000" + "40110000" + "0a000001" + "c0000201" + "04000035" + "00000000");
        System.arraycopy(head, 0, frame, 0, head.length);
        put16(frame, 16, length - 14);
        put16(frame, 38, length - 34);
        int sum = 0;
        for (int i = 14; i < 34; i += 2) {
            sum += (frame[i] & 0xff) << 8 | (frame[i + 1] & 0xff);
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        put16(frame, 24, ~(sum + (sum >>> 16)));
        return frame;
    }

    /// {@return the MAC address of the forwarder's interface, 48 bits}
    public long forwarderMac() throws IOException {
        return Long.parseLong(mac(forwarderSide(), forwarderLink()), 16);
    }

    /// {@return the MAC address of the generator's interface, 48 bits}
    public long generatorMac() throws IOException {
        return Long.parseLong(mac(generatorSide(), generatorLink()), 16);
    }

    /// {@return hexadecimal digits of an interface's MAC address}
    String mac(String namespace, String link) throws IOException {
        return in(namespace, "cat", "/sys/class/net/" + link + "/address")
                .strip()
                .replace(":", "");
    }

    /// Runs a command inside a namespace.
    ///
    /// @return what it printed
    String in(String namespace, String... command) throws IOException {
        List<String> words = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        words.addAll(List.of(command));
        return Program.run(words);
    }

    /// Moves the calling (platform) thread into a namespace until the result is closed: sockets it opens live there.
    public NamespaceStay enter(String namespace) {
        return new NamespaceStay(namespace);
    }

    /// Puts the NAPI thread of each interface on a CPU, before all programs, as interrupts would come: if they took
    /// turns by the scheduler's tick, milliseconds each, every ring would overflow in each turn. Attaching a
    /// program may make a new thread, so this is called after the forwarder has started.
    ///
    /// @param farEndCpu where what comes back is received. For rates the worker's: what it sent is freed there, as
    ///                  by a NIC's driver, and the generator is alone. For times the generator's: a hop each way
    public void pinKernelThreads(int farEndCpu) throws IOException {
        pinRealTime("napi/" + forwarderLink() + "-", WORKER_CPU);
        pinRealTime("napi/" + generatorLink() + "-", farEndCpu);
    }

    /// Names of kernel threads have 15 letters at most; ours are short enough to be told apart.
    private static void pinRealTime(String prefix, int cpu) throws IOException {
        try (Arena arena = Arena.ofConfined();
                DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            Libc libc = new Libc(arena);
            MemorySegment mask = arena.allocate(128, 8);
            mask.set(java.lang.foreign.ValueLayout.JAVA_LONG, 0, 1L << cpu);
            for (Path process : processes) {
                if (commandOf(process).startsWith(prefix)) {
                    int pid = Integer.parseInt(String.valueOf(process.getFileName()));
                    LinuxException.check(libc.sched_setaffinity(pid, mask), "sched_setaffinity(" + prefix + ")");
                    Program.run(List.of("chrt", "--fifo", "--pid", "50", Integer.toString(pid)));
                }
            }
        }
    }

    private static String commandOf(Path process) {
        try {
            return Files.readString(process.resolve("comm"));
        } catch (IOException gone) {
            return "";
        }
    }

    private void make() throws IOException {
        for (String namespace : List.of(generatorSide(), forwarderSide())) {
            Program.run(List.of("ip", "netns", "add", namespace));
            leftovers.addNamespace(namespace);
            in(namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
        }
        Program.run(List.of(
                "ip",
                "-n",
                generatorSide(),
                "link",
                "add",
                generatorLink(),
                "numrxqueues",
                "1",
                "numtxqueues",
                "1",
                "type",
                "veth",
                "peer",
                "name",
                forwarderLink(),
                "netns",
                forwarderSide(),
                "numrxqueues",
                "1",
                "numtxqueues",
                "1"));
        for (String[] end : ends()) {
            in(end[0], "ethtool", "-K", end[1], "tx", "off", "gso", "off", "tso", "off", "gro", "off");
            in(end[0], "ip", "address", "add", end[2] + "/24", "dev", end[1]);
            in(end[0], "ip", "link", "set", end[1], "up");
        }
        // Asking for a link makes the kernel act on its new carrier now.
        in(generatorSide(), "ip", "link", "show", "dev", generatorLink());
        in(forwarderSide(), "ip", "link", "show", "dev", forwarderLink());
        // GRO gives veth a NAPI of its own also without an XDP program, which redirected frames need; frames of
        // different
        // flows are never merged. It takes effect when it is turned on while the link is up.
        for (String[] end : ends()) {
            in(end[0], "ethtool", "-K", end[1], "gro", "on");
        }
        makeNeighbours();
        for (String[] end : ends()) {
            in(end[0], "sh", "-c", "echo 1 >/sys/class/net/" + end[1] + "/threaded");
        }
    }

    /// Tells the forwarder's side where the backends are. Before each subject: one that took the interface down left it
    /// without neighbours.
    public void makeNeighbours() throws IOException {
        in(forwarderSide(), "ip", "link", "set", forwarderLink(), "up");
        String far = mac(generatorSide(), generatorLink()).replaceAll("(..)(?!$)", "$1:");
        for (int i = 0; i < BACKENDS; i++) {
            in(
                    forwarderSide(),
                    "ip",
                    "neighbour",
                    "replace",
                    backend(i),
                    "lladdr",
                    far,
                    "nud",
                    "permanent",
                    "dev",
                    forwarderLink());
        }
    }

    /// Lets the far end collect what comes for 30 us, as a NIC would: else each frame sent would wake its thread. For
    /// rates; it would add to a time of flight.
    void collectAtFarEnd() throws IOException {
        String files = "/sys/class/net/" + generatorLink();
        in(
                generatorSide(),
                "sh",
                "-c",
                "cd " + files + " && echo 1000 >napi_defer_hard_irqs && echo 30000 >gro_flush_timeout");
    }

    private List<String[]> ends() {
        return List.of(
                new String[] {generatorSide(), generatorLink(), "10.78.0.2"},
                new String[] {forwarderSide(), forwarderLink(), ADDRESS});
    }

    /// {@return what else is to be removed when the benchmark is ended early}
    Leftovers leftovers() {
        return leftovers;
    }

    /// Removes the namespaces; the kernel removes the links with them.
    @Override
    public void close() throws IOException {
        leftovers.removeNamespaces();
    }

    private static void put16(byte[] frame, int at, int value) {
        frame[at] = (byte) (value >>> 8);
        frame[at + 1] = (byte) value;
    }

    /// {@return index of an interface of a namespace}
    int index(String namespace, String link) {
        try (NamespaceStay _ = enter(namespace)) {
            return LinuxInterface.read(link).index();
        }
    }

    /// {@return the words of a command that runs `command` inside a namespace, as a session of its own ([Precedence])}
    static List<String> words(String namespace, String... command) {
        return Stream.concat(Stream.of("setsid", "ip", "netns", "exec", namespace), Arrays.stream(command))
                .toList();
    }
}
