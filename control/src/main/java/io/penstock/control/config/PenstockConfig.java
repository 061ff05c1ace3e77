package io.penstock.control.config;

import java.util.List;

/// One properties file with its includes, checked as a whole.
///
/// @param instance      names the runtime folder
/// @param listenerLimit `limit.listeners`, default 100
/// @param listeners     in the order of the file
public record PenstockConfig(
        String instance,
        int listenerLimit,
        ForwarderConfig forwarder,
        SidecarConfig sidecar,
        ReplayConfig replay,
        List<ListenerConfig> listeners) {

    /// Copies the list.
    public PenstockConfig {
        listeners = List.copyOf(listeners);
    }
}
