package io.penstock.forwarder.transport;

import io.penstock.control.config.TransportKind;

class EpollWaitLoopTest extends WaitLoopContract {
    @Override
    TransportKind kind() {
        return TransportKind.EPOLL;
    }
}
