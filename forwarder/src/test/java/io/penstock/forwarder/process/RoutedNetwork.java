package io.penstock.forwarder.process;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.status.StatusReader;
import io.penstock.forwarder.backend.BackendCommand;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import picocli.CommandLine;

/// A client and a backend that are far from the forwarder, with routers between them whose links take less than the
/// hosts' do. The backend answers directly, by its other leg.
///
/// ```
/// client ---- r0 --1400-- r1 ---+--- forwarder
///                               +--- r2 --1400-- backend (tunnels end here)
///                               +--------------- backend (direct mode; the way back)
/// ```
///
/// Each path has a client address, a VIP and a backend address of its own, so that no kernel remembers the MTU that
/// another path has found.
final class RoutedNetwork implements AutoCloseable {
    static final int PORT = 7000;
    static final int SMALL_MTU = 1400;
    private static final int TIMEOUT_MS = 15_000;

    private final NetworkNamespaces net = NetworkNamespaces.open();
    private final Path folder;
    private final List<Way> ways;
    private final String client = net.add("client");
    private final String nearClient = net.add("r0");
    private final String nearForwarder = net.add("r1");
    private final String nearBackend = net.add("r2");
    private final String forwarder = net.add("fwd");
    private final String bridge = net.add("br");
    private final String backend = net.add("backend");
    private final List<Closeable> sockets = new ArrayList<>();
    private int ports;

    /// One path through the forwarder.
    ///
    /// @param number     `0..99`, of its addresses
    /// @param family     4 or 6: of the client and the VIP
    /// @param forwarding `dr`, `ipip`, `gue` or `gre`
    /// @param outer      4 or 6: family of the backend's address
    record Way(int number, int family, String forwarding, int outer) {
        String client() {
            return (family == 4 ? "198.51.100." : "2001:db8:1::") + (100 + number);
        }

        String vip() {
            return (family == 4 ? "203.0.113." : "2001:db8:f::") + (100 + number);
        }

        String backend() {
            boolean isDirect = forwarding.equals("dr");
            String network = outer == 4 ? (isDirect ? "10.1.0." : "10.2.0.") : (isDirect ? "fd01::" : "fd02::");
            return network + (100 + number);
        }

        @Override
        public String toString() {
            return "IPv" + family + " by " + forwarding + " to IPv" + outer;
        }
    }

