package io.penstock.forwarder.path;

import io.penstock.control.config.BackendConfig;
import io.penstock.control.config.Forwarding;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.OnBackendDown;
import io.penstock.control.config.OnBackendRemoved;
import io.penstock.control.config.SchedulerKind;
import io.penstock.control.snapshot.HostClock;
import io.penstock.control.snapshot.Snapshot;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.packet.Encapsulator;
import io.penstock.flowtable.schedule.BackendIdentity;
import io.penstock.flowtable.schedule.FlowCounts;
import io.penstock.flowtable.schedule.MaglevBuilder;
import io.penstock.flowtable.schedule.MaglevHistory;
import io.penstock.flowtable.schedule.MaglevScheduler;
import io.penstock.flowtable.schedule.MaglevTable;
import io.penstock.flowtable.schedule.Pool;
import io.penstock.flowtable.schedule.Scheduler;
import io.penstock.flowtable.schedule.Schedulers;
import io.penstock.flowtable.schedule.SlowStart;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Turns a snapshot into what the packet path works on: backend records, schedulers, a [ListenerTable]. Builds only
/// what changed: a listener whose pool stayed keeps its scheduler and Maglev table.
///
/// Conductor only. The order within [#apply] matters: records before the table that leads to them, and a row is given
/// back only when no flow names it any more.
public final class ListenerCompiler {
    private static final int NO_LISTENER = -1;

    private final Map<String, Built> built = new HashMap<>();

    private final Map<Integer, Retired> retired = new HashMap<>();
    private final boolean[] numbersInUse = new boolean[Short.MAX_VALUE];
    private final BackendRowSource rows;
    private final BackendRecords records;
    private final NextHops nextHops;
    private final FlowCounts flowCounts;
    private final MaglevBuilder maglev = new MaglevBuilder();
    private final long keyHigh;
    private final long keyLow;
    private ListenerTable published = ListenerTable.EMPTY;
    private long nextChangeMs = Long.MAX_VALUE;
    private Snapshot applied = new Snapshot(0, List.of());

    /// @param keyHigh first half of the hash key
    /// @param keyLow  second half
    public ListenerCompiler(
            BackendRowSource rows,
            BackendRecords records,
            NextHops nextHops,
            FlowCounts flowCounts,
            long keyHigh,
            long keyLow) {
        this.rows = rows;
        this.records = records;
        this.nextHops = nextHops;
        this.flowCounts = flowCounts;
        this.keyHigh = keyHigh;
        this.keyLow = keyLow;
    }

    /// What stays of a listener from one table to the next.
    private static final class Built {
        final int number;
        final Map<String, Integer> rowsById = new HashMap<>();
        ListenerConfig config;
        LiveListener live;

        Built(int number, ListenerConfig config, LiveListener live) {
            this.number = number;
            this.config = config;
            this.live = live;
        }
    }

    /// A backend that left the configuration while flows still name it.
    ///
    /// @param flags   of its record, less the actions
    /// @param tcp     what becomes of its TCP flows until then
    /// @param udp     the same for UDP
    /// @param cutAtMs time by [HostClock] at which its flows are cut; [Long#MAX_VALUE] for never
    private record Retired(int number, int flags, int tcp, int udp, long cutAtMs) {
        int flagsAt(long nowMs, boolean running) {
            if (!running) {
                return withActions(flags, BackendRecords.STOPPED, BackendRecords.STOPPED);
            }
            return nowMs >= cutAtMs
                    ? withActions(flags, BackendRecords.RESET, BackendRecords.RESCHEDULE)
                    : withActions(flags, tcp, udp);
        }
    }

    /// Applies a snapshot, or applies the last one again as time passes: slow starts grow, drains end.
    ///
    /// @param nowMs   wall-clock time in ms since 1970, the clock of the snapshot's times
    /// @param nowTicks monotonic time
    /// @return the table that is now to be published
    public ListenerTable apply(Snapshot snapshot, long nowMs, int nowTicks) {
        applied = snapshot;
        nextChangeMs = Long.MAX_VALUE;
        Set<String> names = new HashSet<>();
        ListenerTable.Builder table = new ListenerTable.Builder(published);
        for (Snapshot.Listener listener : snapshot.listeners()) {
            names.add(listener.config().name());
            Built entry = compile(listener, nowMs, nowTicks);
            table.add(entry.number, entry.live);
        }
        removeListenersExcept(names);
        published = table.build();
        return published;
    }

