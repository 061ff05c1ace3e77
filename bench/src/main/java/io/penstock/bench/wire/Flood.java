package io.penstock.bench.wire;

import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Frames as fast as the kernel can make them, from the generator's CPU, until this closes.
final class Flood implements AutoCloseable {
    private static final int FRAMES_AT_ONCE = 1_000_000;

    private final Thread thread;
    private volatile boolean running = true;
    private volatile @Nullable RuntimeException failure;

    /// @param flows different sources, a power of two
    Flood(BenchNetwork network, byte[] frame, int flows) {
        thread = new Thread(() -> send(network, frame, flows), "ps-bench-flood");
        thread.start();
    }

    private void send(BenchNetwork network, byte[] frame, int flows) {
        try (var _ = network.enter(network.generatorSide());
                TrafficGenerator traffic = new TrafficGenerator(
                        LinuxInterface.read(network.generatorLink()).index(), frame, flows)) {
            CpuAffinity.pin(BenchNetwork.GENERATOR_CPU);
            while (running) {
                traffic.send(FRAMES_AT_ONCE);
            }
        } catch (RuntimeException e) {
            failure = e;
        }
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
        check();
    }
}
