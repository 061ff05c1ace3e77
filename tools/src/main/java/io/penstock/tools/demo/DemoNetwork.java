package io.penstock.tools.demo;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The isolated network of one demo: a switch, a client, a forwarder and three backends, each in a network namespace of
/// its own, all on one segment. Nothing of it touches the host's own network.
///
/// ```
///             PREFIX-switch (a Linux bridge)
///    +--------------+---------------+--------+--------+
///    |              |               |        |        |
///  client       forwarder          b1       b2       b3
///  10.77.0.2    10.77.0.1      10.77.0.11  .12      .13   + the VIP 10.77.0.100 on lo, silent to ARP
/// ```
///
/// A folder under `/run/penstock-demo` remembers it, so that the next demo removes what a killed one left behind. One
/// thread at a time.
final class DemoNetwork implements AutoCloseable {
    static final String CLIENT = "client";
    static final String FORWARDER = "forwarder";
    static final List<String> BACKENDS = List.of("b1", "b2", "b3");
    static final String VIP = "10.77.0.100";
    static final String FORWARDER_ADDRESS = "10.77.0.1";
    static final String CLIENT_ADDRESS = "10.77.0.2";
    static final int PORT = 80;
    /// The one interface that each of them has, beside lo.
    static final String INTERFACE = "eth0";

    private static final Path FOLDERS = Path.of("/run/penstock-demo");
    private static final String SWITCH = "switch";
    private static final String STATE = "demo.state";

    private final String prefix;
    private final Path folder;

    private DemoNetwork(String prefix, Path folder) {
        this.prefix = prefix;
        this.folder = folder;
    }

    /// {@return the address of a backend}
    static String backendAddress(String backend) {
        return "10.77.0.1" + (1 + BACKENDS.indexOf(backend));
    }

    /// Makes the network, all of it or nothing.
    static DemoNetwork create() throws IOException {
        ProcessHandle self = ProcessHandle.current();
        String prefix = "ps" + Long.toString(self.pid(), Character.MAX_RADIX)
                + Long.toString(System.nanoTime() & 0xfffL, Character.MAX_RADIX);
        DemoNetwork network = new DemoNetwork(prefix, FOLDERS.resolve(prefix));
        try {
            network.remember(self.pid(), false);
            network.make();
            return network;
        } catch (IOException | RuntimeException e) {
            network.close();
            throw e;
        }
    }

    /// {@return the networks whose demo is over: killed before it could clean up, or told to keep them}
    static List<DemoNetwork> leftBehind(boolean keptToo) throws IOException {
        List<DemoNetwork> found = new ArrayList<>();
        if (Files.isDirectory(FOLDERS)) {
            try (Stream<Path> folders = Files.list(FOLDERS)) {
                for (Path folder : folders.toList()) {
                    DemoNetwork network = new DemoNetwork(
                            Objects.requireNonNull(folder.getFileName()).toString(), folder);
                    Properties state = network.state();
                    boolean kept = Boolean.parseBoolean(state.getProperty("kept"));
                    if (kept ? keptToo : !isRunning(state)) {
                        found.add(network);
                    }
                }
            }
        }
        return found;
    }

    /// {@return the folder in which this demo keeps its configuration, its logs and its runtime folder}
    Path folder() {
        return folder;
    }

    /// {@return what the names of its namespaces begin with}
    String prefix() {
        return prefix;
    }

    /// {@return the namespace of the client, the forwarder or a backend}
    String namespace(String host) {
        return prefix + "-" + host;
    }

    /// {@return a command that runs `command` on one of the hosts}
    List<String> on(String host, List<String> command) {
        List<String> whole = new ArrayList<>(List.of("ip", "netns", "exec", namespace(host)));
        whole.addAll(command);
        return whole;
    }

    /// {@return a counter of the switch's end of a host's cable, such as `rx_bytes`: what came from the host}
    long switchCounter(String host, String name) throws IOException {
        String file = "/sys/class/net/" + host + "/statistics/" + name;
        return Long.parseLong(Program.run("ip", "netns", "exec", namespace(SWITCH), "cat", file));
    }

    /// From now on no later demo removes this network by itself.
    void keep() throws IOException {
        remember(ProcessHandle.current().pid(), true);
    }

    /// Ends every process in the namespaces and removes them and the folder. Goes on when one step fails.
    @Override
    public void close() throws IOException {
        List<String> namespaces = namespaces();
        IOException first = null;
        for (String namespace : namespaces) {
            try {
                endProcesses(namespace);
            } catch (IOException e) {
                first = first == null ? e : first;
            }
        }
        for (String namespace : namespaces) {
            try {
                Program.run("ip", "netns", "delete", namespace);
            } catch (IOException e) {
                first = first == null ? e : first;
            }
        }
        deleteFolder();
        if (first != null) {
            throw first;
        }
    }

