package io.penstock.forwarder.transport;

import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ManualIoEventLoop;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/// Netty's loop for a thread of our own, with a wake-up that is not lost when it comes just before the loop blocks.
///
/// Netty's handlers skip the wake-up of a loop that does not block at that moment, because a task in the queue then
/// keeps it from blocking. We have no tasks: [#canBlock()] reads a flag in their place, and the handlers ask it once
/// more after they have announced that they are about to block.
final class WakeableLoop extends ManualIoEventLoop {
    // Set by any thread, cleared by the owner.
    private volatile boolean woken;

    WakeableLoop(Thread owner, IoHandlerFactory factory) {
        super(owner, factory);
    }

    @Override
    protected boolean canBlock() {
        return !woken;
    }

    /// Makes the present or else the next [#await] return. Any thread.
    void wake() {
        woken = true;
        wakeup();
    }

    /// Runs what is due, and blocks for it up to a time.
    ///
    /// @param maxNanos longest wait; does not block when it is not positive
    void await(long maxNanos) {
        if (maxNanos > 0) {
            run(maxNanos); // 0 would mean for ever.
        } else {
            runNow();
        }
        // What the waker wrote before wake() is visible to what the caller reads after this.
        woken = false;
    }

    /// Ends the loop and frees its descriptors. Owner's thread only.
    void end() {
        Future<?> ended = shutdownGracefully(0, 0, TimeUnit.MILLISECONDS);
        // Two turns do: one runs the tasks, one destroys the handler. The bound is for a defect of the loop's own.
        for (int turn = 0; turn < 100 && !ended.isDone(); turn++) {
            runNow();
        }
        assert ended.isSuccess() : "the loop did not end";
    }
}
