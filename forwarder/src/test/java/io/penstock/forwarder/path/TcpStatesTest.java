package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The client's half of TCP, state by state.
///
/// Shows S2-10, S2-23, S2-66, S2-67, S2-68, S2-69.
class TcpStatesTest {
    private static final String CLIENT = "198.51.100.7";
    private static final String VIP = "203.0.113.10";

    private final TestPath path = TestPath.of("""
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80
            listener.web.scheduler=wrr
            listener.web.idle-timeout=200s
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            listener.web.health=none
            listener.short.vip=203.0.113.10
            listener.short.protocol=tcp
            listener.short.ports=81
            listener.short.idle-timeout=5s
            listener.short.backend.a=10.0.0.11
            listener.short.health=none
            listener.dns.vip=203.0.113.10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.scheduler=wrr
            listener.dns.backend.a=10.0.0.11
            listener.dns.backend.b=10.0.0.12
            listener.dns.health=none
            """);

    @AfterEach
    void close() {
        path.assertBalanced();
        path.close();
    }

    private static int flags(String letters) {
        int flags = 0;
        for (int i = 0; i < letters.length(); i++) {
            flags |= switch (letters.charAt(i)) {
                case 'S' -> Frames.SYN;
                case 'F' -> Frames.FIN;
                case 'R' -> Frames.RST;
                case 'A' -> Frames.ACK;
                default -> throw new IllegalArgumentException(letters);
            };
        }
        return flags;
    }

    private String send(String letters) {
        return path.verdict(Frames.tcp(CLIENT, 4000, VIP, 80, flags(letters), 0));
    }

    /// `wrr` with two backends: whoever starts over goes to b, whoever stays remains with a.
    @ParameterizedTest(name = "{0}, then {1}: {2}")
    @CsvSource({
        "S,          S,  a, a retransmitted SYN stays",
        "S,          A,  a, the handshake is complete",
        "S A,        S,  a, a SYN in an established flow stays: the backend answers it",
        "S A,        SA, a, no client sends it; the backend judges",
        "S A FA,     A,  a, the backend may still send and the client acknowledge",
        "S A FA,     FA, a, a retransmitted FIN",
        "S A FA,     S,  b, a new connection on an old 5-tuple",
        "S A RA,     S,  b, likewise after a reset",
        "S FA,       S,  b, a FIN at once",
        "S R,        S,  b, given up",
        "S A R,      A,  a, what was under way when the reset came",
        "S A FA R,   S,  b, FIN and then RST",
        "S A R FA,   S,  b, RST and then FIN",
        "S,          SF, a, both at once: it is on its way out",
    })
    void shouldFollowTheClient(String before, String last, String backend, String why) {
        for (String segment : before.split(" ")) {
            assertEquals("forward web a", send(segment), segment);
        }
        assertEquals("forward web " + backend, send(last), why);
    }

    @ParameterizedTest(name = "{0}: alive after {1} s, gone after {2} s")
    @CsvSource({
        "S,       59,  61, half-open",
        "S A,     199, 201, established: the idle timeout",
        "S A FA,  119, 121, closing",
        "S A R,   9,   11, reset",
        "S A FA R, 9,  11, reset while closing",
    })
    void shouldForgetAfterItsTime(String segments, int aliveS, int goneS, String why) {
        for (String segment : segments.split(" ")) {
            send(segment);
        }
        path.advanceMs(aliveS * 1000L - 2_200);
        path.tidy();
        assertEquals(1, path.replayed().flows4().size(), why);
        assertEquals("forward web a", send("S".equals(segments) ? "S" : "A"), why);
        path.advanceMs(goneS * 1000L);
        long before = path.counters().get(WorkerCounter.FLOWS_EXPIRED);
        assertEquals("reply rst", send("A"), why);
        assertEquals(before + 1, path.counters().get(WorkerCounter.FLOWS_EXPIRED), why);
        assertEquals(0, path.replayed().flows4().size(), why);
    }

    /// An entry is cleared though nobody asks for it.
    @Test
    void shouldSweepWhatIsOver() {
        for (int port = 1; port <= 500; port++) {
            path.verdict(Frames.tcp(CLIENT, port, VIP, 80, Frames.SYN, 0));
        }
        assertEquals(500, path.replayed().flows4().size());
        assertEquals(500, active("a") + active("b"));
        path.advanceMs(61_000);
        path.tidy();
        assertEquals(0, path.replayed().flows4().size());
        assertEquals(0, active("a") + active("b"));
    }

    private long active(String backend) {
        return path.replayed().cells().flows(path.replayed().rowOf("web", backend));
    }

    /// Shows S2-66: each listener its own.
    @Test
    void shouldHaveAnIdleTimeoutForEachListener() {
        path.verdict(Frames.tcp(CLIENT, 1, VIP, 81, Frames.SYN, 0));
        path.verdict(Frames.tcp(CLIENT, 1, VIP, 81, Frames.ACK, 0));
        send("S");
        send("A");
        path.advanceMs(5_100);
        assertEquals("reply rst", path.verdict(Frames.tcp(CLIENT, 1, VIP, 81, Frames.ACK, 0)));
        assertTrue(send("A").startsWith("forward"));
    }

    /// Shows S2-16, S2-26: a UDP flow is its 5-tuple, for a minute of silence.
    @Test
    void shouldTrackUdpByIts5Tuple() {
        byte[] datagram = Frames.udp(CLIENT, 5000, VIP, 53, 30);
        String first = path.verdict(datagram);
        for (int i = 0; i < 10; i++) {
            path.advanceMs(59_000);
            assertEquals(first, path.verdict(datagram));
        }
        path.advanceMs(61_000);
        assertEquals("forward dns b", path.verdict(datagram), "begun anew");
    }

    /// Whoever looks for the way with small TTLs leaves no half-open flow and takes nobody's turn.
    @Test
    void shouldNotBeginAFlowThatGoesNoFurther() {
        for (int ttl = 0; ttl <= 1; ttl++) {
            assertEquals(
                    "drop ttl", path.verdict(Frames.withTtl(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.SYN, 0), ttl)));
            assertEquals("drop ttl", path.verdict(Frames.withTtl(Frames.udp(CLIENT, 4000, VIP, 53, 9), ttl)));
        }
        assertEquals(0, path.replayed().flows4().size());
        assertEquals(0, path.counters().get(WorkerCounter.FLOWS_CREATED));
        assertEquals(
                "forward web a", path.verdict(Frames.withTtl(Frames.tcp(CLIENT, 4000, VIP, 80, Frames.SYN, 0), 2)));
        assertEquals("forward dns a", path.verdict(Frames.udp(CLIENT, 4000, VIP, 53, 9)));
    }

    @Test
    void shouldCountActiveFlowsOnly() {
        send("S");
        assertEquals(1, active("a"));
        send("A");
        send("FA");
        assertEquals(0, active("a"), "closing flows are none of a backend's load");
        send("R");
        assertEquals(0, active("a"));
        send("S");
        assertEquals(1, active("b"));
    }
}
