package io.penstock.forwarder.path;

import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Midstream;
import io.penstock.control.config.PortSet;
import io.penstock.control.config.Protocol;
import io.penstock.control.config.SchedulerKind;
import io.penstock.flowtable.TickClock;
import io.penstock.flowtable.schedule.MaglevHistory;
import io.penstock.flowtable.schedule.Scheduler;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A listener as the packet path uses it. Immutable but for what it shares with its earlier and later selves: the rate
/// limit, the Maglev history and the time since which packets may belong to flows without an entry. Any worker may
/// read.
public final class LiveListener {
    private final ListenerConfig config;
    private final boolean running;
    private final List<IpKey> vips;
    private final Scheduler scheduler;
    private final @Nullable MaglevHistory history;
    private final RateLimiter newFlowLimit;
    private final StatelessWindow statelessWindow;
    private final long identity;
    private final boolean hasMaxFlows;
    private final int persistenceTicks;
    private final @Nullable MaglevHistory decidedByHash;

    /// @param scheduler  over the usable backends
    /// @param history    Maglev generations of an `mh` listener, else null
    /// @param identity   hash of the listener's name; keeps the clients of two listeners apart
    public LiveListener(
            ListenerConfig config,
            boolean running,
            Scheduler scheduler,
            @Nullable MaglevHistory history,
            RateLimiter newFlowLimit,
            StatelessWindow statelessWindow,
            long identity) {
        this.config = config;
        this.running = running;
        this.scheduler = scheduler;
        this.history = history;
        this.newFlowLimit = newFlowLimit;
        this.statelessWindow = statelessWindow;
        this.identity = identity;
        vips = config.vips().stream().map(IpKey::of).toList();
        hasMaxFlows = config.backends().stream().anyMatch(backend -> backend.maxFlows() > 0);
        persistenceTicks = config.persistenceMs() == 0 ? 0 : TickClock.ticksOfMs(config.persistenceMs());
        boolean isPlain = running && newFlowLimit.isUnlimited() && !hasMaxFlows && persistenceTicks == 0;
        decidedByHash = isPlain ? history : null;
    }

    /// {@return the listener's name}
    public String name() {
        return config.name();
    }

    /// {@return its configuration}
    public ListenerConfig config() {
        return config;
    }

    boolean running() {
        return running;
    }

    List<IpKey> vips() {
        return vips;
    }

    PortSet ports() {
        return config.ports();
    }

    int protocolBit() {
        return config.protocol() == Protocol.TCP ? 0 : 1;
    }

    boolean hasUsableBackend() {
        return scheduler.pool().size() > 0;
    }

    Scheduler scheduler() {
        return scheduler;
    }

    @Nullable
    MaglevHistory history() {
        return history;
    }

    /// {@return the Maglev history, if nothing but the flow's hash decides where a new flow goes; else null}
    @Nullable
    MaglevHistory decidedByHash() {
        return decidedByHash;
    }

    boolean isMaglev() {
        return config.scheduler() == SchedulerKind.MH;
    }

    Midstream midstream() {
        return config.midstream();
    }

    RateLimiter newFlowLimit() {
        return newFlowLimit;
    }

    StatelessWindow statelessWindow() {
        return statelessWindow;
    }

    long identity() {
        return identity;
    }

    boolean hasMaxFlows() {
        return hasMaxFlows;
    }

    /// {@return how long a silent client keeps its backend, in ticks; 0 for no persistence}
    int persistenceTicks() {
        return persistenceTicks;
    }

    int mssClamp() {
        return config.mssClamp();
    }

    long idleTimeoutMs() {
        return config.idleTimeoutMs();
    }
}
