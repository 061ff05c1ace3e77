package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.path.TestWorkers.Worker;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A million SYNs of random sources for each second of virtual time, beside clients that are connected, and some that
/// come: every packet of an established flow is forwarded to its backend, and the tables hold what they held room for.
@Tag("slow")
class SynFloodTest {
    private static final int WORKERS = 2;
    private static final int ROOM = 1 << 15; // flows of a worker; the flood brings 30 times as many
    private static final int ESTABLISHED = 10_000;
    private static final int PER_SECOND = 1_000_000;
    private static final int SECONDS = 2;
    private static final int PER_MS = PER_SECOND / 1_000;
    private static final int BATCH = 8;
    private static final String VIP = "203.0.113.10";
    private static final int SOURCE = 26;
    private static final int PORT = 34;

    private final long seed = Long.getLong("penstock.seed", System.nanoTime());
    private final SplittableRandom random = new SplittableRandom(seed);
    private final byte[][] attack = new byte[BATCH][];

    private static byte[] segment(int client, int port, int flags) {
        String address = "198." + (18 + (client >>> 16)) + "." + (client >>> 8 & 0xff) + "." + (client & 0xff);
        return Frames.tcp(address, port, VIP, 80, flags, 0);
    }

    @ParameterizedTest
    @CsvSource({"mh, true", "wrr, false", "lc, false"})
    void shouldKeepEveryEstablishedFlow(String scheduler, boolean isStateless) {
        System.out.println("SynFloodTest: -Dpenstock.seed=" + seed);
        for (int i = 0; i < BATCH; i++) {
            attack[i] = segment(1, 1, Frames.SYN);
        }
        try (TestWorkers workers = new TestWorkers("""
                listener.web.vip=203.0.113.10
                listener.web.protocol=tcp
                listener.web.ports=80
                listener.web.scheduler=%s
                listener.web.health=none
                listener.web.backend.a=10.0.0.11
                listener.web.backend.b=10.0.0.12
                listener.web.backend.c=10.0.0.13
                """.formatted(scheduler), WORKERS, ROOM)) {
            String[] backends = new String[ESTABLISHED];
            for (int i = 0; i < ESTABLISHED; i++) {
                backends[i] = workers.verdict(i % WORKERS, segment(i, 1000, Frames.SYN));
                assertEquals(backends[i], workers.verdict(i % WORKERS, segment(i, 1000, Frames.ACK)));
            }
            long startNs = System.nanoTime();
            int kept = 0;
            int came = 0;
            for (int ms = 0; ms < SECONDS * 1_000; ms++) {
                flood(workers);
                // Each client sends twice a second.
                for (int i = ms % 500; i < ESTABLISHED; i += 500) {
                    String verdict = workers.verdict(i % WORKERS, segment(i, 1000, Frames.ACK));
                    assertEquals(backends[i], verdict, "flow " + i + " after " + ms + " ms");
                    kept++;
                }
                came += ms % 10 == 0 && comes(workers, ms) ? 1 : 0;
                workers.letPassMs(1);
                if (ms % 100 == 0) {
                    workers.advanceMs(0);
                }
            }
            double wallS = (System.nanoTime() - startNs) / 1e9;
            assertTrue(workers.entries() <= (long) WORKERS * ROOM, "entries=" + workers.entries());
            assertEquals(isStateless, workers.counted(WorkerCounter.FLOWS_STATELESS) > 0);
            assertEquals(isStateless, workers.counted(WorkerCounter.DROP_FLOW_TABLE_FULL) == 0);
            System.out.printf(
                    Locale.ROOT,
                    "measured: %s, %d SYNs of random sources within %d s of virtual time (%.1f s on the clock) beside"
                            + " %d established flows: %d of %d of their packets forwarded; %d of %d clients that came"
                            + " were served; %d of %d entries in use, %d SYNs without one, %d dropped%n",
                    scheduler,
                    SECONDS * PER_SECOND,
                    SECONDS,
                    wallS,
                    ESTABLISHED,
                    kept,
                    ESTABLISHED * SECONDS * 2,
                    came,
                    SECONDS * 100,
                    workers.entries(),
                    WORKERS * ROOM,
                    workers.counted(WorkerCounter.FLOWS_STATELESS),
                    workers.counted(WorkerCounter.DROP_FLOW_TABLE_FULL));
            assertEquals(ESTABLISHED * SECONDS * 2, kept);
            assertEquals(isStateless ? SECONDS * 100 : came, came, "clients that came");
            shouldForgetTheFlood(workers, backends);
        }
    }

    private void flood(TestWorkers workers) {
        for (int n = 0; n < PER_MS; n += BATCH) {
            Worker worker = workers.worker(n / BATCH % WORKERS);
            for (byte[] frame : attack) {
                stamp(frame);
                worker.port().offer(frame);
            }
            worker.loop().doWork();
            worker.port().discard();
        }
    }

    /// From anybody in 11.0.0.0/8 and any port.
    private void stamp(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        bytes.putInt(SOURCE, 0x0b00_0000 | random.nextInt(1 << 24));
        bytes.putShort(PORT, (short) random.nextInt());
        bytes.putShort(24, (short) 0);
        int sum = 0;
        for (int at = 14; at < 34; at += 2) {
            sum += bytes.getShort(at) & 0xffff;
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        bytes.putShort(24, (short) ~((sum & 0xffff) + (sum >>> 16)));
    }

    /// A client that opens a connection in the middle of it.
    private static boolean comes(TestWorkers workers, int number) {
        String first = workers.verdict(number % WORKERS, segment(60_000 + number, 2000, Frames.SYN));
        return first.startsWith("forward")
                && first.equals(workers.verdict(number % WORKERS, segment(60_000 + number, 2000, Frames.ACK)));
    }

    private static void shouldForgetTheFlood(TestWorkers workers, String[] backends) {
        workers.advanceMs(61_000); // Longer than a flow may be half-open.
        for (int i = 0; i < 20; i++) {
            workers.advanceMs(1_000);
            workers.rest();
        }
        long left = workers.entries();
        assertTrue(left >= ESTABLISHED && left <= ESTABLISHED + 2 * SECONDS * 100, "entries=" + left);
        for (int i = 0; i < ESTABLISHED; i++) {
            assertEquals(backends[i], workers.verdict(i % WORKERS, segment(i, 1000, Frames.ACK)), "flow " + i);
        }
        workers.assertBalanced();
    }
}
