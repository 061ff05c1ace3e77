package io.penstock.forwarder.port;

import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.XdpSocket;
import java.lang.foreign.MemorySegment;

/// A port over one AF_XDP socket: the chunk a frame was received in is the chunk it is sent from.
///
/// A chunk is always in exactly one place; there is no list of free ones but the few kept for [#borrow()]:
///
/// ```
///            kernel              kernel
///  fill ring ------> (NIC) -----> RX ring ---> worker ---> TX ring ---> (NIC) ---> completion ring
///     ^                                          |                                      |
///     +------------------------------------------+  released, or no room in TX          |
///     +---------------------------------------------------------------------------------+
/// ```
///
/// ```
///  chunk  +----------------------------+--------------------------------------------+
///         | 256 bytes kept free        | frame as received ...                      |
///         +----------------------------+--------------------------------------------+
///  sent     ^ may begin anywhere here: tunnel headers are written before the frame
/// ```
///
/// A native call is made only where the kernel asks for it by the need-wakeup flag of a ring: in copy mode that is
/// one for each batch sent. [FrameBatch#PASS] cannot be done here, the XDP program decides that: such a frame is
/// released.
public final class XdpPort implements FramePort {
    private static final int COMPLETIONS_MAX = 1 << 20;

    private final XdpSocket socket;
    private final MemorySegment umem;
    private final int chunkBytes;
    private final ConsumerRing received;
    private final ConsumerRing completed;
    private final ProducerRing toSend;
    private final ProducerRing fill;
    private final long[] spares;
    private int spareCount;
    private boolean busyPolling;
    private long lostBefore;

    /// Takes a socket that is not bound yet, fills its fill ring, and binds it.
    ///
    /// @param spareChunks chunks kept back for [#borrow()]
    /// @throws io.penstock.forwarder.linux.LinuxException when it cannot be bound; the socket is then closed
    public XdpPort(XdpSocket socket, int spareChunks) {
        this.socket = socket;
        umem = socket.umem();
        chunkBytes = socket.options().chunkBytes();
        received = new ConsumerRing(socket.receive());
        completed = new ConsumerRing(socket.completion());
        toSend = new ProducerRing(socket.transmit());
        fill = new ProducerRing(socket.fill());
        spares = new long[spareChunks];
        int chunks = socket.options().fillEntries();
        for (int i = chunks - 1; i >= 0; i--) {
            recycle((long) i * chunkBytes);
        }
        fill.publish();
        try {
            socket.bind();
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    @Override
    public MemorySegment memory() {
        return umem;
    }

    @Override
    public int receive(FrameBatch batch) {
        reclaim();
        int count = received.available(batch.batchFrames());
        if (count == 0) {
            fill.publish();
            wakeWhereAsked();
            return 0;
        }
        for (int i = 0; i < count; i++) {
            long address = received.address(i);
            batch.addReceived(address, received.length(i), address & -chunkBytes);
        }
        received.release(count);
        fill.publish();
        return count;
    }

    @Override
    public int transmit(FrameBatch batch) {
        int size = batch.size;
        int room = toSend.room(size);
        int sent = 0;
        for (int i = 0; i < size; i++) {
            long offset = batch.offsets[i];
            assert batch.tokens[i] == -1 || batch.tokens[i] == (offset & -chunkBytes)
                    : "frame " + i + " left its chunk";
            if (batch.verdicts[i] == FrameBatch.SEND && sent < room) {
                toSend.put(offset, batch.lengths[i]);
                sent++;
            } else {
                recycle(offset & -chunkBytes);
            }
        }
        batch.clear();
        fill.publish();
        if (sent > 0) {
            toSend.publish();
            if (toSend.needsWakeup()) {
                kick();
            }
        }
        return sent;
    }

    @Override
    public long borrow() {
        return spareCount == 0 ? -1 : spares[--spareCount] + HEADROOM;
    }

    @Override
    public void giveBack(long offset) {
        recycle(offset & -chunkBytes);
        fill.publish();
    }

    @Override
    public int descriptor() {
        return socket.descriptor();
    }

    @Override
    public String description() {
        return socket.description();
    }

    /// {@return whether the NIC reads and writes the packet memory itself}
    public boolean isZeroCopy() {
        return socket.isZeroCopy();
    }

    /// {@return the most bytes of a frame, tag included, that is received whole}
    public int frameLengthMax() {
        return chunkBytes - XdpSocket.KERNEL_HEADROOM;
    }

    @Override
    public void countLost(WorkerCounters counters) {
        long lost = socket.lostFrames();
        counters.add(WorkerCounter.PORT_LOST.id(), Math.max(0, lost - lostBefore));
        lostBefore = Math.max(lost, lostBefore);
        // The driver tells its NAPI with the first frames, or never (veth): only then is there something to poll.
        busyPolling = socket.options().busyPoll() && socket.napiId() != 0;
    }

    @Override
    public void close() {
        socket.close();
    }

    /// {@return chunks in the fill ring and kept for [#borrow()]: all there are, when no frame is on its way}
    int chunksAtRest() {
        reclaim();
        fill.publish();
        return spareCount + fill.unconsumed();
    }

    /// Takes back the chunks of frames that were sent.
    private void reclaim() {
        int count = completed.available(COMPLETIONS_MAX);
        if (count > 0) {
            for (int i = 0; i < count; i++) {
                recycle(completed.completed(i) & -chunkBytes);
            }
            completed.release(count);
        }
    }

    /// A chunk whose frame is done with. The fill ring has an entry for every chunk there is, so it is never full.
    private void recycle(long chunk) {
        if (spareCount < spares.length) {
            spares[spareCount++] = chunk;
        } else {
            fill.put(chunk);
        }
    }

    /// Nothing came: sends what an earlier kick left, and wakes a driver that sleeps.
    private void wakeWhereAsked() {
        if (toSend.unconsumed() > 0 && toSend.needsWakeup()) {
            kick();
        }
        if (busyPolling || fill.needsWakeup()) {
            socket.kickReceive();
        }
    }

    /// In copy mode one kick sends a limited number of frames: goes on until all are sent or the kernel gets no
    /// further, as with the link down. What is left waits for the next cycle.
    private void kick() {
        int before = Integer.MAX_VALUE;
        int left = toSend.unconsumed();
        while (left > 0 && left < before) {
            before = left;
            socket.kickTransmit();
            left = socket.isZeroCopy() ? 0 : toSend.unconsumed();
        }
    }
}
