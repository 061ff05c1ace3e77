package io.penstock.sidecar.health;

import io.netty.channel.EventLoop;
import java.net.InetSocketAddress;
import java.util.function.Consumer;

/// `health=tcp`: a connection is accepted.
///
/// @param mark firewall mark, 0 for none
record TcpProbe(EventLoop loop, InetSocketAddress remote, int mark) implements Probe {
    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        return new StreamAttempt(outcome).connect(loop, remote, mark);
    }
}
