package io.penstock.forwarder.trace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.penstock.control.config.Addresses;
import io.penstock.control.config.ListenerConfig;
import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.forwarder.path.Frames;
import io.penstock.forwarder.path.IpKey;
import io.penstock.forwarder.path.RateLimiter;
import io.penstock.forwarder.path.ReplyKind;
import io.penstock.forwarder.path.TestPath;
import io.penstock.forwarder.trace.TraceFilter.Network;
import io.penstock.forwarder.trace.TraceFilter.Target;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A trace over the packet path in memory: what is noted, as it came, with what became of it.
class PacketTraceTest {
    private static final String VIP = "203.0.113.10";
    private static final String CLIENT = "198.51.100.7";
    private static final String OTHER = "198.51.101.7";
    private static final int KEPT = 128;
    private static final int BATCH = 16;

    private final TestPath path = TestPath.of("""
            listener.web.vip=203.0.113.10,2001:db8::10
            listener.web.protocol=tcp
            listener.web.ports=80,9000-9009
            listener.web.backend.a=10.0.0.11
            listener.web.health=none
            listener.dns.vip=203.0.113.10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.forwarding=ipip
            listener.dns.backend.a=10.0.0.12
            listener.dns.health=none
            replay.local-mac=02:00:00:00:00:01
            replay.next-hop-mac=02:00:00:00:00:fe
            replay.local-address=10.0.0.1
            """);
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void close() {
        path.close();
        arena.close();
    }

    private TraceReader trace(TraceFilter filter) {
        return trace(filter, 1, 1_000, KEPT);
    }

    private TraceReader trace(TraceFilter filter, int sampleEvery, int rate, int kept) {
        MemorySegment memory = arena.allocate(TraceFile.bytesFor(1, kept), 64);
        TraceFile file = new TraceFile(memory, 7, 1, kept, 0, 0);
        path.replayed()
                .worker()
                .trace(new PacketTrace(
                        path.replayed().port().memory(),
                        path.replayed().path(),
                        filter,
                        file.ring(0),
                        new RateLimiter(rate),
                        sampleEvery,
                        arena.allocate((long) kept * BATCH),
                        BATCH));
        return new TraceReader(memory);
    }

    private static TraceFilter outcomes(WorkerCounter... counters) {
        boolean[] set = new boolean[WorkerCounter.CAPACITY];
        for (WorkerCounter counter : counters) {
            set[counter.id()] = true;
        }
        return new TraceFilter(0, null, null, null, null, set);
    }

    private ListenerConfig listener(String name) {
        return path.config().listeners().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private boolean[] rows(String listener) {
        boolean[] rows = new boolean[8];
        rows[path.replayed().rowOf(listener, "a")] = true;
        return rows;
    }

    private static IpKey key(String address) {
        return IpKey.of(Objects.requireNonNull(Addresses.parse(address)));
    }

    private static byte[] syn(String client, int port) {
        return Frames.tcp(client, 4001, VIP, port, Frames.SYN, 0);
    }

    /// Whole batches: what each frame became, not what the one before it did.
    @Test
    void shouldTellWhatBecameOfEachFrame() {
        TraceReader reader = trace(TraceFilter.ALL);
        List<byte[]> frames = List.of(
                syn(CLIENT, 80),
                syn(CLIENT, 81),
                Frames.udp(CLIENT, 5001, VIP, 53, 20),
                Frames.tcp(CLIENT, 4002, VIP, 80, Frames.ACK, 10),
                syn("203.0.113.10", 80),
                Frames.tcp(CLIENT, 4001, "192.0.2.1", 80, Frames.SYN, 0),
                new byte[9]);
        frames.forEach(frame -> path.replayed().port().offer(frame));
        path.replayed().worker().doWork();
        path.replayed().port().discard();

        List<TracedFrame> traced = reader.poll();
        assertEquals(
                List.of(
                        WorkerCounter.FORWARDED,
                        WorkerCounter.DROP_NO_LISTENER,
                        WorkerCounter.FORWARDED,
                        WorkerCounter.REPLIED,
                        WorkerCounter.DROP_BOGON,
                        WorkerCounter.PASSED,
                        WorkerCounter.DROP_MALFORMED),
                traced.stream().map(frame -> WorkerCounter.of(frame.outcome())).toList());
        for (int i = 0; i < frames.size(); i++) {
            assertArrayEquals(frames.get(i), traced.get(i).frame(), "frame " + i + " as it came, not as it was sent");
            assertEquals(frames.get(i).length, traced.get(i).length());
        }
        assertEquals(path.replayed().rowOf("web", "a"), traced.get(0).detail());
        assertEquals(path.replayed().rowOf("dns", "a"), traced.get(2).detail());
        assertEquals(ReplyKind.RST.code(), traced.get(3).detail());
        assertEquals(key(CLIENT), traced.get(0).source());
        assertEquals(key(VIP), traced.get(0).destination());
        assertEquals(4001 << 16 | 80, traced.get(0).ports());
        assertEquals(Frames.SYN, traced.get(0).tcpFlags());
        assertEquals(null, traced.get(6).source());
        assertEquals(PacketKind.MALFORMED, traced.get(6).kind());
        assertEquals(0, traced.get(6).ports() | traced.get(6).protocol(), "nothing of the frame before");
    }

    /// A full send ring drops after the path has decided: the trace tells the last word.
    @Test
    void shouldTellOfAFrameThatFoundNoRoomInTheSendRing() {
        TraceReader reader = trace(TraceFilter.ALL);
        path.replayed().port().limitSends(0);
        path.verdict(syn(CLIENT, 80));

        assertEquals(WorkerCounter.DROP_TX_FULL.id(), reader.poll().getFirst().outcome());
    }

    @Test
    void shouldTellOfIpv6() {
        TraceReader reader = trace(TraceFilter.ALL);
        path.verdict(Frames.tcp("2001:db8::7", 4001, "2001:db8::10", 80, Frames.SYN, 0));

        TracedFrame frame = reader.poll().getFirst();
        assertEquals(key("2001:db8::7"), frame.source());
        assertEquals(key("2001:db8::10"), frame.destination());
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "tcp,      3",
        "udp,      1",
        "icmp,     0",
        "client,   3",
        "client32, 3",
        "none,     0",
        "vip,      4",
        "web,      2",
        "dns,      1",
        "row,      2",
        "dropped,  1",
        "both,     1",
    })
    void shouldNoteOnlyWhatMatches(String what, int expected) {
        path.verdict(syn(CLIENT, 80)); // So that the first packets below need not wait for a backend's row.
        Network near = new Network(key("198.51.100.0"), 24);
        boolean[] noListener = new boolean[WorkerCounter.CAPACITY];
        noListener[WorkerCounter.DROP_NO_LISTENER.id()] = true;
        TraceReader reader = trace(
                switch (what) {
                    case "tcp" -> new TraceFilter(TraceFilter.TCP, null, null, null, null, null);
                    case "udp" -> new TraceFilter(TraceFilter.UDP, null, null, null, null, null);
                    case "icmp" -> new TraceFilter(TraceFilter.ICMP | TraceFilter.ARP, null, null, null, null, null);
                    case "client" -> new TraceFilter(0, near, null, null, null, null);
                    case "client32" -> new TraceFilter(0, new Network(key(CLIENT), 32), null, null, null, null);
                    case "none" -> new TraceFilter(0, new Network(key("2001:db8::"), 0), null, null, null, null);
                    case "vip" -> new TraceFilter(0, null, key(VIP), null, null, null);
                    case "web", "dns" ->
                        new TraceFilter(0, null, null, new Target(listener(what), rows(what)), null, null);
                    case "row" -> new TraceFilter(0, null, null, null, rows("web"), null);
                    case "dropped" -> outcomes(WorkerCounter.DROP_NO_LISTENER);
                    default -> new TraceFilter(TraceFilter.TCP, near, key(VIP), null, null, noListener);
                });
        path.verdict(syn(CLIENT, 80));
        path.verdict(syn(OTHER, 9005));
        path.verdict(syn(CLIENT, 81));
        path.verdict(Frames.udp(CLIENT, 5001, VIP, 53, 20));
        path.verdict(new byte[9]);

        assertEquals(expected, reader.poll().size());
        assertEquals(expected, reader.matched());
        assertEquals(5, reader.lookedAt());
    }

