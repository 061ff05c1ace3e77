package io.penstock.forwarder.port;

import org.junit.jupiter.api.Tag;

/// The port contract over AF_XDP sockets on three queues of a veth pair.
@Tag("root")
class SeveralQueuesXdpPortTest extends XdpPortTest {
    @Override
    int queues() {
        return 3;
    }
}
