package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Fragments that come to different workers, more of them than there is room for, and answers that strangers provoke.
class FragmentWorkersTest {
    private static final String VIP = "203.0.113.10";
    private static final int WORKERS = 3;
    private static final int UNIT = 800;
    private static final String CONFIG = """
            listener.dns.vip=203.0.113.10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.scheduler=wrr
            listener.dns.backend.a=10.0.0.11
            listener.dns.backend.b=10.0.0.12
            listener.dns.health=none
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80
            listener.web.backend.a=10.0.0.11
            listener.web.health=none
            listener.gue.vip=203.0.113.10
            listener.gue.protocol=udp
            listener.gue.ports=54
            listener.gue.forwarding=gue
            listener.gue.backend.a=10.0.0.11
            listener.gue.health=none
            replay.local-mac=02:00:00:00:00:01
            replay.next-hop-mac=02:00:00:00:00:fe
            replay.local-address=10.0.0.1
            """;

    private static String client(int number) {
        return "198.51." + (100 + (number >>> 8)) + "." + (number & 0xff);
    }

    /// {@return one of the two fragments of a datagram}
    private static byte[] fragment(String client, int identification, boolean isFirst) {
        byte[] whole = Frames.udp(client, 4000, VIP, 53, 2 * UNIT - 8);
        byte[] frame = Arrays.copyOf(whole, 34 + UNIT);
        if (!isFirst) {
            System.arraycopy(whole, 34 + UNIT, frame, 34, UNIT);
        }
        put16(frame, 16, 20 + UNIT);
        put16(frame, 18, identification);
        put16(frame, 20, isFirst ? 0x2000 : UNIT / 8);
        put16(frame, 24, 0);
        put16(frame, 24, TestPath.ipv4HeaderSum(frame, 14));
        return frame;
    }

    private static void put16(byte[] frame, int at, int value) {
        frame[at] = (byte) (value >>> 8);
        frame[at + 1] = (byte) value;
    }

    private static TestWorkers open() {
        return new TestWorkers(CONFIG, WORKERS, 1 << 12);
    }

    /// A NIC spreads fragments by their addresses alone, or later ones otherwise than first ones.
    @Test
    void shouldFollowTheFirstFragmentOnEveryWorker() {
        try (TestWorkers workers = open()) {
            for (int i = 0; i < 100; i++) {
                String first = workers.verdict(i % WORKERS, fragment(client(i), 7, true));
                assertTrue(first.startsWith("forward dns "), first);
                for (int worker = 0; worker < WORKERS; worker++) {
                    assertEquals(first, workers.verdict(worker, fragment(client(i), 7, false)));
                }
            }
            workers.assertBalanced();
        }
    }

    @Test
    void shouldReleaseWhatWaitsForAnotherWorkersFirstFragment() {
        try (TestWorkers workers = open()) {
            assertEquals("held", workers.verdict(1, fragment(client(1), 7, false)));
            assertEquals("held", workers.verdict(1, fragment(client(2), 7, false)));
            workers.verdict(0, fragment(client(1), 7, true));
            workers.advanceMs(2);
            workers.worker(1).loop().doWork();
            assertEquals(1, workers.worker(1).port().discard(), "only the fragment whose first one has come");
            assertEquals(2, workers.counted(WorkerCounter.FORWARDED));
            workers.assertBalanced();
        }
    }

    @Test
    void shouldBoundWhatWaits() {
        try (TestWorkers workers = open()) {
            for (int i = 0; i < FragmentForwarding.WAITING_MAX; i++) {
                assertEquals("held", workers.verdict(0, fragment(client(i), 7, false)));
            }
            assertEquals("drop fragment_table_full", workers.verdict(0, fragment(client(600), 7, false)));
            assertEquals("held", workers.verdict(1, fragment(client(600), 7, false)), "another worker has room");
            assertTrue(workers.verdict(0, fragment(client(5), 7, true)).startsWith("forward"), "a place is free again");
            assertEquals("held", workers.verdict(0, fragment(client(601), 7, false)));
            workers.advanceMs(FragmentForwarding.PATIENCE_MS + 10);
            workers.rest();
            assertEquals(FragmentForwarding.WAITING_MAX + 1, workers.counted(WorkerCounter.DROP_FRAGMENT_TIMEOUT));
            assertEquals(2, workers.counted(WorkerCounter.FORWARDED));
            workers.assertBalanced();
        }
    }

    /// What is over the limit is dropped under its name; a second later there is room again.
    @ParameterizedTest
    @CsvSource({"rst", "too_big"})
    void shouldLimitAnswers(String kind) {
        byte[] provocation = kind.equals("rst")
                ? Frames.tcp(client(1), 4000, VIP, 80, Frames.ACK, 0)
                : Frames.udp(client(1), 4000, VIP, 54, 1472);
        try (TestPath path = TestPath.of(CONFIG)) {
            for (int second = 0; second < 2; second++) {
                int answered = 0;
                for (int i = 0; i < 2 * Replies.PER_SECOND; i++) {
                    String verdict = path.verdict(provocation);
                    assertTrue(verdict.equals("reply " + kind) || verdict.equals("drop rate_limited"), verdict);
                    answered += verdict.startsWith("reply") ? 1 : 0;
                }
                assertEquals(Replies.PER_SECOND, answered);
                path.advanceMs(1000);
            }
            path.assertBalanced();
        }
    }
}
