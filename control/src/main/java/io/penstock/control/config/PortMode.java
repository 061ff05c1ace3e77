package io.penstock.control.config;

/// `forwarder.port`: which kind of socket takes the frames.
public enum PortMode implements Keyword {
    /// The best that binds.
    AUTO,
    /// AF_XDP sockets.
    XDP,
    /// AF_PACKET rings.
    PACKET,
}
