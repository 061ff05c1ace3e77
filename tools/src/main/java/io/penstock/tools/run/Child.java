package io.penstock.tools.run;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One supervised process and its restarts. Used by the supervisor's thread, but for [#kill()].
final class Child {
    private final ChildSpec spec;
    private final List<String> prefix;
    private final PrintStream out;
    private final Consumer<Child> onDeath;
    private final Backoff backoff = new Backoff();
    private volatile @Nullable Process process;
    private long startedNs;
    private int starts;
    private boolean isDue;
    private long dueNs;

    /// @param prefix  put before the command, such as `setsid`
    /// @param onDeath called on another thread when the process has ended
    Child(ChildSpec spec, List<String> prefix, PrintStream out, Consumer<Child> onDeath) {
        this.spec = spec;
        this.prefix = prefix;
        this.out = out;
        this.onDeath = onDeath;
    }

    String name() {
        return spec.name();
    }

    /// {@return how often it was started}
    int starts() {
        return starts;
    }

    boolean isRunning() {
        Process running = process;
        return running != null && running.isAlive();
    }

    /// {@return its exit code; only for one that has run and ended}
    int exitCode() {
        Process ended = process;
        return ended == null ? 0 : ended.exitValue();
    }

    /// {@return how long ago it was started, in ms}
    long ranMs() {
        return (System.nanoTime() - startedNs) / 1_000_000;
    }

    /// Lets some time pass before the next start.
    ///
    /// @return how long, in ms
    long startLater() {
        long waitMs = backoff.afterDeath(ranMs());
        dueNs = System.nanoTime() + waitMs * 1_000_000;
        isDue = true;
        return waitMs;
    }

    /// {@return ms until the next start, 0 or less when it should be now, the greatest number when none is planned}
    long dueInMs() {
        return isDue ? (dueNs - System.nanoTime() + 999_999) / 1_000_000 : Long.MAX_VALUE;
    }

    void start() throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(spec.command());
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // The launcher that started us has built; a second build could change jars under a running process.
        builder.environment().put("PENSTOCK_BUILD", "never");
        Process started = builder.start();
        started.getOutputStream().close();
        process = started;
        starts++;
        isDue = false;
        startedNs = System.nanoTime();
        BufferedReader lines = started.inputReader(StandardCharsets.UTF_8);
        Thread relay = Thread.ofPlatform().daemon().name("ps-" + name()).start(() -> relay(lines));
        Thread.ofPlatform().daemon().name("ps-wait").start(() -> {
            try {
                started.waitFor();
                relay.join(1_000); // Its last words before ours about its end.
                onDeath.accept(this);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /// Sends SIGTERM and waits; kills it when it does not end in time.
    ///
    /// @return false when it had to be killed
    boolean stop() throws InterruptedException {
        Process running = process;
        if (running == null || !running.isAlive()) {
            return true;
        }
        running.toHandle().destroy(); // Process.destroy() would close the pipe, and its last words were lost.
        if (running.waitFor(spec.stopLimitMs(), TimeUnit.MILLISECONDS)) {
            return true;
        }
        running.destroyForcibly();
        running.waitFor(5, TimeUnit.SECONDS);
        return false;
    }

    /// Kills it, from any thread.
    void kill() {
        Process running = process;
        if (running != null) {
            running.destroyForcibly();
        }
    }

    /// Sends SIGHUP.
    void hangUp() throws IOException {
        Process running = process;
        if (running != null && running.isAlive()) {
            new ProcessBuilder("sh", "-c", "kill -HUP " + running.pid()).start();
        }
    }

    private void relay(BufferedReader lines) {
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                out.println(label(line));
            }
        } catch (IOException e) {
            // The pipe broke: it is dead, which is said elsewhere.
        }
    }

    /// Under systemd a line begins with its priority, which has to stay in front.
    private String label(String line) {
        boolean hasPriority = line.length() > 2 && line.charAt(0) == '<' && line.charAt(2) == '>';
        return hasPriority ? line.substring(0, 3) + name() + ": " + line.substring(3) : name() + " | " + line;
    }
}
