package io.penstock.forwarder.process;

import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;

/// Finds out that `forwarder.interface` is another one than at the start: deleted and made anew, or with another MAC
/// address. Sockets, rings and the XDP program belong to the old one for good; a new process takes over the flows.
///
/// Conductor only; asks in the network namespace of its thread.
final class InterfaceWatch {
    private final LinuxInterface nic;

    /// @param nic as it was when the ports were opened
    InterfaceWatch(LinuxInterface nic) {
        this.nic = nic;
    }

    /// {@return what became of the interface, where only a new start helps; empty while it is there, down or
    /// gone: it may come back}
    String replaced() {
        LinuxInterface now;
        try {
            now = LinuxInterface.read(nic.name());
        } catch (LinuxException gone) {
            return "";
        }
        if (!now.up()) {
            return "";
        }
        if (now.index() != nic.index()) {
            return nic.name() + " was deleted and made anew";
        }
        return now.mac() == nic.mac() ? "" : nic.name() + " has another MAC address";
    }
}
