package io.penstock.forwarder.port;

import io.penstock.control.config.PacketRing;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.Memory;
import io.penstock.forwarder.linux.PacketSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A port over AF_PACKET: frames are read out of a ring that the kernel fills, changed in place, sent from there by one
/// system call a batch, and their slots handed back when that has returned.
///
/// ```
/// memory  +------------------------------ ring ------------------------------+------------ scratch -------------+
///         | slot: kernel's words | headroom | frame |  slot ...              | headroom | frame of ours | ...   |
///         +-------------------------------------------------------------------+----------------------------------+
/// ```
///
/// The ring is a tap: the kernel goes on with its own copy of every frame, and something behind the tap has to keep
/// the VIPs' frames from it ([io.penstock.forwarder.linux.VipFilter]).
///
/// Survives the link going down and up. Opened and closed by any thread, used by one.
public final class PacketPort implements FramePort {
    // More than HEADROOM by the four bytes of a VLAN tag put back, up to what puts the IP header at a multiple of 16.
    private static final int RESERVE = HEADROOM + 16;

    // Bytes of a slot before the frame: header, address, alignment, reserve. Less than 256 in both versions.
    private static final int SLOT_OVERHEAD = 256;
    private static final int ETHERNET_AND_TAG_BYTES = 18;

    private static final int RING_BYTES = 16 << 20; // 8,192 slots of 2 KiB: 10 ms of frames at 800,000 a second
    private static final int SLOTS_MIN = 1024;
    private static final int SLOT_BLOCK_BYTES = 64 << 10;
    private static final int BLOCK_BYTES = 128 << 10;
    private static final int BLOCK_TIMEOUT_MS = 1; // the least there is
    private static final int SEND_BUFFER_BYTES = 8 << 20;

    private final Arena arena;
    private final String name;
    private final PacketSocket receiver;
    private final PacketSocket sender;
    private final MemorySegment memory;
    private final FrameIntake intake;
    private final ReceiveRing ring;
    private final FrameSender frames;
    private final ScratchFrames scratch;
    private int held; // frames that the worker has
    private boolean isClosed;

    /// Opens a port that as yet receives nothing; see [PacketInterface].
    ///
    /// @param batchFrames most frames in a batch
    static PacketPort open(LinuxInterface nic, PacketRing version, int batchFrames) {
        Arena arena = Arena.ofShared();
        PacketSocket receiver = null;
        PacketSocket sender = null;
        try {
            receiver = new PacketSocket(arena, nic.name());
            sender = new PacketSocket(arena, nic.name());
            if (!receiver.isEthernet()) {
                throw new LinuxException(
                        "forwarder.interface=" + nic.name(), 0, "it carries no Ethernet frames", "name another");
            }
            String name = "packet: AF_PACKET TPACKET_" + version + " on " + nic.name() + ", MTU " + nic.mtu();
            return new PacketPort(arena, name, receiver, sender, nic.mtu(), version, batchFrames);
        } catch (LinuxException e) {
            if (receiver != null) {
                receiver.close();
            }
            if (sender != null) {
                sender.close();
            }
            arena.close();
            throw e;
        }
    }

    private PacketPort(
            Arena arena,
            String name,
            PacketSocket receiver,
            PacketSocket sender,
            int mtu,
            PacketRing version,
            int batchFrames) {
        this.arena = arena;
        this.name = name;
        this.receiver = receiver;
        this.sender = sender;
        int slotBytes = Math.max(2048, powerOfTwo(SLOT_OVERHEAD + ETHERNET_AND_TAG_BYTES + mtu));
        int ringBytes = Math.max(RING_BYTES, SLOTS_MIN * slotBytes);
        // Room for a whole batch of our own frames, and as many held back; at least 2048 bytes behind the headroom.
        int scratchBytes = Math.max(4096, slotBytes);
        int scratchFrames = 2 * batchFrames;

        memory = reserve(ringBytes + (long) scratchFrames * scratchBytes);
        intake = new FrameIntake(memory, mtu);
        ring = switch (version) {
            case V2 -> {
                int blockBytes = Math.max(SLOT_BLOCK_BYTES, slotBytes);
                receiver.receiveIntoSlots(RESERVE, blockBytes, ringBytes / blockBytes, slotBytes);
                yield new SlotRing(memory, intake, ringBytes / slotBytes, slotBytes);
            }
            case V3 -> {
                receiver.receiveIntoBlocks(RESERVE, BLOCK_BYTES, ringBytes / BLOCK_BYTES, BLOCK_TIMEOUT_MS);
                yield new BlockRing(memory, intake, ringBytes / BLOCK_BYTES, BLOCK_BYTES);
            }
        };
        receiver.mapRing(memory.address(), ringBytes);
        receiver.receiveNothing();
        receiver.bindToReceive();
        sender.bindToSend(SEND_BUFFER_BYTES);
        frames = new FrameSender(arena, sender.libc(), sender.fd(), memory, 2 * batchFrames);
        scratch = new ScratchFrames(ringBytes, scratchBytes, scratchFrames);
    }

    private MemorySegment reserve(long length) {
        long address = LinuxException.check(
                receiver.libc().mmap(length, Memory.READ_WRITE, Memory.MAP_PRIVATE | Memory.MAP_ANONYMOUS, -1, 0),
                "mmap(" + length + ")");
        return Memory.at(address, length);
    }

    private static int powerOfTwo(int atLeast) {
        return Integer.highestOneBit(atLeast - 1) << 1;
    }

    /// {@return the socket that receives, to be put into a group and given a filter}
    PacketSocket receiver() {
        return receiver;
    }

    @Override
    public MemorySegment memory() {
        return memory;
    }

    @Override
    public int receive(FrameBatch batch) {
        assert batch.size == 0 && !isClosed : "size=" + batch.size + " closed=" + isClosed;
        ring.receive(batch);
        held += batch.size;
        if (held == 0) {
            ring.release(); // Whatever was there was refused, and the worker may now rest.
        }
        return batch.size;
    }

    @Override
    public int transmit(FrameBatch batch) {
        for (int i = 0; i < batch.size; i++) {
            if (batch.verdicts[i] == FrameBatch.SEND) {
                frames.add(batch.offsets[i], batch.lengths[i]);
            }
        }
        int sent = frames.flush();
        // Only now: until the call has returned, the kernel reads from these bytes.
        ring.release();
        held = 0;
        for (int i = batch.received; i < batch.size; i++) {
            scratch.giveBack(batch.offsets[i]);
        }
        batch.clear();
        return sent;
    }

    @Override
    public long borrow() {
        return scratch.borrow();
    }

    @Override
    public void giveBack(long offset) {
        scratch.giveBack(offset);
    }

    @Override
    public int[] descriptors() {
        return new int[] {receiver.fd()};
    }

    @Override
    public String description() {
        return name;
    }

    @Override
    public void countLost(WorkerCounters counters) {
        counters.add(WorkerCounter.PORT_LOST.id(), receiver.takeLost());
        intake.countRefused(counters);
    }

    @Override
    public void close() {
        if (!isClosed) {
            isClosed = true;
            receiver.close();
            sender.close();
            receiver.libc().munmap(memory.address(), memory.byteSize());
            arena.close();
        }
    }
}
