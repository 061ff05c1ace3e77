package io.penstock.forwarder.port;

import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.XdpSocket;
import java.lang.foreign.MemorySegment;

/// One queue of an [XdpPort]: its AF_XDP socket and its part of the port's packet memory.
///
/// A chunk is the queue's for good and always in exactly one place; there is no list of free ones but the few kept for
/// [#borrow()]:
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
/// Offsets are the port's; the kernel counts from the first chunk of the queue. One worker's own.
final class XdpQueue implements AutoCloseable {
    private static final int COMPLETIONS_MAX = 1 << 20;

    private final XdpSocket socket;
    private final long base;
    private final int chunkBytes;
    private final ConsumerRing received;
    private final ConsumerRing completed;
    private final ProducerRing toSend;
    private final ProducerRing fill;
    private final long[] spares; // as the kernel counts
    private int spareCount;
    private boolean busyPolling;
    private long lostBefore;

    /// Makes the socket, fills its fill ring, and binds it.
    ///
    /// @param memory      the port's
    /// @param base        where the part for this queue begins
    /// @param spareChunks chunks kept back for [#borrow()]
    /// @throws io.penstock.forwarder.linux.LinuxException when the kernel refuses; nothing is left behind
    XdpQueue(
            LinuxInterface nic,
            int queue,
            XdpSocket.Options options,
            MemorySegment memory,
            long base,
            int spareChunks) {
        this.base = base;
        chunkBytes = options.chunkBytes();
        socket = new XdpSocket(nic, queue, memory.asSlice(base, options.memoryLength()), options);
        received = new ConsumerRing(socket.receive());
        completed = new ConsumerRing(socket.completion());
        toSend = new ProducerRing(socket.transmit());
        fill = new ProducerRing(socket.fill());
        spares = new long[spareChunks];
        for (int i = options.fillEntries() - 1; i >= 0; i--) {
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

    /// Takes what has arrived into the empty batch; when nothing has, sees to what the kernel waits for.
    ///
    /// @return frames taken
    int receive(FrameBatch batch) {
        reclaim();
        int count = received.available(batch.batchFrames());
        if (count == 0) {
            fill.publish();
            wakeWhereAsked();
            return 0;
        }
        for (int i = 0; i < count; i++) {
            long offset = base + received.address(i);
            batch.addReceived(offset, received.length(i), offset & -chunkBytes);
        }
        received.release(count);
        fill.publish();
        return count;
    }

    /// Sends or takes back the frames `from..to-1` of the batch, all of them in chunks of this queue.
    ///
    /// @return frames sent; the last ones that were to be are dropped when the ring is full
    int transmit(FrameBatch batch, int from, int to) {
        int room = toSend.room(to - from);
        int sent = 0;
        for (int i = from; i < to; i++) {
            long offset = batch.offsets[i];
            assert batch.tokens[i] == -1 || batch.tokens[i] == (offset & -chunkBytes)
                    : "frame " + i + " left its chunk";
            if (batch.verdicts[i] == FrameBatch.SEND && sent < room) {
                toSend.put(offset - base, batch.lengths[i]);
                sent++;
            } else {
                recycle((offset & -chunkBytes) - base);
            }
        }
        fill.publish();
        if (sent > 0) {
            toSend.publish();
            if (toSend.needsWakeup()) {
                kick();
            }
        }
        return sent;
    }

    /// Takes back the frames `from..to-1` of the batch, unsent whatever their verdicts.
    void release(FrameBatch batch, int from, int to) {
        for (int i = from; i < to; i++) {
            recycle((batch.offsets[i] & -chunkBytes) - base);
        }
        fill.publish();
    }

    /// {@return where a free chunk's frame begins, or -1 when none is kept}
    long borrow() {
        return spareCount == 0 ? -1 : base + spares[--spareCount] + FramePort.HEADROOM;
    }

    void giveBack(long offset) {
        recycle((offset & -chunkBytes) - base);
        fill.publish();
    }

    int descriptor() {
        return socket.descriptor();
    }

    boolean isZeroCopy() {
        return socket.isZeroCopy();
    }

    /// {@return frames that the kernel lost since the last time}
    long takeLost() {
        long lost = socket.lostFrames();
        long since = Math.max(0, lost - lostBefore);
        lostBefore += since;
        // The driver tells its NAPI with the first frames, or never (veth): only then is there something to poll.
        busyPolling = socket.options().busyPoll() && socket.napiId() != 0;
        return since;
    }

    /// {@return chunks in the fill ring and kept for [#borrow()]: all there are, when no frame is on its way}
    int chunksAtRest() {
        reclaim();
        fill.publish();
        return spareCount + fill.unconsumed();
    }

    @Override
    public void close() {
        socket.close();
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
