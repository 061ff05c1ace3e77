package io.penstock.forwarder.port;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Makes a frame in an AF_PACKET ring what it was on the wire, or refuses it. One worker's own.
///
/// Three things that a NIC or the sender's kernel left undone or undid are made good here:
/// - a frame longer than the interface's MTU is several segments merged (GRO, or TSO of a sender on this host); it
///   cannot be sent as it is, and is refused;
/// - a VLAN tag that was taken out of the frame is put back;
/// - a transport checksum that was left to hardware is computed ([PartialChecksum]).
final class FrameIntake {
    // linux/if_packet.h, TP_STATUS_*
    private static final int CHECKSUM_NOT_READY = 1 << 3;
    private static final int VLAN_VALID = 1 << 4;
    private static final int VLAN_TPID_VALID = 1 << 6;

    private static final int ETHERNET_BYTES = 14;
    private static final int VLAN_TAG_BYTES = 4;
    private static final int ETHERTYPE_VLAN = 0x8100;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final MemorySegment memory;
    private final int frameLengthMax;
    private long refused;

    /// @param mtu of the interface
    FrameIntake(MemorySegment memory, int mtu) {
        this.memory = memory;
        frameLengthMax = mtu + ETHERNET_BYTES + VLAN_TAG_BYTES;
    }

    /// Adds a frame to the batch, unless it is refused.
    ///
    /// @param captured bytes that are in the ring
    /// @param length   bytes that the frame had
    /// @param status   as the kernel wrote it
    /// @param token    for the batch
    void take(FrameBatch batch, long offset, int captured, int length, int status, int tci, int tpid, long token) {
        if (captured != length || length > frameLengthMax || length < ETHERNET_BYTES) {
            refused++;
            return;
        }
        if ((status & CHECKSUM_NOT_READY) != 0) {
            PartialChecksum.complete(memory, offset, length);
        }
        if ((status & VLAN_VALID) != 0) {
            putTagBack(offset, tci, (status & VLAN_TPID_VALID) != 0 ? tpid : ETHERTYPE_VLAN);
            batch.addReceived(offset - VLAN_TAG_BYTES, length + VLAN_TAG_BYTES, token);
        } else {
            batch.addReceived(offset, length, token);
        }
    }

    /// Moves the two MAC addresses into the headroom and writes the tag behind them (IEEE 802.1Q).
    private void putTagBack(long offset, int tci, int tpid) {
        MemorySegment.copy(memory, offset, memory, offset - VLAN_TAG_BYTES, 12);
        memory.set(U16, offset + 8, (short) tpid);
        memory.set(U16, offset + 10, (short) tci);
    }

    /// Counts what was refused as received and dropped, so that the worker's sum holds.
    void countRefused(WorkerCounters counters) {
        counters.add(WorkerCounter.RECEIVED.id(), refused);
        counters.add(WorkerCounter.DROP_TRUNCATED.id(), refused);
        refused = 0;
    }
}
