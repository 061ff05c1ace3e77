package io.penstock.control.config;

/// `listener.NAME.health`: how the sidecar finds out whether a backend works.
public enum HealthKind implements Keyword {
    /// No checks; every backend counts as healthy.
    NONE,
    /// A connection is accepted.
    TCP,
    /// A GET answers with an expected code.
    HTTP,
    /// The same over TLS.
    HTTPS,
    /// A datagram is answered, or at least not refused.
    UDP,
    /// An echo request is answered.
    ICMP,
    /// A program of the operator's ends with 0.
    SCRIPT,
}
