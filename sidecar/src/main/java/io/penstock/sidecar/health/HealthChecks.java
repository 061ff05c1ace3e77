package io.penstock.sidecar.health;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import io.penstock.control.log.Log;
import io.penstock.control.snapshot.Snapshot.Health;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.agrona.DeadlineTimerWheel;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/// Checks every backend of every listener, each on a schedule of its own, on one event loop: a timer wheel says what is
/// due, nothing waits for anything else, and no check has a thread.
///
/// First checks are spread over the interval (at most three seconds), later ones come every interval, 10 % more or less
/// at random, so that they neither start together nor drift into step. A check that is still under way when the next is
/// due delays it: a backend never has two at a time. All times are monotonic; a jump of the wall clock changes nothing.
public final class HealthChecks implements AutoCloseable {
    /// What is to be checked, and what was known of it.
    ///
    /// @param known the state to go on from where this backend has no check yet
    public record Wanted(CheckTarget target, Health known) {}

    private static final long TICK_MS =
            8; // a power of two, as the wheel wants it; far below the least interval, 100 ms
    private static final int TICKS_PER_WHEEL = 1024;
    private static final long MAX_SPREAD_MS = 3_000;
    private static final long STALL_MS = 250;
    private static final double JITTER = 0.1;
    private static final long FAULT_LOG_INTERVAL_NS = TimeUnit.SECONDS.toNanos(10);

    private record Key(String listener, String backend) {}

    private final Log log = new Log("health");
    private final EventLoop loop;
    private final CheckListener listener;
    private final RandomGenerator random;
    private final Probes probes;
    private final long originNs = System.nanoTime();
    private final DeadlineTimerWheel wheel = new DeadlineTimerWheel(TimeUnit.MILLISECONDS, 0, TICK_MS, TICKS_PER_WHEEL);
    private final Long2ObjectHashMap<BackendCheck> timers = new Long2ObjectHashMap<>();
    private final Map<Key, BackendCheck> checks = new HashMap<>();
    private final AtomicLong greatestLagNs = new AtomicLong();
    private volatile @Nullable ScheduledFuture<?> ticker;
    private volatile long lastTickMs;
    private long lastFaultLogNs = System.nanoTime() - FAULT_LOG_INTERVAL_NS;
    private long faultsNotLogged;

    /// @param loop   an epoll event loop; its thread is the check thread
    /// @param random decides spread and jitter
    public HealthChecks(EventLoop loop, CheckListener listener, RandomGenerator random) {
        this.loop = loop;
        this.listener = listener;
        this.random = random;
        probes = new Probes(loop);
    }

    /// Replaces what is checked. Checks whose target is the same go on undisturbed; one whose way of checking changed
    /// keeps its state and starts its counts anew. From any thread; takes effect soon.
    public void update(Collection<Wanted> wanted) {
        Map<Key, Wanted> byKey = new HashMap<>();
        for (Wanted one : wanted) {
            byKey.put(new Key(one.target.listener(), one.target.backend()), one);
        }
        loop.execute(() -> apply(byKey));
    }

    private void apply(Map<Key, Wanted> wanted) {
        checks.entrySet().removeIf(entry -> {
            BackendCheck check = entry.getValue();
            Wanted one = wanted.get(entry.getKey());
            boolean stays = one != null && one.target.equals(check.target);
            if (!stays) {
                check.stop();
                if (one != null && one.target.address().equals(check.target.address())) {
                    wanted.put(entry.getKey(), new Wanted(one.target, check.state.health()));
                }
            }
            return !stays;
        });
        wanted.forEach((key, one) -> {
            if (!checks.containsKey(key)) {
                BackendCheck check = new BackendCheck(one);
                checks.put(key, check);
                long spreadMs = Math.min(MAX_SPREAD_MS, one.target.health().intervalMs());
                check.dueMs = nowMs() + random.nextLong(spreadMs + 1);
                check.arm(check.dueMs);
            }
        });
        probes.retain(mark -> checks.values().stream().anyMatch(check -> check.target.mark() == mark));
        startOrStopTicking();
    }