    @Test
    void shouldHoldBackWhatIsBeyondTheRate() {
        TraceReader reader = trace(TraceFilter.ALL, 1, 10, KEPT);
        for (int i = 0; i < 25; i++) {
            path.verdict(syn(CLIENT, 80));
        }
        assertEquals(10, reader.poll().size());
        assertEquals(15, reader.heldBack());
        assertEquals(25, reader.matched());
        path.advanceMs(1_000);
        path.verdict(syn(CLIENT, 80));
        assertEquals(1, reader.poll().size());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 10, 96})
    void shouldLookAtEachNthFrameOnly(int sampleEvery) {
        TraceReader reader = trace(TraceFilter.ALL, sampleEvery, 1_000, KEPT);
        for (int i = 0; i < 96; i++) {
            path.replayed().port().offer(syn(CLIENT, 80));
            if (i % 7 == 0) {
                path.replayed().worker().doWork();
                path.replayed().port().discard();
            }
        }
        path.replayed().worker().doWork();
        path.replayed().worker().doWork();
        int wanted = (96 + sampleEvery - 1) / sampleEvery;
        assertEquals(wanted, reader.lookedAt());
        assertEquals(wanted, reader.poll().size());
    }

    @Test
    void shouldKeepTheFirstBytesOnly() {
        TraceReader reader = trace(TraceFilter.ALL, 1, 1_000, 64);
        byte[] frame = Frames.tcp(CLIENT, 4001, VIP, 80, Frames.SYN, 700);
        path.verdict(frame);

        TracedFrame traced = reader.poll().getFirst();
        assertArrayEquals(Arrays.copyOf(frame, 64), traced.frame());
        assertEquals(frame.length, traced.length());
    }

    @Test
    void shouldCountWhatASlowReaderMissed() {
        TraceReader reader = trace(TraceFilter.ALL, 1, 100_000, TraceFile.KEPT_MAX);
        int room = TraceLayout.records(TraceFile.KEPT_MAX);
        for (int i = 0; i < room + 20; i++) {
            path.verdict(Frames.tcp(CLIENT, 1 + i, VIP, 80, Frames.SYN, 0));
        }
        List<Integer> ports = new ArrayList<>();
        reader.poll().forEach(frame -> ports.add(frame.ports() >>> 16));

        assertEquals(room - 1, ports.size());
        assertEquals(room + 20, ports.getLast());
        assertEquals(21, reader.lost());
        path.verdict(Frames.tcp(CLIENT, 9, VIP, 80, Frames.SYN, 0));
        assertEquals(1, reader.poll().size());
    }

    @Test
    void shouldEndAtOnce() {
        TraceReader reader = trace(TraceFilter.ALL);
        path.verdict(syn(CLIENT, 80));
        path.replayed().worker().trace(null);
        path.verdict(syn(CLIENT, 80));

        assertEquals(1, reader.poll().size());
    }
}