    /// {@return time by [HostClock] at which the snapshot means something else than it did when it was applied, because
    /// a slow start goes on or a drain ends; [Long#MAX_VALUE] when it does not}
    public long nextChangeMs() {
        return nextChangeMs;
    }

    /// Takes over the row of a backend that had left the configuration, or its listener with it, when an earlier
    /// process ended: its flows go on where the listener is still there, as if the backend had left just now.
    /// Called after the first [#apply].
    ///
    /// @param row      one that the status file shows in use, and that no backend of the snapshot has
    /// @param listener name of its listener
    public void takeOver(int row, String listener, String id, InetAddress address, long nowMs) {
        Built entry = built.get(listener);
        if (entry == null) {
            retired.put(row, new Retired(NO_LISTENER, 0, 0, 0, Long.MAX_VALUE));
            return;
        }
        if (entry.rowsById.containsValue(row)) {
            return;
        }
        BackendConfig backend = new BackendConfig(id, address, 0, null, 0);
        describe(
                row,
                entry.number,
                entry.config,
                backend,
                BackendRecords.HEALTHY,
                BackendRecords.KEEP,
                BackendRecords.KEEP);
        retire(entry, row, nowMs);
    }

    /// {@return the snapshot applied last}
    public Snapshot applied() {
        return applied;
    }

    private Built compile(Snapshot.Listener listener, long nowMs, int nowTicks) {
        ListenerConfig config = listener.config();
        Built before = built.get(config.name());
        int number = before == null ? freeNumber() : before.number;
        Map<String, Integer> rowsById = new HashMap<>();
        PoolBuilder pool = new PoolBuilder();
        boolean failOpen =
                config.health().failOpen() && listener.backends().stream().noneMatch(ListenerCompiler::isUsable);
        for (Snapshot.Backend backend : listener.backends()) {
            int row = rows.allocate(
                    config.name(), backend.config().id(), backend.config().address());
            rowsById.put(backend.config().id(), row);
            retired.remove(row);
            int weight = weight(config, backend, nowMs);
            boolean accepts = weight > 0
                    && backend.admin() == Snapshot.Admin.IN
                    && (failOpen || backend.health() != Snapshot.Health.DOWN);
            describe(row, number, listener, backend, accepts, failOpen, nowMs);
            rows.publish(row, backend, accepts ? weight : 0);
            if (accepts) {
                pool.add(row, weight, identity(backend.config()));
            }
        }
        LiveListener live = live(
                listener,
                before == null ? null : before.live,
                pool.build(listener.backends().size()),
                nowTicks);
        Built entry = before == null ? new Built(number, config, live) : before;
        entry.live = live;
        entry.config = config;
        rows.publish(listener, live.running() && live.scheduler().pool().size() > 0);
        retireExcept(entry, rowsById, nowMs);
        cutRetired(entry, listener.running(), nowMs);
        entry.rowsById.putAll(rowsById);
        built.put(config.name(), entry);
        return entry;
    }

    private static boolean isUsable(Snapshot.Backend backend) {
        return backend.health() != Snapshot.Health.DOWN
                && backend.admin() == Snapshot.Admin.IN
                && backend.config().weight() > 0;
    }

    private int weight(ListenerConfig config, Snapshot.Backend backend, long nowMs) {
        int full = backend.config().weight();
        if (config.slowStartMs() == 0 || backend.startedMs() == 0 || full == 0) {
            return full;
        }
        changesAt(SlowStart.nextChangeMs(backend.startedMs(), nowMs, config.slowStartMs()));
        return SlowStart.weight(full, backend.startedMs(), nowMs, config.slowStartMs());
    }

    private void changesAt(long nowMs) {
        nextChangeMs = Math.min(nextChangeMs, nowMs);
    }

    private long identity(BackendConfig backend) {
        return BackendIdentity.of(backend.address().getAddress(), keyHigh, keyLow);
    }

    private void describe(
            int row,
            int number,
            Snapshot.Listener listener,
            Snapshot.Backend backend,
            boolean accepts,
            boolean failOpen,
            long nowMs) {
        boolean down = backend.health() == Snapshot.Health.DOWN && !failOpen;
        int tcp = tcpAction(listener, backend, down, nowMs);
        int udp = !listener.running()
                ? BackendRecords.STOPPED
                : down || tcp == BackendRecords.RESET ? BackendRecords.RESCHEDULE : BackendRecords.KEEP;
        int flags = (accepts ? BackendRecords.ACCEPTS_NEW : 0) | (down ? 0 : BackendRecords.HEALTHY);
        describe(row, number, listener.config(), backend.config(), flags, tcp, udp);
    }