    private void startOrStopTicking() {
        ScheduledFuture<?> ticking = ticker;
        if (checks.isEmpty() && ticking != null) {
            ticking.cancel(false);
            ticker = null;
        } else if (!checks.isEmpty() && ticking == null) {
            lastTickMs = nowMs();
            ticker = loop.scheduleAtFixedRate(this::tick, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
        }
    }

    private void tick() {
        long nowMs = nowMs();
        boolean stalled = nowMs - lastTickMs > STALL_MS;
        lastTickMs = nowMs;
        if (stalled) {
            return; // We stood still: answers that arrived meanwhile are read before anything is declared late.
        }
        while (wheel.currentTickTime() <= nowMs) { // One call of poll() serves one tick.
            wheel.poll(nowMs, (unit, now, timerId) -> expire(timerId), Integer.MAX_VALUE);
        }
    }

    private boolean expire(long timerId) {
        BackendCheck check = timers.remove(timerId);
        if (check != null) {
            try {
                check.timeIsUp();
            } catch (RuntimeException e) { // Our bug; it must not end the ticking, and with it all other checks.
                log.error("check of " + check.target.listener() + "/" + check.target.backend(), e);
                check.next();
            }
        }
        return true;
    }

    private long nowMs() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - originNs);
    }

    /// {@return by how much the latest check since the last call started after its time, in ns}
    public long takeGreatestLagNs() {
        return greatestLagNs.getAndSet(0);
    }

    /// {@return how long the check thread has stood still, in ms; 0 where there is nothing to check}
    public long stalledMs() {
        return ticker == null ? 0 : Math.max(0, nowMs() - lastTickMs - TICK_MS);
    }

    /// Stops all checks and waits until the last is gone.
    @Override
    public void close() {
        loop.submit(() -> {
                    apply(new HashMap<>());
                    probes.close();
                })
                .awaitUninterruptibly(5, TimeUnit.SECONDS);
    }

    private void logFault(CheckTarget target, String reason) {
        long nowNs = System.nanoTime();
        if (nowNs - lastFaultLogNs < FAULT_LOG_INTERVAL_NS) {
            faultsNotLogged++;
            return;
        }
        lastFaultLogNs = nowNs;
        String others =
                faultsNotLogged > 0 ? " (and " + faultsNotLogged + " more checks since the last such line)" : "";
        faultsNotLogged = 0;
        log.warn("listener " + target.listener() + ": backend " + target.backend()
                + " could not be checked, its state stays: " + reason + others);
    }

    /// The check of one backend: at any time it waits for its next start or for the end of an attempt, so one timer
    /// is enough.
    private final class BackendCheck {
        private final CheckTarget target;
        private final Probe probe;
        private final RiseFall state;
        private long dueMs;
        private long timerId = DeadlineTimerWheel.NULL_DEADLINE;
        private Probe.@Nullable Attempt attempt;
        private long round;
        private boolean underWay;
        private boolean stopped;

        BackendCheck(Wanted wanted) {
            target = wanted.target;
            probe = probes.of(target);
            state = new RiseFall(target.health().rise(), target.health().fall(), wanted.known);
        }

        private void arm(long deadlineMs) {
            timerId = wheel.scheduleTimer(deadlineMs);
            timers.put(timerId, this);
        }

        private void disarm() {
            if (timerId != DeadlineTimerWheel.NULL_DEADLINE) {
                wheel.cancelTimer(timerId);
                timers.remove(timerId);
                timerId = DeadlineTimerWheel.NULL_DEADLINE;
            }
        }

        private void timeIsUp() {
            timerId = DeadlineTimerWheel.NULL_DEADLINE;
            if (underWay) {
                Probe.Attempt late = attempt;
                CheckResult result = late == null ? CheckResult.failed("no answer in time") : late.giveUp();
                finish(round, result);
            } else {
                begin();
            }
        }

        private void begin() {
            long lagNs = System.nanoTime() - originNs - TimeUnit.MILLISECONDS.toNanos(dueMs);
            greatestLagNs.accumulateAndGet(lagNs, Math::max);
            underWay = true;
            long thisRound = ++round;
            arm(nowMs() + target.health().timeoutMs());
            Probe.Attempt started = probe.start(result -> finish(thisRound, result));
            if (underWay && round == thisRound) {
                attempt = started;
            }
        }

        private void finish(long ofRound, CheckResult result) {
            if (stopped || !underWay || ofRound != round) {
                return;
            }
            underWay = false;
            attempt = null;
            disarm();
            judge(result);
            next();
        }

        private void judge(CheckResult result) {
            listener.checked(target, result);
            if (result.verdict() == CheckResult.Verdict.FAULT) {
                logFault(target, result.reason());
            } else if (state.record(result.verdict() == CheckResult.Verdict.OK)) {
                listener.changed(target, state.health(), result.reason());
            }
        }

        private void next() {
            if (stopped) {
                return;
            }
            underWay = false;
            attempt = null;
            disarm();
            long intervalMs = target.health().intervalMs();
            double factor = 1 + JITTER * (2 * random.nextDouble() - 1);
            // From start to start. What came late, since an attempt or the host was slow, is not made up for.
            dueMs = Math.max(dueMs + Math.round(intervalMs * factor), nowMs());
            arm(dueMs);
        }

        private void stop() {
            stopped = true;
            disarm();
            Probe.Attempt running = attempt;
            attempt = null;
            if (running != null) {
                running.giveUp();
            }
        }
    }
}
