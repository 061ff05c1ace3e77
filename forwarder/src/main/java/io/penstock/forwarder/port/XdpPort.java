package io.penstock.forwarder.port;

import io.penstock.control.config.HugePages;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.PacketMemory;
import io.penstock.forwarder.linux.XdpSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// A port over AF_XDP sockets, one for each receive queue that the worker serves: the chunk a frame was received in is
/// the chunk it is sent from, by the queue it came by.
///
/// The queues have equal parts of one stretch of memory, each a UMEM of its own to the kernel:
///
/// ```
///  memory  0                      1 << partShift          2 << partShift
///          +----------------------+-----------------------+------------------
///          | chunks of queues[0]  | chunks of queues[1]   | ...
///          +----------------------+-----------------------+------------------
/// ```
///
/// [#receive] takes a batch from one queue, and asks the one after it first the next time: a queue that is always full
/// holds up another's frames by one batch at most. All queues are asked before it returns 0.
///
/// A native call is made only where the kernel asks for it by the need-wakeup flag of a ring: in copy mode that is
/// one for each batch sent. [FrameBatch#PASS] cannot be done here, the XDP program decides that: such a frame is
/// released.
public final class XdpPort implements FramePort {
    private final Arena arena;
    private final PacketMemory packets;
    private final XdpQueue[] queues;
    private final int partShift;
    private final int chunkBytes;
    private final String description;
    private int current; // the queue that was received from last

    private XdpPort(Arena arena, PacketMemory packets, XdpQueue[] queues, XdpSocket.Options options, String place) {
        this.arena = arena;
        this.packets = packets;
        this.queues = queues;
        partShift = partShift(options);
        chunkBytes = options.chunkBytes();
        description = place + ", " + copying() + ", " + options.fillEntries() + " chunks"
                + (queues.length > 1 ? " a queue" : "") + " of " + chunkBytes + " bytes in " + packets.pages();
    }

    /// Opens a socket on each of the queues.
    ///
    /// @param queueNumbers of the interface; at least one
    /// @param options      of each socket; its memory must be a power of two, at least a page
    /// @param spareChunks  chunks of each queue that are kept back for [#borrow()]
    /// @throws io.penstock.forwarder.linux.LinuxException when the kernel refuses; nothing is left behind
    static XdpPort open(
            LinuxInterface nic, int[] queueNumbers, XdpSocket.Options options, HugePages hugePages, int spareChunks) {
        assert Long.bitCount(options.memoryLength()) == 1 : options;
        Arena arena = Arena.ofShared();
        XdpQueue[] queues = new XdpQueue[queueNumbers.length];
        try {
            PacketMemory packets = PacketMemory.allocate(arena, queues.length * options.memoryLength(), hugePages);
            for (int i = 0; i < queues.length; i++) {
                long base = (long) i << partShift(options);
                queues[i] = new XdpQueue(nic, queueNumbers[i], options, packets.memory(), base, spareChunks);
            }
            String place = "AF_XDP " + nic.name() + (queues.length > 1 ? " queues " : " queue ")
                    + IntStream.of(queueNumbers).mapToObj(String::valueOf).collect(Collectors.joining(","));
            return new XdpPort(arena, packets, queues, options, place);
        } catch (RuntimeException e) {
            for (XdpQueue queue : queues) {
                if (queue != null) {
                    queue.close();
                }
            }
            arena.close();
            throw e;
        }
    }

    private static int partShift(XdpSocket.Options options) {
        return Long.numberOfTrailingZeros(options.memoryLength());
    }

    private String copying() {
        long zeroCopy = Arrays.stream(queues).filter(XdpQueue::isZeroCopy).count();
        return zeroCopy == queues.length
                ? "zero-copy"
                : zeroCopy == 0 ? "copy" : "zero-copy on " + zeroCopy + " of " + queues.length;
    }

    @Override
    public MemorySegment memory() {
        return packets.memory();
    }

    @Override
    public int receive(FrameBatch batch) {
        int at = current;
        for (int asked = 0; asked < queues.length; asked++) {
            if (++at == queues.length) {
                at = 0;
            }
            int count = queues[at].receive(batch);
            if (count > 0) {
                current = at;
                return count;
            }
        }
        return 0;
    }

    @Override
    public int transmit(FrameBatch batch) {
        int sent = queues.length == 1 ? queues[0].transmit(batch, 0, batch.size) : transmitByQueue(batch);
        batch.clear();
        return sent;
    }

    /// Each frame by the queue whose chunk it is in. That is one queue for nearly every batch: where room was borrowed
    /// before the batch was received there may be a second.
    private int transmitByQueue(FrameBatch batch) {
        int sent = 0;
        boolean isFull = false;
        int to;
        for (int from = 0; from < batch.size; from = to) {
            int owner = ownerOf(batch.offsets[from]);
            int wanted = 0;
            for (to = from; to < batch.size && ownerOf(batch.offsets[to]) == owner; to++) {
                wanted += batch.verdicts[to] == FrameBatch.SEND ? 1 : 0;
            }
            if (isFull) { // What is not sent has to be the last of the batch.
                queues[owner].release(batch, from, to);
                continue;
            }
            int sentHere = queues[owner].transmit(batch, from, to);
            sent += sentHere;
            isFull = sentHere < wanted;
        }
        return sent;
    }

    /// {@return which of its queues, counted from 0, has the chunk}
    int ownerOf(long offset) {
        return (int) (offset >>> partShift);
    }

    /// Room at the queue of the last batch, so that a reply is sent by the same call as that batch; elsewhere if that
    /// queue has none.
    @Override
    public long borrow() {
        long offset = queues[current].borrow();
        for (int i = 0; offset < 0 && i < queues.length; i++) {
            offset = queues[i].borrow();
        }
        return offset;
    }

    @Override
    public void giveBack(long offset) {
        queues[ownerOf(offset)].giveBack(offset);
    }

    @Override
    public int[] descriptors() {
        return Arrays.stream(queues).mapToInt(XdpQueue::descriptor).toArray();
    }

    /// {@return the descriptor of the socket on one queue}
    ///
    /// @param index among the port's queues
    int descriptor(int index) {
        return queues[index].descriptor();
    }

    @Override
    public String description() {
        return description;
    }

    /// {@return whether the NIC reads and writes the packet memory itself, for all queues}
    public boolean isZeroCopy() {
        return Arrays.stream(queues).allMatch(XdpQueue::isZeroCopy);
    }

    /// {@return the most bytes of a frame, tag included, that is received whole}
    public int frameLengthMax() {
        return chunkBytes - XdpSocket.KERNEL_HEADROOM;
    }

    @Override
    public void countLost(WorkerCounters counters) {
        long lost = 0;
        for (XdpQueue queue : queues) {
            lost += queue.takeLost();
        }
        counters.add(WorkerCounter.PORT_LOST.id(), lost);
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            for (XdpQueue queue : queues) {
                queue.close();
            }
            arena.close();
        }
    }

    /// {@return chunks in the fill rings and kept for [#borrow()]: all there are, when no frame is on its way}
    int chunksAtRest() {
        int chunks = 0;
        for (XdpQueue queue : queues) {
            chunks += queue.chunksAtRest();
        }
        return chunks;
    }
}
