package io.penstock.bench.wire;

/// Waits while others work.
public final class Pause {
    private Pause() {}

    /// Waits for a time, or until the thread is interrupted, which it stays.
    public static void ms(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
