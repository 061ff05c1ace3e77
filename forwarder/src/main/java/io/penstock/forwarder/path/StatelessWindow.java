package io.penstock.forwarder.path;

import java.util.concurrent.atomic.AtomicLong;

/// Until when mid-flow packets of an `mh` listener may belong to flows that never got an entry, because the table was
/// full when they began. Within that time they are forwarded by hash instead of being reset. Any thread.
public final class StatelessWindow {
    private final AtomicLong untilNs = new AtomicLong(Long.MIN_VALUE);

    /// A flow began, or went on, without an entry.
    ///
    /// @param untilNs when that flow would have timed out
    void extend(long untilNs) {
        long known = this.untilNs.getPlain();
        if (known == Long.MIN_VALUE || untilNs - known > 1_000_000) { // At most one shared write a millisecond.
            this.untilNs.setRelease(untilNs);
        }
    }

    /// {@return whether flows without an entry may exist}
    boolean isOpen(long nowNs) {
        long until = untilNs.getAcquire();
        return until != Long.MIN_VALUE && nowNs - until < 0;
    }
}
