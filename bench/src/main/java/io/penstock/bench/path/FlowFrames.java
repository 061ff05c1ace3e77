package io.penstock.bench.path;

import io.penstock.flowtable.packet.TcpView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HexFormat;

/// 60-byte TCP frames of numbered flows, in memory laid out like a port's: room before each frame for tunnel headers.
///
/// Flow `f` comes from `10.0.0.0 + (f mod 2^24)`, port `1024 + (40503 (f + 7 floor(f / 2^24)) mod 2^15)`, and goes to
/// `192.0.2.1`, port `80 + (f mod listeners)`: no two of 2^31 are alike. The loop in C makes the same frames for one
/// listener and the first 2^24. One thread's own.
public final class FlowFrames {
    /// Frames there are.
    public static final int COUNT = 256;
    /// Bytes of a frame, as a network card counts them: without the checksum behind it.
    public static final int LENGTH = 60;
    /// Most flows whose source's low three bytes tell them apart.
    public static final int FLOWS_MAX = 1 << 24;
    /// Bytes from frame to frame: an odd number of cache lines, so that the frames share all of the cache's sets.
    public static final int STRIDE = 320;

    static final int FIRST_PORT = 80;
    private static final int HEADROOM = 128;
    private static final int IP_CHECKSUM = 24;
    private static final int SOURCE = 26;
    private static final int SOURCE_PORT = 34;
    private static final int DESTINATION_PORT = 36;
    private static final int TCP_FLAGS = 47;
    private static final byte[] TEMPLATE = HexFormat.of()
            .parseHex("020000000001" + "020000000002" + "0800" // Ethernet
                    + "450000280000400040060000" + "0a000000" + "c0000201" // IPv4, 10.0.0.0 > 192.0.2.1
                    + "04000050" + "00000001" + "00000001" + "5010ffff" + "00000000" // TCP, ACK
                    + "000000000000"); // padding
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /// Of the IPv4 header, its source and checksum left out.
    static final int SUM_WITHOUT_SOURCE = sumOfTemplate() - 0x0a00;

    private final MemorySegment memory;
    private final int listeners;

    /// @param arena owns the memory
    public FlowFrames(Arena arena) {
        this(arena, 1);
    }

    /// @param listeners flows go to so many ports in turn
    FlowFrames(Arena arena, int listeners) {
        this.listeners = listeners;
        memory = arena.allocate((long) COUNT * STRIDE, 4096);
    }

    private static int sumOfTemplate() {
        int sum = 0;
        for (int i = 14; i < 34; i += 2) {
            sum += (TEMPLATE[i] & 0xff) << 8 | (TEMPLATE[i + 1] & 0xff);
        }
        return sum;
    }

    /// {@return the region that all frames lie in}
    public MemorySegment memory() {
        return memory;
    }

    /// {@return where frame `i` begins}
    public long offset(int i) {
        return (long) i * STRIDE + HEADROOM;
    }

    /// Makes frame `i` anew: a packet of a flow, as the network would bring it.
    ///
    /// @param flow not negative
    /// @param isSyn whether it opens the flow
    public void stamp(int i, int flow, boolean isSyn) {
        long at = offset(i);
        MemorySegment.copy(TEMPLATE, 0, memory, ValueLayout.JAVA_BYTE, at, LENGTH);
        int source = 0x0a00_0000 + flow % FLOWS_MAX;
        memory.set(U32, at + SOURCE, source);
        memory.set(U16, at + SOURCE_PORT, (short) sourcePort(flow));
        int sum = SUM_WITHOUT_SOURCE + (source >>> 16) + (source & 0xffff);
        sum = (sum & 0xffff) + (sum >>> 16);
        memory.set(U16, at + IP_CHECKSUM, (short) ~((sum & 0xffff) + (sum >>> 16)));
        if (listeners > 1) {
            memory.set(U16, at + DESTINATION_PORT, (short) (FIRST_PORT + flow % listeners));
        }
        if (isSyn) {
            memory.set(ValueLayout.JAVA_BYTE, at + TCP_FLAGS, (byte) TcpView.SYN);
        }
    }

    /// {@return a copy of frame `i`}
    public byte[] bytes(int i) {
        return memory.asSlice(offset(i), LENGTH).toArray(ValueLayout.JAVA_BYTE);
    }

    static int sourcePort(int flow) {
        return 1024 + (((flow + 7 * (flow / FLOWS_MAX)) * 40503) & 0x7fff);
    }
}
