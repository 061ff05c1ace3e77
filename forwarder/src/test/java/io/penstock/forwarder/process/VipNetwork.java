package io.penstock.forwarder.process;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.linux.NetworkNamespaces;
import java.io.Closeable;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// A client, a forwarder and two backends on one Ethernet segment, in network namespaces. The backends have the VIP on
/// their loopback and answer TCP and UDP with their name and the client's address as they see it.
final class VipNetwork implements AutoCloseable {
    static final String VIP = "10.9.0.100";
    static final String VIP6 = "fd09::100";
    static final int PORT = 7000;
    private static final String FORWARDER_ADDRESS = "10.9.0.2";
    private static final int BACKENDS = 2;
    private static final int TIMEOUT_MS = 5_000;

    private final NetworkNamespaces net = NetworkNamespaces.open();
    private final Path folder;
    private final String client;
    private final String forwarder;
    private final List<Thread> servers = new ArrayList<>();
    private final List<Closeable> sockets = new ArrayList<>();

    /// @param queues of the forwarder's interface
    VipNetwork(int queues) throws Exception {
        folder = Files.createTempDirectory("ps");
        String bridge = net.add("br");
        net.in(bridge, "ip link add br0 type bridge forward_delay 0 mcast_snooping 0");
        net.in(bridge, "ip link set br0 up");
        client = join(bridge, "client", 1, 1);
        forwarder = join(bridge, "fwd", 2, queues);
        for (int i = 0; i < BACKENDS; i++) {
            String backend = join(bridge, "b" + i, 3 + i, 1);
            net.in(backend, "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2");
            net.in(backend, "ip addr add " + VIP + "/32 dev lo");
            net.in(backend, "ip -6 addr add " + VIP6 + "/128 dev lo nodad");
            serve(backend, "b" + i);
        }
    }

    private String join(String bridge, String role, int number, int queues) {
        String space = net.add(role);
        net.veth(bridge, "p" + number, space, "eth0", queues);
        net.in(bridge, "ip link set p" + number + " master br0");
        net.in(space, "ip link set eth0 addrgenmode eui64");
        net.in(space, "ip link set eth0 down");
        net.in(space, "ip link set eth0 up");
        net.in(space, "ip addr add 10.9.0." + number + "/24 dev eth0");
        net.in(space, "ip -6 addr add fd09::" + number + "/64 dev eth0 nodad");
        return space;
    }

    /// What the backends answer to `ask`.
    ///
    /// @param backend `b0` or `b1`
    /// @param client  address and port as the backend saw them
    record Answer(String backend, String client) {
        static Answer of(String text) {
            String[] words = text.strip().split(" ");
            return new Answer(words[0], words[1]);
        }
    }

    private void serve(String space, String name) throws Exception {
        InetAddress any = InetAddress.getByName("::");
        ServerSocket tcp = in(space, () -> new ServerSocket(PORT, 200, any));
        DatagramSocket udp4 = in(space, () -> new DatagramSocket(new InetSocketAddress(VIP, PORT)));
        DatagramSocket udp6 = in(space, () -> new DatagramSocket(new InetSocketAddress(VIP6, PORT)));
        sockets.addAll(List.of(tcp, udp4, udp6));
        servers.add(Thread.startVirtualThread(() -> {
            try {
                while (true) {
                    Socket socket = tcp.accept();
                    Thread.startVirtualThread(() -> answerTcp(socket, name));
                }
            } catch (IOException closed) {
                // The test is over.
            }
        }));
        servers.add(Thread.startVirtualThread(() -> answerUdp(udp4, name)));
        servers.add(Thread.startVirtualThread(() -> answerUdp(udp6, name)));
    }

    private static void answerTcp(Socket socket, String name) {
        try (socket) {
            byte[] buffer = new byte[100];
            while (socket.getInputStream().read(buffer) > 0) {
                socket.getOutputStream().write(line(name, socket.getRemoteSocketAddress()));
            }
        } catch (IOException gone) {
            // The client left.
        }
    }

    private static void answerUdp(DatagramSocket socket, String name) {
        try {
            while (true) {
                DatagramPacket packet = new DatagramPacket(new byte[2000], 2000);
                socket.receive(packet);
                byte[] line = line(name, packet.getSocketAddress());
                socket.send(new DatagramPacket(line, line.length, packet.getSocketAddress()));
            }
        } catch (IOException closed) {
            // The test is over.
        }
    }

