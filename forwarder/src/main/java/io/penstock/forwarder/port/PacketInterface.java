package io.penstock.forwarder.port;

import io.penstock.control.config.PacketRing;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.TcxFilter;
import io.penstock.forwarder.linux.VipFilter;
import java.util.ArrayList;
import java.util.List;

/// A network interface listened to by AF_PACKET: a port for each worker, frames shared among them by flow, and a
/// program behind them that keeps the VIPs' frames from the host's stack.
///
/// No frame comes before [#filter()] was told the VIPs. Closing stops the ports first, so that no frame is both
/// forwarded and given to the host. Set-up only.
public final class PacketInterface implements FrameInterface {
    private final LinuxInterface nic;
    private final TcxFilter filter;
    private final List<PacketPort> ports;
    private final List<String> notices;

    private PacketInterface(LinuxInterface nic, TcxFilter filter, List<PacketPort> ports, List<String> notices) {
        this.nic = nic;
        this.filter = filter;
        this.ports = List.copyOf(ports);
        this.notices = List.copyOf(notices);
    }

    /// Opens the ports. No frame comes to any of them before all are there, and then each frame to exactly one.
    ///
    /// @param interfaceName Ethernet, in the calling thread's network namespace
    /// @param workers       how many ports
    /// @param version       of the receive rings
    /// @param batchFrames   most frames in a batch
    /// @throws LinuxException naming what is missing and the remedy; nothing is left behind
    public static PacketInterface open(String interfaceName, int workers, PacketRing version, int batchFrames) {
        LinuxInterface nic = LinuxInterface.read(interfaceName);
        List<PacketPort> ports = new ArrayList<>();
        TcxFilter filter = null;
        try {
            for (int i = 0; i < workers; i++) {
                ports.add(PacketPort.open(nic, version, batchFrames));
            }
            if (workers > 1) {
                int group = ports.getFirst().receiver().foundGroup();
                for (PacketPort port : ports.subList(1, workers)) {
                    port.receiver().joinGroup(group);
                }
            }
            filter = TcxFilter.open(nic);
            for (PacketPort port : ports) {
                port.receiver().receiveWhat(filter.tap().descriptor());
            }
            return new PacketInterface(nic, filter, ports, notices(nic));
        } catch (LinuxException e) {
            ports.forEach(PacketPort::close);
            if (filter != null) {
                filter.close();
            }
            throw e;
        }
    }

    private static List<String> notices(LinuxInterface nic) {
        List<String> notices = new ArrayList<>();
        if (!nic.up()) {
            notices.add(nic.name() + " is down: ip link set " + nic.name() + " up");
        }
        if (nic.mergesFrames() || nic.mergesInStack()) {
            notices.add("received segments are merged on " + nic.name() + ", and what exceeds the MTU then is dropped"
                    + " (truncated): ethtool -K " + nic.name() + " gro off lro off");
        }
        return notices;
    }

    @Override
    public List<PacketPort> ports() {
        return ports;
    }

    @Override
    public VipFilter filter() {
        return filter;
    }

    @Override
    public LinuxInterface nic() {
        return nic;
    }

    @Override
    public String kind() {
        return "packet";
    }

    @Override
    public List<String> notices() {
        return notices;
    }

    @Override
    public String description() {
        return ports.getFirst().description() + "; " + ports.size() + " port(s); " + filter.description();
    }

    @Override
    public void close() {
        ports.forEach(PacketPort::close);
        filter.close();
    }
}