    private int tcpAction(Snapshot.Listener listener, Snapshot.Backend backend, boolean down, long nowMs) {
        if (!listener.running()) {
            return BackendRecords.STOPPED;
        }
        boolean ends = backend.admin() == Snapshot.Admin.DRAINING && backend.drainDeadlineMs() != 0;
        if (ends && nowMs < backend.drainDeadlineMs()) {
            changesAt(backend.drainDeadlineMs());
        }
        boolean drained = backend.admin() == Snapshot.Admin.OUT || (ends && nowMs >= backend.drainDeadlineMs());
        if (drained) {
            return BackendRecords.RESET;
        }
        return down ? action(listener.config().onBackendDown()) : BackendRecords.KEEP;
    }

    private static int action(OnBackendDown policy) {
        return switch (policy) {
            case KEEP -> BackendRecords.KEEP;
            case RESCHEDULE -> BackendRecords.RESCHEDULE;
            case RESET -> BackendRecords.RESET;
        };
    }

    private void describe(
            int row,
            int number,
            ListenerConfig config,
            BackendConfig backend,
            int flags,
            int tcpAction,
            int udpAction) {
        Forwarding forwarding = backend.forwarding() == null ? config.forwarding() : backend.forwarding();
        IpKey outer = IpKey.of(backend.address());
        int all = flags
                | BackendRecords.IN_USE
                | (config.persistenceMs() > 0 ? BackendRecords.PERSISTENT : 0)
                | tcpAction << BackendRecords.TCP_ACTION_SHIFT
                | udpAction << BackendRecords.UDP_ACTION_SHIFT
                | tunnel(forwarding) << BackendRecords.FORWARDING_SHIFT
                | (backend.address() instanceof Inet6Address ? BackendRecords.OUTER_IS_V6 : 0);
        int idleTicks = TickClock.ticksOfMs(config.idleTimeoutMs());
        records.describe(
                row, rows.generation(row), all, number, idleTicks, outer.high(), outer.low(), backend.maxFlows());
        nextHops.want(row, backend.address());
    }

    private static int tunnel(Forwarding forwarding) {
        return switch (forwarding) {
            case DR -> 0;
            case IPIP -> Encapsulator.IPIP;
            case GUE -> Encapsulator.GUE;
            case GRE -> Encapsulator.GRE;
        };
    }

    private LiveListener live(Snapshot.Listener listener, @Nullable LiveListener before, Pool pool, int nowTicks) {
        ListenerConfig config = listener.config();
        Scheduler scheduler = scheduler(config, before, pool);
        RateLimiter limit = before != null && before.config().maxNewFlows() == config.maxNewFlows()
                ? before.newFlowLimit()
                : new RateLimiter(config.maxNewFlows());
        return new LiveListener(
                config,
                listener.running(),
                scheduler,
                history(config, before, scheduler, nowTicks),
                limit,
                before == null ? new StatelessWindow() : before.statelessWindow(),
                BackendIdentity.of(config.name().getBytes(StandardCharsets.UTF_8), keyHigh, keyLow));
    }

    private Scheduler scheduler(ListenerConfig config, @Nullable LiveListener before, Pool pool) {
        if (before == null || before.config().scheduler() != config.scheduler()) {
            return Schedulers.create(kind(config.scheduler()), pool, flowCounts, null, maglev);
        }
        return before.scheduler().pool().isSame(pool)
                ? before.scheduler()
                : Schedulers.create(kind(config.scheduler()), pool, flowCounts, before.scheduler(), maglev);
    }

    private @Nullable MaglevHistory history(
            ListenerConfig config, @Nullable LiveListener before, Scheduler scheduler, int nowTicks) {
        if (config.scheduler() != SchedulerKind.MH || !(scheduler instanceof MaglevScheduler maglevScheduler)) {
            return null;
        }
        MaglevTable table = maglevScheduler.table();
        int keepTicks = TickClock.ticksOfMs(config.idleTimeoutMs());
        if (before == null || before.history() == null) {
            return MaglevHistory.first(table, keepTicks, nowTicks);
        }
        MaglevHistory history = before.config().idleTimeoutMs() == config.idleTimeoutMs()
                ? before.history()
                : before.history().withKeepTicks(keepTicks);
        return history.next(table, this::serves, nowTicks);
    }

    private boolean serves(int row) {
        int flags = records.flags(row);
        return (flags & (BackendRecords.IN_USE | BackendRecords.HEALTHY))
                        == (BackendRecords.IN_USE | BackendRecords.HEALTHY)
                && BackendRecords.action(flags, 0) == BackendRecords.KEEP;
    }

