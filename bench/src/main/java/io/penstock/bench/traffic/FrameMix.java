package io.penstock.bench.traffic;

import io.penstock.bench.path.FlowOrder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Which frames a [LoadGenerator] sends: UDP of many flows to one VIP in one size or a mix of sizes, and beside them a
/// flood of TCP SYNs, each of a flow of its own. One thread's own.
///
/// ```
///  14          34          42            50            58
///  +-----------+-----------+-------------+-------------+---------...
///  | IPv4 (20) | UDP (8)   | sent at, ns | MARK        | zeros
///  +-----------+-----------+-------------+-------------+---------...
/// ```
public final class FrameMix {
    /// Least length of a frame, without the checksum behind it.
    public static final int LENGTH_MIN = 60;

    /// Where a UDP frame says when it was sent.
    static final int SENT_NS = 42;

    /// What tells our frames from others, at [#MARK_AT].
    static final long MARK = 0x70656e73746f636bL;

    static final int MARK_AT = 50;

    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final int TTL_64 = 0x4000;
    private static final int SYN_OFFSET_AND_FLAGS = 0x5002;
    private static final int SYN_PORT = 80;

    private final long destinationMac;
    private final long sourceMac;
    private final int vip;
    private final int port;
    private final int[] lengths;
    private final int floodPercent;
    private final FlowOrder order;
    private final FlowOrder attackers;
    private int turn;

    /// @param destinationMac 48 bits
    /// @param sourceMac      48 bits
    /// @param vip            IPv4
    /// @param port           of the UDP listener; SYNs go to port 80
    /// @param lengths        sizes that follow each other, at least [#LENGTH_MIN] each
    /// @param flows          UDP flows
    /// @param floodPercent   of all frames are SYNs
    public FrameMix(
            long destinationMac,
            long sourceMac,
            int vip,
            int port,
            int[] lengths,
            int flows,
            int floodPercent,
            long seed) {
        this.destinationMac = destinationMac;
        this.sourceMac = sourceMac;
        this.vip = vip;
        this.port = port;
        this.lengths = lengths.clone();
        this.floodPercent = floodPercent;
        order = new FlowOrder(seed, flows);
        attackers = new FlowOrder(seed + 1, 1 << 23);
    }

    /// {@return sizes as they are on the Internet, by the common rule of thumb: seven small, four middling, one full}
    public static int[] imix() {
        return new int[] {60, 566, 60, 60, 566, 60, 1514, 60, 566, 60, 60, 566};
    }

    /// Writes the next frame.
    ///
    /// @param nowNs when it is sent
    /// @return its length; negative for a SYN
    int write(MemorySegment memory, long at, long nowNs) {
        turn++;
        memory.set(U16, at, (short) (destinationMac >>> 32));
        memory.set(U32, at + 2, (int) destinationMac);
        memory.set(U16, at + 6, (short) (sourceMac >>> 32));
        memory.set(U32, at + 8, (int) sourceMac);
        memory.set(U16, at + 12, (short) 0x0800);
        if (turn % 100 < floodPercent) {
            int attacker = attackers.next();
            ip(memory, at, 40, 6, 0x0a80_0000 + attacker);
            syn(memory, at + 34, attacker);
            return -LENGTH_MIN;
        }
        int flow = order.next();
        int length = lengths[turn % lengths.length];
        ip(memory, at, length - 14, 17, 0x0a00_0000 + flow);
        memory.set(U16, at + 34, (short) (1024 + (flow * 40503 & 0x7fff)));
        memory.set(U16, at + 36, (short) port);
        memory.set(U16, at + 38, (short) (length - 34));
        memory.set(U16, at + 40, (short) 0);
        memory.set(U64, at + SENT_NS, nowNs);
        memory.set(U64, at + MARK_AT, MARK);
        return length;
    }

    /// {@return when a frame was sent, or -1 when it is none of ours}
    static long sentNs(MemorySegment memory, long at, int length) {
        return length >= MARK_AT + 8 && memory.get(U64, at + MARK_AT) == MARK ? memory.get(U64, at + SENT_NS) : -1;
    }

    private void ip(MemorySegment memory, long at, int totalLength, int protocol, int source) {
        long first = 0x4500L << 48 | (long) totalLength << 32 | 0x0001_0000L;
        int ttlAndProtocol = TTL_64 | protocol;
        long sum = 0x4500L
                + totalLength
                + 1
                + ttlAndProtocol
                + (source >>> 16)
                + (source & 0xffff)
                + (vip >>> 16)
                + (vip & 0xffff);
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = (sum & 0xffff) + (sum >>> 16);
        memory.set(U64, at + 14, first);
        memory.set(U32, at + 22, ttlAndProtocol << 16 | (int) (~sum & 0xffff));
        memory.set(U32, at + 26, source);
        memory.set(U32, at + 30, vip);
    }

    private static void syn(MemorySegment memory, long at, int attacker) {
        memory.set(U16, at, (short) (1024 + (attacker & 0x7fff)));
        memory.set(U16, at + 2, (short) SYN_PORT);
        memory.set(U32, at + 4, attacker);
        memory.set(U32, at + 8, 0);
        memory.set(U16, at + 12, (short) SYN_OFFSET_AND_FLAGS);
        memory.set(U16, at + 14, (short) 0xffff);
        memory.set(U32, at + 16, 0);
        memory.set(U32, at + 20, 0); // padding, and no mark of an earlier frame
        memory.set(U16, at + 24, (short) 0);
    }
}
