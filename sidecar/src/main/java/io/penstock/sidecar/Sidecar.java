package io.penstock.sidecar;

import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.ConfigLoader.Loaded;
import io.penstock.control.config.Problem;
import io.penstock.control.config.PropertiesFile;
import io.penstock.control.log.Log;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.sidecar.api.Api;
import io.penstock.sidecar.health.HealthChecks;
import io.penstock.sidecar.metrics.Metrics;
import io.penstock.sidecar.state.DesiredState;
import io.penstock.sidecar.state.ForwarderLink;
import io.penstock.sidecar.state.SidecarCounters;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The process beside the data plane, put together. Its threads: the control thread owns the desired state, one event
/// loop runs the checks, another the API, and one thread watches the file.
public final class Sidecar implements AutoCloseable {
    private static final long STALL_MS = 5_000;

    private final Log log = new Log("sidecar");
    private final RuntimeFolder.Lock lock;
    private final IoEventLoopGroup checkLoop = loop("ps-health");
    private final IoEventLoopGroup apiLoop = loop("ps-api");
    private final SidecarCounters counters;
    private final DesiredState state;
    private final HealthChecks checks;
    private final ForwarderLink forwarder;
    private final Api api;

    private Sidecar(Path file, Loaded loaded, List<Problem> wrong, RuntimeFolder folder) throws IOException {
        lock = folder.lock("sidecar");
        counters = new SidecarCounters(folder.sidecarCounters());
        state = new DesiredState(file, loaded, wrong, folder, counters);
        checks = new HealthChecks(checkLoop.next(), state, ThreadLocalRandom.current());
        forwarder = new ForwarderLink(folder);
        Metrics metrics = new Metrics(counters, checks::takeGreatestLagNs);
        api = new Api(apiLoop.next(), file, state, forwarder, counters, metrics, this::trouble);
    }

    private static IoEventLoopGroup loop(String name) {
        return new MultiThreadIoEventLoopGroup(
                1, Thread.ofPlatform().name(name).factory(), EpollIoHandler.newFactory());
    }

    /// Starts the sidecar of an instance.
    ///
    /// @param file        the configuration
    /// @param runtimeBase where the instances' runtime folders are
    /// @throws ConfigException when the file cannot be used. If a forwarder runs and the last snapshot is
    ///     there, the sidecar starts all the same, keeps what is in force, and takes the file over once mended
    /// @throws IOException     when the runtime folder cannot be used, or another sidecar runs
    public static Sidecar start(Path file, Path runtimeBase) throws ConfigException, IOException {
        if (!Epoll.isAvailable()) {
            throw new HostLacksException(
                    "Netty's epoll transport cannot be used: " + Epoll.unavailabilityCause(),
                    "run on Linux for x86-64 with /tmp or -Dio.netty.native.workdir on a file system without noexec");
        }
        Loaded loaded;
        List<Problem> wrong = List.of();
        RuntimeFolder folder;
        try {
            loaded = ConfigLoader.load(file);
            folder = RuntimeFolder.create(runtimeBase, loaded.config().instance());
        } catch (ConfigException e) {
            folder = RuntimeFolder.of(runtimeBase, instanceOf(file));
            if (!isNeeded(folder)) {
                throw e;
            }
            wrong = e.problems();
            loaded = ConfigLoader.parse("instance=" + folder.instance() + "\nsidecar.api=off\n", "");
        }
        Sidecar sidecar = new Sidecar(file, loaded, wrong, folder);
        sidecar.run(folder, loaded, wrong);
        return sidecar;
    }

    // The file has faults, but this key may be readable all the same.
    private static String instanceOf(Path file) {
        PropertiesFile.Entry entry = PropertiesFile.load(file).entries().get("instance");
        return entry != null && ConfigLoader.isName(entry.value()) ? entry.value() : "default";
    }

    private static boolean isNeeded(RuntimeFolder folder) {
        if (!folder.exists() || !Files.exists(folder.snapshotFile())) {
            return false;
        }
        ForwarderLink forwarder = new ForwarderLink(folder);
        try {
            return forwarder.isAlive() && SnapshotFile.read(folder).isPresent();
        } catch (IOException e) {
            return false;
        } finally {
            forwarder.close();
        }
    }

    private void run(RuntimeFolder folder, Loaded loaded, List<Problem> wrong) throws IOException {
        state.logWarnings(loaded.warnings());
        if (!wrong.isEmpty()) {
            wrong.stream().limit(50).forEach(problem -> log.error(problem.text()));
            log.error(
                    "the file cannot be used; a forwarder runs, so its backends are checked as the last snapshot says");
        }
        api.openLocal(folder.apiSocket());
        api.configure(loaded.config().sidecar());
        state.start(checks, () -> {
            if (state.view().problems().isEmpty()) {
                api.configure(state.view().config().sidecar());
            }
        });
        int backends = state.view().snapshot().listeners().stream()
                .mapToInt(listener -> listener.backends().size())
                .sum();
        log.info("instance " + folder.instance() + " is ready: "
                + state.view().snapshot().listeners().size() + " listeners, " + backends + " backends, "
                + folder.apiSocket());
    }

    private Optional<String> trouble() {
        String publishError = state.view().publishError();
        if (publishError != null) {
            return Optional.of("the forwarder cannot be told: " + publishError);
        }
        long stalledMs = checks.stalledMs();
        return stalledMs > STALL_MS
                ? Optional.of("the checks have stood still for " + stalledMs / 1000 + " s")
                : Optional.empty();
    }

    /// {@return the desired state}
    public DesiredState state() {
        return state;
    }

    /// {@return where the API listens over TCP, or null}
    public @Nullable InetSocketAddress apiAddress() {
        return api.address();
    }

    /// {@return every request that the API knows, such as `GET /v1/listeners/{name}`}
    public List<String> apiRoutes() {
        return api.routes();
    }

    /// Stops in order: nobody can ask any more, nothing is checked any more, the last state is published.
    @Override
    public void close() {
        api.close();
        checks.close();
        state.close();
        apiLoop.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
        checkLoop.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(3, TimeUnit.SECONDS);
        forwarder.close();
        counters.close();
        try {
            lock.close();
        } catch (IOException e) {
            log.error("lock", e);
        }
    }
}
