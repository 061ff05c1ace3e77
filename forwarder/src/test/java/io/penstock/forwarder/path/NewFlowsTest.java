package io.penstock.forwarder.path;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.status.WorkerCounter;
import io.penstock.flowtable.FlowLayout;
import io.penstock.flowtable.FlowState;
import io.penstock.flowtable.FlowTable;
import io.penstock.flowtable.packet.PacketKind;
import io.penstock.flowtable.packet.PacketParser;
import io.penstock.flowtable.schedule.MaglevHistory;
import io.penstock.forwarder.path.TestWorkers.Worker;
import io.penstock.forwarder.port.FrameBatch;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The loops for common new flows: by themselves, which frames they deal with and which they leave; within the packet
/// path, that nobody can tell that they are there.
///
/// Shows S2-41, S2-42, S2-68.
class NewFlowsTest {
    private static final String VIP = "203.0.113.10";
    private static final String CLIENT = "198.51.100.7";
    private static final int ROOM = 1 << 10;
    private static final int TTL_END = 1;
    private static final int PROTOCOL_AT = 23;
    private static final int CLIENT_AT = 26; // both addresses, then both ports
    private static final int PORTS_END = 38;
    private static final int FLAGS_AT = 47;

    private static final String NETWORK = """
            replay.local-mac=02:00:00:00:00:01
            replay.next-hop-mac=02:00:00:00:00:fe
            replay.local-address=10.0.0.1
            replay.neighbours=10.0.0.11 02:00:00:00:00:0b, 10.0.0.12 02:00:00:00:00:0c, 10.0.0.21 02:00:00:00:00:15
            """;

    /// `web` and `dns` are common; each of the others differs from `web` in one thing.
    private static final String CONFIG = listener("web", "tcp", "80", "")
            + listener("dns", "udp", "53", "")
            + listener("limited", "tcp", "81", "max-new-flows=1000000")
            + listener("sticky", "tcp", "82", "persistence=60s")
            + listener("turns", "tcp", "84", "scheduler=wrr")
            + listener("off", "tcp", "85", "enabled=false")
            + """
            listener.capped.vip=203.0.113.10
            listener.capped.protocol=tcp
            listener.capped.ports=83
            listener.capped.backend.a=10.0.0.11 max-flows=1000
            listener.capped.health=none
            listener.none.vip=203.0.113.10
            listener.none.protocol=tcp
            listener.none.ports=86
            listener.none.backend.a=10.0.0.11 weight=0
            listener.none.health=none
            listener.six.vip=2001:db8::10
            listener.six.protocol=tcp
            listener.six.ports=80
            listener.six.backend.a=fd00::11
            listener.six.health=none
            """ + NETWORK;

    private static String listener(String name, String protocol, String ports, String more) {
        String text = """
                listener.NAME.vip=203.0.113.10
                listener.NAME.protocol=%s
                listener.NAME.ports=%s
                listener.NAME.backend.a=10.0.0.11
                listener.NAME.backend.b=10.0.0.12
                listener.NAME.health=none
                """.formatted(protocol, ports).replace("NAME", name);
        return more.isEmpty() ? text : text + "listener." + name + "." + more + "\n";
    }

    private static byte[] syn(int clientPort, int port) {
        return Frames.tcp(CLIENT, clientPort, VIP, port, Frames.SYN, 0);
    }

    private static byte[] segment(int flags) {
        return Frames.tcp(CLIENT, 4000, VIP, 80, flags, 0);
    }

    private static byte[] datagram(int clientPort) {
        return Frames.udp(CLIENT, clientPort, VIP, 53, 20);
    }

    private static byte[] put16(byte[] frame, int at, int value) {
        return Frames.with(Frames.with(frame, at, value >>> 8), at + 1, value);
    }

    /// {@return the frame as a fragment}
    ///
    /// @param field flags and offset
    private static byte[] fragment(byte[] frame, int field) {
        byte[] fragment = put16(put16(frame, 20, field), 24, 0);
        return put16(fragment, 24, TestPath.ipv4HeaderSum(fragment, 14));
    }

    private static byte[] echo() {
        return Frames.packet(CLIENT, VIP, 1, 64, new byte[] {8, 0, (byte) 0xf7, (byte) 0xfe, 0, 1, 0, 0}, -1);
    }

