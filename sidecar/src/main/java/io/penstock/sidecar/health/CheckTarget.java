package io.penstock.sidecar.health;

import io.penstock.control.config.HealthConfig;
import java.net.InetAddress;
import java.util.List;

/// All that decides how one backend of one listener is checked. Two equal targets are checked alike, so a change of
/// configuration that leaves it equal does not disturb the check.
///
/// @param listener  name of the listener
/// @param backend   id of the backend within it
/// @param address   the backend's own address
/// @param probed    where the probes go: the backend's address, or every VIP of the listener; all must work
/// @param port      0 where the kind of check has none
/// @param mark      firewall mark that leads a probe of the VIP to this backend; 0 for none
public record CheckTarget(
        String listener,
        String backend,
        InetAddress address,
        List<InetAddress> probed,
        int port,
        int mark,
        HealthConfig health) {

    /// Copies the list.
    public CheckTarget {
        probed = List.copyOf(probed);
    }
}
