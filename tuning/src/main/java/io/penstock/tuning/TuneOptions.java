package io.penstock.tuning;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.ConfigLoader;
import io.penstock.control.config.ForwarderConfig;
import io.penstock.control.config.HugePages;
import io.penstock.control.config.IdleMode;
import io.penstock.control.config.PortMode;
import io.penstock.tuning.host.Host;
import io.penstock.tuning.host.HostFiles;
import io.penstock.tuning.host.Target;
import io.penstock.tuning.linux.EthtoolDriver;
import io.penstock.tuning.linux.NicDriver;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What a host is looked at for, and where it is.
final class TuneOptions {
    private static final Path INSTALLED_CONFIG = Path.of("/etc/penstock/default.properties");

    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "The forwarder's properties file; default: /etc/penstock/default.properties where it is.")
    private @Nullable Path config;

    @Option(
            names = "--interface",
            paramLabel = "NAME",
            description = "The forwarder's NIC; default: the file's, else that of the default route.")
    private @Nullable String nic;

    @Option(names = "--cpus", paramLabel = "LIST", description = "The workers' CPUs, such as 2-5; default: the file's.")
    private @Nullable String cpus;

    @Option(
            names = "--root",
            paramLabel = "DIR",
            description = "Look at a copy of /proc and /sys in this folder instead of this host.")
    private Path root = Path.of("/");

    /// {@return the host}
    Host host() {
        HostFiles files = new HostFiles(root);
        return new Host(files, files.isThisHost() ? new EthtoolDriver() : unknownDriver());
    }

    /// {@return whether a copy is looked at, in which nothing can be changed}
    boolean isCopy() {
        return !new HostFiles(root).isThisHost();
    }

    /// {@return what the host is to be tuned for}
    Target target(Host host) throws ConfigException {
        Target target = configured();
        String name = nic != null ? nic : target.nic();
        return new Target(
                name != null ? name : new HostPlan(host).interfaceName(),
                cpus == null ? target.cpus() : named(cpus),
                target.port(),
                target.idle(),
                target.hugePages());
    }

    /// {@return the interface that was named, or null}
    @Nullable
    String named() {
        return nic;
    }

    private Target configured() throws ConfigException {
        Path file = config != null ? config : INSTALLED_CONFIG;
        if (config != null || (!isCopy() && Files.isReadable(file))) {
            ForwarderConfig forwarder = ConfigLoader.load(file).config().forwarder();
            return Target.of(forwarder);
        }
        return new Target(null, List.of(0), PortMode.AUTO, IdleMode.ADAPTIVE, HugePages.AUTO);
    }

    private static List<Integer> named(String text) {
        List<Integer> list = HostFiles.cpus(text);
        if (list.isEmpty() || !text.matches("[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*")) {
            throw new CommandException(ExitCode.USAGE, "--cpus " + text + ": a list such as 2-5 or 0,2 is expected");
        }
        return list;
    }

    /// Answers nothing: a copy of files holds nothing of a driver.
    private static NicDriver unknownDriver() {
        return (NicDriver) Proxy.newProxyInstance(
                NicDriver.class.getClassLoader(), new Class<?>[] {NicDriver.class}, (_, _, _) -> {
                    throw new java.io.IOException("a copy of /proc and /sys does not hold the NIC's settings");
                });
    }
}
