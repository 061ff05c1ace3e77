package io.penstock.control.status;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.Addresses;
import io.penstock.control.config.Seeds;
import io.penstock.control.status.StatusReader.ListenerStatus;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A forwarder is killed with SIGKILL while rows change hands: whatever was cut short, no count is lost or doubled.
class StatusFileKillTest {
    @TempDir
    Path folder;

    @Test
    @Tag("slow")
    void shouldLoseNoCountWhenItIsKilled() throws Exception {
        Random random = Seeds.random("StatusFileKillTest");
        Path path = folder.resolve("status.dat");
        long[] before = new long[Victim.LISTENERS];
        for (int round = 0; round < 8; round++) {
            Process victim = new ProcessBuilder(
                            ProcessHandle.current().info().command().orElseThrow(),
                            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
                            "-XX:TieredStopAtLevel=1",
                            "-cp",
                            System.getProperty("java.class.path"),
                            Victim.class.getName(),
                            path.toString(),
                            Long.toString(random.nextLong()))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            assertEquals('r', victim.getInputStream().read(), "the victim runs");
            Thread.sleep(random.nextInt(300));
            victim.destroyForcibly().waitFor();

            try (StatusFile file = StatusFile.open(path, 1, message -> {
                        throw new AssertionError(message);
                    });
                    StatusReader reader = StatusReader.open(path)) {
                long inCells = 0;
                for (int row = 0; row < file.backends().used(); row++) {
                    inCells += file.backends()
                            .cells(0)
                            .get(ValueLayout.JAVA_LONG, BackendRows.cell(row) + BackendRows.NEW_FLOWS);
                }
                long shown = 0;
                Map<String, ListenerStatus> listeners = reader.listeners();
                for (int i = 0; i < Victim.LISTENERS; i++) {
                    ListenerStatus listener = listeners.get("l" + i);
                    long now = listener == null ? 0 : listener.totals().newFlows();
                    assertTrue(now >= before[i], "listener " + i + " fell from " + before[i] + " to " + now);
                    before[i] = now;
                    shown += now;
                }
                assertEquals(inCells, shown, "round " + round);
            }
        }
        assertTrue(before[0] > 0);
    }

    /// Gives rows to ever new backends, counts in them, and takes them back, until it is killed.
    static final class Victim {
        static final int LISTENERS = 3;

        private Victim() {}

        public static void main(String[] args) throws IOException {
            Random random = new Random(Long.parseLong(args[1]));
            try (StatusFile file = StatusFile.open(Path.of(args[0]), 1, message -> {})) {
                file.started("victim", "1", 0);
                BackendRows rows = file.backends();
                MemorySegment cells = rows.cells(0);
                int[] mine = new int[500];
                java.util.Arrays.fill(mine, -1);
                System.out.print('r');
                System.out.flush();
                while (true) {
                    int at = random.nextInt(mine.length);
                    if (mine[at] >= 0) {
                        rows.release(mine[at]);
                    }
                    byte[] address = new byte[4];
                    random.nextBytes(address);
                    InetAddress any = Addresses.of(address);
                    mine[at] = rows.allocate("l" + random.nextInt(LISTENERS), "b" + random.nextInt(100), any);
                    long offset = BackendRows.cell(mine[at]) + BackendRows.NEW_FLOWS;
                    cells.set(
                            ValueLayout.JAVA_LONG,
                            offset,
                            cells.get(ValueLayout.JAVA_LONG, offset) + 1 + random.nextInt(5));
                }
            }
        }
    }
}
