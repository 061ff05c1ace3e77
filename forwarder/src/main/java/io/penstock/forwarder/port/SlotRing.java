package io.penstock.forwarder.port;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// A TPACKET_V2 ring: slots of one size, each with a status word that says whose it is.
///
/// ```
/// slot  0        4       8        12      14      16            24       26      28     32
///       +--------+-------+--------+-------+-------+-------------+--------+-------+------+-----------+----------+
///       | status |length |captured|  mac  |  net  |  time       |vlan tci|  tpid | pad  |sockaddr_ll| headroom | frame
///       +--------+-------+--------+-------+-------+-------------+--------+-------+------+-----------+----------+
/// ```
///
/// `mac` is where the frame begins in the slot. linux/if_packet.h, struct tpacket2_hdr.
final class SlotRing implements ReceiveRing {
    private static final VarHandle STATUS = ValueLayout.JAVA_INT.varHandle();
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
    private static final int LENGTH = 4;
    private static final int CAPTURED = 8;
    private static final int MAC = 12;
    private static final int VLAN_TCI = 24;
    private static final int VLAN_TPID = 26;

    private static final int STATUS_KERNEL = 0;
    private static final int STATUS_USER = 1;

    private final MemorySegment memory;
    private final FrameIntake intake;
    private final int slotShift;
    private final int mask;

    // Slots taken and slots handed back, since the start; both wrap.
    private int taken;
    private int released;

    /// @param memory    its first `slots * slotBytes` bytes are the ring
    /// @param slots     a power of two
    /// @param slotBytes a power of two
    SlotRing(MemorySegment memory, FrameIntake intake, int slots, int slotBytes) {
        assert Integer.bitCount(slots) == 1 && Integer.bitCount(slotBytes) == 1 : slots + " " + slotBytes;
        this.memory = memory;
        this.intake = intake;
        slotShift = Integer.numberOfTrailingZeros(slotBytes);
        mask = slots - 1;
    }

    @Override
    public void receive(FrameBatch batch) {
        // Refused frames count too: a ring full of them must not hold the worker up.
        int left = Math.min(batch.batchFrames(), mask + 1 - (taken - released));
        for (; left > 0; left--) {
            long slot = slot(taken);
            // Acquire: pairs with the kernel's write of the status after those of the frame.
            int status = (int) STATUS.getAcquire(memory, slot);
            if ((status & STATUS_USER) == 0) {
                break;
            }
            taken++;
            intake.take(
                    batch,
                    slot + (memory.get(U16, slot + MAC) & 0xffff),
                    memory.get(U32, slot + CAPTURED),
                    memory.get(U32, slot + LENGTH),
                    status,
                    memory.get(U16, slot + VLAN_TCI),
                    memory.get(U16, slot + VLAN_TPID),
                    slot);
        }
    }

    @Override
    public void release() {
        for (; released != taken; released++) {
            // Release: the slot's bytes were read before the kernel may overwrite them.
            STATUS.setRelease(memory, slot(released), STATUS_KERNEL);
        }
    }

    private long slot(int index) {
        return (long) (index & mask) << slotShift;
    }
}
