package io.penstock.control.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SignalsTest {
    @Test
    void shouldRunTheActionEachTimeTheSignalArrives() throws Exception {
        CountDownLatch arrived = new CountDownLatch(2);
        CountDownLatch first = new CountDownLatch(1);
        // WINCH: ignored by default, so that nothing else of the JVM depends on it.
        Signals.on("WINCH", () -> {
            first.countDown();
            arrived.countDown();
        });
        kill();
        assertTrue(first.await(10, TimeUnit.SECONDS));
        kill();
        assertTrue(arrived.await(10, TimeUnit.SECONDS));
    }

    private static void kill() throws Exception {
        String pid = Long.toString(ProcessHandle.current().pid());
        new ProcessBuilder("sh", "-c", "kill -WINCH " + pid).start().waitFor();
    }
}