    RoutedNetwork(List<Way> ways) throws Exception {
        this.ways = ways;
        folder = Files.createTempDirectory("ps");
        net.in(bridge, "ip link add br0 type bridge forward_delay 0 mcast_snooping 0");
        net.in(bridge, "ip link set br0 up");
        for (String host : List.of(client, nearClient, nearForwarder, nearBackend, forwarder, backend)) {
            net.in(host, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
        }
        for (String router : List.of(nearClient, nearForwarder, nearBackend)) {
            net.in(router, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
            net.in(router, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
            // The packets from a VIP that a router sends back to where they came from are meant to go this way.
            net.in(router, "sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0");
        }
        net.veth(client, "c0", nearClient, "cli0", 1);
        net.veth(nearClient, "mid0", nearForwarder, "mid0", 1);
        join(nearForwarder);
        join(forwarder);
        join(nearBackend);
        join(backend);
        net.veth(nearBackend, "back0", backend, "b1", 1);
        for (String end :
                List.of(nearClient + " mid0", nearForwarder + " mid0", nearBackend + " back0", backend + " b1")) {
            String[] words = end.split(" ");
            NetworkNamespaces.run("ip -n " + words[0] + " link set " + words[1] + " mtu " + SMALL_MTU);
        }
        addresses();
        routes();
        installBackend();
        serve();
    }

    private void join(String host) {
        net.veth(bridge, "p" + ports, host, "eth0", 1);
        net.in(bridge, "ip link set p" + ports + " master br0");
        ports++;
    }

    private void addresses() {
        add(nearClient, "cli0", "198.51.100.254/24", "2001:db8:1::fe/64", "fe80::c/64");
        add(nearClient, "mid0", "192.0.2.1/30", "2001:db8:2::1/64", "fe80::1/64");
        add(nearForwarder, "mid0", "192.0.2.2/30", "2001:db8:2::2/64", "fe80::2/64");
        add(nearForwarder, "eth0", "10.1.0.254/24", "fd01::fe/64", "fe80::fe/64");
        add(forwarder, "eth0", "10.1.0.2/24", "fd01::2/64", "fe80::3/64");
        add(nearBackend, "eth0", "10.1.0.253/24", "fd01::fd/64", "fe80::fd/64");
        add(nearBackend, "back0", "10.2.0.254/24", "fd02::fe/64", "fe80::b/64");
        add(client, "c0", "198.51.100.1/24", "2001:db8:1::1/64", "fe80::4/64");
        add(backend, "eth0", "10.1.0.3/24", "fd01::3/64", "fe80::5/64");
        add(backend, "b1", "10.2.0.3/24", "fd02::3/64", "fe80::6/64");
        for (Way way : ways) {
            add(client, "c0", way.client() + (way.family() == 4 ? "/24" : "/64"));
            String link = way.forwarding().equals("dr") ? "eth0" : "b1";
            add(backend, link, way.backend() + (way.outer() == 4 ? "/24" : "/64"));
        }
    }

    private void add(String host, String link, String... addresses) {
        for (String address : addresses) {
            NetworkNamespaces.run("ip -n " + host + " addr add " + address + " dev " + link
                    + (address.contains(":") ? " nodad" : ""));
        }
    }

    private void routes() {
        route(client, "default via 198.51.100.254", "default via 2001:db8:1::fe");
        route(nearClient, "default via 192.0.2.2", "default via 2001:db8:2::2");
        route(nearForwarder, "198.51.100.0/24 via 192.0.2.1", "2001:db8:1::/64 via 2001:db8:2::1");
        route(nearForwarder, "203.0.113.0/24 dev eth0", "2001:db8:f::/64 dev eth0");
        for (String host : List.of(forwarder, nearBackend, backend)) {
            route(host, "default via 10.1.0.254", "default via fd01::fe");
        }
        route(forwarder, "10.2.0.0/24 via 10.1.0.253", "fd02::/64 via fd01::fd");
    }

    private static void route(String host, String route4, String route6) {
        NetworkNamespaces.run("ip -n " + host + " route add " + route4);
        NetworkNamespaces.run("ip -n " + host + " -6 route add " + route6);
    }

    private String vips() {
        return String.join(",", ways.stream().map(Way::vip).toList());
    }

    private void installBackend() throws Exception {
        backend("install", "--vip", vips(), "--decap", "ipip,gue,gre");
    }

    private void backend(String... arguments) throws Exception {
        List<String> words = new ArrayList<>(List.of(arguments));
        words.addAll(List.of("--state-dir", folder.resolve("state").toString()));
        String[] all = words.toArray(String[]::new);
        StringWriter out = new StringWriter();
        CommandLine line = CommandRunner.prepare(new BackendCommand(), all);
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(out));
        int status = in(backend, () -> line.execute(all));
        line.getOut().flush();
        line.getErr().flush();
        if (status != 0) {
            throw new IllegalStateException(String.join(" ", all) + ": " + status + ": " + out);
        }
    }

    private void serve() throws Exception {
        ServerSocket tcp = in(backend, () -> new ServerSocket(PORT, 50, InetAddress.getByName("::")));
        sockets.add(tcp);
        Thread.ofPlatform().daemon().start(() -> {
            try {
                while (true) {
                    Socket socket = tcp.accept();
                    Thread.ofPlatform().daemon().start(() -> answer(socket));
                }
            } catch (IOException closed) {
                // The test is over.
            }
        });
        for (Way way : ways) {
            DatagramSocket udp = in(backend, () -> new DatagramSocket(new InetSocketAddress(way.vip(), PORT)));
            sockets.add(udp);
            Thread.ofPlatform().daemon().start(() -> echo(udp));
        }
    }

    /// The conversation: the client says how much comes and how much it wants; the server takes that, says its checksum
    /// and sends what was asked for.
    private static void answer(Socket socket) {
        try (socket) {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            int upload = in.readInt();
            int download = in.readInt();
            CRC32 sum = new CRC32();
            sum.update(in.readNBytes(upload));
            out.writeLong(sum.getValue());
            out.write(pattern(download));
            out.flush();
        } catch (IOException gone) {
            // The client left, and knows why.
        }
    }

    private static void echo(DatagramSocket socket) {
        DatagramPacket packet = new DatagramPacket(new byte[65_536], 65_536);
        while (!socket.isClosed()) {
            try {
                packet.setLength(65_536);
                socket.receive(packet);
                socket.send(packet);
            } catch (IOException passing) {
                // Too big for the path it has learned, or the test is over.
            }
        }
    }

    static byte[] pattern(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + (i >>> 8));
        }
        return bytes;
    }

