package io.penstock.sidecar.health;

import java.net.InetAddress;
import java.util.function.Consumer;

/// `health=icmp`: an echo request is answered.
///
/// @param mark firewall mark, 0 for none
record IcmpProbe(IcmpEchoes echoes, InetAddress remote, int mark) implements Probe {
    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        return echoes.request(remote, mark, outcome);
    }
}
