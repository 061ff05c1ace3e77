package io.penstock.forwarder.transport;

import io.netty.channel.DefaultSelectStrategyFactory;
import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.util.ArrayList;
import java.util.List;

/// Waits by epoll(7), level-triggered: a descriptor that still has frames ends the next wait at once.
///
/// Made by any thread for one owner; see [WaitLoop] for who may call what.
public final class EpollWaitLoop implements WaitLoop {
    // Read by one turn: with more sockets of a port readable than that, the next wait ends at once.
    private static final int MAX_EVENTS = 16;

    private final WakeableLoop loop;
    private final SocketErrors errors = new SocketErrors();
    private final List<Watch> watches = new ArrayList<>();

    /// @param owner the thread that will call everything but [#wakeup()]
    public EpollWaitLoop(Thread owner) {
        loop = new WakeableLoop(owner, EpollIoHandler.newFactory(MAX_EVENTS, DefaultSelectStrategyFactory.INSTANCE));
    }

    @Override
    public void register(int descriptor) {
        Watch watch = new Watch(descriptor);
        watch.registration = loop.register(watch).syncUninterruptibly().getNow();
        watch.registration.submit(EpollIoOps.EPOLLIN);
        watches.add(watch);
    }

    @Override
    public void unregister(int descriptor) {
        for (int i = 0; i < watches.size(); i++) {
            if (watches.get(i).descriptor == descriptor) {
                watches.remove(i).registration.cancel();
                return;
            }
        }
    }

    @Override
    public void await(long maxNanos) {
        loop.await(maxNanos);
    }

    @Override
    public void wakeup() {
        loop.wake();
    }

    @Override
    public String name() {
        return "epoll";
    }

    @Override
    public void close() {
        for (Watch watch : watches) {
            watch.registration.cancel();
        }
        watches.clear();
        loop.end();
    }

    /// One descriptor. Its being readable needs no action here: that the wait ended is the message.
    private final class Watch implements EpollIoHandle {
        private final int descriptor;
        private final FileDescriptor fd;

        @SuppressWarnings("NullAway.Init") // Set by register(), which no one can see half-done.
        private IoRegistration registration;

        Watch(int descriptor) {
            this.descriptor = descriptor;
            fd = new FileDescriptor(descriptor);
        }

        @Override
        public FileDescriptor fd() {
            return fd;
        }

        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            // EPOLLERR is what a link going down leaves on a packet socket. Nobody reads from a ring's socket, so the
            // error would stay and end every wait at once; asking for it takes it away.
            if (((EpollIoEvent) event).ops().contains(EpollIoOps.EPOLLERR)) {
                errors.take(descriptor);
            }
        }

        @Override
        public void close() {
            // The descriptor is the port's.
        }
    }
}
