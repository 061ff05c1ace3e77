package io.penstock.control.config;

/// `forwarder.transport`: the Netty native transport that drives each worker.
public enum TransportKind implements Keyword {
    /// epoll(7).
    EPOLL,
    /// io_uring(7).
    IO_URING,
}
