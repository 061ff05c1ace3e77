package io.penstock.control.config;

import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/// The keys that start with `sidecar.`.
///
/// @param api          where the HTTP API listens, or null for none
/// @param apiTokenFile holds the token that every request needs, or null; required when `api` is not loopback
public record SidecarConfig(
        @Nullable InetSocketAddress api, @Nullable String apiTokenFile) {}
