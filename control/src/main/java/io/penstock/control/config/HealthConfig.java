package io.penstock.control.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The keys `listener.NAME.health…`: how and how often the backends of one listener are checked.
///
/// @param port       probed port; 0 means the listener's single port
/// @param intervalMs 100..300000, between the starts of two checks
/// @param timeoutMs  of one check, at most the interval unless the operator says so
/// @param rise       consecutive successes until a backend is up
/// @param fall       consecutive failures until it is down
/// @param path       of HTTP checks
/// @param host       Host header of HTTP checks, or null for the address
/// @param expect     HTTP codes that count as success; up to five codes or ranges
/// @param send       UDP payload, as text or `0x` and hex digits
/// @param receive    prefix that a UDP answer must have, or null for any answer or none
/// @param script     program of a script check, or null
/// @param failOpen   with every backend down, all get traffic
public record HealthConfig(
        HealthKind kind,
        int port,
        long intervalMs,
        long timeoutMs,
        int rise,
        int fall,
        String path,
        @Nullable String host,
        List<CodeRange> expect,
        String send,
        @Nullable String receive,
        @Nullable String script,
        HealthTarget target,
        boolean failOpen) {

    /// HTTP status codes `first..last`, both included.
    ///
    /// @param first 100..599
    /// @param last  at least `first`
    public record CodeRange(int first, int last) {}

    /// Copies the list.
    public HealthConfig {
        expect = List.copyOf(expect);
    }
}
