package io.penstock.tools.run;

import io.penstock.control.log.Log;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// Keeps processes alive and ends them in order.
///
/// Everything happens on the thread that calls [#run()]: other threads put what they saw into its queue. That thread
/// also starts the processes, because the kernel ties "end with your parent" to the thread that forked, not to the
/// process.
final class Supervisor {
    private static final Log LOG = new Log("run");
    /// A first start that fails by itself within this time fails for a reason that stays: another instance of that
    /// name, an interface that is not there. Later the same may pass, and a kill always may.
    private static final long FIRST_START_MS = 10_000;

    /// Exit codes from here on say which signal ended a process.
    private static final int SIGNALLED = 128;

    private sealed interface Event {
        record Died(Child child) implements Event {}

        record Due(Child child) implements Event {}

        record Stop() implements Event {}

        record HangUp() implements Event {}
    }

    private final List<Child> children = new ArrayList<>();
    private final LinkedBlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final String hangUpName;
    private int stopsAsked;

    /// @param specs      in the order of their start; they end in the opposite order
    /// @param prefix     put before each command
    /// @param hangUpName the process that SIGHUP is for
    /// @param out        where their output goes
    Supervisor(List<ChildSpec> specs, List<String> prefix, String hangUpName, PrintStream out) {
        this.hangUpName = hangUpName;
        for (ChildSpec spec : specs) {
            children.add(new Child(spec, prefix, out, child -> events.add(new Event.Died(child))));
        }
    }

    /// Asks for the end, from any thread. Asked again, it kills what still runs.
    synchronized void stop() {
        if (++stopsAsked == 1) {
            events.add(new Event.Stop());
        } else {
            children.forEach(Child::kill);
        }
    }

    /// Passes a SIGHUP on, from any thread.
    void hangUp() {
        events.add(new Event.HangUp());
    }

    /// Starts all and returns when all have ended.
    ///
    /// @return 0 after [#stop()]; else the exit code of the process whose first start failed for good
    int run() throws IOException, InterruptedException {
        try {
            for (Child child : children) {
                child.start();
            }
            while (true) {
                switch (nextEvent()) {
                    case Event.Stop stop -> {
                        return stopAll();
                    }
                    case Event.HangUp hangUp -> hangUpChild();
                    case Event.Due(Child child) -> child.start();
                    case Event.Died(Child child) -> {
                        int code = child.exitCode();
                        if (child.starts() == 1 && child.ranMs() < FIRST_START_MS && code > 0 && code < SIGNALLED) {
                            LOG.error(child.name() + " cannot start (exit code " + code + "): stopping the others");
                            stopAll();
                            return code;
                        }
                        LOG.warn("%s ended (%s); starting it again in %d ms"
                                .formatted(child.name(), cause(code), child.startLater()));
                    }
                }
            }
        } finally {
            children.forEach(Child::kill); // Only those that an exception left behind.
        }
    }

    private Event nextEvent() throws InterruptedException {
        while (true) {
            long waitMs = Long.MAX_VALUE;
            for (Child child : children) {
                long dueMs = child.dueInMs();
                if (dueMs <= 0) {
                    return new Event.Due(child);
                }
                waitMs = Math.min(waitMs, dueMs);
            }
            Event event = events.poll(waitMs, TimeUnit.MILLISECONDS);
            if (event != null) {
                return event;
            }
        }
    }

    private int stopAll() throws InterruptedException {
        for (Child child : children.reversed()) {
            if (child.isRunning()) {
                LOG.info("stopping " + child.name());
                if (!child.stop()) {
                    LOG.warn(child.name() + " did not end in time and was killed");
                }
            }
        }
        return 0;
    }

    private void hangUpChild() throws IOException {
        for (Child child : children) {
            if (child.name().equals(hangUpName)) {
                child.hangUp();
            }
        }
    }

    private static String cause(int exitCode) {
        return exitCode >= SIGNALLED ? "signal " + (exitCode - SIGNALLED) : "exit code " + exitCode;
    }
}