    // The loops by themselves

    /// The loops of one worker, and what [PacketPath] hands them.
    private static final class Loops implements AutoCloseable {
        final TestWorkers workers;
        final Worker worker;
        final PathContext context;
        final FlowTable table;
        final NewFlows newFlows;
        final long[] entries;
        final long[] buckets;
        final int[] rest;

        Loops(String config, int workerCount, long flows) {
            workers = new TestWorkers(config, workerCount, flows);
            worker = workers.worker(workerCount - 1);
            context = worker.context();
            table = context.flows4;
            int frames = context.hashes.length;
            entries = new long[frames];
            buckets = new long[frames];
            rest = new int[frames];
            Disposition disposition = context.disposition;
            Replies replies = new Replies(context, disposition);
            Delivery delivery = new Delivery(context, disposition, replies);
            newFlows = new NewFlows(
                    context, disposition, new FlowForwarding(context, disposition, delivery, replies), frames);
        }

        /// Receives a batch, looks for its flows and chooses for the new ones.
        void choose(byte[]... frames) {
            // Brings the table in force into the context.
            assertEquals(
                    "pass",
                    workers.verdict(workers.count() - 1, Frames.udp(CLIENT, 1, "203.0.113.99", 1, 0)),
                    "what is nobody's");
            FrameBatch batch = context.batch;
            batch.clear();
            for (byte[] frame : frames) {
                assertTrue(worker.port().offer(frame));
            }
            assertEquals(frames.length, worker.port().receive(batch));
            context.begin(batch, context.listeners, context.nowNs);
            for (int i = 0; i < frames.length; i++) {
                PacketParser.parse(context.memory, batch.offsets[i], batch.lengths[i], context.parsed, i);
                context.hashes[i] = context.hash.hash4(context.parsed.addresses[i], context.parsed.transports[i]);
                buckets[i] = table.bucket(context.hashes[i]);
                entries[i] = context.parsed.kind(i) == PacketKind.FLOW4 ? find(i) : FlowTable.NONE;
                rest[i] = i;
            }
            newFlows.choose(rest, frames.length, entries, buckets);
        }

        long find(int i) {
            return table.find4(
                    buckets[i],
                    context.parsed.addresses[i],
                    context.parsed.ports(i),
                    PathContext.protocolBit(context.parsed.protocol(i)));
        }

        /// Runs a batch; what the loops leave, nobody deals with.
        ///
        /// @return the frames that they dealt with
        List<Integer> dealWith(byte[]... frames) {
            choose(frames);
            List<Integer> done = new ArrayList<>();
            for (int n = 0; n < frames.length; n++) {
                int next = newFlows.forward(rest, n, frames.length, buckets);
                assertTrue(next >= n && next <= frames.length, "next=" + next);
                for (; n < next; n++) {
                    done.add(n);
                }
            }
            for (int i = 0; i < frames.length; i++) {
                byte[] after = new byte[frames[i].length];
                MemorySegment.copy(
                        context.memory, ValueLayout.JAVA_BYTE, context.batch.offsets[i], after, 0, after.length);
                if (done.contains(i)) {
                    assertEquals(FrameBatch.SEND, context.batch.verdicts[i], "frame " + i);
                } else {
                    assertEquals(FrameBatch.RELEASE, context.batch.verdicts[i], "frame " + i);
                    assertArrayEquals(frames[i], after, "frame " + i + " is left as it was");
                }
            }
            worker.port().transmit(context.batch);
            worker.port().discard();
            return done;
        }

        long counted(WorkerCounter counter) {
            return context.counters.get(counter);
        }

        @Override
        public void close() {
            workers.close();
        }
    }

