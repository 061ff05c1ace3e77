package io.penstock.tools.demo;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Everything the demo has set up, so that every way out takes it down again: the end of the story, a failure, Ctrl-C.
/// Set up by one thread; taken down by any.
final class Stage implements AutoCloseable {
    private final DemoNetwork network;
    private final Map<String, Guest> servers = new LinkedHashMap<>();
    private final boolean stays;
    private @Nullable Guest client;
    private @Nullable Balancer balancer;
    private boolean closed;

    /// @param stays whether the servers outlive us
    Stage(DemoNetwork network, boolean stays) {
        this.network = network;
        this.stays = stays;
    }

    DemoNetwork network() {
        return network;
    }

    /// Starts a backend's server, also a second time.
    synchronized Guest startServer(String backend) throws IOException {
        checkOpen();
        Guest server = Guest.server(network, backend, stays);
        servers.put(backend, server);
        return server;
    }

    synchronized Guest startClient() throws IOException {
        checkOpen();
        Guest started = Guest.client(network);
        client = started;
        return started;
    }

    synchronized Balancer startBalancer(DemoPlan plan) throws IOException {
        checkOpen();
        Balancer started = Balancer.start(network, plan);
        balancer = started;
        return started;
    }

    synchronized Guest server(String backend) {
        Guest server = servers.get(backend);
        if (server == null) {
            throw new IllegalStateException(backend + " was not started");
        }
        return server;
    }

    /// {@return whether it is being taken down, or is down}
    synchronized boolean isClosed() {
        return closed;
    }

    /// Ends the client and leaves all else as it is.
    synchronized void leaveRunning() throws IOException {
        closed = true;
        if (client != null) {
            client.close();
        }
        network.keep();
    }

    /// Ends every process and removes the network.
    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        if (client != null) {
            client.close();
        }
        if (balancer != null) {
            balancer.close();
        }
        servers.values().forEach(Guest::close);
        network.close();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the demo is over");
        }
    }
}
