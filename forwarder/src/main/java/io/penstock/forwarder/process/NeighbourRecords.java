package io.penstock.forwarder.process;

import io.penstock.control.log.Log;
import io.penstock.forwarder.linux.NeighbourWatch;
import io.penstock.forwarder.path.BackendRecords;
import io.penstock.forwarder.path.NextHops;
import java.net.InetAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/// Writes what the kernel knows of the way to each backend into the backend records. Conductor only.
final class NeighbourRecords implements NextHops, NeighbourWatch.Listener, AutoCloseable {
    private final NeighbourWatch watch;
    private final BackendRecords records;
    private final Log log;
    private final Map<InetAddress, Way> ways = new HashMap<>();
    private final Map<Integer, InetAddress> destinations = new HashMap<>();
    private boolean linkCameUp;

    private static final class Way {
        final Set<Integer> rows = new HashSet<>();
        long mac = BackendRecords.NO_MAC;
        int mtu;
    }

    NeighbourRecords(NeighbourWatch watch, BackendRecords records, Log log) {
        this.watch = watch;
        this.records = records;
        this.log = log;
    }

    @Override
    public void want(int row, InetAddress destination) {
        InetAddress before = destinations.put(row, destination);
        if (destination.equals(before)) {
            return;
        }
        if (before != null) {
            leave(row, before);
        }
        Way way = ways.get(destination);
        if (way == null) {
            way = new Way();
            ways.put(destination, way);
            watch.want(destination);
        }
        way.rows.add(row);
        records.reach(row, way.mac, way.mtu);
    }

    @Override
    public void forget(int row) {
        InetAddress destination = destinations.remove(row);
        if (destination != null) {
            leave(row, destination);
        }
    }

    private void leave(int row, InetAddress destination) {
        Way way = ways.get(destination);
        if (way != null && way.rows.remove(row) && way.rows.isEmpty()) {
            ways.remove(destination);
            watch.forget(destination);
        }
    }

    /// Hears what changed.
    void poll() {
        watch.poll(this);
    }

    @Override
    public void onNextHop(InetAddress destination, long mac, int mtu) {
        Way way = ways.get(destination);
        if (way == null) {
            return;
        }
        boolean lost = mac < 0 && way.mac >= 0;
        way.mac = mac < 0 ? BackendRecords.NO_MAC : mac;
        way.mtu = mtu;
        way.rows.forEach(row -> records.reach(row, way.mac, mtu));
        if (lost) {
            log.warn("backend " + destination.getHostAddress() + " cannot be reached: " + watch.whyNot(destination));
        }
    }

    @Override
    public void onLink(boolean isUp, int mtu) {
        log.warn("the interface is " + (isUp ? "up" : "down") + ", MTU " + mtu);
        linkCameUp |= isUp;
    }

    /// {@return whether the link came up since this was asked last}
    boolean takeLinkUp() {
        boolean cameUp = linkCameUp;
        linkCameUp = false;
        return cameUp;
    }

    /// {@return why the way to a destination is not known, for people; empty when it is}
    String whyNot(InetAddress destination) {
        return watch.whyNot(destination);
    }

    @Override
    public void close() {
        watch.close();
    }
}
