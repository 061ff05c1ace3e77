package io.penstock.forwarder.worker;

import io.penstock.control.config.IdleMode;
import io.penstock.control.config.TransportKind;
import io.penstock.forwarder.linux.CpuAffinity;
import io.penstock.forwarder.linux.Privileges;
import io.penstock.forwarder.transport.Transports;
import io.penstock.forwarder.transport.WaitLoop;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The thread of a [ForwardingWorker]: pinned to its CPU, resting as `forwarder.idle` says when no frame waits.
///
/// | idle | when no frame waits |
/// |---|---|
/// | `spin` | asks again at once |
/// | `adaptive` | asks again some times, then blocks until a frame comes |
/// | `block` | blocks at once |
public final class WorkerThread {
    /// Empty cycles before `adaptive` blocks: some microseconds, about what going to sleep and waking up costs.
    private static final int SPINS = 64;
    /// Longest rest: expiry and gauges are due about as often.
    private static final long REST_NS = 20_000_000;

    private final ForwardingWorker worker;
    private final int cpu;
    private final IdleMode idle;
    private final Thread thread;
    private final WaitLoop loop;
    private final Consumer<Throwable> onFailure;
    private final CountDownLatch placed = new CountDownLatch(1);
    private volatile boolean stopped;
    private volatile @Nullable Throwable failure;

    /// @param index     names the thread `ps-worker-INDEX`
    /// @param onFailure told, on the worker's thread, when the worker died of a defect
    public WorkerThread(
            ForwardingWorker worker,
            int index,
            int cpu,
            IdleMode idle,
            TransportKind transport,
            Consumer<Throwable> onFailure) {
        this.worker = worker;
        this.cpu = cpu;
        this.idle = idle;
        this.onFailure = onFailure;
        thread = new Thread(this::run, "ps-worker-" + index);
        loop = Transports.open(transport, thread);
    }

    /// Starts the thread and waits until it is on its CPU.
    ///
    /// @throws io.penstock.forwarder.linux.LinuxException when it cannot be pinned there
    public void start() throws InterruptedException {
        thread.start();
        placed.await();
        if (failure instanceof RuntimeException refused) {
            throw refused;
        }
    }

    private void run() {
        try {
            CpuAffinity.pin(cpu);
            registerPort();
            Privileges.keepOnly(Set.of()); // All is open: from here on what strangers send is read.
        } catch (RuntimeException refused) {
            failure = refused;
            loop.close();
            placed.countDown();
            return;
        }
        placed.countDown();
        try {
            forward();
        } catch (Throwable defect) {
            failure = defect;
            onFailure.accept(defect);
        } finally {
            loop.close();
        }
    }

    /// A worker that never waits needs nobody to wake it: the kernel would go through the loop's wait queue for each
    /// frame that it receives.
    private void registerPort() {
        if (idle != IdleMode.SPIN) {
            for (int descriptor : worker.port().descriptors()) {
                loop.register(descriptor);
            }
        }
    }

    private void forward() {
        int empty = 0;
        int spins = idle == IdleMode.BLOCK ? 0 : SPINS;
        while (!stopped) {
            if (worker.doWork() > 0) {
                empty = 0;
            } else if (idle == IdleMode.SPIN || empty < spins) {
                empty++;
                Thread.onSpinWait();
            } else {
                loop.await(REST_NS);
                empty = 0;
            }
        }
    }

    /// Conductor: ends a rest, for a command that should not wait.
    public void wakeup() {
        loop.wakeup();
    }

    /// Ends the thread and waits for it.
    public void stop() throws InterruptedException {
        stopped = true;
        loop.wakeup();
        thread.join();
    }

    /// {@return the worker whose thread this is}
    public ForwardingWorker worker() {
        return worker;
    }
}
