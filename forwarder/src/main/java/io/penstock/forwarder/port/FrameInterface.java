package io.penstock.forwarder.port;

import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.VipFilter;
import java.util.List;

/// A network interface whose VIP frames come to us: a port for each worker and the filter in the kernel that tells the
/// VIPs' frames from the host's. No frame comes before the filter was told the VIPs. Set-up only.
public interface FrameInterface extends AutoCloseable {
    /// {@return the ports, one for each worker}
    List<? extends FramePort> ports();

    /// {@return the filter, to be told the VIPs}
    VipFilter filter();

    /// {@return what the kernel said of the interface when it was opened}
    LinuxInterface nic();

    /// {@return `xdp` or `packet`}
    String kind();

    /// {@return what the operator should know: a line each}
    List<String> notices();

    /// {@return one line: what was obtained}
    String description();

    @Override
    void close();
}
