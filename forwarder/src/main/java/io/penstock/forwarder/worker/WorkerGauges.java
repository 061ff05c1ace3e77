package io.penstock.forwarder.worker;

/// Where a worker tells how busy it is. Called once a cycle, on the worker's thread.
public interface WorkerGauges {
    /// Tells nobody.
    WorkerGauges NONE = (_, _) -> {};

    /// A cycle began.
    ///
    /// @param nowNs    its time
    /// @param received frames it took; a cycle without frames counts as idle
    void cycle(long nowNs, int received);
}
