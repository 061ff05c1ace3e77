package io.penstock.forwarder.process;

import io.penstock.forwarder.path.IpKey;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Queue;
import java.util.function.Predicate;

/// Tells neighbours that a VIP is with us: when it comes, and once more a little later (RFC 5227 §2.3, RFC 4861
/// §7.2.6). Conductor only.
final class Announcements {
    private static final long AGAIN_AFTER_NS = 2_000_000_000; // RFC 5227 §1.1: ANNOUNCE_INTERVAL

    private record Due(IpKey vip, long atNs) {}

    private final Queue<Due> now = new ArrayDeque<>();
    private final Queue<Due> later = new ArrayDeque<>();

    /// VIPs that came, or whose link did.
    void add(Collection<IpKey> vips, long nowNs) {
        for (IpKey vip : vips) {
            now.add(new Due(vip, nowNs));
            later.add(new Due(vip, nowNs + AGAIN_AFTER_NS));
        }
    }

    /// Sends what is due.
    ///
    /// @param send false when there is no room for more at present
    void run(long nowNs, Predicate<IpKey> send) {
        while (!later.isEmpty() && nowNs - later.element().atNs() >= 0) {
            now.add(later.remove());
        }
        while (!now.isEmpty() && send.test(now.element().vip())) {
            now.remove();
        }
    }
}
