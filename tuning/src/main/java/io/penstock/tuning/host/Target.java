package io.penstock.tuning.host;

import io.penstock.control.config.ForwarderConfig;
import io.penstock.control.config.HugePages;
import io.penstock.control.config.IdleMode;
import io.penstock.control.config.PortMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the host is to be tuned for.
///
/// @param nic       the forwarder's interface, or null when none is known
/// @param cpus      the workers' CPUs, in order
/// @param port      how frames are taken
/// @param idle      what workers do when no packet waits
/// @param hugePages whether packet memory is to lie in huge pages
public record Target(@Nullable String nic, List<Integer> cpus, PortMode port, IdleMode idle, HugePages hugePages) {

    /// Copies the list.
    public Target {
        cpus = List.copyOf(cpus);
    }

    /// {@return what a configuration asks of the host}
    public static Target of(ForwarderConfig config) {
        return new Target(config.interfaceName(), config.cpus(), config.port(), config.idle(), config.hugePages());
    }

    /// {@return whether frames may come by AF_XDP, whose sockets each see one queue}
    public boolean mayUseXdp() {
        return port != PortMode.PACKET;
    }

    /// {@return the CPUs as a list: `2,3`}
    public String cpuList() {
        return Host.text(cpus);
    }
}
