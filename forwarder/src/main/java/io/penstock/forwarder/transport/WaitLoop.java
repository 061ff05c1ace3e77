package io.penstock.forwarder.transport;

/// What wakes a worker: an event loop of one of Netty's native transports, run by the worker's own thread. It has a
/// turn only when the worker waits.
///
/// All methods but [#wakeup()] belong to the worker's thread.
public interface WaitLoop extends AutoCloseable {
    /// Makes the loop return from [#await] when the descriptor is readable.
    ///
    /// @param descriptor of a port; it stays the port's to close, after [#unregister] or [#close()]
    void register(int descriptor);

    /// Forgets a descriptor, so that the port may close it. Does nothing for one that is not registered.
    void unregister(int descriptor);

    /// Blocks until a registered descriptor is readable, [#wakeup()] is called or the time is over. May return early
    /// for no reason that the caller sees.
    ///
    /// @param maxNanos longest wait; nothing blocks when it is not positive
    void await(long maxNanos);

    /// Makes [#await] return: the one that blocks now, or else the next one. Any thread.
    void wakeup();

    /// {@return `epoll` or `io_uring`}
    String name();

    @Override
    void close();
}
