package io.penstock.control.config;

/// `forwarder.idle`: what a worker does when no packet waits.
public enum IdleMode implements Keyword {
    /// Spins a while, then blocks until one comes.
    ADAPTIVE,
    /// Never sleeps; for CPUs of its own.
    SPIN,
    /// Blocks at once.
    BLOCK,
}