    @Test
    void shouldEnterCommonNewFlows() {
        try (Loops loops = new Loops(CONFIG, 1, ROOM)) {
            byte[][] frames = {syn(1, 80), datagram(2), syn(2, 80), datagram(3)};
            assertEquals(List.of(0, 1, 2, 3), loops.dealWith(frames));
            assertEquals(4, loops.table.size());
            assertEquals(4, loops.counted(WorkerCounter.FLOWS_CREATED));
            assertEquals(4, loops.counted(WorkerCounter.FORWARDED));
            assertEquals(4, loops.workers.activeFlows());
            long bytes = 0;
            for (int i = 0; i < frames.length; i++) {
                long entry = loops.find(i);
                boolean isUdp = i % 2 == 1;
                LiveListener listener =
                        loops.context.listeners.listener(loops.context.vipOf(i), isUdp ? 1 : 0, isUdp ? 53 : 80);
                MaglevHistory history = Objects.requireNonNull(listener).history();
                assertEquals(
                        Objects.requireNonNull(history).backendForNew(loops.context.hashes[i]), loops.table.row(entry));
                assertEquals(isUdp ? FlowState.ESTABLISHED : FlowState.HALF_OPEN, loops.table.state(entry));
                assertEquals(1, loops.table.packets(entry));
                assertEquals(frames[i].length - 14, loops.table.bytes(entry));
                assertEquals(loops.context.nowTicks, loops.table.created(entry));
                bytes += frames[i].length;
            }
            assertEquals(bytes, loops.counted(WorkerCounter.FORWARDED_BYTES));
        }
    }

    static Stream<Arguments> uncommon() {
        return Stream.of(
                Arguments.of("first fragment", fragment(syn(9, 80), 0x2000)),
                Arguments.of("later fragment", fragment(datagram(9), 0x0010)),
                Arguments.of("ICMP", echo()),
                Arguments.of("another protocol", Frames.packet(CLIENT, VIP, 132, 64, new byte[12], -1)),
                Arguments.of("IPv6", Frames.tcp("2001:db8:1::7", 9, "2001:db8::10", 80, Frames.SYN, 0)),
                Arguments.of("ACK", segment(Frames.ACK)),
                Arguments.of("SYN ACK", segment(Frames.SYN | Frames.ACK)),
                Arguments.of("SYN FIN", segment(Frames.SYN | Frames.FIN)),
                Arguments.of("SYN RST", segment(Frames.SYN | Frames.RST)),
                Arguments.of("FIN", segment(Frames.FIN)),
                Arguments.of("RST", segment(Frames.RST)),
                Arguments.of("no flag", segment(0)),
                Arguments.of("end of the TTL", Frames.withTtl(syn(9, 80), TTL_END)),
                Arguments.of("end of the TTL, UDP", Frames.withTtl(datagram(9), TTL_END)),
                Arguments.of("loopback source", Frames.tcp("127.0.0.1", 9, VIP, 80, Frames.SYN, 0)),
                Arguments.of("multicast source", Frames.udp("224.0.0.1", 9, VIP, 53, 20)),
                Arguments.of("VIP as source", Frames.tcp(VIP, 9, VIP, 80, Frames.SYN, 0)),
                Arguments.of("no VIP", Frames.tcp(CLIENT, 9, "203.0.113.11", 80, Frames.SYN, 0)),
                Arguments.of("no listener's port", syn(9, 8080)),
                Arguments.of("the other protocol's port", syn(9, 53)),
                Arguments.of("new flows limited", syn(9, 81)),
                Arguments.of("persistence", syn(9, 82)),
                Arguments.of("max-flows", syn(9, 83)),
                Arguments.of("another scheduler", syn(9, 84)),
                Arguments.of("stopped listener", syn(9, 85)),
                Arguments.of("no usable backend", syn(9, 86)));
    }

    /// Between two common ones of one service: it must not be taken for theirs.
    @ParameterizedTest(name = "{0}")
    @MethodSource("uncommon")
    void shouldLeaveWhatIsNotCommon(String name, byte[] frame) {
        try (Loops loops = new Loops(CONFIG, 1, ROOM)) {
            assertEquals(List.of(0, 2), loops.dealWith(syn(1, 80), frame, syn(2, 80)), name);
            assertEquals(List.of(0, 2), loops.dealWith(datagram(1), frame, datagram(2)), name);
            assertEquals(List.of(1), loops.dealWith(frame, syn(3, 80), frame), name);
            assertEquals(5, loops.table.size());
            assertEquals(5, loops.counted(WorkerCounter.FLOWS_CREATED));
            assertEquals(5, loops.counted(WorkerCounter.FORWARDED));
        }
    }

