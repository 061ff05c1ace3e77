package io.penstock.bench.wire;

import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Frames from the kernel's own generator on the generator's CPU, at a rate that can be changed, until this closes.
final class Flood implements AutoCloseable {
    private static final int FRAMES_AT_ONCE = 1_000_000;

    private final TrafficGenerator traffic;
    private final Thread thread;
    private volatile boolean running = true;
    private volatile @Nullable RuntimeException failure;

    /// @param flows     different sources, a power of two
    /// @param perSecond frames a second to begin with
    Flood(BenchNetwork network, byte[] frame, int flows, long perSecond) throws IOException {
        try (var _ = network.enter(network.generatorSide())) {
            traffic = new TrafficGenerator(
                    LinuxInterface.read(network.generatorLink()).index(), frame, flows);
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
    void pace(long perSecond) {
        traffic.pace(perSecond);
    }

    /// {@return how many frames were sent so far}
    long sent() {
        return traffic.sent();
    }

    /// @throws IOException when it could not send
    void check() throws IOException {
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
