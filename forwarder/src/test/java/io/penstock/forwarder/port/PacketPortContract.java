package io.penstock.forwarder.port;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PacketRing;
import io.penstock.control.config.TransportKind;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import io.penstock.forwarder.transport.Transports;
import io.penstock.forwarder.transport.WaitLoop;
import java.io.File;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a [PacketPort] does on a real link beyond the contract of every port, for both kinds of ring: a veth pair
/// between two namespaces, the port on one end and the test on the other.
@Tag("root")
@Timeout(60)
abstract class PacketPortContract extends FramePortContract {
    private static final int BATCH = 64;
    private static final long SOON_MS = 5_000;
    // How long a test waits for what must not come.
    private static final long NEVER_MS = 200;

    private final WorkerCounters counters = new WorkerCounters(MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]));
    private final FrameBatch batch = new FrameBatch(BATCH);
    private NetworkNamespaces net;
    private String wireSpace;
    private String portSpace;
    private RawSocket wire;
    private @Nullable PacketInterface opened;

    /// Which ring the subclass tests.
    abstract PacketRing version();

    @BeforeEach
    void open() throws Exception {
        net = NetworkNamespaces.open();
        wireSpace = net.add("wire");
        portSpace = net.add("port");
        net.veth(wireSpace, "w0", portSpace, "p0", 2);
        net.in(portSpace, "ip link set p0 address 02:00:00:00:00:01");
        wire = net.inside(wireSpace, () -> new RawSocket("w0"));
    }

    @AfterEach
    void close() {
        if (opened != null) {
            opened.close();
        }
        if (wire != null) {
            wire.close();
        }
        if (net != null) {
            net.close();
        }
    }

    private PacketPort openPort() throws Exception {
        return openPorts(1).getFirst();
    }

    private List<PacketPort> openPorts(int workers) throws Exception {
        PacketInterface all = net.inside(portSpace, () -> PacketInterface.open("p0", workers, version(), BATCH));
        opened = all;
        all.filter()
                .update(
                        Set.of(
                                InetAddress.getByName("192.0.2.1"),
                                InetAddress.getByName("192.0.2.2"),
                                InetAddress.getByName("fd00::2")),
                        Set.of());
        return all.ports();
    }

    @Override
    FramePort port() {
        try {
            PacketInterface all = opened;
            return all == null ? openPort() : all.ports().getFirst();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    void deliver(byte[] frame) {
        port(); // Open before the first frame comes.
        wire(frame);
    }

    @Override
    byte @Nullable [] takeSent(int timeoutMs) {
        return wire.receiveTo(VIP, timeoutMs);
    }

    private void wire(byte[] frame) {
        assertEquals(0, wire.send(frame), "sending to the port");
    }

    /// The next of [TestFrames#udp] that comes back, or null when none did in time.
    private byte @Nullable [] back(long timeoutMs) {
        return wire.receiveTo(TestFrames.TO, (int) timeoutMs);
    }

    private int countBack(int count, long timeoutMs) {
        int seen = 0;
        while (seen < count && back(timeoutMs) != null) {
            seen++;
        }
        return seen;
    }

    @ParameterizedTest(name = "{0} bytes")
    @ValueSource(ints = {60, 61, 127, 512, 1499, 1514})
    void shouldSendBackWhatItReceived(int length) throws Exception {
        PacketPort port = openPort();

        for (int i = 0; i < 10; i++) {
            wire(TestFrames.udp(i, length));
        }
        assertEquals(10, swap(port, 10, SOON_MS));

        for (int i = 0; i < 10; i++) {
            byte[] frame = back(SOON_MS);
            assertArrayEquals(TestFrames.swapped(TestFrames.udp(i, length)), frame);
        }
    }

    @Test
    void shouldKeepHeadroomBeforeEachFrame() throws Exception {
        PacketPort port = openPort();
        byte[] expected = TestFrames.udp(7, 200);
        wire(expected);

        receiveUdp(port, SOON_MS);
        byte[] noise = new byte[FramePort.HEADROOM];
        Arrays.fill(noise, (byte) 0xee);
        int ours = onlyUdp(port);
        MemorySegment.copy(
                noise, 0, port.memory(), ValueLayout.JAVA_BYTE, batch.offsets[ours] - noise.length, noise.length);

        assertArrayEquals(expected, batch.bytes(port.memory(), ours));
        batch.offsets[ours] -= FramePort.HEADROOM;
        batch.lengths[ours] += FramePort.HEADROOM;
        batch.verdicts[ours] = FrameBatch.SEND;
        assertEquals(1, port.transmit(batch));
        byte[] sent = wire.receive((int) SOON_MS);
        while (sent != null && sent.length != 200 + FramePort.HEADROOM) {
            sent = wire.receive((int) SOON_MS);
        }
        assertNotNull(sent, "the frame that was made longer");
        assertEquals((byte) 0xee, sent[0]);
        // And the ring has come to no harm.
        wire(TestFrames.udp(8, 60));
        assertEquals(1, swap(port, 1, SOON_MS));
    }

    @Test
    void shouldNotSendWhatIsReleased() throws Exception {
        PacketPort port = openPort();
        wire(TestFrames.udp(1, 60));
        wire(TestFrames.udp(2, 60));

        for (int seen = 0; seen < 2; ) {
            assertTrue(receiveUdp(port, SOON_MS) > 0);
            for (int i = 0; i < batch.size; i++) {
                byte[] frame = batch.bytes(port.memory(), i);
                if (TestFrames.isUdp(frame)) {
                    seen++;
                    batch.verdicts[i] = TestFrames.number(frame) == 2 ? FrameBatch.SEND : FrameBatch.RELEASE;
                }
            }
            port.transmit(batch);
        }

        byte[] first = back(SOON_MS);
        assertNotNull(first);
        assertEquals(2, TestFrames.number(first));
        assertNull(back(NEVER_MS));
    }

    @Test
    void shouldSendFramesOfItsOwn() throws Exception {
        PacketPort port = openPort();
        byte[] own = TestFrames.udp(99, 1000);

        for (int round = 0; round < 3 * BATCH; round++) { // More often than there is room: it must come back.
            assertEquals(1, sendOwn(port, own));
        }

        assertEquals(3 * BATCH, countBack(3 * BATCH, SOON_MS));
    }

    @Test
    void shouldLendAWholeBatchAndNoMoreThanThereIs() throws Exception {
        PacketPort port = openPort();
        List<Long> lent = new ArrayList<>();
        for (long offset = port.borrow(); offset >= 0; offset = port.borrow()) {
            assertTrue(offset + 2048 <= port.memory().byteSize());
            lent.add(offset);
        }

        assertTrue(lent.size() >= BATCH, "lent: " + lent.size());
        assertEquals(lent.size(), lent.stream().distinct().count());
        lent.forEach(port::giveBack);
        for (int i = 0; i < lent.size(); i++) {
            assertTrue(port.borrow() >= 0);
        }
    }

    /// Frames go round the ring several times, in bursts larger than a batch.
    @Test
    void shouldNeitherLoseNorDoubleNorReorder() throws Exception {
        PacketPort port = openPort();
        int total = 20_000;
        int next = 0;
        for (int sent = 0; sent < total; ) {
            for (int i = 0; i < 500; i++) {
                wire(TestFrames.udp(sent++, 60 + sent % 1000));
            }
            assertEquals(500, swap(port, 500, SOON_MS));
            for (int i = 0; i < 500; i++) {
                byte[] frame = back(SOON_MS);
                assertNotNull(frame);
                assertEquals(next++, TestFrames.number(frame));
            }
        }

        assertEquals(total, next);
        port.countLost(counters);
        assertEquals(0, counters.get(WorkerCounter.PORT_LOST));
    }

    @Test
    void shouldCountWhatTheKernelLost() throws Exception {
        PacketPort port = openPort();
        int sent = 80_000; // More than any ring holds.
        for (int i = 0; i < sent; i++) {
            wire(TestFrames.udp(i, 60));
        }

        int taken = swap(port, sent, 500);
        port.countLost(counters);

        long lost = counters.get(WorkerCounter.PORT_LOST);
        assertTrue(taken < sent && lost > 0, "the ring held all");
        // On a busy machine the kernel may have lost some of them before the ring.
        assertTrue(taken + lost <= sent, taken + " taken, " + lost + " lost");
        assertTrue(taken + lost > sent / 2, taken + " taken, " + lost + " lost");
        // It goes on after an overflow.
        wire(TestFrames.udp(1, 60));
        assertEquals(1, swap(port, 1, SOON_MS));
    }

    /// Each frame to exactly one of two ports, and none lost.
    @Test
    void shouldShareFramesByFlow() throws Exception {
        List<PacketPort> ports = openPorts(2);
        int total = 2_000;
        BitSet seen = new BitSet();
        int[] shares = new int[2];
        Map<Integer, Integer> portOfFlow = new HashMap<>();
        for (int number = 0; number < total; number++) {
            wire(TestFrames.udp(number % 500, 60)); // Four frames of each of 500 flows.
            if (number % 100 == 99) {
                collect(ports, shares, portOfFlow, seen);
            }
        }
        long deadline = System.nanoTime() + SOON_MS * 1_000_000;
        while (shares[0] + shares[1] < total && System.nanoTime() < deadline) {
            collect(ports, shares, portOfFlow, seen);
        }
        Thread.sleep(NEVER_MS);
        collect(ports, shares, portOfFlow, seen);

        assertEquals(total, shares[0] + shares[1], "frames taken by both");
        assertEquals(500, seen.cardinality());
        assertTrue(shares[0] > total / 4 && shares[1] > total / 4, shares[0] + " and " + shares[1]);
    }

    private void collect(List<PacketPort> ports, int[] shares, Map<Integer, Integer> portOfFlow, BitSet seen) {
        for (int p = 0; p < 2; p++) {
            PacketPort port = ports.get(p);
            while (port.receive(batch) > 0) {
                for (int i = 0; i < batch.size; i++) {
                    byte[] frame = batch.bytes(port.memory(), i);
                    if (TestFrames.isUdp(frame)) {
                        shares[p]++;
                        seen.set(TestFrames.number(frame));
                        Integer before = portOfFlow.putIfAbsent(TestFrames.number(frame), p);
                        assertTrue(before == null || before == p, "a flow came to both ports");
                    }
                }
                port.transmit(batch);
            }
        }
    }

    /// What one port of a group sends must not come in by another, or a few frames become a storm.
    @Test
    void shouldNotHearItself() throws Exception {
        List<PacketPort> ports = openPorts(2);
        for (int i = 0; i < 63; i++) {
            wire(TestFrames.udp(i, 60));
        }

        int swapped = 0;
        long deadline = System.nanoTime() + 500_000_000;
        while (System.nanoTime() < deadline) {
            swapped += swapOnce(ports.get(0)) + swapOnce(ports.get(1));
        }

        assertEquals(63, swapped);
    }

    @ParameterizedTest
    @EnumSource
    void shouldSurviveALinkThatGoesDownAndUp(TransportKind transport) throws Exception {
        PacketPort port = openPort();
        try (WaitLoop loop = Transports.open(transport, Thread.currentThread())) {
            loop.register(port.descriptors()[0]);
            loop.await(1_000_000);
            net.in(portSpace, "ip link set p0 down");
            assertEquals(0, sendOwn(port, TestFrames.udp(1, 60)), "sent while the link was down");
            assertTrue(turnsIn(port, loop, 200) < 50, "the loop spins while the link is down");

            net.in(portSpace, "ip link set p0 up");
            assertTrue(turnsIn(port, loop, 200) < 200, "the loop spins after the link came back");
            wire(TestFrames.udp(2, 60));
            loop.await(SOON_MS * 1_000_000);
            assertEquals(1, swap(port, 1, SOON_MS));
            assertNotNull(back(SOON_MS));
        }
    }

    private int turnsIn(PacketPort port, WaitLoop loop, int ms) {
        int turns = 0;
        long deadline = System.nanoTime() + ms * 1_000_000L;
        while (System.nanoTime() < deadline) {
            loop.await(deadline - System.nanoTime());
            swapOnce(port);
            turns++;
        }
        return turns;
    }

    @ParameterizedTest
    @EnumSource
    void shouldWakeAWaitLoop(TransportKind transport) throws Exception {
        PacketPort port = openPort();
        try (WaitLoop loop = Transports.open(transport, Thread.currentThread())) {
            loop.register(port.descriptors()[0]);
            for (int round = 0; round < 200; round++) {
                wire(TestFrames.udp(round, 60));
                long start = System.nanoTime();
                int swapped = 0;
                while (swapped == 0) {
                    loop.await(SOON_MS * 1_000_000);
                    swapped = swapOnce(port);
                    assertTrue(System.nanoTime() - start < SOON_MS * 900_000, "not woken by a frame");
                }
            }
        }
    }

    /// A sender on the same host leaves the checksum to a NIC that is not there; the backend must get it whole.
    @ParameterizedTest
    @ValueSource(strings = {"4 udp", "4 tcp", "6 udp", "6 tcp"})
    void shouldCompleteChecksumsThatAreLeftToHardware(String kind) throws Exception {
        net.in(wireSpace, "ethtool -K w0 tx on");
        net.in(wireSpace, "ip addr add 192.0.2.1/24 dev w0");
        net.in(wireSpace, "ip addr add fd00::1/64 dev w0 nodad");
        net.in(wireSpace, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev w0");
        net.in(wireSpace, "ip neigh add fd00::2 lladdr 02:00:00:00:00:01 dev w0");
        PacketPort port = openPort();
        boolean six = kind.startsWith("6");
        boolean tcp = kind.endsWith("tcp");

        net.inside(wireSpace, () -> {
            var to = new java.net.InetSocketAddress(six ? "fd00::2" : "192.0.2.2", 4789);
            if (tcp) {
                try (var socket = java.nio.channels.SocketChannel.open()) {
                    socket.configureBlocking(false);
                    socket.connect(to);
                }
            } else {
                try (var socket = new java.net.DatagramSocket()) {
                    socket.send(new java.net.DatagramPacket(new byte[101], 101, to));
                }
            }
            return 0;
        });

        byte[] frame = firstIp(port, six, tcp ? 6 : 17);
        assertNotNull(frame, "nothing came");
        assertTrue(IpChecks.transportChecksumIsRight(frame), TestFrames.hex(frame));
    }

    /// Segments that were merged, or never cut, are no frames of this link: dropped, counted, and nothing stops.
    @Test
    void shouldRefuseFramesLongerThanTheMtu() throws Exception {
        PacketPort port = openPort();
        net.in(wireSpace, "ip link set w0 mtu 9000");
        net.in(portSpace, "ip link set p0 mtu 9000"); // The port was opened with 1500.
        wire(TestFrames.udp(1, 1519 + 4));
        wire(TestFrames.udp(2, 6000));
        wire(TestFrames.udp(3, 1514));

        assertEquals(1, swap(port, 1, SOON_MS));
        assertEquals(0, swap(port, 1, NEVER_MS));
        port.countLost(counters);

        assertEquals(2, counters.get(WorkerCounter.DROP_TRUNCATED));
        assertEquals(2, counters.get(WorkerCounter.RECEIVED));
        byte[] sent = back(SOON_MS);
        assertNotNull(sent);
        assertEquals(3, TestFrames.number(sent));
    }

    @Test
    void shouldCarryJumboFrames() throws Exception {
        net.in(wireSpace, "ip link set w0 mtu 9000");
        net.in(portSpace, "ip link set p0 mtu 9000");
        PacketPort port = openPort();
        for (int i = 0; i < 3_000; i += 100) {
            for (int k = 0; k < 100; k++) {
                wire(TestFrames.udp(i + k, 9014));
            }
            assertEquals(100, swap(port, 100, SOON_MS));
            assertEquals(100, countBack(100, SOON_MS));
        }
    }

    @Test
    void shouldPutAVlanTagBack() throws Exception {
        PacketPort port = openPort();
        byte[] tagged = TestFrames.tagged(TestFrames.udp(5, 100), 0x6123);
        wire(tagged); // The kernel takes the tag out when it receives the frame.

        long deadline = System.nanoTime() + SOON_MS * 1_000_000;
        byte[] received = null;
        while (received == null && System.nanoTime() < deadline) {
            port.receive(batch);
            for (int i = 0; i < batch.size; i++) {
                byte[] frame = batch.bytes(port.memory(), i);
                if (frame.length == tagged.length) {
                    received = frame;
                    batch.verdicts[i] = FrameBatch.SEND;
                }
            }
            port.transmit(batch);
        }

        assertArrayEquals(tagged, received);
    }

    /// A frame that the device will not take must not hold up those behind it.
    @Test
    void shouldSendTheOthersWhenOneFrameIsTooLong() throws Exception {
        PacketPort port = openPort();
        byte[] own = TestFrames.udp(4, 60);
        for (int i = 0; i < 3; i++) {
            long offset = port.borrow();
            MemorySegment.copy(own, 0, port.memory(), ValueLayout.JAVA_BYTE, offset, own.length);
            batch.addOriginated(offset, i == 1 ? 1800 : own.length);
        }

        assertEquals(2, port.transmit(batch));
        assertEquals(2, countBack(3, NEVER_MS));
    }

    @Test
    void shouldNotAllocateWhenItCountsAndSends() throws Exception {
        PacketPort port = openPort();
        byte[] own = TestFrames.udp(4, 60);
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long fewest = Long.MAX_VALUE;
        // The JIT may allocate in any one round, and a native call does until it is compiled.
        for (int round = 0; round < 40; round++) {
            for (int i = 0; i < 100; i++) {
                wire(own);
            }
            long before = thread.getCurrentThreadAllocatedBytes();
            for (int cycle = 0; cycle < 1_000; cycle++) {
                swapOnce(port);
                sendOwn(port, own);
                port.countLost(counters);
            }
            fewest = Math.min(fewest, thread.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, fewest, "bytes allocated by 1,000 cycles");
    }

    /// What concerns no VIP is the host's alone, and so is what a switch floods to another machine's address.
    @Test
    void shouldTakeOnlyWhatMayBeOurs() throws Exception {
        PacketPort port = openPort();
        byte[] toTheHost = TestFrames.udp(1, 60);
        toTheHost[33] = 77; // 192.0.2.77
        byte[] toAnother = TestFrames.udp(2, 60);
        toAnother[5] = 9;
        wire(toTheHost);
        wire(toAnother);
        wire(TestFrames.udp(3, 60));

        assertEquals(1, swap(port, 1, SOON_MS));
        assertEquals(0, swap(port, 1, NEVER_MS));
        byte[] sent = back(SOON_MS);
        assertNotNull(sent);
        assertEquals(3, TestFrames.number(sent));
        port.countLost(counters);
        assertEquals(0, counters.get(WorkerCounter.PORT_LOST));
    }

    @Test
    void shouldLeaveNothingBehind() throws Exception {
        openPorts(2);
        int descriptors = -1;
        for (int i = 0; i < 3; i++) {
            Objects.requireNonNull(opened).close();
            opened = null;
            int now = Objects.requireNonNull(new File("/proc/self/fd").list()).length;
            assertTrue(descriptors == -1 || now <= descriptors, descriptors + " descriptors became " + now);
            descriptors = now;
            assertThrows(
                    LinuxException.class,
                    () -> net.inside(portSpace, () -> PacketInterface.open("p9", 2, version(), BATCH)));
            openPorts(2);
        }
        wire(TestFrames.udp(1, 60));
        PacketPort first = Objects.requireNonNull(opened).ports().get(0);
        PacketPort second = opened.ports().get(1);
        long deadline = System.nanoTime() + SOON_MS * 1_000_000;
        int swapped = 0;
        while (swapped == 0 && System.nanoTime() < deadline) {
            swapped = swapOnce(first) + swapOnce(second);
        }
        assertEquals(1, swapped);
    }

    @Test
    void shouldSayInALineWhatIsWrongWithAnInterface() throws Exception {
        net.in(portSpace, "ip tuntap add mode tun name t0");

        for (String name : List.of("p9", "t0", "a-name-that-is-too-long")) {
            LinuxException refused = assertThrows(
                    LinuxException.class,
                    () -> net.inside(portSpace, () -> PacketInterface.open(name, 1, version(), BATCH)));
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.contains(name) && message.lines().count() == 1, message);
        }
    }

    /// Most drivers merge by default, and large requests would then hardly get through.
    @Test
    void shouldWarnOfMergedSegments() throws Exception {
        openPort();
        assertEquals(List.of(), Objects.requireNonNull(opened).notices());
        opened.close();

        net.in(portSpace, "ethtool -K p0 gro on");
        openPort();

        String notice = Objects.requireNonNull(opened).notices().getFirst();
        assertTrue(notice.contains("ethtool -K p0 gro off"), notice);
    }

    @Test
    void shouldSayWhatItIs() throws Exception {
        String description = openPort().description();

        assertTrue(description.contains("TPACKET_" + version()) && description.contains("p0"), description);
    }

    private byte @Nullable [] firstIp(PacketPort port, boolean six, int protocol) {
        long deadline = System.nanoTime() + SOON_MS * 1_000_000;
        byte[] found = null;
        while (found == null && System.nanoTime() < deadline) {
            port.receive(batch);
            for (int i = 0; i < batch.size; i++) {
                byte[] frame = batch.bytes(port.memory(), i);
                if (frame[12] == (six ? (byte) 0x86 : 8)
                        && frame[13] == (six ? (byte) 0xdd : 0)
                        && frame[six ? 20 : 23] == protocol) {
                    found = frame;
                }
            }
            port.transmit(batch);
        }
        return found;
    }

    /// Swaps until so many frames have gone out or the time is over.
    private int swap(PacketPort port, int wanted, long timeoutMs) {
        int swapped = 0;
        long deadline = System.nanoTime() + timeoutMs * 1_000_000;
        while (swapped < wanted && System.nanoTime() < deadline) {
            int now = swapOnce(port);
            swapped += now;
            if (now > 0) {
                deadline = System.nanoTime() + timeoutMs * 1_000_000;
            }
        }
        return swapped;
    }

    /// One cycle: sends our frames back with their MAC addresses changed for each other, in place and without garbage.
    private int swapOnce(PacketPort port) {
        int received = port.receive(batch);
        if (received == 0) {
            return 0;
        }
        MemorySegment memory = port.memory();
        for (int i = 0; i < received; i++) {
            long offset = batch.offsets[i];
            if (memory.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 12) == 0x0008
                    && memory.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 36) == Short.reverseBytes((short) 4789)) {
                int high = memory.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
                short low = memory.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 4);
                MemorySegment.copy(memory, offset + 6, memory, offset, 6);
                memory.set(ValueLayout.JAVA_INT_UNALIGNED, offset + 6, high);
                memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset + 10, low);
                batch.verdicts[i] = FrameBatch.SEND;
            }
        }
        return port.transmit(batch);
    }

    private int sendOwn(PacketPort port, byte[] frame) {
        long offset = port.borrow();
        assertTrue(offset >= FramePort.HEADROOM);
        MemorySegment.copy(frame, 0, port.memory(), ValueLayout.JAVA_BYTE, offset, frame.length);
        batch.addOriginated(offset, frame.length);
        return port.transmit(batch);
    }

    private int receiveUdp(PacketPort port, long timeoutMs) {
        long deadline = System.nanoTime() + timeoutMs * 1_000_000;
        while (System.nanoTime() < deadline) {
            port.receive(batch);
            for (int i = 0; i < batch.size; i++) {
                if (TestFrames.isUdp(batch.bytes(port.memory(), i))) {
                    return batch.size;
                }
            }
            port.transmit(batch);
        }
        return 0;
    }

    private int onlyUdp(PacketPort port) {
        int found = -1;
        for (int i = 0; i < batch.size; i++) {
            if (TestFrames.isUdp(batch.bytes(port.memory(), i))) {
                assertEquals(-1, found, "more than one");
                found = i;
            }
        }
        return found;
    }
}
