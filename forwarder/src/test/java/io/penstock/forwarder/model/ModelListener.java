package io.penstock.forwarder.model;

import static io.penstock.forwarder.model.Bytes.hex;

import io.penstock.control.config.Forwarding;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.config.Protocol;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A listener and what its scheduler has done so far.
final class ModelListener {
    /// A server.
    @SuppressWarnings("ArrayRecordComponent") // One object a backend: the same one is the same backend.
    record Backend(String id, byte[] address, Forwarding forwarding, int weight) {
        boolean isV6() {
            return address.length == 16;
        }

        /// {@return bytes that its tunnel adds}
        int overhead() {
            int between = switch (forwarding) {
                case DR -> throw new AssertionError("no tunnel");
                case IPIP -> 0;
                case GUE -> 8;
                case GRE -> 4;
            };
            return (isV6() ? 40 : 20) + between;
        }

        @Override
        public String toString() {
            return id;
        }
    }

    /// What leaves the machine of a flow's hash: unknown until first seen, the same from then on.
    static final class Entropy {
        int sourcePort = -1;
        int label = -1;
    }

    /// A client's backend under session persistence.
    static final class Association {
        final Set<Backend> backends;
        long lastTick;
        boolean isUnsure;

        Association(Set<Backend> backends, long tick) {
            this.backends = backends;
            lastTick = tick;
        }
    }

    final ListenerConfig config;
    final Set<String> vips = new HashSet<>();
    final List<Backend> backends;
    final List<Backend> usable;
    final Map<String, Set<Backend>> hashed = new HashMap<>();
    final Map<String, Association> associations = new HashMap<>();
    /// The last one in a rotation, as far as known.
    @Nullable
    Backend last;

    ModelListener(ListenerConfig config) {
        this.config = config;
        config.vips().forEach(vip -> vips.add(hex(vip.getAddress())));
        backends = config.backends().stream()
                .map(backend -> new Backend(
                        backend.id(),
                        backend.address().getAddress(),
                        backend.forwarding() == null ? config.forwarding() : backend.forwarding(),
                        backend.weight()))
                .toList();
        usable = backends.stream().filter(backend -> backend.weight() > 0).toList();
    }

    boolean covers(String vip, boolean isTcp, int port) {
        return vips.contains(vip)
                && (config.protocol() == Protocol.TCP) == isTcp
                && config.ports().ranges().stream().anyMatch(range -> range.first() <= port && port <= range.last());
    }

    Set<Backend> anyUsable() {
        return new LinkedHashSet<>(usable);
    }

    /// {@return who comes next in a rotation; all, before it was seen to turn}
    Set<Backend> next() {
        Set<Backend> next = anyUsable();
        if (last != null) {
            next.retainAll(Set.of(usable.get((usable.indexOf(last) + 1) % usable.size())));
        }
        return next;
    }

    /// {@return the part of a client's address that counts}
    String client(String address) {
        int bits = address.length() == 8 ? config.persistencePrefix4() : config.persistencePrefix6();
        byte[] bytes = Bytes.fromHex(address);
        for (int bit = bits; bit < 8 * bytes.length; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >>> bit % 8);
        }
        return hex(bytes);
    }
}
