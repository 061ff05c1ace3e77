package io.penstock.forwarder.port;

import io.penstock.control.status.WorkerCounters;
import java.lang.foreign.MemorySegment;

/// A worker's receive queues of a NIC, one or several: frames in, frames out, both in batches, in place.
///
/// Cycle: [#receive], the packet path sets the verdicts, [#transmit]. Frames belong to the caller between the two
/// calls and to the port otherwise. No method blocks or allocates. One thread only.
public interface FramePort extends AutoCloseable {
    /// Bytes free before each received frame, for tunnel headers (IPv6 40 + UDP 8 + 4 for a tag kept) and spare.
    int HEADROOM = 128;

    /// Bytes that [#borrow] promises.
    int BORROWED_LENGTH = 1792;

    /// {@return the region in which all offsets of this port's frames lie}
    MemorySegment memory();

    /// Takes what has arrived, at most [FrameBatch#batchFrames()], into the empty batch.
    ///
    /// @return frames taken, 0 when none wait
    int receive(FrameBatch batch);

    /// Sends the frames whose verdict is [FrameBatch#SEND], gives all others back and empties the batch.
    ///
    /// @return frames sent; when it is less than asked for, the last ones found the ring full and are dropped
    int transmit(FrameBatch batch);

    /// Takes room for a frame of our own.
    ///
    /// @return offset of at least [#BORROWED_LENGTH] bytes with [#HEADROOM] before it, or -1 when none is free now
    long borrow();

    /// Gives borrowed room back unused.
    void giveBack(long offset);

    /// {@return the descriptors of which one becomes readable when frames wait; none for a port that must be polled}
    int[] descriptors();

    /// {@return a line for people that says what was obtained: socket kind, zero-copy or copy, queue}
    String description();

    /// Adds what the kernel lost to [io.penstock.control.status.WorkerCounter#PORT_LOST], and what the port itself had
    /// to refuse to the frames received and to their drop reason. Called about once a second.
    void countLost(WorkerCounters counters);

    @Override
    void close();
}
