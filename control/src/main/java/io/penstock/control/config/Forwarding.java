package io.penstock.control.config;

/// `listener.NAME.forwarding`: how a packet travels to its backend.
public enum Forwarding implements Keyword {
    /// Only the MAC addresses change; the backend is on our segment.
    DR,
    /// IP in IP (RFC 2003, RFC 2473, RFC 4213).
    IPIP,
    /// Generic UDP encapsulation, variant 1, port 6080: the bare IP packet behind a UDP header.
    GUE,
    /// Generic routing encapsulation without options (RFC 2784).
    GRE,
}
