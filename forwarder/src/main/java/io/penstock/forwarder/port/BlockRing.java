package io.penstock.forwarder.port;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/// A TPACKET_V3 ring: blocks, each handed over as a whole when it is full or its time is over. Fewer shared words than
/// [SlotRing], so more throughput; a frame waits for its block, so more latency.
///
/// ```
/// block  0         4      8        12       16       20
///        +---------+------+--------+--------+--------+----------+--------+--------+
///        | version | priv | status | frames | first  |  ...     | frame  | frame  | ...
///        +---------+------+--------+--------+--------+----------+--------+--------+
/// frame  0         4            12        16       20       24    26      28       32        36
///        +---------+------------+---------+--------+--------+-----+-------+--------+---------+------+-----+
///        | to next |    time    |captured | length | status | mac |  net  |  hash  |vlan tci | tpid | ... | frame
///        +---------+------------+---------+--------+--------+-----+-------+--------+---------+------+-----+
/// ```
///
/// `first` and `to next` are distances in bytes, `mac` is where the frame begins. linux/if_packet.h, struct
/// tpacket_block_desc and tpacket3_hdr.
final class BlockRing implements ReceiveRing {
    private static final VarHandle STATUS = ValueLayout.JAVA_INT.varHandle();
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
    private static final int BLOCK_STATUS = 8;
    private static final int BLOCK_FRAMES = 12;
    private static final int BLOCK_FIRST = 16;
    private static final int CAPTURED = 12;
    private static final int LENGTH = 16;
    private static final int FRAME_STATUS = 20;
    private static final int MAC = 24;
    private static final int VLAN_TCI = 32;
    private static final int VLAN_TPID = 36;

    private static final int STATUS_KERNEL = 0;
    private static final int STATUS_USER = 1;

    private final MemorySegment memory;
    private final FrameIntake intake;
    private final int blockShift;
    private final int mask;

    // Blocks read to their end and blocks handed back, since the start; both wrap.
    private int finished;
    private int released;
    // In the block after the finished ones.
    private int framesLeft;
    private long next;

    /// @param memory     its first `blocks * blockBytes` bytes are the ring
    /// @param blocks     a power of two
    /// @param blockBytes a power of two
    BlockRing(MemorySegment memory, FrameIntake intake, int blocks, int blockBytes) {
        assert Integer.bitCount(blocks) == 1 && Integer.bitCount(blockBytes) == 1 : blocks + " " + blockBytes;
        this.memory = memory;
        this.intake = intake;
        blockShift = Integer.numberOfTrailingZeros(blockBytes);
        mask = blocks - 1;
    }

    @Override
    public void receive(FrameBatch batch) {
        // Refused frames count too: a ring full of them must not hold the worker up.
        for (int left = batch.batchFrames(); left > 0; left--) {
            if (framesLeft == 0 && !openBlock()) {
                return;
            }
            long frame = next;
            next += memory.get(U32, frame);
            if (--framesLeft == 0) {
                finished++;
            }
            intake.take(
                    batch,
                    frame + (memory.get(U16, frame + MAC) & 0xffff),
                    memory.get(U32, frame + CAPTURED),
                    memory.get(U32, frame + LENGTH),
                    memory.get(U32, frame + FRAME_STATUS),
                    memory.get(U32, frame + VLAN_TCI),
                    memory.get(U16, frame + VLAN_TPID),
                    frame);
        }
    }

    private boolean openBlock() {
        if (finished - released > mask) {
            return false; // Every block is ours.
        }
        long block = block(finished);
        // Acquire: pairs with the kernel's write of the status after those of the frames.
        int status = (int) STATUS.getAcquire(memory, block + BLOCK_STATUS);
        if ((status & STATUS_USER) == 0) {
            return false;
        }
        framesLeft = memory.get(U32, block + BLOCK_FRAMES);
        next = block + memory.get(U32, block + BLOCK_FIRST);
        if (framesLeft == 0) { // The kernel closes no empty block; if one did come, it must not stop us.
            finished++;
            return false;
        }
        return true;
    }

    @Override
    public void release() {
        for (; released != finished; released++) {
            // Release: the block's bytes were read before the kernel may overwrite them.
            STATUS.setRelease(memory, block(released) + BLOCK_STATUS, STATUS_KERNEL);
        }
    }

    private long block(int index) {
        return (long) (index & mask) << blockShift;
    }
}
