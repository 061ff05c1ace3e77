package io.penstock.sidecar.state;

import io.penstock.control.config.Forwarding;
import io.penstock.control.config.HealthConfig;
import io.penstock.control.config.HealthKind;
import io.penstock.control.config.HealthTarget;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.sidecar.health.CheckTarget;
import io.penstock.sidecar.health.HealthChecks.Wanted;
import io.penstock.sidecar.linux.VipRoutes;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// What is to be checked for a snapshot, and how.
final class CheckPlan {
    private CheckPlan() {}

    /// {@return every VIP that is to be probed through a backend, with that backend}
    static Set<VipRoutes.Path> paths(Snapshot snapshot) {
        Set<VipRoutes.Path> paths = new LinkedHashSet<>();
        for (Snapshot.Listener listener : snapshot.listeners()) {
            for (Snapshot.Backend backend : listener.backends()) {
                if (probesVip(listener.config(), backend)) {
                    for (InetAddress vip : listener.config().vips()) {
                        paths.add(new VipRoutes.Path(vip, backend.config().address()));
                    }
                }
            }
        }
        return paths;
    }

    /// {@return the checks}
    ///
    /// @param routes how VIPs are reached through backends
    static List<Wanted> checks(Snapshot snapshot, VipRoutes routes) {
        List<Wanted> wanted = new ArrayList<>();
        for (Snapshot.Listener listener : snapshot.listeners()) {
            if (listener.config().health().kind() == HealthKind.NONE) {
                continue;
            }
            for (Snapshot.Backend backend : listener.backends()) {
                wanted.add(new Wanted(target(listener.config(), backend, routes), backend.health()));
            }
        }
        return wanted;
    }

    private static CheckTarget target(ListenerConfig listener, Snapshot.Backend backend, VipRoutes routes) {
        InetAddress address = backend.config().address();
        List<InetAddress> probed = List.of(address);
        int mark = 0;
        if (probesVip(listener, backend)) {
            int found = routes.mark(address);
            if (found != 0) {
                probed = listener.vips();
                mark = found;
            }
        }
        return new CheckTarget(
                listener.name(), backend.config().id(), address, probed, port(listener), mark, listener.health());
    }

    /// {@return whether a backend's check goes to the VIP: asked for, and possible for how packets travel to it}
    static boolean probesVip(ListenerConfig listener, Snapshot.Backend backend) {
        Forwarding own = backend.config().forwarding();
        Forwarding forwarding = own == null ? listener.forwarding() : own;
        HealthConfig health = listener.health();
        return health.kind() != HealthKind.NONE
                && health.kind() != HealthKind.SCRIPT // A program opens its own sockets; it gets the backend's address.
                && health.target() == HealthTarget.VIP
                && forwarding == Forwarding.DR
                && listener.vips().stream()
                        .allMatch(vip ->
                                VipRoutes.isPossible(vip, backend.config().address()));
    }

    private static int port(ListenerConfig listener) {
        int port = listener.health().port();
        return port != 0 || listener.ports().isAll()
                ? port
                : listener.ports().ranges().getFirst().first();
    }
}
