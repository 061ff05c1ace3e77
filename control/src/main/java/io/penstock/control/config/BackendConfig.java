package io.penstock.control.config;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/// One server of a listener's pool: `listener.NAME.backend.ID=ADDRESS [options]`.
///
/// @param id         unique within its listener
/// @param address    where packets go; unique within its listener
/// @param weight     0..65535, default 100; 0 takes no new flows
/// @param forwarding overrides the listener's, or null
/// @param maxFlows   most flows at a time, 0 for no limit
public record BackendConfig(
        String id,
        InetAddress address,
        int weight,
        @Nullable Forwarding forwarding,
        long maxFlows) {

    /// The weight of a backend that names none.
    public static final int DEFAULT_WEIGHT = 100;

    /// The greatest weight.
    public static final int MAX_WEIGHT = 65_535;
}