    @Test
    void shouldLeaveKnownFlows() {
        try (Loops loops = new Loops(CONFIG, 1, ROOM)) {
            assertEquals(List.of(0, 1), loops.dealWith(syn(1, 80), datagram(1)));
            assertEquals(List.of(1), loops.dealWith(syn(1, 80), syn(2, 80), datagram(1)));
            assertEquals(3, loops.table.size());
            assertEquals(3, loops.counted(WorkerCounter.FLOWS_CREATED));
        }
    }

    /// Which the table does not know when the batch begins.
    @Test
    void shouldLeaveLaterPacketsOfAFlowThatTheBatchBegan() {
        try (Loops loops = new Loops(CONFIG, 1, ROOM)) {
            assertEquals(
                    List.of(0, 2, 3, 6),
                    loops.dealWith(
                            syn(1, 80), syn(1, 80), datagram(1), syn(2, 80), syn(1, 80), datagram(1), datagram(2)));
            assertEquals(4, loops.table.size());
            assertEquals(4, loops.counted(WorkerCounter.FLOWS_CREATED));
            assertEquals(1, loops.table.packets(loops.find(0)));
        }
    }

    /// Another worker may know the flow: of UDP always, of TCP where the hash has not always led to the same backend.
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldLeaveWhatAnotherWorkerMayKnow(int workerCount) {
        boolean isAlone = workerCount == 1;
        try (Loops loops = new Loops(CONFIG, workerCount, ROOM)) {
            assertEquals(isAlone ? List.of(0, 1) : List.of(1), loops.dealWith(datagram(1), syn(1, 80)));
            loops.workers.apply(Snapshots.weight(loops.workers.snapshot(), "web", "a", 0));
            int moved = 0;
            for (int port = 100; port < 200; port++) {
                loops.choose(syn(port, 80));
                LiveListener listener = loops.context.listeners.listener(loops.context.vipOf(0), 0, 80);
                MaglevHistory history =
                        Objects.requireNonNull(Objects.requireNonNull(listener).history());
                boolean isSettled = history.isSettled(loops.context.hashes[0], loops.context.nowTicks);
                moved += isSettled ? 0 : 1;
                loops.worker.port().transmit(loops.context.batch);
                assertEquals(isAlone || isSettled ? List.of(0) : List.of(), loops.dealWith(syn(port, 80)));
            }
            assertTrue(moved > 20 && moved < 80, "moved=" + moved);
        }
    }

    /// The flow goes to its backend by its hash alone; nobody in the table makes room for it.
    @Test
    void shouldForwardWithoutAnEntryWhereTheTableIsFull() {
        int room = 8;
        try (Loops loops = new Loops(CONFIG, 1, room)) {
            for (int port = 0; port < room; port++) {
                assertEquals(List.of(0), loops.dealWith(datagram(1000 + port)));
            }
            List<Entry> before = contents(loops.table);
            assertEquals(List.of(0, 1, 2, 3), loops.dealWith(syn(1, 80), datagram(1), syn(2, 80), syn(1, 80)));
            assertEquals(before, contents(loops.table));
            assertEquals(room, loops.counted(WorkerCounter.FLOWS_CREATED));
            assertEquals(4, loops.counted(WorkerCounter.FLOWS_STATELESS));
            assertEquals(room + 4, loops.counted(WorkerCounter.FORWARDED));
            assertEquals(room, loops.workers.activeFlows());
        }
    }

    /// A backend whose MAC address is not known yet gets its flows, but no frame.
    @Test
    void shouldDropWhereTheNeighbourIsUnknown() {
        try (Loops loops = new Loops(CONFIG, 1, ROOM)) {
            loops.choose(syn(1, 80), syn(2, 80));
            for (int row = 0; row < 64; row++) { // Whichever are in use.
                loops.context.records.reach(row, BackendRecords.NO_MAC, 1_500);
            }
            assertEquals(2, loops.newFlows.forward(loops.rest, 0, 2, loops.buckets));
            assertEquals(FrameBatch.RELEASE, loops.context.batch.verdicts[0]);
            assertEquals(FrameBatch.RELEASE, loops.context.batch.verdicts[1]);
            assertEquals(2, loops.counted(WorkerCounter.DROP_NO_NEIGHBOUR));
            assertEquals(0, loops.counted(WorkerCounter.FORWARDED));
            assertEquals(2, loops.table.size());
        }
    }

