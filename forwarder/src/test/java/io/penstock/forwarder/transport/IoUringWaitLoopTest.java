package io.penstock.forwarder.transport;

import io.penstock.control.config.TransportKind;

class IoUringWaitLoopTest extends WaitLoopContract {
    @Override
    TransportKind kind() {
        return TransportKind.IO_URING;
    }
}
