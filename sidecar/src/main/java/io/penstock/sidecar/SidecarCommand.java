package io.penstock.sidecar;

import io.penstock.control.cli.CommandRunner;
import io.penstock.control.cli.ConfigOptions;
import io.penstock.control.cli.ExitCode;
import io.penstock.control.cli.RuntimeDirOption;
import io.penstock.control.cli.Signals;
import io.penstock.control.log.Log;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `penstock sidecar`: runs in the foreground until SIGTERM or SIGINT; SIGHUP reads the file again.
@Command(
        name = "sidecar",
        description = {
            "Watches the configuration, checks the backends, serves API and metrics. Runs in the foreground.",
            "SIGHUP reads the file again (changes are noticed without it); SIGTERM ends it. Forwarding goes on without it.",
        },
        footerHeading = CommandRunner.EXAMPLE,
        footer = "  penstock sidecar -c /etc/penstock/default.properties")
final class SidecarCommand implements Callable<ExitCode> {
    @Mixin
    private ConfigOptions config = new ConfigOptions();

    @Mixin
    private RuntimeDirOption runtime = new RuntimeDirOption();

    @Override
    public ExitCode call() throws Exception {
        CountDownLatch stop = new CountDownLatch(1);
        Signals.on("TERM", stop::countDown);
        Signals.on("INT", stop::countDown);
        Sidecar sidecar = Sidecar.start(config.file(), runtime.base());
        try (sidecar) {
            Signals.on("HUP", () -> {
                var _ = sidecar.state().reload(); // What comes of it is in the log.
            });
            stop.await();
            new Log("sidecar").info("stopping");
        }
        return ExitCode.DONE;
    }
}
