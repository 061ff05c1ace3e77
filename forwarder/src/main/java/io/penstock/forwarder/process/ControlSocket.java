package io.penstock.forwarder.process;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.UnaryOperator;

/// Answers questions about the running forwarder on a Unix socket in its runtime folder: one line in, one line out,
/// then the connection is closed. Driven by the conductor; never blocks; a slow or silent client is cut off.
public final class ControlSocket implements AutoCloseable {
    private static final int LONGEST_LINE = 1024;
    private static final int CLIENTS_MAX = 16;
    private static final long PATIENCE_NS = 2_000_000_000L;

    private final Path path;
    private final ServerSocketChannel server;
    private final List<Client> clients = new ArrayList<>();

    private static final class Client {
        final SocketChannel channel;
        final ByteBuffer line = ByteBuffer.allocate(LONGEST_LINE);
        final long deadlineNs;

        Client(SocketChannel channel, long deadlineNs) {
            this.channel = channel;
            this.deadlineNs = deadlineNs;
        }
    }

    /// @param path of the socket; what an earlier process left there is removed
    public ControlSocket(Path path) throws IOException {
        this.path = path;
        Files.deleteIfExists(path);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path));
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
        server.configureBlocking(false);
    }

    /// Serves what has come in.
    ///
    /// @param answer from a request to its answer, both without the line's end
    public void poll(long nowNs, UnaryOperator<String> answer) {
        try {
            SocketChannel accepted = clients.size() < CLIENTS_MAX ? server.accept() : null;
            if (accepted != null) {
                accepted.configureBlocking(false);
                clients.add(new Client(accepted, nowNs + PATIENCE_NS));
            }
        } catch (IOException e) {
            return; // The client left before it was accepted; the next round asks again.
        }
        for (Iterator<Client> all = clients.iterator(); all.hasNext(); ) {
            Client client = all.next();
            if (isServed(client, answer) || nowNs - client.deadlineNs > 0) {
                close(client.channel);
                all.remove();
            }
        }
    }

    private static boolean isServed(Client client, UnaryOperator<String> answer) {
        try {
            int read = client.channel.read(client.line);
            int end = endOfLine(client.line);
            if (end >= 0) {
                String request = new String(client.line.array(), 0, end, StandardCharsets.UTF_8);
                client.channel.write(ByteBuffer.wrap((answer.apply(request) + "\n").getBytes(StandardCharsets.UTF_8)));
                return true;
            }
            return read < 0 || !client.line.hasRemaining();
        } catch (IOException e) {
            return true; // The client left.
        }
    }

    private static int endOfLine(ByteBuffer line) {
        for (int at = 0; at < line.position(); at++) {
            if (line.get(at) == '\n') {
                return at;
            }
        }
        return -1;
    }

    private static void close(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // Nothing is lost: the answer was written or the client is gone.
        }
    }

    @Override
    public void close() throws IOException {
        clients.forEach(client -> close(client.channel));
        server.close();
        Files.deleteIfExists(path);
    }
}
