package io.penstock.forwarder.transport;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.uring.IoUringIoEvent;
import io.netty.channel.uring.IoUringIoHandle;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringIoHandlerConfig;
import io.netty.channel.uring.IoUringIoOps;
import java.util.ArrayList;
import java.util.List;

/// Waits by io_uring(7): a one-shot poll of each descriptor, armed just before blocking. The kernel looks at the
/// descriptor when the poll is armed, so a frame that came before is not missed.
///
/// A poll that is armed and not answered stays armed; its answer may then end a later wait early.
///
/// Made by any thread for one owner; see [WaitLoop] for who may call what.
public final class IoUringWaitLoop implements WaitLoop {
    // linux/io_uring.h; Netty keeps its own constants to itself.
    private static final byte IORING_OP_POLL_ADD = 6;
    private static final byte IORING_OP_ASYNC_CANCEL = 14;
    private static final int POLLIN = 0x1;
    private static final int POLLERR = 0x8;

    // A poll for each of a port's sockets, the wake-up, the timeout; Netty submits in between when there are more.
    private static final int RING_ENTRIES = 16;
    // Turns that the answers to a cancelled poll may take; one has always been enough.
    private static final int CANCEL_TURNS_MAX = 1_000;

    private final WakeableLoop loop;
    private final SocketErrors errors = new SocketErrors();
    private final List<Watch> watches = new ArrayList<>();

    /// @param owner the thread that will call everything but [#wakeup()]
    public IoUringWaitLoop(Thread owner) {
        IoUringIoHandlerConfig config = new IoUringIoHandlerConfig();
        config.setRingSize(RING_ENTRIES);
        loop = new WakeableLoop(owner, IoUringIoHandler.newFactory(config));
    }

    @Override
    public void register(int descriptor) {
        Watch watch = new Watch(descriptor);
        watch.registration = loop.register(watch).syncUninterruptibly().getNow();
        watches.add(watch);
        // Netty enables its ring in the loop's first turn. Before that, a poll that finds the ring of submissions full,
        // as with more sockets than it has entries, would fail with EBADFD.
        loop.runNow();
    }

    @Override
    public void unregister(int descriptor) {
        for (int i = 0; i < watches.size(); i++) {
            if (watches.get(i).descriptor == descriptor) {
                cancel(watches.remove(i));
                return;
            }
        }
    }

    @Override
    public void await(long maxNanos) {
        if (maxNanos > 0) {
            for (int i = 0; i < watches.size(); i++) {
                watches.get(i).arm();
            }
        }
        loop.await(maxNanos);
    }

    @Override
    public void wakeup() {
        loop.wake();
    }

    @Override
    public String name() {
        return "io_uring";
    }

    @Override
    public void close() {
        for (Watch watch : watches) {
            cancel(watch);
        }
        watches.clear();
        loop.end();
    }

    /// The kernel holds the socket open as long as a poll is armed, and Netty the registration.
    private void cancel(Watch watch) {
        watch.disarm();
        watch.registration.cancel();
        for (int turn = 0; turn < CANCEL_TURNS_MAX && !watch.isGone; turn++) {
            loop.runNow();
        }
        assert watch.isGone : "the poll was not cancelled";
    }

    /// One descriptor. Its being readable needs no action here: that the wait ended is the message.
    private final class Watch implements IoUringIoHandle {
        private final int descriptor;
        private final IoUringIoOps poll;

        @SuppressWarnings("NullAway.Init") // Set by register(), which no one can see half-done.
        private IoRegistration registration;

        // What submit() returned for the poll that is armed, or 0.
        private long armed;
        private boolean isGone;

        Watch(int descriptor) {
            this.descriptor = descriptor;
            poll = new IoUringIoOps(
                    IORING_OP_POLL_ADD,
                    (byte) 0,
                    (short) 0,
                    descriptor,
                    0,
                    0,
                    0,
                    POLLIN,
                    0L,
                    (short) 0,
                    (short) 0,
                    0,
                    0);
        }

        void arm() {
            if (armed == 0) {
                armed = registration.submit(poll);
            }
        }

        void disarm() {
            if (armed != 0) {
                registration.submit(new IoUringIoOps(
                        IORING_OP_ASYNC_CANCEL,
                        (byte) 0,
                        (short) 0,
                        -1,
                        0,
                        armed,
                        0,
                        0,
                        0L,
                        (short) 0,
                        (short) 0,
                        0,
                        0));
            }
        }

        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            IoUringIoEvent completion = (IoUringIoEvent) event;
            if (completion.opcode() == IORING_OP_POLL_ADD) {
                armed = 0;
                // A link that went down leaves an error on a packet socket; as long as it is there, each poll would be
                // answered at once.
                if (completion.res() > 0 && (completion.res() & POLLERR) != 0) {
                    errors.take(descriptor);
                }
            }
        }

        @Override
        public void unregistered() {
            isGone = true;
        }

        @Override
        public void close() {
            // The descriptor is the port's.
        }
    }
}
