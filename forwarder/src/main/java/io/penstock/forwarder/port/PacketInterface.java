package io.penstock.forwarder.port;

import io.penstock.control.config.PacketRing;
import io.penstock.forwarder.linux.LinuxException;
import java.util.ArrayList;
import java.util.List;

/// The AF_PACKET ports of one interface: as many as there are workers, frames shared among them by flow.
///
/// Opened and closed by the conductor.
public final class PacketInterface implements AutoCloseable {
    private final List<PacketPort> ports;

    private PacketInterface(List<PacketPort> ports) {
        this.ports = List.copyOf(ports);
    }

    /// Opens the ports. No frame comes to any of them before all are there, and then each frame to exactly one.
    ///
    /// @param interfaceName Ethernet, in the calling thread's network namespace
    /// @param workers       how many ports
    /// @param batchFrames   most frames in a batch
    /// @throws LinuxException when the host lacks something; nothing is left open
    public static PacketInterface open(String interfaceName, int workers, PacketRing version, int batchFrames) {
        List<PacketPort> ports = new ArrayList<>();
        try {
            for (int i = 0; i < workers; i++) {
                ports.add(PacketPort.open(interfaceName, version, batchFrames));
            }
            if (workers > 1) {
                int group = ports.getFirst().receiver().foundGroup();
                for (PacketPort port : ports.subList(1, workers)) {
                    port.receiver().joinGroup(group);
                }
            }
            for (PacketPort port : ports) {
                port.receiver().receiveAll();
            }
            return new PacketInterface(ports);
        } catch (LinuxException e) {
            ports.forEach(PacketPort::close);
            throw e;
        }
    }

    /// {@return the ports, one for each worker}
    public List<PacketPort> ports() {
        return ports;
    }

    @Override
    public void close() {
        ports.forEach(PacketPort::close);
    }
}
