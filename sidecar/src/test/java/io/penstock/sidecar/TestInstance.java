package io.penstock.sidecar;

import io.penstock.control.config.ConfigException;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// An instance in a folder of its own: a file, a sidecar inside this process and, if wanted, a forwarder that pretends.
public final class TestInstance implements AutoCloseable {
    /// A response.
    public record Answer(int status, String body) {
        /// {@return the body}
        public TestJson json() throws IOException {
            return TestJson.parse(body);
        }
    }

    private final Path folder;
    private final Path file;
    private final int port = freePort();
    private final HttpClient client = HttpClient.newHttpClient();
    private @Nullable Sidecar sidecar;
    private @Nullable FakeForwarder forwarder;

    /// @param folder empty
    /// @param lines  of the file, beside `sidecar.api`
    public TestInstance(Path folder, String lines) throws IOException {
        this.folder = folder;
        file = folder.resolve("penstock.properties");
        write(lines);
    }

    /// {@return a port that nobody listens on}
    public static int freePort() throws IOException {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return server.getLocalPort();
        }
    }

    /// Replaces the file by a rename.
    public void write(String lines) throws IOException {
        Path beside = folder.resolve("new.properties");
        Files.writeString(beside, "sidecar.api=127.0.0.1:" + port + "\n" + lines);
        Files.move(beside, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }

    /// {@return the file}
    public Path file() {
        return file;
    }

    /// {@return the file's text}
    public String text() throws IOException {
        return Files.readString(file);
    }

    /// {@return the runtime folder}
    public RuntimeFolder runtime() {
        return RuntimeFolder.of(folder.resolve("run"), "default");
    }

    /// Starts the sidecar.
    public Sidecar start() throws ConfigException, IOException {
        Sidecar started = Sidecar.start(file, folder.resolve("run"));
        sidecar = started;
        return started;
    }

    /// Starts the forwarder that pretends.
    public FakeForwarder startForwarder(long startMs) throws IOException {
        RuntimeFolder.create(folder.resolve("run"), "default");
        FakeForwarder started = new FakeForwarder(runtime(), startMs);
        forwarder = started;
        return started;
    }

    /// {@return the running sidecar}
    public Sidecar sidecar() {
        Sidecar running = sidecar;
        if (running == null) {
            throw new IllegalStateException("not started");
        }
        return running;
    }

    /// Ends the sidecar.
    public void stop() {
        if (sidecar != null) {
            sidecar.close();
            sidecar = null;
        }
    }

    /// {@return a backend of the desired state}
    public Snapshot.Backend backend(String listener, String id) {
        Snapshot.Listener found = sidecar().state().view().listener(listener);
        if (found == null) {
            throw new AssertionError("no listener " + listener);
        }
        return found.backends().stream()
                .filter(backend -> backend.config().id().equals(id))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no backend " + id));
    }

    /// {@return the value of one metric now, labels included in its name; -1 where there is none}
    public double metric(String name) throws IOException, InterruptedException {
        return send("GET", "/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElse(-1);
    }

    /// {@return the answer to a request without a body}
    public Answer send(String method, String path) throws IOException, InterruptedException {
        return send(method, path, null);
    }

    /// {@return the answer to a request}
    public Answer send(String method, String path, @Nullable String json) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .version(HttpClient.Version.HTTP_1_1)
                .timeout(java.time.Duration.ofSeconds(20));
        if (json == null) {
            request.method(method, HttpRequest.BodyPublishers.noBody());
        } else {
            request.header("Content-Type", "application/json")
                    .method(method, HttpRequest.BodyPublishers.ofString(json));
        }
        HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        return new Answer(response.statusCode(), response.body());
    }

    /// Waits until something is so, at most ten seconds.
    public static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadlineNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadlineNs > 0) {
                throw new AssertionError("not within 10 s: " + what);
            }
            Thread.sleep(5);
        }
    }

    @Override
    public void close() throws IOException {
        stop();
        client.close();
        if (forwarder != null) {
            forwarder.close();
        }
    }
}
