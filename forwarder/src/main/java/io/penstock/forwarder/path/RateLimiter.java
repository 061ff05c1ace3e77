package io.penstock.forwarder.path;

import java.util.concurrent.atomic.AtomicLong;

/// A limit of so many events a second, with a burst of one second's worth: the generic cell rate algorithm (ITU-T
/// I.371) on one shared time, the theoretical arrival time of the next event. Any thread; wait-free but for contention.
public final class RateLimiter {
    private static final long SECOND_NS = 1_000_000_000L;

    private final long intervalNs;
    private final long burstNs;
    private final AtomicLong arrivalNs = new AtomicLong(Long.MIN_VALUE);

    /// @param perSecond events a second; 0 for no limit
    public RateLimiter(long perSecond) {
        intervalNs = perSecond == 0 ? 0 : Math.max(1, SECOND_NS / perSecond);
        burstNs = perSecond == 0 ? 0 : intervalNs * Math.max(0, perSecond - 1);
    }

    /// {@return whether every event may happen}
    boolean isUnlimited() {
        return intervalNs == 0;
    }

    /// Asks for one event.
    ///
    /// @return whether it may happen
    public boolean tryAcquire(long nowNs) {
        if (intervalNs == 0) {
            return true;
        }
        while (true) {
            long arrival = arrivalNs.get();
            long from = arrival == Long.MIN_VALUE || arrival - nowNs < 0 ? nowNs : arrival;
            if (from - nowNs > burstNs) {
                return false;
            }
            if (arrivalNs.compareAndSet(arrival, from + intervalNs)) {
                return true;
            }
        }
    }

    /// {@return whether an event might happen now} Nothing is taken.
    public boolean hasRoom(long nowNs) {
        long arrival = arrivalNs.get();
        return intervalNs == 0 || arrival == Long.MIN_VALUE || arrival - nowNs <= burstNs;
    }
}
