package io.penstock.forwarder.cli;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ConfigOptions;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.HostLacksException;
import io.penstock.control.cli.RuntimeDirOption;
import io.penstock.control.cli.Signals;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.log.Log;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.process.Forwarder;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock forwarder`: runs in the foreground until SIGTERM or SIGINT.
@Command(
        name = "forwarder",
        description = {
            "Takes frames from the interface and forwards them. Runs in the foreground until SIGTERM.",
            "The sidecar tells it of changes; without one it works by the file as it was at the start.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock forwarder -c /etc/penstock/default.properties")
public final class ForwarderCommand implements Callable<ExitCode> {
    private final Log log = new Log("forwarder");

    @Mixin
    private ConfigOptions options = new ConfigOptions();

    @Mixin
    private RuntimeDirOption runtime = new RuntimeDirOption();

    @Override
    public ExitCode call() throws Exception {
        PenstockConfig config = options.load().config();
        String interfaceName = config.forwarder().interfaceName();
        if (interfaceName == null) {
            throw new CommandException(
                    ExitCode.USAGE,
                    options.file() + ": forwarder.interface: missing (the network interface to take frames from)");
        }
        CountDownLatch stop = new CountDownLatch(1);
        AtomicBoolean failed = new AtomicBoolean();
        Signals.on("TERM", stop::countDown);
        Signals.on("INT", stop::countDown);
        Signals.on("HUP", () -> log.info("SIGHUP: the sidecar reads the configuration, not the forwarder"));
        try (Forwarder _ = Forwarder.start(config, interfaceName, runtime.base(), _ -> {
            failed.set(true);
            stop.countDown();
        })) {
            stop.await();
            log.info("stopping");
        } catch (LinuxException lacking) {
            throw new HostLacksException(
                    String.valueOf(lacking.getMessage()).replace("; " + lacking.remedy(), ""),
                    lacking.remedy(),
                    lacking);
        }
        return failed.get() ? ExitCode.FAILED : ExitCode.DONE;
    }
}
