package io.penstock.forwarder.path;

import io.penstock.flowtable.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/// What the packet path must know of each backend, one cache line a backend, by row.
///
/// ```
///  0        8        16       24       32                48       56       64
/// +--------+--------+--------+--------+--------+--------+--------+--------+
/// |flags   |idle    |MAC     |path MTU|outer destination|max     |MTU     |
/// |listener|gen.    |(48 bit)|base MTU|high     low     |flows   |expires |
/// +--------+--------+--------+--------+--------+--------+--------+--------+
/// ```
///
/// Each field is stored and read whole. The conductor writes them, but for the learned path MTU, which any worker may
/// lower; workers read without locks. A record that changes its owner changes its generation first, so that a flow
/// entry which names the old owner no longer fits.
public final class BackendRecords {
    /// Bytes of a record.
    public static final int RECORD_LENGTH = 64;

    /// Flag: the record describes a backend.
    public static final int IN_USE = 1;
    /// Flag: new flows may go there.
    public static final int ACCEPTS_NEW = 1 << 1;
    /// Flag: known flows refresh the client's session persistence.
    public static final int PERSISTENT = 1 << 2;
    /// Flag: its checks do not fail.
    public static final int HEALTHY = 1 << 3;

    static final int TCP_ACTION_SHIFT = 8;
    static final int UDP_ACTION_SHIFT = 10;
    static final int FORWARDING_SHIFT = 12;
    static final int OUTER_IS_V6 = 1 << 16;

    /// What becomes of a known flow's next packet: it goes on to the backend.
    public static final int KEEP = 0;
    /// It goes to another backend.
    public static final int RESCHEDULE = 1;
    /// The client gets a RST.
    public static final int RESET = 2;
    /// It is dropped: the listener is stopped.
    public static final int STOPPED = 3;

    /// The MAC address of a next hop that is not known.
    public static final long NO_MAC = -1;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final VarHandle INT_HANDLE = INT.varHandle();
    private static final VarHandle LONG_HANDLE = LONG.varHandle();

    /// Where in a record its flags are, 32 bits.
    public static final int FLAGS = 0;
    private static final int LISTENER = 4;
    /// Where the listener's idle timeout is, 32 bits.
    public static final int IDLE_TICKS = 8;
    /// Where the row's generation is, 32 bits.
    public static final int GENERATION = 12;
    /// Where the next hop's MAC address is, 64 bits.
    public static final int MAC = 16;
    private static final int PATH_MTU = 24;
    /// Where the MTU of the link is, 32 bits.
    public static final int BASE_MTU = 28;
    private static final int OUTER_HIGH = 32;
    private static final int OUTER_LOW = 40;
    private static final int MAX_FLOWS = 48;
    private static final int MTU_EXPIRES = 56;

    private final MemorySegment memory;
    private final int capacity;
    private final long address; // of the memory
    private volatile int highestRow; // one above the highest row ever described

    /// @param arena    owns the memory
    /// @param capacity most rows
    public BackendRecords(Arena arena, int capacity) {
        this(arena.allocate((long) capacity * RECORD_LENGTH, RECORD_LENGTH));
    }

    /// @param memory zeros, a record for each row, aligned to a record
    public BackendRecords(MemorySegment memory) {
        this.memory = memory;
        capacity = (int) (memory.byteSize() / RECORD_LENGTH);
        address = NativeMemory.addressOf(memory);
    }

    /// {@return most rows}
    public int capacity() {
        return capacity;
    }

    static long at(int row) {
        return (long) row * RECORD_LENGTH;
    }

    /// One check for all fields: a row comes from a flow entry, which another process may have written.
    private long record(int row) {
        return address + at(Objects.checkIndex(row, capacity));
    }

    /// {@return the flags of a row; 0 when it is not in use}
    public int flags(int row) {
        return NativeMemory.half(record(row) + FLAGS);
    }

    /// {@return [#KEEP], [#RESCHEDULE], [#RESET] or [#STOPPED] for flows of this protocol}
    ///
    /// @param flags       of the row
    /// @param protocolBit 0 for TCP, 1 for UDP
    public static int action(int flags, int protocolBit) {
        return flags >>> (TCP_ACTION_SHIFT + 2 * protocolBit) & 3;
    }

    /// {@return whether nothing in the flags calls for more than sending a known flow's packet on}: a healthy
    /// backend on the link, nothing to be done about its flows, no persistence.
    ///
    /// @param flags       of the row
    /// @param protocolBit 0 for TCP, 1 for UDP
    static boolean isCommon(int flags, int protocolBit) {
        int relevant =
                IN_USE | HEALTHY | PERSISTENT | 3 << FORWARDING_SHIFT | 3 << (TCP_ACTION_SHIFT + 2 * protocolBit);
        return (flags & relevant) == (IN_USE | HEALTHY);
    }

    /// {@return the tunnel in the flags, as [io.penstock.flowtable.packet.Encapsulator] numbers them; 0 for none}
    public static int forwarding(int flags) {
        return flags >>> FORWARDING_SHIFT & 3;
    }

    /// {@return whether the outer header is IPv6}
    public static boolean outerIsV6(int flags) {
        return (flags & OUTER_IS_V6) != 0;
    }

    /// {@return index of the listener in the [ListenerTable]}
    public int listener(int row) {
        return NativeMemory.half(record(row) + LISTENER);
    }

    /// {@return the listener's idle timeout in ticks}
    public int idleTicks(int row) {
        return NativeMemory.half(record(row) + IDLE_TICKS);
    }

