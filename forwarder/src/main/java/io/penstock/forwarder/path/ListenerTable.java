package io.penstock.forwarder.path;

import io.penstock.control.config.PortSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which listener an address, protocol and port belong to. Immutable: the conductor builds one for each change and
/// publishes it with one release store; workers take it up at the start of a duty cycle.
///
/// A port costs one array read: each VIP and protocol has an array of 65536 listener numbers, built once and shared
/// with the next table as long as the listeners of that VIP stay.
public final class ListenerTable {
    /// No VIP or no listener.
    public static final int NONE = -1;

    private static final int PORTS = 1 << 16;

    /// A table without VIPs.
    public static final ListenerTable EMPTY = new Builder().build();

    private final int[] addresses4;
    private final int[] vips4;
    private final long[] addresses6;
    private final int[] vips6;
    private final short[][] ports;
    private final boolean[] answersEcho;
    private final @Nullable LiveListener[] listeners;
    private final Map<PortMapKey, short[]> portMaps = new HashMap<>();

    private ListenerTable(Builder builder) {
        int vipCount = builder.vips.size();
        ports = new short[2 * vipCount][];
        answersEcho = new boolean[vipCount];
        int room = Integer.highestOneBit(Math.max(4, 4 * vipCount));
        addresses4 = new int[room];
        vips4 = new int[room];
        addresses6 = new long[2 * room];
        vips6 = new int[room];
        Arrays.fill(vips4, NONE);
        Arrays.fill(vips6, NONE);
        listeners = new LiveListener[builder.listeners.isEmpty() ? 0 : builder.listeners.lastKey() + 1];
        builder.listeners.forEach((number, listener) -> listeners[number] = listener);
        builder.vips.forEach((address, vip) -> {
            if (address.isV6()) {
                place6(address, vip.index);
            } else {
                place4((int) address.low(), vip.index);
            }
            ports[2 * vip.index] = builder.portMap(vip.tcp, portMaps);
            ports[2 * vip.index + 1] = builder.portMap(vip.udp, portMaps);
            answersEcho[vip.index] = vip.answersEcho;
        });
    }

    private void place4(int address, int vip) {
        int slot = slot4(address);
        while (vips4[slot] != NONE) {
            slot = (slot + 1) & (vips4.length - 1);
        }
        addresses4[slot] = address;
        vips4[slot] = vip;
    }

    private void place6(IpKey address, int vip) {
        int slot = slot6(address.high(), address.low());
        while (vips6[slot] != NONE) {
            slot = (slot + 1) & (vips6.length - 1);
        }
        addresses6[2 * slot] = address.high();
        addresses6[2 * slot + 1] = address.low();
        vips6[slot] = vip;
    }

    private int slot4(int address) {
        return (int) ((address * 0x9E3779B97F4A7C15L) >>> 32) & (vips4.length - 1);
    }

    private int slot6(long high, long low) {
        return (int) ((((high * 0x9E3779B97F4A7C15L) ^ low) * 0xC2B2AE3D27D4EB4FL) >>> 32) & (vips6.length - 1);
    }

    /// {@return the number of the VIP with this IPv4 address, or [#NONE]}
    public int vip4(int address) {
        for (int slot = slot4(address); vips4[slot] != NONE; slot = (slot + 1) & (vips4.length - 1)) {
            if (addresses4[slot] == address) {
                return vips4[slot];
            }
        }
        return NONE;
    }

    /// {@return the number of the VIP with this IPv6 address, or [#NONE]}
    public int vip6(long high, long low) {
        for (int slot = slot6(high, low); vips6[slot] != NONE; slot = (slot + 1) & (vips6.length - 1)) {
            if (addresses6[2 * slot] == high && addresses6[2 * slot + 1] == low) {
                return vips6[slot];
            }
        }
        return NONE;
    }

    /// {@return the listener for a port of a VIP, or null}
    ///
    /// @param vip         from [#vip4] or [#vip6]
    /// @param protocolBit 0 for TCP, 1 for UDP
    public @Nullable LiveListener listener(int vip, int protocolBit, int port) {
        short[] byPort = ports[2 * vip + protocolBit];
        if (byPort == null) {
            return null;
        }
        int index = byPort[port];
        return index == NONE ? null : listeners[index];
    }

    /// {@return a listener by its number, or null when it has left}
    public @Nullable LiveListener listener(int number) {
        return number < listeners.length ? listeners[number] : null;
    }

    /// {@return whether some listener on the VIP has a usable backend, so that echo requests are answered}
    public boolean answersEcho(int vip) {
        return answersEcho[vip];
    }

    /// A listener's part in the ports of a VIP.
    private record Claim(int number, PortSet ports) {}

    /// What the ports of a VIP and protocol follow from: equal claims make equal maps, also for several VIPs.
    private record PortMapKey(List<Claim> claims) {}

    /// Collects listeners, on the conductor.
    public static final class Builder {
        private final Map<IpKey, Vip> vips = new HashMap<>();
        private final TreeMap<Integer, LiveListener> listeners = new TreeMap<>();
        private final Map<PortMapKey, short[]> before;

        private static final class Vip {
            private final int index;
            private final List<Claim> tcp = new ArrayList<>();
            private final List<Claim> udp = new ArrayList<>();
            private boolean answersEcho;

            Vip(int index) {
                this.index = index;
            }
        }

        /// For a first table.
        public Builder() {
            before = Map.of();
        }

        /// @param before the table until now, whose port maps are used again where they fit
        public Builder(ListenerTable before) {
            this.before = before.portMaps;
        }

        /// Adds a listener.
        ///
        /// @param number the same for all its life, `0..32767`; what backend records call it
        public Builder add(int number, LiveListener listener) {
            listeners.put(number, listener);
            for (IpKey address : listener.vips()) {
                Vip vip = vips.computeIfAbsent(address, _ -> new Vip(vips.size()));
                vip.answersEcho |= listener.running() && listener.hasUsableBackend();
                (listener.protocolBit() == 0 ? vip.tcp : vip.udp).add(new Claim(number, listener.ports()));
            }
            return this;
        }

        private short @Nullable [] portMap(List<Claim> claims, Map<PortMapKey, short[]> built) {
            return claims.isEmpty() ? null : built.computeIfAbsent(new PortMapKey(claims), this::portMap);
        }

        private short[] portMap(PortMapKey key) {
            short[] known = before.get(key);
            if (known != null) {
                return known;
            }
            short[] byPort = new short[PORTS];
            Arrays.fill(byPort, (short) NONE);
            for (Claim claim : key.claims) {
                for (var range : claim.ports.ranges()) {
                    Arrays.fill(byPort, range.first(), range.last() + 1, (short) claim.number);
                }
            }
            return byPort;
        }

        /// {@return the finished table}
        public ListenerTable build() {
            return new ListenerTable(this);
        }
    }
}
