package io.penstock.forwarder.trace;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.invoke.VarHandle;

/// Where everything lies in a trace file. Numbers are in the machine's order; the file lives as long as its trace.
///
/// ```
/// 0         magic, id of the trace, workers, records of a ring, bytes kept of a frame,
///           monotonic and wall-clock time of one moment
/// 4096      for each worker a ring:
///             0    records written so far
///             8    frames looked at
///             16   frames that matched
///             24   matching frames that the limit of records a second held back
///             128  records: a head of 64 bytes and the first bytes of the frame
///
/// record    0    monotonic time, ns          32   source, or sender: 16 bytes, IPv4 in the last 4
///           8    outcome                     48   destination, or target
///           12   detail of the outcome       64   bytes of the frame as it came
///           16   bytes of the frame
///           20   bytes of it kept here
///           24   kind, protocol, TCP flags, 0
///           28   ports, or ICMP type and code
/// ```
final class TraceLayout {
    /// "PSTRACE1" in ASCII.
    static final long MAGIC = 0x3145_4341_5254_5350L;

    static final long H_MAGIC = 0;
    static final long H_ID = 8;
    static final long H_WORKERS = 16;
    static final long H_RECORDS = 24;
    static final long H_KEPT_MAX = 32;
    static final long H_MONOTONIC_NS = 40;
    static final long H_WALL_NS = 48;
    static final long RINGS = 4096;

    static final long WRITTEN = 0;
    static final long LOOKED_AT = 8;
    static final long MATCHED = 16;
    static final long HELD_BACK = 24;
    static final long RECORDS = 128;

    static final int TIME_NS = 0;
    static final int OUTCOME = 8;
    static final int DETAIL = 12;
    static final int LENGTH = 16;
    static final int KEPT = 20;
    static final int KIND = 24;
    static final int PROTOCOL = 25;
    static final int TCP_FLAGS = 26;
    static final int PORTS = 28;
    static final int SOURCE_HIGH = 32;
    static final int SOURCE_LOW = 40;
    static final int DESTINATION_HIGH = 48;
    static final int DESTINATION_LOW = 56;
    static final int FRAME = 64;

    /// Memory of a ring, about: at 128 bytes of each frame room for 4096 records.
    private static final int RING_BYTES = 1 << 20;
    private static final int LINE = 64;

    static final VarHandle LONG = JAVA_LONG.varHandle();

    private TraceLayout() {}

    /// {@return bytes of a record, whole cache lines}
    static int recordBytes(int keptMax) {
        return FRAME + (keptMax + LINE - 1) / LINE * LINE;
    }

    /// {@return records of a ring, a power of two}
    static int records(int keptMax) {
        return Integer.highestOneBit(RING_BYTES / recordBytes(keptMax));
    }

    /// {@return where a worker's ring begins}
    static long ring(int worker, int records, int keptMax) {
        return RINGS + worker * (RECORDS + (long) records * recordBytes(keptMax));
    }
}
