package io.penstock.forwarder.process;

import io.penstock.control.config.ForwarderConfig;
import io.penstock.control.config.IdleMode;
import io.penstock.control.config.PortMode;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.port.FrameInterface;
import io.penstock.forwarder.port.PacketInterface;
import io.penstock.forwarder.port.XdpInterface;
import java.util.function.Consumer;

/// Opens the interface by `forwarder.port`. `auto` means AF_XDP, and AF_PACKET where that cannot be had.
final class PortChoice {
    private PortChoice() {}

    /// Opens a port for each CPU of the configuration.
    ///
    /// @param log gets the reason of the choice that `auto` made
    /// @throws LinuxException naming what the host lacks
    static FrameInterface open(ForwarderConfig config, String interfaceName, Consumer<String> log) {
        if (config.port() == PortMode.PACKET) {
            return packet(config, interfaceName);
        }
        if (config.port() == PortMode.XDP) {
            return xdp(config, interfaceName);
        }
        try {
            FrameInterface xdp = xdp(config, interfaceName);
            log.accept("forwarder.port=auto: xdp, the faster one, binds to " + interfaceName);
            return xdp;
        } catch (LinuxException lacking) {
            FrameInterface packet = packet(config, interfaceName);
            log.accept("forwarder.port=auto: packet, because xdp is not to be had: " + lacking.getMessage());
            return packet;
        }
    }

    private static FrameInterface xdp(ForwarderConfig config, String interfaceName) {
        boolean busyPoll = config.idle() == IdleMode.SPIN;
        return XdpInterface.open(
                interfaceName, config.cpus().size(), new XdpInterface.Options(config.hugePages(), false, busyPoll));
    }

    private static FrameInterface packet(ForwarderConfig config, String interfaceName) {
        return PacketInterface.open(interfaceName, config.cpus().size(), config.packetRing(), config.batchFrames());
    }
}
