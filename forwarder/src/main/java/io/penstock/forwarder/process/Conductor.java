package io.penstock.forwarder.process;

import io.penstock.control.log.Log;
import io.penstock.control.runtime.RuntimeFolder;
import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.control.snapshot.SnapshotFile;
import io.penstock.control.snapshot.SnapshotVersion;
import io.penstock.control.status.StatusFile;
import io.penstock.flowtable.TickClock;
import io.penstock.forwarder.linux.Privileges;
import io.penstock.forwarder.linux.Routes;
import io.penstock.forwarder.linux.SolicitedNodeGroups;
import io.penstock.forwarder.linux.VipFilter;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.ListenerCompiler;
import io.penstock.forwarder.path.ListenerTable;
import io.penstock.forwarder.worker.WorkerThread;
import java.io.IOException;
import java.net.InetAddress;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// Prepares what the workers need and publishes it: snapshots become listener tables, the kernel's neighbours become
/// backend records, VIPs are told to the filter and announced. Answers questions. Its own thread; workers never wait
/// for it.
final class Conductor {
    /// A snapshot is seen after at most this long.
    private static final long TURN_NS = 20_000_000;
    private static final long TIDY_NS = 1_000_000_000;
    /// Maglev generations are looked through at least this often, though nothing changed.
    private static final long RETRY_MS = 1_000;
    private static final long REAPPLY_MS = TimeUnit.HOURS.toMillis(1);

    private final Log log = new Log("forwarder");
    private final Parts parts;
    private final Announcements announcements = new Announcements();
    private final Thread thread = new Thread(this::run, "ps-conductor");
    private ListenerTable listeners = ListenerTable.EMPTY;
    private Set<InetAddress> vips = Set.of();
    private Set<String> running = Set.of();
    private long seenVersion;
    private long reapplyMs;
    private long tidiedNs = System.nanoTime();
    private String lastError = "";
    private boolean failed;
    private volatile boolean stopped;

    /// What the conductor works with.
    ///
    /// @param announces whether VIPs are announced: `forwarder.arp`
    /// @param onFailure told, once, when nothing but a new start helps
    record Parts(
            RuntimeFolder folder,
            StatusFile status,
            SnapshotVersion versions,
            ListenerCompiler compiler,
            StatusRows rows,
            NeighbourRecords neighbours,
            VipFilter filter,
            SolicitedNodeGroups groups,
            Routes routes,
            Set<InetAddress> tunnelSources,
            boolean announces,
            List<WorkerThread> workers,
            ControlSocket socket,
            Explanations explanations,
            Traces traces,
            InterfaceWatch nic,
            Consumer<Throwable> onFailure) {}

    /// @param seenVersion of the snapshot that [#begin] will get
    Conductor(Parts parts, long seenVersion) {
        this.parts = parts;
        this.seenVersion = seenVersion;
    }

    /// Puts the first snapshot in force. Before the workers run.
    void begin(Snapshot snapshot) {
        apply(snapshot);
        long nowMs = HostClock.nowMs();
        var rows = parts.status.backends();
        for (int row = 0; row < rows.used(); row++) {
            if (rows.isInUse(row)) {
                parts.compiler.takeOver(row, rows.listener(row), rows.id(row), rows.address(row), nowMs);
            }
        }
    }

    void start() {
        thread.start();
    }

    private void run() {
        Privileges.keepOnly(Privileges.OF_CONDUCTOR);
        while (!stopped) {
            try {
                turn(System.nanoTime(), HostClock.nowMs());
            } catch (RuntimeException defect) {
                report(defect);
            }
            LockSupport.parkNanos(this, TURN_NS);
        }
    }

    private void turn(long nowNs, long nowMs) {
        long version = parts.versions.get();
        if (version != seenVersion) {
            load(version);
        } else if (nowMs >= Math.min(parts.compiler.nextChangeMs(), reapplyMs)) {
            apply(parts.compiler.applied());
        }
        parts.neighbours.poll();
        if (parts.neighbours.takeLinkUp()) {
            announce(vips);
        }
        announcements.run(nowNs, this::send);
        parts.socket.poll(nowNs, this::answer);
        parts.traces.poll(nowNs);
        if (nowNs - tidiedNs >= TIDY_NS) {
            tidiedNs = nowNs;
            parts.compiler.tidy();
            parts.status.heartbeat(System.currentTimeMillis());
            askForTheInterface();
        }
    }

