package io.penstock.tools;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// A Unix socket that gives prepared answers and keeps the requests, one a connection.
public final class FakeSidecar implements AutoCloseable {
    private final BlockingQueue<String> requests = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    private final ServerSocketChannel server;

    /// @param socket where it listens
    public FakeSidecar(Path socket) throws IOException {
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        Thread.ofPlatform().daemon().start(this::answer);
    }

    /// Prepares the bytes of the next answer.
    public void willSend(String answer) {
        answers.add(answer);
    }

    /// Prepares a JSON document as the next answer.
    public void willAnswer(int status, String document) {
        willSend("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s"
                .formatted(status, document.getBytes(StandardCharsets.UTF_8).length, document));
    }

    /// {@return the next request, head and body; waits a while for it}
    public String request() throws InterruptedException {
        return String.valueOf(requests.poll(5, TimeUnit.SECONDS));
    }

    @Override
    public void close() throws IOException {
        server.close();
    }

    private void answer() {
        try {
            while (true) {
                try (SocketChannel channel = server.accept()) {
                    // A client writes its whole request at once.
                    ByteBuffer buffer = ByteBuffer.allocate(4096);
                    channel.read(buffer);
                    requests.add(new String(buffer.array(), 0, buffer.position(), StandardCharsets.UTF_8));
                    String answer = answers.poll(1, TimeUnit.SECONDS);
                    if (answer != null) {
                        channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
                    }
                }
            }
        } catch (IOException | InterruptedException e) {
            // The test is over.
        }
    }
}
