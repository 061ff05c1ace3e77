package io.penstock.bench.traffic;

import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import java.lang.foreign.MemorySegment;
import org.HdrHistogram.Histogram;

/// Sends frames at a steady rate by one of our own ports, takes back what returns, and measures loss and time of flight
/// by the one clock of one thread. A frame that is late is sent as soon as it can be, with the time at which it was
/// due: what keeps the generator waiting counts as latency. One thread's own; it never sleeps.
public final class LoadGenerator {
    private static final int BATCH_FRAMES = 32;
    private static final long LONGEST_NS = 10_000_000_000L;
    private static final long DRAIN_NS = 100_000_000;

    private final FramePort port;
    private final FrameMix mix;
    private final FrameBatch batch = new FrameBatch(BATCH_FRAMES);

    /// What became of the frames of one run; SYNs are not part of it.
    ///
    /// @param sent      frames sent
    /// @param received  frames that came back
    /// @param syns      SYNs sent beside them
    /// @param latencyNs time of flight
    public record Result(long sent, long received, long syns, Histogram latencyNs) {
        /// {@return the part that did not come back, in per cent}
        public double lossPercent() {
            return sent == 0 ? 0 : 100.0 * Math.max(0, sent - received) / sent;
        }
    }

    /// @param port where frames go out and come back; nobody else uses it
    public LoadGenerator(FramePort port, FrameMix mix) {
        this.port = port;
        this.mix = mix;
    }

    /// Sends for a time, and waits a little for the last ones. When it cannot hold the rate it goes on until all are
    /// sent, at most twice the time.
    ///
    /// @param framesPerSecond SYNs included
    public Result run(long framesPerSecond, long ms) {
        Histogram histogram = new Histogram(LONGEST_NS, 3);
        double gapNs = 1e9 / framesPerSecond;
        long total = framesPerSecond * ms / 1_000;
        long startNs = System.nanoTime();
        long giveUpNs = startNs + 2 * ms * 1_000_000 + DRAIN_NS;
        long sentNs = startNs;
        long queued = 0;
        long syns = 0;
        long sent = 0;
        long received = 0;
        for (long nowNs = startNs; nowNs < giveUpNs; nowNs = System.nanoTime()) {
            if (queued == total && (received >= sent || nowNs - sentNs > DRAIN_NS)) {
                break;
            }
            int own = 0;
            while (queued < total && own < BATCH_FRAMES && startNs + (long) (queued * gapNs) <= nowNs) {
                int length = add(startNs + (long) (queued * gapNs));
                if (length == 0) {
                    break; // No room now: the frame stays due.
                }
                queued++;
                syns += length < 0 ? 1 : 0;
                sent += length > 0 ? 1 : 0;
                own++;
            }
            if (own > 0) {
                port.transmit(batch);
                sentNs = nowNs;
            }
            received += receive(histogram);
        }
        return new Result(sent, received, syns, histogram);
    }

    private int add(long dueNs) {
        long offset = port.borrow();
        if (offset < 0) {
            return 0;
        }
        int length = mix.write(port.memory(), offset, dueNs);
        boolean added = batch.addOriginated(offset, Math.abs(length));
        assert added : "the batch is full";
        return length;
    }

    private int receive(Histogram histogram) {
        int count = port.receive(batch);
        if (count == 0) {
            return 0;
        }
        long nowNs = System.nanoTime();
        MemorySegment memory = port.memory();
        int ours = 0;
        for (int i = 0; i < count; i++) {
            long sentNs = FrameMix.sentNs(memory, batch.offsets[i], batch.lengths[i]);
            if (sentNs >= 0) {
                histogram.recordValue(Math.min(LONGEST_NS, Math.max(0, nowNs - sentNs)));
                ours++;
            }
        }
        port.transmit(batch); // Nothing is to be sent: all go back to the ring.
        return ours;
    }
}
