package io.penstock.bench.path;

import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.port.FrameBatch;
import io.penstock.forwarder.port.FramePort;
import java.lang.foreign.MemorySegment;

/// A port that costs next to nothing: it hands out the frames of a [FlowFrames] one after the other, round and round,
/// and forgets what is sent. So what is measured is the packet path and not the port. One thread's own.
public final class LoopPort implements FramePort {
    private final FlowFrames frames;
    private int next;
    private long sent;

    /// @param frames what is received
    public LoopPort(FlowFrames frames) {
        this.frames = frames;
    }

    /// {@return frames sent so far}
    public long sent() {
        return sent;
    }

    @Override
    public MemorySegment memory() {
        return frames.memory();
    }

    @Override
    public int receive(FrameBatch batch) {
        int count = Math.min(batch.batchFrames(), FlowFrames.COUNT - next);
        for (int i = 0; i < count; i++) {
            batch.addReceived(frames.offset(next + i), FlowFrames.LENGTH, 0);
        }
        next = (next + count) % FlowFrames.COUNT;
        return count;
    }

    @Override
    public int transmit(FrameBatch batch) {
        int count = 0;
        for (int i = 0; i < batch.size; i++) {
            count += batch.verdicts[i] & FrameBatch.SEND;
        }
        sent += count;
        batch.clear();
        return count;
    }

    @Override
    public long borrow() {
        return -1;
    }

    @Override
    public void giveBack(long offset) {}

    @Override
    public int[] descriptors() {
        return new int[0];
    }

    @Override
    public String description() {
        return "memory: " + FlowFrames.COUNT + " frames, round and round";
    }

    @Override
    public void countLost(WorkerCounters counters) {}

    @Override
    public void close() {}
}
