package io.penstock.forwarder.transport;

/// What wakes a worker: an event loop of one of Netty's native transports, run by the worker's own thread.
///
/// All methods but [#wakeup()] belong to the worker's thread.
public interface WaitLoop extends AutoCloseable {
    /// Makes the loop return from [#await] when the descriptor is readable.
    ///
    /// @param descriptor of a port; it stays the port's to close
    void register(int descriptor);

    /// Runs what is due without blocking: timers, commands, errors of descriptors. Called every few hundred cycles.
    void poll();

    /// Blocks until a registered descriptor is readable, [#wakeup()] is called or the time is over.
    ///
    /// @param maxNanos longest wait
    void await(long maxNanos);

    /// Makes [#await] return. Any thread.
    void wakeup();

    /// {@return `epoll` or `io_uring`}
    String name();

    @Override
    void close();
}