    private static Schedulers.Kind kind(SchedulerKind kind) {
        return switch (kind) {
            case MH -> Schedulers.Kind.MH;
            case WRR, RR -> Schedulers.Kind.WRR;
            case SWRR -> Schedulers.Kind.SWRR;
            case LC -> Schedulers.Kind.LC;
            case WLC -> Schedulers.Kind.WLC;
            case SH -> Schedulers.Kind.SH;
        };
    }

    /// Backends that the listener no longer has keep their flows for a while, or lose them at once.
    private void retireExcept(Built entry, Map<String, Integer> kept, long nowMs) {
        Set<Integer> keptRows = new HashSet<>(kept.values());
        entry.rowsById.values().removeIf(row -> {
            if (keptRows.contains(row)) {
                return false;
            }
            retire(entry, row, nowMs);
            return true;
        });
    }

    private void retire(Built entry, int row, long nowMs) {
        ListenerConfig config = entry.config;
        boolean drains = config.onBackendRemoved() == OnBackendRemoved.DRAIN;
        long cutAtMs =
                !drains ? nowMs : config.drainDeadlineMs() == 0 ? Long.MAX_VALUE : nowMs + config.drainDeadlineMs();
        int flags = withActions(records.flags(row) & ~BackendRecords.ACCEPTS_NEW, 0, 0);
        boolean isDown = (flags & BackendRecords.HEALTHY) == 0;
        retired.put(
                row,
                new Retired(
                        entry.number,
                        flags,
                        isDown ? action(config.onBackendDown()) : BackendRecords.KEEP,
                        isDown ? BackendRecords.RESCHEDULE : BackendRecords.KEEP,
                        cutAtMs));
    }

    /// What becomes of the flows of backends that a listener no longer has: a stop interrupts them too, a start lets
    /// them go on, and in the end they are cut.
    private void cutRetired(Built entry, boolean running, long nowMs) {
        retired.forEach((row, left) -> {
            if (left.number == entry.number) {
                records.setFlags(row, left.flagsAt(nowMs, running));
                if (nowMs < left.cutAtMs) {
                    changesAt(left.cutAtMs);
                }
            }
        });
    }

    private void removeListenersExcept(Set<String> names) {
        built.values().removeIf(entry -> {
            if (names.contains(entry.config.name())) {
                return false;
            }
            numbersInUse[entry.number] = false;
            entry.rowsById.values().forEach(row -> {
                records.clear(row);
                rows.renew(row); // A listener that comes back under this name may have other VIPs and ports.
                retired.put(row, new Retired(entry.number, 0, 0, 0, Long.MAX_VALUE));
            });
            return true;
        });
    }

    /// Gives back rows that no flow names any more. About once a second, before [#apply].
    public void tidy() {
        retired.entrySet().removeIf(entry -> {
            int row = entry.getKey();
            if (flowCounts.flows(row) != 0) {
                return false;
            }
            records.clear(row);
            nextHops.forget(row);
            rows.release(row);
            return true;
        });
    }

    private static int withActions(int flags, int tcpAction, int udpAction) {
        int cleared = flags & ~(3 << BackendRecords.TCP_ACTION_SHIFT | 3 << BackendRecords.UDP_ACTION_SHIFT);
        return cleared | tcpAction << BackendRecords.TCP_ACTION_SHIFT | udpAction << BackendRecords.UDP_ACTION_SHIFT;
    }

    private int freeNumber() {
        Set<Integer> named = new HashSet<>();
        retired.values().forEach(left -> named.add(left.number()));
        for (int number = 0; number < numbersInUse.length; number++) {
            if (!numbersInUse[number] && !named.contains(number)) {
                numbersInUse[number] = true;
                return number;
            }
        }
        throw new IllegalStateException("listeners=" + numbersInUse.length + ": no more can be told apart");
    }

    private static final class PoolBuilder {
        private final List<Integer> rows = new ArrayList<>();
        private final List<Integer> weights = new ArrayList<>();
        private final List<Long> identities = new ArrayList<>();

        void add(int row, int weight, long identity) {
            rows.add(row);
            weights.add(weight);
            identities.add(identity);
        }

        Pool build(int configured) {
            return new Pool(
                    rows.stream().mapToInt(Integer::intValue).toArray(),
                    weights.stream().mapToInt(Integer::intValue).toArray(),
                    identities.stream().mapToLong(Long::longValue).toArray(),
                    configured);
        }
    }
}
