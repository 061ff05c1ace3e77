package io.penstock.tools.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SupervisorTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    private Supervisor supervisor = new Supervisor(List.of(), List.of(), "", out);

    private FutureTask<Integer> run = new FutureTask<>(() -> 0);

    @AfterEach
    void stop() {
        supervisor.stop();
        supervisor.stop();
    }

    @Test
    void shouldStopInTheOppositeOrder() throws Exception {
        start(
                shell("first", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"),
                shell("second", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"));
        awaitOutput("first | up");
        awaitOutput("second | up");
        supervisor.stop();

        assertEquals(0, run.get(10, TimeUnit.SECONDS));
        awaitOutput("second | bye");
        awaitOutput("first | bye");
        assertTrue(output().indexOf("second | bye") < output().indexOf("first | bye"), output());
    }

    @Test
    void shouldStartAgainWhatDied() throws Exception {
        start(shell("worker", "echo up; kill -KILL $$"), shell("other", "exec sleep 30"));

        // The second start comes after 0.1 s, the third a second later.
        awaitOutput("worker | up\nworker | up\n");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void shouldGiveUpWithTheExitCodeOfAFirstStartThatCannotWork(int code) throws Exception {
        start(shell("worker", "echo no such interface; exit " + code), shell("other", "exec sleep 30"));

        assertEquals(code, run.get(10, TimeUnit.SECONDS));
        assertTrue(output().contains("worker | no such interface"), output());
    }

    @Test
    void shouldKillWhatIgnoresSigterm() throws Exception {
        start(new ChildSpec(
                "stubborn", List.of("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.02; done"), 200));
        awaitOutput("stubborn | up");
        supervisor.stop();

        assertEquals(0, run.get(10, TimeUnit.SECONDS));
    }

    @Test
    void shouldPassSighupToTheOneItIsFor() throws Exception {
        String script = "trap 'echo hup' HUP; echo up; while :; do sleep 0.02; done";
        start(shell("forwarder", script), shell("sidecar", script));
        awaitOutput("sidecar | up");
        awaitOutput("forwarder | up");
        supervisor.hangUp();

        awaitOutput("sidecar | hup");
        assertTrue(!output().contains("forwarder | hup"), output());
    }

    @Test
    void shouldKeepAPriorityInFrontForTheJournal() throws Exception {
        start(shell("sidecar", "echo '<4>health: a is down'; sleep 30"));

        awaitOutput("<4>sidecar: health: a is down");
    }

    @Test
    void shouldWaitLongerAfterEachDeathUntilItRanSteadily() {
        Backoff backoff = new Backoff();

        assertEquals(100, backoff.afterDeath(0));
        assertEquals(1_000, backoff.afterDeath(500));
        assertEquals(2_000, backoff.afterDeath(0));
        for (int i = 0; i < 10; i++) {
            assertTrue(backoff.afterDeath(0) <= 30_000);
        }
        assertEquals(30_000, backoff.afterDeath(0));
        assertEquals(100, backoff.afterDeath(60_000));
    }

    private void start(ChildSpec... specs) {
        supervisor = new Supervisor(List.of(specs), List.of(), "sidecar", out);
        run = new FutureTask<>(supervisor::run);
        Thread.ofPlatform().daemon().start(run);
    }

    private static ChildSpec shell(String name, String script) {
        // A shell cannot trap what its parent ignores, and under nohup that is SIGHUP.
        return new ChildSpec(name, List.of("env", "--default-signal=HUP", "sh", "-c", script), 5_000);
    }

    private String output() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private void awaitOutput(String text) throws InterruptedException, ExecutionException, TimeoutException {
        long endNs = System.nanoTime() + 10_000_000_000L;
        while (!output().contains(text)) {
            if (System.nanoTime() - endNs > 0) {
                throw new TimeoutException("'" + text + "' is not in: " + output());
            }
            Thread.sleep(10);
        }
    }
}
