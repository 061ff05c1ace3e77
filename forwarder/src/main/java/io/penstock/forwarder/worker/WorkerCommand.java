package io.penstock.forwarder.worker;

/// Something the conductor asks a worker to do between two batches, on the worker's thread.
@FunctionalInterface
public interface WorkerCommand {
    /// Does it. Short: frames wait meanwhile.
    void run(ForwardingWorker worker);
}
