package io.penstock.bench.latency;

import io.penstock.forwarder.linux.CpuAffinity;

/// Keeps a CPU from going to rest until this closes: to wake a virtual one takes longer than a frame's whole way. A
/// worker that spins does the same to its CPU, so the bare wire is compared with it like for like. What the
/// kernel has to do there comes before this thread at once, since NAPI runs as a real-time thread.
final class AwakeCpu implements AutoCloseable {
    private final Thread thread;
    private volatile boolean running = true;

    AwakeCpu(int cpu) {
        thread = new Thread(() -> spin(cpu), "ps-bench-awake");
        thread.start();
    }

    // Without Thread.onSpinWait: a hypervisor may take a CPU away that says it waits.
    private void spin(int cpu) {
        CpuAffinity.pin(cpu);
        while (running) {}
    }

    @Override
    public void close() {
        running = false;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
