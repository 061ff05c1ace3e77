package io.penstock.forwarder.backend;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.config.Addresses;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.Errno;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.MountNamespace;
import io.penstock.forwarder.linux.Tunnel;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `--vip`, `--decap` and their like: the same for the three subcommands.
final class BackendOptions {
    @Option(
            names = "--vip",
            paramLabel = "VIP",
            split = ",",
            description =
                    "Addresses that this host is to get packets for; for check and remove default: all installed.")
    private List<String> vips = List.of();

    @Option(
            names = "--decap",
            paramLabel = "TUNNEL",
            split = ",",
            description = "Tunnels to open for them: ipip, gue, gre. Not needed for forwarding=dr.")
    private List<String> tunnels = List.of();

    @Option(
            names = "--interface",
            paramLabel = "IF",
            split = ",",
            description = "Where packets for the VIPs come in; default: each that is up and has an address.")
    private List<String> interfaceNames = List.of();

    @Option(
            names = "--xdp",
            paramLabel = "MODE",
            defaultValue = "auto",
            description = "How the program that opens tunnels runs: auto, driver or generic; default: auto.")
    private String mode = "auto";

    @Option(names = "--state-dir", hidden = true, description = "Where install keeps what remove needs.")
    private Path stateFolder = BackendHost.DEFAULT_BASE;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create();

    /// Something that is done to the host.
    interface Task<T> {
        T run(BackendHost host, Wish wish) throws IOException;
    }

    /// Runs a task in the mount namespace that keeps what is installed.
    ///
    /// @throws ParameterException when the options make no sense
    /// @throws CommandException   when it fails
    /// @throws HostLacksException when the host lacks something
    <T> T run(boolean needsVip, Task<T> task) throws Exception {
        Wish wish = wish();
        if (needsVip && wish.vips().isEmpty()) {
            throw wrong("--vip is missing: which addresses shall this host get packets for?");
        }
        try {
            return MountNamespace.inOutermost(() -> {
                try (BackendHost host = new BackendHost(stateFolder)) {
                    return task.run(host, wish);
                }
            });
        } catch (LinuxException e) {
            if (e.is(Errno.EPERM) || e.is(Errno.EACCES)) {
                throw new HostLacksException(
                        e.call() + ": " + Errno.describe(e.errno()),
                        "run as root, or with CAP_NET_ADMIN, and for --decap CAP_BPF and CAP_SYS_ADMIN",
                        e);
            }
            if (e.is(Errno.ENOSYS) || e.is(Errno.EOPNOTSUPP)) {
                throw new HostLacksException(e.call() + ": " + Errno.describe(e.errno()), "use a newer kernel", e);
            }
            throw new CommandException(ExitCode.FAILED, String.valueOf(e.getMessage()));
        }
    }

    private Wish wish() {
        Set<InetAddress> addresses = new LinkedHashSet<>();
        for (String text : vips) {
            InetAddress vip = Addresses.parse(text.strip());
            if (vip == null) {
                throw wrong("--vip=" + text + ": not an address (IPv4 or IPv6, without a prefix length)");
            }
            if (vip.isAnyLocalAddress()
                    || vip.isLoopbackAddress()
                    || vip.isMulticastAddress()
                    || vip.isLinkLocalAddress()) {
                throw wrong("--vip=" + text + ": cannot be a VIP (a unicast address beyond one link is expected)");
            }
            addresses.add(vip);
        }
        Set<Tunnel> kinds = EnumSet.noneOf(Tunnel.class);
        for (String text : tunnels) {
            kinds.add(tunnel(text.strip()));
        }
        return new Wish(addresses, kinds, new LinkedHashSet<>(interfaceNames), mode());
    }

    private Tunnel tunnel(String text) {
        for (Tunnel tunnel : Tunnel.values()) {
            if (tunnel.text().equals(text.toLowerCase(Locale.ROOT))) {
                return tunnel;
            }
        }
        throw wrong("--decap=" + text + ": not a tunnel (ipip, gue or gre expected)");
    }

    private BpfLink.@Nullable Mode mode() {
        return switch (mode) {
            case "auto" -> null;
            case "driver" -> BpfLink.Mode.DRIVER;
            case "generic" -> BpfLink.Mode.GENERIC;
            default -> throw wrong("--xdp=" + mode + ": not a mode (auto, driver or generic expected)");
        };
    }

    private ParameterException wrong(String message) {
        return new ParameterException(command.commandLine(), message);
    }

    CommandSpec command() {
        return command;
    }
}