    /// {@return which owner of the row this is, `0..63`}
    public int generation(int row) {
        return NativeMemory.half(record(row) + GENERATION);
    }

    /// {@return the next hop's MAC address, or [#NO_MAC]}
    public long mac(int row) {
        // A plain load of an aligned word is whole, and nothing else depends on it.
        return NativeMemory.word(record(row) + MAC);
    }

    /// {@return the greatest IP packet that the link towards the backend carries}
    public int linkMtu(int row) {
        return NativeMemory.half(record(row) + BASE_MTU);
    }

    /// {@return the greatest IP packet, outer header included, that reaches the backend}
    ///
    /// @param nowNs now; a learned value that is too old is forgotten
    public int pathMtu(int row, long nowNs) {
        int mtu = memory.get(INT, at(row) + PATH_MTU);
        int base = memory.get(INT, at(row) + BASE_MTU);
        return mtu == base ? base : learnedMtu(row, nowNs, mtu, base);
    }

    private int learnedMtu(int row, long nowNs, int mtu, int base) {
        if (mtu < base && nowNs - memory.get(LONG, at(row) + MTU_EXPIRES) < 0) {
            return mtu;
        }
        memory.set(INT, at(row) + PATH_MTU, base);
        return base;
    }

    /// Remembers that a router on the way to the backend takes no more than `mtu`.
    ///
    /// @param expiresNs when to try the interface's own MTU again
    public void lowerPathMtu(int row, int mtu, long expiresNs) {
        memory.set(LONG, at(row) + MTU_EXPIRES, expiresNs);
        INT_HANDLE.setRelease(memory, at(row) + PATH_MTU, Math.min(mtu, memory.get(INT, at(row) + BASE_MTU)));
    }

    /// Remembers the same for every backend with this address. Rare: passes over all rows in use.
    ///
    /// @param high of an IPv6 address, 0 for IPv4; `low` likewise
    public void lowerPathMtus(boolean isV6, long high, long low, int mtu, long expiresNs) {
        for (int row = 0; row < highestRow; row++) {
            int flags = flags(row);
            if (isTunnelEnd(row, flags, isV6, high, low) && mtu < memory.get(INT, at(row) + BASE_MTU)) {
                lowerPathMtu(row, mtu, expiresNs);
            }
        }
    }

    /// {@return whether some backend with this address is reached through a tunnel}. Rare: passes over all rows in use.
    ///
    /// @param high of an IPv6 address, 0 for IPv4; `low` likewise
    public boolean isTunnelEnd(boolean isV6, long high, long low) {
        for (int row = 0; row < highestRow; row++) {
            if (isTunnelEnd(row, flags(row), isV6, high, low)) {
                return true;
            }
        }
        return false;
    }

    private boolean isTunnelEnd(int row, int flags, boolean isV6, long high, long low) {
        return (flags & IN_USE) != 0
                && forwarding(flags) != 0
                && outerIsV6(flags) == isV6
                && outerLow(row) == low
                && outerHigh(row) == high;
    }

    /// {@return first half of the outer IPv6 destination}
    public long outerHigh(int row) {
        return memory.get(LONG, at(row) + OUTER_HIGH);
    }

    /// {@return second half of the outer IPv6 destination; for IPv4 the address in the low 32 bits}
    public long outerLow(int row) {
        return memory.get(LONG, at(row) + OUTER_LOW);
    }

    /// {@return most flows at a time, 0 for no limit}
    public long maxFlows(int row) {
        return memory.get(LONG, at(row) + MAX_FLOWS);
    }

    /// Conductor: describes a backend. The MAC address and MTU are set apart, as the network tells them.
    ///
    /// @param flags the finished flags, [#IN_USE] included
    public void describe(
            int row, int generation, int flags, int listener, int idleTicks, long high, long low, long maxFlows) {
        if (generation(row) != generation) {
            INT_HANDLE.setRelease(memory, at(row) + FLAGS, 0);
            LONG_HANDLE.setRelease(memory, at(row) + MAC, NO_MAC);
            INT_HANDLE.setRelease(memory, at(row) + GENERATION, generation);
        }
        memory.set(INT, at(row) + LISTENER, listener);
        memory.set(INT, at(row) + IDLE_TICKS, idleTicks);
        memory.set(LONG, at(row) + OUTER_HIGH, high);
        memory.set(LONG, at(row) + OUTER_LOW, low);
        memory.set(LONG, at(row) + MAX_FLOWS, maxFlows);
        highestRow = Math.max(highestRow, row + 1);
        // Release: a worker that sees the flags sees what they speak of.
        INT_HANDLE.setRelease(memory, at(row) + FLAGS, flags);
    }

    /// Conductor: changes the flags alone.
    public void setFlags(int row, int flags) {
        INT_HANDLE.setRelease(memory, at(row) + FLAGS, flags);
    }

    /// Conductor: forgets a backend.
    public void clear(int row) {
        INT_HANDLE.setRelease(memory, at(row) + FLAGS, 0);
        LONG_HANDLE.setRelease(memory, at(row) + MAC, NO_MAC);
    }

    /// Conductor: how the network reaches the backend.
    ///
    /// @param mac of the next hop, or [#NO_MAC]
    /// @param mtu of the way there as far as the route tells
    public void reach(int row, long mac, int mtu) {
        if (memory.get(INT, at(row) + BASE_MTU) != mtu) {
            memory.set(INT, at(row) + BASE_MTU, mtu);
            memory.set(INT, at(row) + PATH_MTU, mtu);
        }
        LONG_HANDLE.setRelease(memory, at(row) + MAC, mac);
    }
}
