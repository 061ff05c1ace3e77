package io.penstock.forwarder.linux;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;

/// Network namespaces of one test, removed when it closes this. Names carry the process id, so that test runs beside
/// each other do not meet.
///
/// ```java
/// try (NetworkNamespaces net = NetworkNamespaces.open()) {
///     String client = net.add("client");
///     String lb = net.add("lb");
///     net.veth(client, "c0", lb, "l0", 1);
///     net.in(lb, "ip addr add 10.0.0.1/24 dev l0");
///     try (var _ = net.enter(lb)) { ... sockets of this thread live in lb ... }
/// }
/// ```
public final class NetworkNamespaces implements AutoCloseable {
    private static final AtomicInteger NEXT = new AtomicInteger();

    private final String prefix =
            "ps" + Long.toString(ProcessHandle.current().pid(), 36) + "n" + NEXT.incrementAndGet() + "-";
    private final List<String> names = new ArrayList<>();

    private NetworkNamespaces() {}

    /// {@return an empty set of namespaces; the test is skipped, with the reason, where none can be made}
    public static NetworkNamespaces open() {
        assumeRoot();
        return new NetworkNamespaces();
    }

    /// Skips the test, and prints why, unless this process may make network namespaces.
    public static void assumeRoot() {
        String missing = missing();
        if (!missing.isEmpty()) {
            System.out.println("skipped: " + missing);
        }
        Assumptions.assumeTrue(missing.isEmpty(), missing);
    }

    private static String missing() {
        if (!"root".equals(System.getProperty("user.name"))) {
            return "network namespaces need root";
        }
        for (String program : List.of("ip", "ethtool")) {
            boolean found = List.of("/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/").stream()
                    .anyMatch(folder -> Files.isExecutable(Path.of(folder + program)));
            if (!found) {
                return "the program " + program + " is not installed";
            }
        }
        return "";
    }

    /// Makes a namespace with its loopback up.
    ///
    /// @return its full name, for `ip -n`
    public String add(String role) {
        String name = prefix + role;
        run("ip netns add " + name);
        names.add(name);
        run("ip -n " + name + " link set lo up");
        return name;
    }

    /// Joins two namespaces by a veth pair that is up on both ends, with offloads off and IPv6 chatter off.
    ///
    /// @param queues receive and transmit queues of each end
    public void veth(String namespaceA, String linkA, String namespaceB, String linkB, int queues) {
        run(
                "ip -n %s link add %s numrxqueues %d numtxqueues %d type veth peer name %s netns %s numrxqueues %d numtxqueues %d"
                        .formatted(namespaceA, linkA, queues, queues, linkB, namespaceB, queues, queues));
        for (String[] end : new String[][] {{namespaceA, linkA}, {namespaceB, linkB}}) {
            in(end[0], "ethtool -K " + end[1] + " tx off gso off tso off gro off");
            in(end[0], "sysctl -qw net.ipv6.conf." + end[1] + ".accept_dad=0");
            in(end[0], "sysctl -qw net.ipv6.conf." + end[1] + ".router_solicitations=0");
            in(end[0], "ip link set " + end[1] + " addrgenmode none up");
        }
        // Asking for a link makes the kernel act on its new carrier now. Left alone it may do so a second later, and
        // until then drops in silence what is sent.
        run("ip -n " + namespaceA + " link show dev " + linkA);
        run("ip -n " + namespaceB + " link show dev " + linkB);
    }

    /// Runs a command, its words parted by spaces.
    ///
    /// @return what it printed
    /// @throws IllegalStateException when it fails or takes more than 20 s
    public static String run(String command) {
        try {
            File output = File.createTempFile("penstock", ".out");
            try {
                Process process = new ProcessBuilder(command.split(" "))
                        .redirectErrorStream(true)
                        .redirectOutput(output)
                        .start();
                boolean ended = process.waitFor(20, TimeUnit.SECONDS);
                if (!ended) {
                    process.destroyForcibly();
                }
                String text = Files.readString(output.toPath(), StandardCharsets.UTF_8);
                if (!ended || process.exitValue() != 0) {
                    throw new IllegalStateException(
                            command + ": " + (ended ? process.exitValue() : "hangs") + ": " + text);
                }
                return text;
            } finally {
                Files.deleteIfExists(output.toPath());
            }
        } catch (IOException e) {
            throw new IllegalStateException(command, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(command, e);
        }
    }

    /// Runs a command inside a namespace.
    ///
    /// @return what it printed
    public String in(String namespace, String command) {
        return run("ip netns exec " + namespace + " " + command);
    }

    /// Starts a program inside a namespace; the caller ends it.
    public Process start(String namespace, String... command) {
        List<String> words = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        words.addAll(List.of(command));
        try {
            return new ProcessBuilder(words)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new IllegalStateException(String.join(" ", words), e);
        }
    }

    /// Runs a task on the calling thread inside a namespace.
    public <T> T inside(String namespace, Callable<T> task) throws Exception {
        try (var _ = enter(namespace)) {
            return task.call();
        }
    }

    /// Moves the calling (platform) thread into a namespace until the result is closed: sockets it opens live there.
    public NamespaceStay enter(String namespace) {
        return new NamespaceStay(namespace);
    }

    @Override
    public void close() {
        for (String name : names) {
            run("ip netns del " + name);
        }
        names.clear();
    }
}