    private void askForTheInterface() {
        String replaced = failed ? "" : parts.nic.replaced();
        if (!replaced.isEmpty()) {
            failed = true;
            IllegalStateException failure =
                    new IllegalStateException(replaced + ": a new start is needed, which keeps the flows");
            parts.status.errorLog().record(failure);
            log.error(String.valueOf(failure.getMessage()));
            parts.onFailure.accept(failure);
        }
    }

    private void load(long version) {
        seenVersion = version; // A snapshot that cannot be read now will not be better later.
        try {
            Optional<Snapshot> snapshot = SnapshotFile.read(parts.folder);
            if (snapshot.isPresent()) {
                apply(snapshot.get());
                log.info("snapshot " + snapshot.get().version() + " is in force: "
                        + snapshot.get().listeners().size() + " listener(s)");
            }
        } catch (IOException damaged) {
            report(damaged);
        }
    }

    private void apply(Snapshot snapshot) {
        long nowMs = HostClock.nowMs();
        reapplyMs = nowMs + RETRY_MS; // If what follows fails, for want of room in the status file, say.
        ListenerTable next = parts.compiler.apply(snapshot, nowMs, TickClock.ticks(System.nanoTime()));
        listeners = next;
        parts.workers.forEach(worker -> worker.worker().publish(next));
        Set<InetAddress> wanted = vipsOf(snapshot);
        if (!wanted.equals(vips)) {
            refuseLocal(wanted);
            // After the table: a worker gives frames for a VIP that it does not know to the host.
            parts.filter.update(wanted, parts.tunnelSources);
            parts.groups.update(wanted);
        }
        announceStarted(snapshot, wanted);
        vips = wanted;
        parts.status.appliedSnapshot(snapshot.version());
        reapplyMs = nowMs + REAPPLY_MS;
    }

    private static Set<InetAddress> vipsOf(Snapshot snapshot) {
        Set<InetAddress> vips = new HashSet<>();
        snapshot.listeners().forEach(listener -> vips.addAll(listener.config().vips()));
        return vips;
    }

    private void refuseLocal(Set<InetAddress> wanted) {
        for (InetAddress vip : wanted) {
            String owner = vips.contains(vip) ? null : parts.routes.ownerOf(vip);
            if (owner != null) {
                report(new IllegalStateException(LocalVips.refusal(vip, owner)));
            }
        }
    }

    private void announceStarted(Snapshot snapshot, Set<InetAddress> wanted) {
        Set<InetAddress> started = new HashSet<>(wanted);
        started.removeAll(vips);
        Set<String> nowRunning = new HashSet<>();
        for (Snapshot.Listener listener : snapshot.listeners()) {
            if (listener.running()) {
                nowRunning.add(listener.config().name());
                if (!running.contains(listener.config().name())) {
                    started.addAll(listener.config().vips());
                }
            }
        }
        running = nowRunning;
        announce(started);
    }

    private void announce(Set<InetAddress> addresses) {
        if (parts.announces) {
            announcements.add(addresses.stream().map(IpKey::of).toList(), System.nanoTime());
        }
    }

    private boolean send(IpKey vip) {
        WorkerThread first = parts.workers.getFirst();
        boolean accepted = first.worker().offer(worker -> worker.announce(vip));
        first.wakeup();
        return accepted;
    }

    private String answer(String request) {
        long nowNs = System.nanoTime();
        return request.startsWith("trace ")
                ? parts.traces.answer(request, parts.compiler.applied(), nowNs)
                : parts.explanations.answer(request, listeners, parts.compiler.applied(), nowNs);
    }

    private void report(Exception failure) {
        parts.status.errorLog().record(failure);
        String reason = Log.reason(failure);
        if (!reason.equals(lastError)) { // The status file counts repetitions.
            lastError = reason;
            log.error("going on with what is in force", failure);
        }
    }

    /// Ends the thread and waits for it.
    void stop() throws InterruptedException {
        stopped = true;
        LockSupport.unpark(thread);
        thread.join();
    }
}
