package io.penstock.tools.run;

import io.penstock.control.cli.CommandException;
import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ConfigOptions;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.RuntimeDirOption;
import io.penstock.control.cli.Signals;
import io.penstock.control.config.ConfigException;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.runtime.RuntimeFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock run`.
@Command(
        name = "run",
        description = {
            "Runs forwarder and sidecar in the foreground and starts again what dies.",
            "SIGTERM and Ctrl-C stop the sidecar, then the forwarder; SIGHUP makes the sidecar read the file again.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock run -c /etc/penstock/default.properties")
public final class RunCommand implements Callable<Integer> {
    private static final long SIDECAR_STOP_LIMIT_MS = 5_000;
    private static final long FORWARDER_STOP_LIMIT_MS = 10_000;

    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Mixin
    private RuntimeDirOption runtimeDir = new RuntimeDirOption();

    @Override
    public Integer call() throws ConfigException, IOException, InterruptedException {
        // A bad file, or a folder that may not be made, is one message here, not one from each process.
        PenstockConfig loaded = config.load().config();
        if (loaded.forwarder().interfaceName() == null) {
            throw new CommandException(
                    ExitCode.USAGE,
                    config.file() + ": forwarder.interface: missing (the network interface to take frames from)");
        }
        RuntimeFolder.create(runtimeDir.base(), loaded.instance());
        Supervisor supervisor = new Supervisor(
                List.of(spec("forwarder", FORWARDER_STOP_LIMIT_MS), spec("sidecar", SIDECAR_STOP_LIMIT_MS)),
                prefix(),
                "sidecar",
                System.out);
        Signals.on("TERM", supervisor::stop);
        Signals.on("INT", supervisor::stop);
        Signals.on("HUP", supervisor::hangUp);
        return supervisor.run();
    }

    private ChildSpec spec(String command, long stopLimitMs) {
        return new ChildSpec(
                command,
                List.of(
                        Launcher.path().toString(),
                        command,
                        "-c",
                        config.file().toString(),
                        "--runtime-dir",
                        runtimeDir.base().toString()),
                stopLimitMs);
    }

    /// Ctrl-C reaches the whole process group of a terminal, and we want to end them in order: a session of their own.
    /// Killed ourselves, we want them to end: the kernel sends them SIGTERM. Both programs come with util-linux.
    private static List<String> prefix() {
        List<String> prefix = new ArrayList<>();
        if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
            prefix.add("setsid");
        }
        if (Files.isExecutable(Path.of("/usr/bin/setpriv"))) {
            prefix.addAll(List.of("setpriv", "--pdeathsig", "TERM"));
        }
        return prefix;
    }
}
