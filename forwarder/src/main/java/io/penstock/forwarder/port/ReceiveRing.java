package io.penstock.forwarder.port;

/// The receiving half of a [PacketPort]: frames in memory that the kernel writes and we hand back. One worker's own.
interface ReceiveRing {
    /// Adds what has arrived to the batch, until it is full.
    void receive(FrameBatch batch);

    /// Hands back everything received so far, its bytes being sent or not needed.
    void release();
}
