package io.penstock.sidecar.health;

import io.netty.channel.EventLoop;
import io.netty.util.NetUtil;
import io.penstock.sidecar.linux.CheckProcess;
import java.io.IOException;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// `health=script`: a program of the operator's, called with ADDRESS and PORT, ends with 0. It also finds
/// `PENSTOCK_LISTENER`, `PENSTOCK_BACKEND`, `PENSTOCK_ADDRESS` and `PENSTOCK_PORT` in its environment. At the time
/// limit it is killed with everything in its process group. [CheckProcess] says what it may do.
///
/// Exit codes 126 and 127, a shell's "cannot be run" and setpriv's own, are a fault of the check.
final class ScriptProbe implements Probe {
    private final EventLoop loop;
    private final ExecutorService starter;
    private final List<String> command;
    private final Map<String, String> environment;

    /// @param starter starts the processes, which takes a millisecond or two each: too long for the check thread
    ScriptProbe(EventLoop loop, ExecutorService starter, String program, CheckTarget target, InetAddress remote) {
        this.loop = loop;
        this.starter = starter;
        String address = NetUtil.toAddressString(remote);
        String port = Integer.toString(target.port());
        command = List.of(program, address, port);
        environment = Map.of(
                "PENSTOCK_LISTENER",
                target.listener(),
                "PENSTOCK_BACKEND",
                target.backend(),
                "PENSTOCK_ADDRESS",
                address,
                "PENSTOCK_PORT",
                port);
    }

    @Override
    public Attempt start(Consumer<CheckResult> outcome) {
        ScriptAttempt attempt = new ScriptAttempt(outcome);
        try {
            starter.execute(attempt::run);
        } catch (RejectedExecutionException e) {
            attempt.finish(CheckResult.fault("too many scripts wait to be started"));
        }
        return attempt;
    }

    private final class ScriptAttempt implements Attempt {
        private final Consumer<CheckResult> outcome;
        private boolean over; // check thread only
        private boolean givenUp; // under the monitor
        private @Nullable CheckProcess process; // under the monitor

        ScriptAttempt(Consumer<CheckResult> outcome) {
            this.outcome = outcome;
        }

        // On a starter thread. The monitor is never held while the process is made: the check thread takes it too.
        private void run() {
            if (isGivenUp()) {
                return;
            }
            CheckProcess started;
            try {
                started = CheckProcess.start(command, environment);
            } catch (IOException e) {
                tell(CheckResult.fault(String.valueOf(e.getMessage())));
                return;
            }
            if (keep(started)) {
                var _ = started.process().onExit().thenAccept(ended -> tell(result(ended.exitValue())));
            } else {
                started.kill();
            }
        }

        private synchronized boolean isGivenUp() {
            return givenUp;
        }

        /// {@return whether anybody still wants to know}
        private synchronized boolean keep(CheckProcess started) {
            process = started;
            return !givenUp;
        }

        private void tell(CheckResult result) {
            if (!loop.isShuttingDown()) {
                loop.execute(() -> finish(result));
            }
        }

        private void finish(CheckResult result) {
            if (!over) {
                over = true;
                outcome.accept(result);
            }
        }

        @Override
        public CheckResult giveUp() {
            over = true;
            synchronized (this) {
                givenUp = true;
                CheckProcess started = process;
                if (started == null) {
                    return CheckResult.fault("the script could not be started in time: too many run at once");
                }
                started.kill();
            }
            return CheckResult.failed("the script did not end in time");
        }
    }

    private static CheckResult result(int exit) {
        return switch (exit) {
            case 0 -> CheckResult.OK;
            case 126, 127 ->
                CheckResult.fault("the script cannot be run (exit " + exit + "): is it executable for all?");
            default -> CheckResult.failed("the script ended with " + exit);
        };
    }
}
