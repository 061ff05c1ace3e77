package io.penstock.forwarder.path;

import java.net.InetAddress;

/// Keeps [BackendRecords#reach] true: through which MAC address, with which MTU a backend is reached. Conductor only.
public interface NextHops {
    /// From now on the record of `row` shall say how `destination` is reached.
    void want(int row, InetAddress destination);

    /// The row is nobody's any more.
    void forget(int row);
}