    /// Sends and receives over one connection.
    ///
    /// @return whether all arrived as it was sent
    boolean transfer(Way way, int upload, int download) throws Exception {
        return in(client, () -> {
            try (Socket socket = new Socket()) {
                socket.bind(new InetSocketAddress(way.client(), 0));
                socket.setSoTimeout(TIMEOUT_MS);
                socket.connect(new InetSocketAddress(way.vip(), PORT), TIMEOUT_MS);
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                DataInputStream in = new DataInputStream(socket.getInputStream());
                out.writeInt(upload);
                out.writeInt(download);
                byte[] sent = pattern(upload);
                CRC32 sum = new CRC32();
                sum.update(sent);
                out.write(sent);
                boolean arrived = in.readLong() == sum.getValue();
                return arrived && java.util.Arrays.equals(pattern(download), in.readNBytes(download));
            }
        });
    }

    /// {@return a UDP socket of the client that speaks to a path's VIP}
    DatagramSocket datagramSocket(Way way, int port) throws Exception {
        return in(client, () -> {
            DatagramSocket socket = new DatagramSocket(new InetSocketAddress(way.client(), port));
            socket.connect(new InetSocketAddress(way.vip(), PORT));
            sockets.add(socket);
            return socket;
        });
    }

    /// {@return a socket for whole frames on the client's link}
    RawSocket clientWire() throws Exception {
        return in(client, () -> new RawSocket("c0"));
    }

    /// {@return the MAC addresses of the client and of its router}
    long[] clientMacs() throws Exception {
        long own = in(client, () -> LinuxInterface.read("c0").mac());
        return new long[] {own, in(nearClient, () -> LinuxInterface.read("cli0").mac())};
    }

    /// {@return a configuration with a TCP and a UDP listener for each path}
    PenstockConfig config(String port) throws IOException {
        StringBuilder text =
                new StringBuilder("forwarder.interface=eth0\nforwarder.flows=4k\nforwarder.port=" + port + "\n");
        for (Way way : ways) {
            for (String protocol : List.of("tcp", "udp")) {
                String key = "listener." + protocol + way.number() + ".";
                text.append(key + "vip=" + way.vip() + "\n" + key + "protocol=" + protocol + "\n");
                text.append(key + "ports=" + PORT + "\n" + key + "forwarding=" + way.forwarding() + "\n");
                text.append(key + "backend.a=" + way.backend() + "\n" + key + "health=none\n");
            }
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

    /// {@return the status file}
    StatusReader status(PenstockConfig config) throws IOException {
        return StatusReader.open(
                RuntimeFolder.of(folder.resolve("run"), config.instance()).statusFile());
    }

    /// Runs a task on a thread of its own inside a namespace.
    private <T> T in(String space, Callable<T> task) throws Exception {
        FutureTask<T> result = new FutureTask<>(() -> net.inside(space, task));
        Thread.ofPlatform().daemon().start(result);
        try {
            return result.get(60, TimeUnit.SECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof Exception cause) {
                throw cause;
            }
            throw failed;
        }
    }

    @Override
    public void close() throws IOException {
        for (Closeable socket : sockets) {
            socket.close();
        }
        try {
            backend("remove");
        } catch (Exception e) {
            throw new IOException(e);
        } finally {
            net.close();
        }
        try (var files = Files.walk(folder)) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
