package io.penstock.bench.wire;

import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TrafficGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Frames from the kernel's own generator on the generator's CPU, at a rate that can be changed, until this closes.
public final class Flood implements AutoCloseable {
    // Between two calls nothing is sent for 10 to 20 ms; frames that were not due count, at any rate on offer.
    private static final int FRAMES_AT_ONCE = 8_000_000;
    private static final int FIRST_FRAMES_WAIT_MS = 30_000; // Large tables take seconds to make.
    private static final int TIMED_FRAMES_AT_ONCE = 4_000_000; // Slower ones, and the rate matters less.

    private final TrafficGenerator traffic;
    private final boolean isTimed;
    private final Thread thread;
    private volatile String lowered = ""; // its number, once others may pass
    private volatile boolean running = true;
    private volatile @Nullable RuntimeException failure;

    /// @param frame     see [TrafficGenerator]
    /// @param perSecond frames a second to begin with
    public Flood(BenchNetwork network, byte[] frame, TrafficGenerator.Options options, long perSecond)
            throws IOException {
        isTimed = options.isTimed();
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
            if (isTimed) {
                letOthersPass();
            }
            while (running) {
                traffic.send(isTimed ? TIMED_FRAMES_AT_ONCE : FRAMES_AT_ONCE);
            }
        } catch (IOException e) {
            failure = new IllegalStateException(e.getMessage(), e);
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    /// Makes this thread one that runs when no other wants its CPU (`SCHED_IDLE`). A JVM stops its threads at times
    /// for what others of its threads do, and those share this CPU: the less they wait for it, the less the worker
    /// waits. Other programs of the host then come to this CPU, too, rather than to the worker's.
    private void letOthersPass() throws IOException {
        lowered = String.valueOf(
                Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName());
        Program.run(List.of("chrt", "--idle", "--pid", "0", lowered));
    }

    /// Its last call is not to take longer than it must.
    private void hurry() {
        if (!lowered.isEmpty()) {
            try {
                Program.run(List.of("chrt", "--other", "--pid", "0", lowered));
            } catch (IOException e) {
                // It has ended meanwhile, or ends a little later.
            }
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

    /// Waits until the subject forwards.
    ///
    /// @param returned how many frames have come back so far
    /// @throws IOException when hardly any does for half a minute
    public void awaitReturns(LongSupplier returned) throws IOException {
        long enough = returned.getAsLong() + 1_000;
        for (int waitedMs = 0; returned.getAsLong() < enough; waitedMs += 50) {
            check();
            if (waitedMs > FIRST_FRAMES_WAIT_MS) {
                throw new IOException("no frame came back within " + FIRST_FRAMES_WAIT_MS / 1_000 + " s");
            }
            Pause.ms(50);
        }
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
        hurry();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        traffic.close();
        check();
    }
}