    /// The sum of what was loaded says where: for each flow that is to be entered, and for no other.
    @Test
    void shouldTouchWhereEachChosenFlowWillLie() {
        try (Loops loops = new Loops(CONFIG, 1, 64)) {
            for (int port = 0; port < 48; port++) {
                loops.dealWith(syn(1000 + port, 80));
            }
            loops.choose(syn(1, 80), syn(1000, 80), datagram(2), syn(3, 8080), syn(4, 80), syn(5, 81));
            long expected = 0;
            for (int i : new int[] {0, 2, 4}) {
                expected += loops.table.touchForInsert(loops.buckets[i]);
            }
            assertNotEquals(0, expected, "nothing to see");
            assertEquals(expected, loops.newFlows.touched());
        }
    }

    // Within the packet path

    /// Of one flow in one batch.
    static Stream<Arguments> repeated() {
        byte[] syn = segment(Frames.SYN);
        byte[] ack = segment(Frames.ACK);
        byte[] fin = segment(Frames.FIN | Frames.ACK);
        byte[] datagram = datagram(4000);
        return Stream.of(
                Arguments.of("SYN sent again", List.of(syn, syn), 1, 2, FlowState.HALF_OPEN),
                Arguments.of("two datagrams", List.of(datagram, datagram), 1, 2, FlowState.ESTABLISHED),
                Arguments.of("SYN and ACK", List.of(syn, ack, ack), 1, 3, FlowState.ESTABLISHED),
                Arguments.of("SYN sent late", List.of(syn, ack, syn), 1, 3, FlowState.ESTABLISHED),
                Arguments.of("SYN and FIN", List.of(syn, fin), 1, 2, FlowState.CLOSING),
                Arguments.of("over and begun anew", List.of(syn, fin, syn), 2, 1, FlowState.HALF_OPEN));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("repeated")
    void shouldMakeOneEntryForAFlow(String name, List<byte[]> frames, int created, int packets, int state) {
        try (TestPath path = TestPath.of(CONFIG)) {
            List<String> verdicts = path.verdicts(frames);
            assertEquals(1, Set.copyOf(verdicts).size(), () -> name + ": " + verdicts);
            assertTrue(verdicts.getFirst().startsWith("forward "), name);
            assertEquals(frames.size(), path.allSent().size());
            List<Entry> entries = contents(path.replayed().flows4());
            assertEquals(1, entries.size());
            assertEquals(packets, entries.getFirst().packets());
            assertEquals(state, entries.getFirst().state());
            assertEquals(created, path.counters().get(WorkerCounter.FLOWS_CREATED));
            path.assertBalanced();
        }
    }

    /// What a slot holds.
    private record Entry(
            long offset,
            long addresses,
            int ports,
            int protocolBit,
            int row,
            int generation,
            int state,
            int lastSeen,
            int created,
            long packets,
            long bytes) {}

    private static List<Entry> contents(FlowTable table) {
        List<Entry> entries = new ArrayList<>();
        long end = FlowLayout.HEADER_LENGTH + table.lineCount() * FlowLayout.LINE_LENGTH;
        for (long entry = FlowLayout.HEADER_LENGTH; entry < end; entry += FlowTable.Shape.IPV4.entryLength()) {
            if (table.state(entry) != FlowState.EMPTY) {
                entries.add(new Entry(
                        entry,
                        table.addresses4(entry),
                        table.ports(entry),
                        table.protocolBit(entry),
                        table.row(entry),
                        table.generation(entry),
                        table.state(entry),
                        table.lastSeen(entry),
                        table.created(entry),
                        table.packets(entry),
                        table.bytes(entry)));
            }
        }
        assertEquals(table.size(), entries.size());
        return entries;
    }

    /// Services of several kinds, which share addresses and port numbers.
    private static final List<String> COMMON = List.of("web", "dns", "quic", "far", "adopt");

    private static final String SERVICES = """
            listener.web.vip=203.0.113.10
            listener.web.protocol=tcp
            listener.web.ports=80
            listener.web.backend.a=10.0.0.11
            listener.web.backend.b=10.0.0.12
            listener.web.backend.c=10.0.0.13
            listener.dns.vip=203.0.113.10
            listener.dns.protocol=udp
            listener.dns.ports=53
            listener.dns.backend.a=10.0.0.11
            listener.dns.backend.b=10.0.0.12
            listener.quic.vip=203.0.113.10
            listener.quic.protocol=udp
            listener.quic.ports=80
            listener.quic.forwarding=gue
            listener.quic.backend.a=10.0.0.11
            listener.quic.backend.b=10.0.0.12
            listener.far.vip=203.0.113.20
            listener.far.protocol=tcp
            listener.far.ports=80
            listener.far.backend.a=10.0.0.21
            listener.far.backend.b=10.0.0.22 forwarding=ipip
            listener.adopt.vip=203.0.113.20
            listener.adopt.protocol=tcp
            listener.adopt.ports=53
            listener.adopt.midstream=adopt
            listener.adopt.backend.a=10.0.0.21
            listener.adopt.backend.b=10.0.0.22
            listener.turns.vip=203.0.113.20
            listener.turns.protocol=udp
            listener.turns.ports=80
            listener.turns.scheduler=wrr
            listener.turns.backend.a=10.0.0.21
            listener.turns.backend.b=10.0.0.22
            listener.turns.health=none
            """ + NETWORK;

    /// {@return the services, with these lines for each of the common ones}
    private static String services(String... keys) {
        StringBuilder text = new StringBuilder(SERVICES);
        for (String name : COMMON) {
            text.append("listener.").append(name).append(".health=none\n");
            for (String key : keys) {
                text.append("listener.").append(name).append('.').append(key).append('\n');
            }
        }
        return text.toString();
    }

    private final SplittableRandom random = new SplittableRandom(seed());

    private static long seed() {
        long seed = Long.getLong("penstock.seed", System.nanoTime());
        System.out.println("NewFlowsTest: -Dpenstock.seed=" + seed);
        return seed;
    }

    /// The same batches as batches, one frame at a time, and one frame at a time past these loops: a limit on new flows
    /// that is never met leaves them to [FlowForwarding]. Backends come and go meanwhile, and tables are full.
    @ParameterizedTest(name = "room for {0} flows")
    @ValueSource(ints = {8, 32, 2_048})
    void shouldDoAsOneFrameAtATime(int room) {
        int batches = 1_500;
        Map<String, Integer> happened = new HashMap<>();
        try (TestPath together = TestPath.of(services(), room);
                TestPath single = TestPath.of(services(), room);
                TestPath past = TestPath.of(services("max-new-flows=1000000000"), room)) {
            List<TestPath> paths = List.of(together, single, past);
            for (int batch = 0; batch < batches; batch++) {
                change(paths);
                List<byte[]> frames = batch();
                List<String> verdicts = together.verdicts(frames);
                verdicts.forEach(verdict -> happened.merge(verdict, 1, Integer::sum));
                List<Entry> entries = contents(together.replayed().flows4());
                for (TestPath other : List.of(single, past)) {
                    List<byte[]> sent = new ArrayList<>();
                    List<String> others = new ArrayList<>();
                    for (byte[] frame : frames) {
                        others.add(other.verdict(frame));
                        sent.addAll(other.allSent());
                    }
                    String where = (other == single ? "single" : "past") + ", batch " + batch;
                    assertEquals(others, verdicts, where);
                    assertFrames(sent, together.allSent(), where);
                    assertEquals(contents(other.replayed().flows4()), entries, where);
                }
            }
            for (WorkerCounter counter : WorkerCounter.values()) {
                assertEquals(single.counters().get(counter), together.counters().get(counter), counter::name);
                assertEquals(past.counters().get(counter), together.counters().get(counter), counter::name);
            }
            for (String name : COMMON) {
                int row = together.replayed().rowOf(name, "a");
                long flows = together.replayed().cells().flows(row);
                assertEquals(single.replayed().cells().flows(row), flows, name);
                assertEquals(past.replayed().cells().flows(row), flows, name);
            }
            assertTrue(together.counters().get(WorkerCounter.FLOWS_CREATED) > 300);
            assertEquals(room < 2_048, together.counters().get(WorkerCounter.FLOWS_STATELESS) > 0);
            paths.forEach(TestPath::assertBalanced);
        }
        Set<String> seen = new HashSet<>(happened.keySet());
        for (String verdict : List.of(
                "forward web a",
                "forward dns b",
                "forward quic a",
                "forward far a",
                "forward far b",
                "forward adopt b",
                "forward turns a",
                "drop ttl",
                "drop bogon",
                "drop no_listener",
                "pass")) {
            assertTrue(seen.contains(verdict), () -> verdict + " in " + happened);
        }
    }

    private static void assertFrames(List<byte[]> expected, List<byte[]> actual, String where) {
        assertEquals(expected.size(), actual.size(), where);
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i), where + ", frame sent " + i);
        }
    }

    /// Time passes, backends lose and get their weight. What has expired is swept at once, so that no path meets it
    /// sooner than another.
    private void change(List<TestPath> paths) {
        long ms = random.nextInt(3) == 0 ? random.nextInt(40) : 0;
        boolean isLong = random.nextInt(20) == 0;
        String listener = COMMON.get(random.nextInt(COMMON.size()));
        int weight = random.nextInt(2) * 100;
        boolean isChanged = random.nextInt(30) == 0;
        for (TestPath path : paths) {
            path.advanceMs(isLong ? 400_000 : ms);
            if (isLong) {
                path.tidy();
            }
            if (isChanged) {
                path.apply(Snapshots.weight(path.snapshot(), listener, "a", weight));
            }
        }
    }

    private List<byte[]> batch() {
        List<byte[]> frames = new ArrayList<>();
        for (int i = random.nextInt(1, TestPath.BATCH_FRAMES + 1); i > 0; i--) {
            boolean isAgain = !frames.isEmpty() && random.nextInt(6) == 0;
            byte[] next = isAgain ? frames.get(random.nextInt(frames.size())) : frame();
            if (frames.stream().noneMatch(before -> isOvertaking(next, before))) {
                frames.add(next);
            }
        }
        return frames;
    }

    /// Whether a segment of an established flow, which [KnownFlows] forwards before the rest of the batch, is behind
    /// one that ends the flow: where the entry is given away in between, one frame at a time does otherwise.
    private static boolean isOvertaking(byte[] frame, byte[] before) {
        int ends = Frames.FIN | Frames.RST;
        return isTcp(frame)
                && isTcp(before)
                && Arrays.equals(frame, CLIENT_AT, PORTS_END, before, CLIENT_AT, PORTS_END)
                && (before[FLAGS_AT] & ends) != 0
                && (frame[FLAGS_AT] & (Frames.SYN | ends)) == 0;
    }

    private static boolean isTcp(byte[] frame) {
        return frame[PROTOCOL_AT] == 6;
    }

    private byte[] frame() {
        boolean isStranger = random.nextInt(3) == 0;
        String client = random.nextInt(50) == 0
                ? "127.0.0.1"
                : "198.51.100." + (isStranger ? random.nextInt(100, 250) : 1 + random.nextInt(4));
        int clientPort = isStranger ? random.nextInt(1024, 65_536) : 4000 + random.nextInt(4);
        String vip = "203.0.113." + (random.nextInt(50) == 0 ? 30 : 10 * (1 + random.nextInt(2)));
        int port = random.nextInt(50) == 0 ? 8080 : random.nextBoolean() ? 80 : 53;
        int data = random.nextInt(20) == 0 ? 1_500 : random.nextInt(60);
        byte[] frame = random.nextInt(3) == 0
                ? Frames.udp(client, clientPort, vip, port, data)
                : Frames.tcp(client, clientPort, vip, port, flags(), data);
        return switch (random.nextInt(60)) {
            case 0, 1 -> Frames.withTtl(frame, TTL_END);
            // One that needs no cutting: the pieces leave behind the batch.
            case 2 -> data < 60 ? fragment(frame, 0x2000) : frame;
            case 3 -> echo();
            case 4 -> Arrays.copyOf(frame, frame.length + 6); // padded
            default -> frame;
        };
    }

    private int flags() {
        int[] usual = {
            Frames.SYN, Frames.SYN, Frames.SYN, Frames.SYN, Frames.ACK, Frames.ACK, Frames.FIN | Frames.ACK, Frames.RST
        };
        return random.nextInt(40) == 0 ? random.nextInt(64) : usual[random.nextInt(usual.length)];
    }
}
