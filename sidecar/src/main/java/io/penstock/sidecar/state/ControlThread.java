package io.penstock.sidecar.state;

import io.penstock.control.log.Log;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/// One thread that does things one after the other. Whatever fails on it is told to whoever waits for it, or logged.
final class ControlThread implements AutoCloseable {
    private final Log log = new Log("control");
    private final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("ps-control").factory());

    /// Does something soon.
    ///
    /// @return its result, or what it threw
    <T> CompletableFuture<T> ask(Callable<T> work) {
        CompletableFuture<T> done = new CompletableFuture<>();
        try {
            executor.execute(() -> {
                try {
                    done.complete(work.call());
                } catch (Exception e) {
                    done.completeExceptionally(e);
                } catch (Error e) { // The executor would keep it to itself, and whoever asked would wait for ever.
                    log.error("control thread", e);
                    done.completeExceptionally(e);
                }
            });
        } catch (RejectedExecutionException e) {
            done.completeExceptionally(new IOException("the sidecar is stopping", e));
        }
        return done;
    }

    /// Does something soon that nobody waits for.
    void tell(Runnable work) {
        try {
            executor.execute(() -> logged(work));
        } catch (RejectedExecutionException e) {
            // It is stopping, and what nobody waits for is not missed.
        }
    }

    /// Does something later.
    ///
    /// @return for cancelling it
    Future<?> later(Runnable work, long delayMs) {
        try {
            return executor.schedule(() -> logged(work), delayMs, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) { // It is stopping.
            return CompletableFuture.completedFuture(null);
        }
    }

    private void logged(Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | Error e) { // Our bug, or no memory; the thread goes on.
            log.error("control thread", e);
        }
    }

    /// Ends when what is under way is done; what was planned is not done any more.
    @Override
    public void close() {
        executor.shutdownNow();
        try {
            if (!executor.awaitTermination(5, TimeUnit.SECONDS)) {
                log.error("the control thread does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
