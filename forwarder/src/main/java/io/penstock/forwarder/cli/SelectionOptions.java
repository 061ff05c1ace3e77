package io.penstock.forwarder.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--client` and `--backend`, for commands that show only a part of the traffic. Add it as a mixin.
final class SelectionOptions {
    @Option(names = "--client", paramLabel = "CIDR", description = "Only clients of this network, or this address.")
    private @Nullable String client;

    @Option(names = "--backend", paramLabel = "ID", description = "Only what goes to this backend.")
    private @Nullable String backend;

    /// {@return the network as it was written, or null for all clients}
    @Nullable
    String client() {
        return client;
    }

    /// {@return the backend, or null for all}
    @Nullable
    String backend() {
        return backend;
    }
}
