package io.penstock.tools;

import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.Snapshot.Admin;
import io.penstock.control.snapshot.Snapshot.Health;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.snapshot.Snapshots;
import io.penstock.control.status.BackendRows;
import io.penstock.control.status.ListenerRows;
import io.penstock.control.status.StatusFile;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.StatusView;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.control.status.WorkerStatus;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A runtime folder as a forwarder with two workers and a sidecar leave it. Listener `web` has backends `a` (up), `b`
/// (down) and `c` (draining); `dns` has one.
public final class SampleInstance implements AutoCloseable {
    private static final String CONFIG = """
            instance=edge1
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80,443
            listener.web.health=none
            listener.web.backend.a=10.0.0.11 weight=3
            listener.web.backend.b=10.0.0.12 weight=1
            listener.web.backend.c=10.0.0.13 weight=1
            listener.dns.vip=203.0.113.10,2001:db8::10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.scheduler=rr
            listener.dns.health=none
            listener.dns.backend.r1=10.0.0.21
            """;

    private final RuntimeFolder folder;
    private final StatusFile file;
    private final WorkerCounters[] counters = new WorkerCounters[2];

    /// @param base stands in for `/run/penstock`
    public SampleInstance(Path base) throws IOException, ConfigException {
        folder = RuntimeFolder.create(base, "edge1");
        Snapshot snapshot =
                withStates(Snapshots.from(ConfigLoader.parse(CONFIG, "sample").config(), 7));
        SnapshotFile.write(folder, snapshot);
        file = StatusFile.open(folder.statusFile(), 2, message -> {});
        for (int i = 0; i < counters.length; i++) {
            WorkerStatus worker = file.worker(i);
            worker.placed(2 + i, i);
            worker.flows(20);
            worker.busyPermille(125);
            worker.maxCycleNs(1_234_000);
            counters[i] = new WorkerCounters(worker.counters());
        }
        for (Snapshot.Listener listener : snapshot.listeners()) {
            int row = file.listeners().allocate(listener.config().name());
            file.listeners().publish(row, ListenerRows.State.RUNNING);
            for (Snapshot.Backend backend : listener.backends()) {
                int cell = file.backends()
                        .allocate(
                                listener.config().name(),
                                backend.config().id(),
                                backend.config().address());
                boolean usable = backend.health() != Health.DOWN && backend.admin() == Admin.IN;
                file.backends()
                        .publish(
                                cell,
                                backend.health(),
                                backend.admin(),
                                backend.config().weight(),
                                usable ? backend.config().weight() : 0);
            }
        }
        file.flowCapacity(1_000);
        file.transport("packet", "AF_PACKET rings, TPACKET_V2", "epoll");
        file.started("edge1", "0.1.0", System.currentTimeMillis() - 3_700_000);
        file.appliedSnapshot(7);
        file.heartbeat(System.currentTimeMillis());
        count(0, 100, 2, 5, 7);
        count(1, 50, 0, 0, 0);
    }

    /// {@return the instance at this moment}
    public StatusView view() throws IOException {
        try (StatusReader reader = StatusReader.open(folder.statusFile())) {
            return StatusView.of(reader, SnapshotFile.read(folder).orElseThrow());
        }
    }

    /// {@return the folder of the instance}
    public RuntimeFolder folder() {
        return folder;
    }

    /// Counts as a worker does; drops are half `no_listener`, half `midstream`, rounded towards the latter.
    public void count(int worker, long forwarded, long replied, long passed, long dropped) {
        WorkerCounters to = counters[worker];
        to.add(WorkerCounter.RECEIVED.id(), forwarded + replied + passed + dropped);
        to.add(WorkerCounter.FORWARDED.id(), forwarded);
        to.add(WorkerCounter.REPLIED.id(), replied);
        to.add(WorkerCounter.PASSED.id(), passed);
        to.add(WorkerCounter.DROP_NO_LISTENER.id(), dropped / 2);
        to.add(WorkerCounter.DROP_MIDSTREAM.id(), dropped - dropped / 2);
        to.publish();
        int row = 0; // web/a
        MemorySegment cells = file.backends().cells(worker);
        add(cells, BackendRows.cell(row) + BackendRows.PACKETS, forwarded);
        add(cells, BackendRows.cell(row) + BackendRows.BYTES, 60 * forwarded);
        add(cells, BackendRows.cell(row) + BackendRows.NEW_FLOWS, 1);
        add(cells, BackendRows.cell(row) + BackendRows.FLOWS, 1);
    }

    /// The forwarder ends as it should.
    public void stop() {
        file.stopped(System.currentTimeMillis());
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private static void add(MemorySegment cells, long offset, long count) {
        cells.set(ValueLayout.JAVA_LONG, offset, cells.get(ValueLayout.JAVA_LONG, offset) + count);
    }

    private static Snapshot withStates(Snapshot plain) {
        List<Snapshot.Listener> listeners = new ArrayList<>();
        for (Snapshot.Listener listener : plain.listeners()) {
            List<Snapshot.Backend> backends = new ArrayList<>();
            for (Snapshot.Backend backend : listener.backends()) {
                Health health = backend.config().id().equals("b") ? Health.DOWN : Health.UP;
                Admin admin = backend.config().id().equals("c") ? Admin.DRAINING : Admin.IN;
                backends.add(new Snapshot.Backend(backend.config(), health, admin, 0, 0));
            }
            listeners.add(new Snapshot.Listener(listener.config(), true, backends));
        }
        return new Snapshot(plain.version(), listeners);
    }
}
