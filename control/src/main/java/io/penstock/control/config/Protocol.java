package io.penstock.control.config;

/// `listener.NAME.protocol`: the transport protocol whose packets a listener takes.
public enum Protocol implements Keyword {
    /// Transmission Control Protocol, IP protocol 6 (RFC 9293).
    TCP,
    /// User Datagram Protocol, IP protocol 17 (RFC 768).
    UDP,
}
