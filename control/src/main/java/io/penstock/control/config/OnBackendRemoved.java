package io.penstock.control.config;

/// `listener.NAME.on-backend-removed`: what becomes of the flows of a backend that left the configuration.
public enum OnBackendRemoved implements Keyword {
    /// They stay until they end or the drain deadline passes.
    DRAIN,
    /// The client gets a RST on its next packet.
    RESET,
}
