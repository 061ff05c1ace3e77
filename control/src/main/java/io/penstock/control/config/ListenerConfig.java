package io.penstock.control.config;

import java.net.InetAddress;
import java.util.List;
import java.util.Map;

/// One listener: the keys that start with `listener.NAME.`. Nothing here is of use to a packet forwarder alone.
///
/// @param vips              the addresses we answer for; at least one
/// @param persistenceMs     0 for off, else 60000..3600000
/// @param persistencePrefix4 bits of an IPv4 client address that count as one client
/// @param persistencePrefix6 the same for IPv6
/// @param idleTimeoutMs     1000..86400000
/// @param drainDeadlineMs   0 for never
/// @param slowStartMs       0..1200000
/// @param maxNewFlows       a second, whole listener; 0 for no limit
/// @param mssClamp          `listener.NAME.mss-clamp`: [#MSS_AUTO], [#MSS_OFF], or the greatest MSS
/// @param tags              free key-value pairs, in their order
/// @param backends          in their order in the file; at least one
public record ListenerConfig(
        String name,
        List<InetAddress> vips,
        Protocol protocol,
        PortSet ports,
        SchedulerKind scheduler,
        long persistenceMs,
        int persistencePrefix4,
        int persistencePrefix6,
        long idleTimeoutMs,
        Midstream midstream,
        Forwarding forwarding,
        OnBackendDown onBackendDown,
        OnBackendRemoved onBackendRemoved,
        long drainDeadlineMs,
        long slowStartMs,
        long maxNewFlows,
        int mssClamp,
        boolean enabled,
        Map<String, String> tags,
        List<BackendConfig> backends,
        HealthConfig health) {

    /// Lower the MSS to what fits the tunnel.
    public static final int MSS_AUTO = -1;

    /// Leave the MSS alone.
    public static final int MSS_OFF = 0;

    /// Copies the lists; keeps the order of the tags.
    public ListenerConfig {
        vips = List.copyOf(vips);
        backends = List.copyOf(backends);
        tags = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(tags));
    }

    /// {@return the same listener with another pool}
    public ListenerConfig withBackends(List<BackendConfig> pool) {
        return new ListenerConfig(
                name,
                vips,
                protocol,
                ports,
                scheduler,
                persistenceMs,
                persistencePrefix4,
                persistencePrefix6,
                idleTimeoutMs,
                midstream,
                forwarding,
                onBackendDown,
                onBackendRemoved,
                drainDeadlineMs,
                slowStartMs,
                maxNewFlows,
                mssClamp,
                enabled,
                tags,
                pool,
                health);
    }
}
