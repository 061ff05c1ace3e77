package io.penstock.bench.wire;

import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Frames from the kernel's own generator on the generator's CPU, at a rate that can be changed, until this closes.
public final class Flood implements AutoCloseable {
    // Between two calls nothing is sent for 10 to 20 ms; frames that were not due count, at any rate on offer.
    private static final int FRAMES_AT_ONCE = 8_000_000;

    private final TrafficGenerator traffic;
    private final Thread thread;
    private volatile boolean running = true;
    private volatile @Nullable RuntimeException failure;

    /// @param frame     see [TrafficGenerator]
    /// @param perSecond frames a second to begin with
    public Flood(BenchNetwork network, byte[] frame, TrafficGenerator.Options options, long perSecond)
            throws IOException {
        try (var _ = network.enter(network.generatorSide())) {
            traffic = new TrafficGenerator(
                    LinuxInterface.read(network.generatorLink()).index(), frame, options);
        } catch (LinuxException e) {
            throw new IOException("generator: " + e.getMessage(), e);
        }
        traffic.pace(perSecond);
        thread = new Thread(() -> send(network), "ps-bench-flood");
        thread.start();
    }

    private void send(BenchNetwork network) {
        try (var _ = network.enter(network.generatorSide())) {
            CpuAffinity.pin(BenchNetwork.GENERATOR_CPU);
            while (running) {
                traffic.send(FRAMES_AT_ONCE);
            }
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    /// Changes the rate.
    ///
    /// @param perSecond frames a second; 0 for as many as can be made
    public void pace(long perSecond) {
        traffic.pace(perSecond);
    }

    /// Sends nothing until the next [#pace].
    public void pause() {
        traffic.pause();
    }

    /// {@return how many frames were sent so far, without SYNs}
    public long sent() {
        return traffic.sent() - traffic.syns();
    }

    /// @throws IOException when it could not send
    public void check() throws IOException {
        RuntimeException cause = failure;
        if (cause != null) {
            throw new IOException("generator: " + cause.getMessage(), cause);
        }
    }

    @Override
    public void close() throws IOException {
        running = false;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        traffic.close();
        check();
    }
}