    private void make() throws IOException {
        List<String> hosts = hosts();
        StringBuilder all = new StringBuilder();
        for (String host : hosts) {
            all.append("netns add ").append(namespace(host)).append('\n');
        }
        batch(null, all);

        StringBuilder cables = new StringBuilder();
        cables.append("link set lo up\n");
        // No snooping and no delay: a port forwards from the first frame.
        cables.append("link add name br0 type bridge forward_delay 0 mcast_snooping 0\nlink set br0 up\n");
        for (String host : hosts) {
            if (!host.equals(SWITCH)) {
                // Two for the forwarder, more than its one worker; told to both ends, as else the other has one for
                // each CPU.
                int count = host.equals(FORWARDER) ? 2 : 1;
                String queues = "numtxqueues %d numrxqueues %d".formatted(count, count);
                cables.append("link add name %s %s type veth peer name %s %s netns %s%n"
                        .formatted(host, queues, INTERFACE, queues, namespace(host)));
                cables.append("link set %s master br0%nlink set %s up%n".formatted(host, host));
            }
        }
        // Before any interface is up: IPv6 would chatter, and the demo counts frames.
        for (String host : hosts) {
            sysctl(host, "ipv6/conf/all/disable_ipv6", "1", true);
            sysctl(host, "ipv6/conf/default/disable_ipv6", "1", true);
        }
        batch(SWITCH, cables);

        host(CLIENT, CLIENT_ADDRESS);
        host(FORWARDER, FORWARDER_ADDRESS);
        for (String backend : BACKENDS) {
            // A backend takes packets for the VIP, but neither answers nor sends ARP with it.
            sysctl(backend, "ipv4/conf/all/arp_ignore", "1", false);
            sysctl(backend, "ipv4/conf/all/arp_announce", "2", false);
            host(backend, backendAddress(backend));
            batch(backend, new StringBuilder("address add " + VIP + "/32 dev lo\n"));
        }
    }

    private void host(String host, String address) throws IOException {
        batch(
                host,
                new StringBuilder("link set lo up\naddress add %s/24 dev %s\nlink set %s up%n"
                        .formatted(address, INTERFACE, INTERFACE)));
    }

    private void batch(@Nullable String host, StringBuilder commands) throws IOException {
        if (host == null) {
            Program.runWithInput(commands.toString(), "ip", "-batch", "-");
        } else {
            Program.runWithInput(commands.toString(), "ip", "-netns", namespace(host), "-batch", "-");
        }
    }

    private void sysctl(String host, String key, String value, boolean optional) throws IOException {
        String path = "/proc/sys/net/" + key;
        String script = optional ? "[ ! -e %s ] || echo %s >%s" : "echo %2$s >%3$s";
        Program.run("ip", "netns", "exec", namespace(host), "sh", "-c", script.formatted(path, value, path));
    }

    private void remember(long pid, boolean kept) throws IOException {
        Files.createDirectories(folder);
        Properties state = new Properties();
        state.setProperty("pid", Long.toString(pid));
        state.setProperty("started", started(pid));
        state.setProperty("kept", Boolean.toString(kept));
        try (var out = Files.newBufferedWriter(folder.resolve(STATE))) {
            state.store(out, null);
        }
    }

    private Properties state() {
        Properties state = new Properties();
        try (var in = Files.newBufferedReader(folder.resolve(STATE))) {
            state.load(in);
        } catch (IOException e) {
            state.clear(); // Killed before it was written: nobody owns it.
        }
        return state;
    }

    // A pid alone may belong to another process by now.
    private static boolean isRunning(Properties state) {
        String pid = state.getProperty("pid", "");
        return pid.matches("[0-9]{1,18}") && started(Long.parseLong(pid)).equals(state.getProperty("started"));
    }

    /// {@return when a process started, in ticks since boot (proc(5), `stat`, field 22), or "" when there is none}
    private static String started(long pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            // The second field is the program's name in parentheses and may hold blanks.
            return stat.substring(stat.lastIndexOf(')') + 2).split(" ")[22 - 3];
        } catch (IOException e) {
            return "";
        }
    }

    private static List<String> hosts() {
        List<String> hosts = new ArrayList<>(List.of(SWITCH, CLIENT, FORWARDER));
        hosts.addAll(BACKENDS);
        return hosts;
    }

    private List<String> namespaces() throws IOException {
        return Program.run("ip", "netns", "list")
                .lines()
                .map(line -> line.split(" ", 2)[0])
                .filter(name -> name.startsWith(prefix + "-"))
                .toList();
    }

    private static void endProcesses(String namespace) throws IOException {
        List<ProcessHandle> processes = new ArrayList<>();
        for (String pid : Program.run("ip", "netns", "pids", namespace).lines().toList()) {
            ProcessHandle.of(Long.parseLong(pid.strip())).ifPresent(processes::add);
        }
        processes.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle process : processes) {
            try {
                process.onExit().get(5, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
                throw new IOException("process " + process.pid() + " in " + namespace + " does not end", e);
            }
        }
    }

    private void deleteFolder() throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> {
                try {
                    Files.deleteIfExists(file);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
