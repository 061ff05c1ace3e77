package io.penstock.forwarder.path;

import java.util.HashMap;
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

    private ListenerTable(Builder builder) {
        int vipCount = builder.vips.size();
        ports = new short[2 * vipCount][];
        answersEcho = new boolean[vipCount];
        int room = Integer.highestOneBit(Math.max(4, 4 * vipCount));
        addresses4 = new int[room];
        vips4 = new int[room];
        addresses6 = new long[2 * room];
        vips6 = new int[room];
        java.util.Arrays.fill(vips4, NONE);
        java.util.Arrays.fill(vips6, NONE);
        listeners = new LiveListener[builder.listeners.isEmpty() ? 0 : builder.listeners.lastKey() + 1];
        builder.listeners.forEach((number, listener) -> listeners[number] = listener);
        builder.vips.forEach((address, vip) -> {
            if (address.isV6()) {
                place6(address, vip.index);
            } else {
                place4((int) address.low(), vip.index);
            }
            ports[2 * vip.index] = vip.tcp;
            ports[2 * vip.index + 1] = vip.udp;
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

    /// Collects listeners, on the conductor.
    public static final class Builder {
        private final Map<IpKey, Vip> vips = new HashMap<>();
        private final TreeMap<Integer, LiveListener> listeners = new TreeMap<>();

        private static final class Vip {
            private final int index;
            private short @Nullable [] tcp;
            private short @Nullable [] udp;
            private boolean answersEcho;

            Vip(int index) {
                this.index = index;
            }
        }

        /// Adds a listener.
        ///
        /// @param number the same for all its life, `0..32767`; what backend records call it
        public Builder add(int number, LiveListener listener) {
            listeners.put(number, listener);
            for (IpKey address : listener.vips()) {
                Vip vip = vips.computeIfAbsent(address, _ -> new Vip(vips.size()));
                vip.answersEcho |= listener.running() && listener.hasUsableBackend();
                short[] byPort = listener.protocolBit() == 0 ? vip.tcp : vip.udp;
                if (byPort == null) {
                    byPort = new short[PORTS];
                    java.util.Arrays.fill(byPort, (short) NONE);
                    if (listener.protocolBit() == 0) {
                        vip.tcp = byPort;
                    } else {
                        vip.udp = byPort;
                    }
                }
                for (var range : listener.ports().ranges()) {
                    java.util.Arrays.fill(byPort, range.first(), range.last() + 1, (short) number);
                }
            }
            return this;
        }

        /// {@return the finished table}
        public ListenerTable build() {
            return new ListenerTable(this);
        }
    }
}