    private static byte[] line(String name, java.net.SocketAddress from) {
        InetSocketAddress address = (InetSocketAddress) from;
        String text = name + " " + address.getAddress().getHostAddress() + "|" + address.getPort() + "\n";
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /// {@return a TCP connection of the client}
    Socket connect(String vip, int port) throws Exception {
        return in(client, () -> {
            Socket socket = new Socket();
            socket.setSoTimeout(TIMEOUT_MS);
            socket.setTcpNoDelay(true);
            socket.connect(new InetSocketAddress(vip, port), TIMEOUT_MS);
            return socket;
        });
    }

    /// Asks on a connection who is there.
    static Answer ask(Socket socket) throws IOException {
        socket.getOutputStream().write('?');
        byte[] buffer = new byte[200];
        int length = socket.getInputStream().read(buffer);
        return Answer.of(new String(buffer, 0, length, StandardCharsets.US_ASCII));
    }

    /// {@return a UDP socket of the client}
    DatagramSocket datagramSocket(String vip) throws Exception {
        return in(client, () -> {
            DatagramSocket socket = new DatagramSocket();
            socket.connect(InetAddress.getByName(vip), PORT);
            socket.setSoTimeout(TIMEOUT_MS);
            return socket;
        });
    }

    /// Asks with a datagram who is there.
    static Answer ask(DatagramSocket socket) throws IOException {
        socket.send(new DatagramPacket(new byte[] {'?'}, 1));
        DatagramPacket answer = new DatagramPacket(new byte[200], 200);
        socket.receive(answer);
        return Answer.of(new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII));
    }

    /// {@return a configuration with a TCP and a UDP listener of both families on [#PORT]}
    ///
    /// @param forwarderKeys the keys that start with `forwarder.`
    PenstockConfig config(String forwarderKeys) throws IOException {
        StringBuilder text =
                new StringBuilder("forwarder.interface=eth0\nforwarder.flows=64k\n" + forwarderKeys + "\n");
        for (String protocol : List.of("tcp", "udp")) {
            text.append("listener.%s.vip=%s%nlistener.%s.protocol=%s%nlistener.%s.ports=%d%n"
                    .formatted(protocol, VIP, protocol, protocol, protocol, PORT));
            text.append("listener.%s6.vip=%s%nlistener.%s6.protocol=%s%nlistener.%s6.ports=%d%n"
                    .formatted(protocol, VIP6, protocol, protocol, protocol, PORT));
            for (int i = 0; i < BACKENDS; i++) {
                text.append("listener.%s.backend.b%d=10.9.0.%d%n".formatted(protocol, i, 3 + i));
                text.append("listener.%s6.backend.b%d=fd09::%d%n".formatted(protocol, i, 3 + i));
            }
            text.append("listener.%s.health=none%nlistener.%s6.health=none%n".formatted(protocol, protocol));
        }
        Path file = folder.resolve("penstock.properties");
        Files.writeString(file, text);
        try {
            return ConfigLoader.load(file).config();
        } catch (ConfigException wrong) {
            throw new AssertionError(wrong.problems().toString(), wrong);
        }
    }

    /// Starts a forwarder in its namespace.
    Forwarder start(PenstockConfig config) throws Exception {
        return in(
                forwarder,
                () -> Forwarder.start(config, "eth0", folder.resolve("run"), failure -> {
                    throw new AssertionError("a worker failed", failure);
                }));
    }

    /// {@return what the forwarder has counted, over all workers}
    Map<WorkerCounter, Long> counters(PenstockConfig config) throws IOException {
        try (StatusReader status = status(config)) {
            return status.counters();
        }
    }

    /// {@return the status file}
    StatusReader status(PenstockConfig config) throws IOException {
        return StatusReader.open(
                RuntimeFolder.of(folder.resolve("run"), config.instance()).statusFile());
    }

    /// {@return the folder of runtime folders}
    Path runtimeBase() {
        return folder.resolve("run");
    }

    /// {@return whether the client gets an answer to an ICMP echo request}
    boolean answersEcho(String address) throws Exception {
        return in(client, () -> InetAddress.getByName(address).isReachable(TIMEOUT_MS));
    }

    /// {@return what a command prints that the forwarder's host runs}
    String atForwarder(String command) {
        return net.in(forwarder, command);
    }

    /// {@return an address of the forwarder's host that is no VIP}
    static String forwarderAddress() {
        return FORWARDER_ADDRESS;
    }

    /// Runs a task on a thread of its own inside a namespace.
    private <T> T in(String space, Callable<T> task) throws Exception {
        FutureTask<T> result = new FutureTask<>(() -> net.inside(space, task));
        Thread.ofPlatform().start(result);
        try {
            return result.get(30, TimeUnit.SECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw failed;
        } catch (TimeoutException hangs) {
            result.cancel(true);
            throw hangs;
        }
    }

    @Override
    public void close() throws IOException {
        for (Closeable socket : sockets) {
            socket.close();
        }
        net.close();
        try (var files = Files.walk(folder)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
