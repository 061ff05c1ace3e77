package io.penstock.forwarder.port;

import static io.penstock.forwarder.port.FramePortContract.VIP;
import static io.penstock.forwarder.port.FramePortContract.frame;
import static io.penstock.forwarder.port.FramePortContract.number;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.HugePages;
import io.penstock.control.config.TransportKind;
import io.penstock.control.status.WorkerCounter;
import io.penstock.control.status.WorkerCounters;
import io.penstock.forwarder.linux.BpfLink;
import io.penstock.forwarder.linux.LinuxException;
import io.penstock.forwarder.linux.LinuxInterface;
import io.penstock.forwarder.linux.NetworkNamespaces;
import io.penstock.forwarder.linux.RawSocket;
import io.penstock.forwarder.linux.XdpSocket;
import io.penstock.forwarder.transport.Transports;
import io.penstock.forwarder.transport.WaitLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// AF_XDP on veth pairs between namespaces: what goes to the sockets, what stays with the kernel, and what happens to
/// it all when queues, links and processes come and go.
@Tag("root")
class XdpInterfaceTest {
    private static final int WAIT_MS = 2_000;
    private static final XdpInterface.Options OPTIONS = XdpInterface.Options.DEFAULT;

    private final FrameBatch batch = new FrameBatch(64);
    private NetworkNamespaces net;
    private String client;
    private String lb;

    @BeforeEach
    void makeNamespaces() {
        net = NetworkNamespaces.open();
        client = net.add("client");
        lb = net.add("lb");
    }

    @AfterEach
    void removeNamespaces() {
        if (net != null) {
            net.close();
        }
    }

    @Test
    void shouldLeaveTheHostItsTrafficAndTakeTheVips() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        NetworkNamespaces.run("ip -n " + client + " addr add 10.0.0.2/24 dev c0");
        NetworkNamespaces.run("ip -n " + lb + " addr add 10.0.0.1/24 dev l0");
        try (XdpInterface xdp = open("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"));
                ServerSocket server =
                        net.inside(lb, () -> new ServerSocket(22, 5, InetAddress.getByName("10.0.0.1")))) {
            assertEquals(BpfLink.Mode.DRIVER, xdp.mode(), xdp.description());
            xdp.filter().update(Set.of(InetAddress.getByName("192.0.2.1")), Set.of());
            server.setSoTimeout(WAIT_MS);

            // ARP and TCP to the host's own address: answered by its kernel.
            net.inside(client, () -> {
                try (Socket socket = new Socket()) {
                    socket.connect(new InetSocketAddress("10.0.0.1", 22), WAIT_MS);
                    server.accept().close();
                    return socket.getInputStream().read();
                }
            });
            assertEquals(0, xdp.ports().getFirst().receive(batch), "frames of the host at the port");

            far.send(frame(60, 1));
            far.send(arpRequest("c0000201"));
            far.send(arpRequest("0a000001"));

            List<byte[]> got = receive(xdp.ports().getFirst(), 2);
            assertArrayEquals(frame(60, 1), got.get(0));
            assertArrayEquals(arpRequest("c0000201"), got.get(1));
            boolean answered = false;
            for (byte[] frame = far.receive(WAIT_MS); frame != null && !answered; frame = far.receive(WAIT_MS)) {
                answered = frame[12] == 8 && frame[13] == 6 && frame[21] == 2;
            }
            assertTrue(answered, "the kernel answers ARP for its own address");
        }
    }

    @Test
    void shouldCarryOneTagInTheFrame() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            byte[] plain = frame(60, 1);
            byte[] tagged = new byte[64];
            System.arraycopy(plain, 0, tagged, 0, 12);
            tagged[12] = (byte) 0x81;
            tagged[15] = 100;
            System.arraycopy(plain, 12, tagged, 16, 48);

            far.send(tagged);

            assertArrayEquals(tagged, receive(xdp.ports().getFirst(), 1).getFirst());
        }
    }

    @ParameterizedTest(name = "{0} queues, {1} workers")
    @CsvSource({"3,3", "2,1", "5,2"})
    void shouldShareTheQueuesOutToTheWorkers(int queues, int workers) throws Exception {
        net.veth(client, "c0", lb, "l0", queues);
        try (XdpInterface xdp = openWithVip("l0", workers);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            int frames = 600;
            BitSet seen = new BitSet();
            int[] perQueue = new int[queues];
            for (int i = 0; i < frames; i++) {
                far.send(frameOfFlow(60, i, i));
            }
            long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
            while (seen.cardinality() < frames && System.nanoTime() - deadlineNs < 0) {
                for (int worker = 0; worker < workers; worker++) {
                    XdpPort port = xdp.ports().get(worker);
                    int count = port.receive(batch);
                    for (int i = 0; i < count; i++) {
                        int number = number(batch.bytes(port.memory(), i));
                        assertFalse(seen.get(number), "frame " + number + " came twice");
                        seen.set(number);
                        perQueue[worker + workers * port.ownerOf(batch.offsets[i])]++;
                    }
                    port.transmit(batch);
                }
            }

            assertEquals(frames, seen.cardinality(), "frames received");
            for (int queue = 0; queue < queues; queue++) {
                assertTrue(perQueue[queue] > 0, "queue " + queue + " got nothing");
            }
        }
    }

    @Test
    void shouldGiveEachQueueToExactlyOneWorkerAndBoundTheirRings() {
        for (int queues = 1; queues <= 64; queues++) {
            for (int workers = 1; workers <= queues; workers++) {
                BitSet shared = new BitSet();
                for (int worker = 0; worker < workers; worker++) {
                    int[] own = XdpInterface.queuesOf(worker, workers, queues);
                    assertEquals(worker, own[0]);
                    for (int queue : own) {
                        assertFalse(shared.get(queue));
                        shared.set(queue);
                    }
                }
                assertEquals(queues, shared.cardinality());
                int ring = XdpInterface.ringEntries(queues, workers);
                assertEquals(1, Integer.bitCount(ring));
                assertTrue(ring >= 512 && ring <= 2048, "ring=" + ring);
                assertTrue(ring == 512 || ring * Math.ceilDiv(queues, workers) <= 8192, "ring=" + ring);
            }
        }
        assertEquals(2048, XdpInterface.ringEntries(4, 1));
        assertEquals(1024, XdpInterface.ringEntries(5, 1));
        assertEquals(512, XdpInterface.ringEntries(64, 1));
    }

    @Test
    void shouldLetNoQueueHoldUpAnother() throws Exception {
        net.veth(client, "c0", lb, "l0", 2);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            XdpPort port = xdp.ports().getFirst();
            int[] flows = flowsOfQueues(port, far, 2);
            for (int busy = 0; busy < 2; busy++) {
                for (int i = 0; i < 1_000; i++) {
                    far.send(frameOfFlow(60, i, flows[busy]));
                }
                far.send(frameOfFlow(60, 5_000, flows[1 - busy]));

                boolean isServed = false;
                for (int round = 0; round < 2; round++) {
                    int count = port.receive(batch);
                    isServed |= number(batch.bytes(port.memory(), 0)) == 5_000;
                    assertEquals(0, batch.size - count);
                    port.transmit(batch);
                }
                assertTrue(isServed, "one frame beside a thousand of queue " + busy);
                receive(port, 1_000 - batch.batchFrames());
            }
        }
    }

    @Test
    void shouldSendAReplyByTheQueueOfItsBatch() throws Exception {
        net.veth(client, "c0", lb, "l0", 2);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            XdpPort port = xdp.ports().getFirst();
            int[] flows = flowsOfQueues(port, far, 2);
            for (int queue : new int[] {0, 1, 0}) {
                far.send(frameOfFlow(60, 1, flows[queue]));
                await(port);
                long offset = port.borrow();
                assertEquals(queue, port.ownerOf(offset));
                byte[] own = frame(60, 2);
                MemorySegment.copy(MemorySegment.ofArray(own), 0, port.memory(), offset, own.length);
                assertTrue(batch.addOriginated(offset, own.length));
                batch.verdicts[0] = FrameBatch.SEND;

                assertEquals(2, port.transmit(batch));

                assertArrayEquals(frameOfFlow(60, 1, flows[queue]), far.receiveTo(VIP, WAIT_MS));
                assertArrayEquals(own, far.receiveTo(VIP, WAIT_MS));
            }
        }
    }

    /// The caller counts what is not sent as the last of its batch, also when that is in another queue's chunks.
    @Test
    void shouldDropTheLastFramesWhenTheSendRingOfOneQueueIsFull() throws Exception {
        net.veth(client, "c0", lb, "l0", 2);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            XdpPort port = xdp.ports().getFirst();
            int all = port.chunksAtRest();
            int ring = XdpInterface.ringEntries(2, 1);
            for (int i = 0; i < ring; i++) { // as many as wait in a receive ring fill a send ring
                far.send(frame(60, i));
            }
            NetworkNamespaces.run("ip -n " + lb + " link set l0 down");
            sendBack(port, ring);
            List<Long> lent = new ArrayList<>();
            for (long offset = port.borrow(); offset >= 0; offset = port.borrow()) {
                lent.add(offset);
            }
            assertEquals(all / 8, lent.size(), "places");
            assertNotEquals(port.ownerOf(lent.getFirst()), port.ownerOf(lent.getLast()));

            originate(port, lent.removeFirst());
            originate(port, lent.removeLast());
            assertEquals(0, port.transmit(batch), "the first has no room, so the second is dropped too");
            originate(port, lent.removeLast());
            originate(port, port.borrow());
            assertEquals(1, port.transmit(batch), "the second has room, the first none");

            NetworkNamespaces.run("ip -n " + lb + " link set l0 up");
            lent.forEach(port::giveBack);
            awaitChunks(port, all);
        }
    }

    @ParameterizedTest
    @EnumSource(TransportKind.class)
    void shouldWakeForAFrameOnAnyQueue(TransportKind transport) throws Exception {
        net.veth(client, "c0", lb, "l0", 2);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"));
                WaitLoop loop = Transports.open(transport, Thread.currentThread())) {
            XdpPort port = xdp.ports().getFirst();
            int[] flows = flowsOfQueues(port, far, 2);
            assertEquals(2, port.descriptors().length);
            for (int descriptor : port.descriptors()) {
                loop.register(descriptor);
            }
            for (int i = 0; i < 20; i++) {
                far.send(frameOfFlow(60, i, flows[i / 2 % 2]));
                long startNs = System.nanoTime();
                int count = 0;
                while (count == 0) { // A wait may end early, for no reason.
                    loop.await(TimeUnit.SECONDS.toNanos(10));
                    count = port.receive(batch);
                }
                assertTrue(System.nanoTime() - startNs < TimeUnit.SECONDS.toNanos(3), "frame " + i);
                assertEquals(i, number(batch.bytes(port.memory(), 0)));
                port.transmit(batch);
            }
            int waits = 0;
            long startNs = System.nanoTime();
            while (System.nanoTime() - startNs < 100_000_000) {
                loop.await(20_000_000);
                waits++;
            }
            assertTrue(waits <= 10, "waits of 20 ms in 100 ms with nothing there: " + waits);
        }
    }

    @Test
    void shouldRefuseMoreWorkersThanQueues() throws Exception {
        net.veth(client, "c0", lb, "l0", 4);
        net.in(lb, "ethtool -L l0 rx 2 tx 2");

        LinuxException more = assertThrows(LinuxException.class, () -> open("l0", 3));
        assertEquals(
                "3 worker(s) for l0: it has 2 receive queue(s), and a worker without a queue gets no frames;"
                        + " name at most 2 CPU(s) in forwarder.cpus, or ethtool -L l0 rx 3 tx 3",
                more.getMessage());

        open("l0", 2).close();
        open("l0", 1).close();
    }

    @Test
    void shouldRefuseFewerSendQueuesThanReceiveQueues() throws Exception {
        net.veth(client, "c0", lb, "l0", 4);
        net.in(lb, "ethtool -L l0 rx 4 tx 1");

        LinuxException refused = assertThrows(LinuxException.class, () -> open("l0", 1));

        assertEquals(
                "AF_XDP on l0: it has 4 receive queues and 1 to send by, and frames leave by the queue they came by;"
                        + " ethtool -L l0 rx 1 tx 1, or forwarder.port=packet",
                refused.getMessage());
    }

    @Test
    void shouldRefuseWhatCannotWorkWithOneLine() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);

        assertMessage("there is no such network interface here", () -> open("no-such", 1));
        NetworkNamespaces.run("ip -n " + lb + " link set l0 down");
        assertMessage("ip link set l0 up", () -> open("l0", 1));
        NetworkNamespaces.run("ip -n " + lb + " link set l0 up mtu 9000");
        assertMessage("forwarder.port=packet", () -> open("l0", 1));
    }

    @Test
    void shouldRefuseAnInterfaceThatAnotherProgramHas() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = open("l0", 1)) {
            assertNotNull(xdp);
            assertMessage("another XDP program is attached", () -> open("l0", 1));
        }
        open("l0", 1).close();
    }

    @Test
    void shouldOpenAgainAtOnce() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        for (int i = 0; i < 5; i++) {
            open("l0", 1).close();
        }
    }

    @Test
    void shouldSayWhenAnotherSocketHasTheQueue() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        XdpSocket.Options options = new XdpSocket.Options(64, 128, 2048, true, false);
        try (Arena arena = Arena.ofShared();
                XdpSocket other = net.inside(
                        lb,
                        () -> new XdpSocket(
                                LinuxInterface.read("l0"), 0, arena.allocate(options.memoryLength(), 4096), options))) {
            other.bind();

            assertMessage("another AF_XDP socket has this queue", () -> open("l0", 1));

            assertFalse(hasProgram(), "nothing is left behind");
        }
    }

    @Test
    void shouldSayThatCopyWasObtainedWhereTheDriverHasNoZeroCopy() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = open("l0", 1)) {
            XdpPort port = xdp.ports().getFirst();
            assertFalse(port.isZeroCopy());
            assertEquals(
                    "XDP on l0 in the driver; 1 queue(s) for 1 worker(s); " + port.description(), xdp.description());
            assertTrue(
                    port.description().startsWith("AF_XDP l0 queue 0, copy, 4096 chunks of 2048 bytes in "),
                    port.description());
            assertEquals(List.of(), xdp.notices());
        }
        net.veth(client, "c1", lb, "l1", 3);
        try (XdpInterface xdp = open("l1", 2)) {
            assertTrue(
                    xdp.description()
                            .startsWith(
                                    "XDP on l1 in the driver; 3 queue(s) for 2 worker(s); AF_XDP l1 queues 0,2, copy,"
                                            + " 4096 chunks a queue of 2048 bytes in "),
                    xdp.description());
        }
    }

    @Test
    void shouldFallBackToGenericModeAndSaySo() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        NetworkNamespaces.run(
                "ip -n " + lb + " link add mv0 link l0 address 02:00:00:00:00:01 type macvlan mode bridge");
        NetworkNamespaces.run("ip -n " + lb + " link set mv0 up");
        try (XdpInterface xdp = openWithVip("mv0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            assertEquals(BpfLink.Mode.GENERIC, xdp.mode());
            assertTrue(
                    xdp.notices().getFirst().contains("generic mode"),
                    xdp.notices().toString());

            byte[] frame = frame(60, 1);
            frame[1] = 0; // to the macvlan's address
            System.arraycopy(new byte[] {2, 0, 0, 0, 0, 1}, 0, frame, 0, 6);
            far.send(frame);

            XdpPort port = xdp.ports().getFirst();
            assertArrayEquals(frame, receive(port, 1).getFirst());
        }
    }

    @Test
    void shouldTakeLargerFramesWithALargerMtu() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        NetworkNamespaces.run("ip -n " + client + " link set c0 mtu 3400");
        NetworkNamespaces.run("ip -n " + lb + " link set l0 mtu 3400");
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            byte[] frame = frame(3414, 1);

            assertEquals(0, far.send(frame));

            assertArrayEquals(frame, receive(xdp.ports().getFirst(), 1).getFirst());
        }
    }

    @ParameterizedTest(name = "{0} queues")
    @ValueSource(ints = {1, 2})
    void shouldGoOnAfterTheLinkWasDown(int queues) throws Exception {
        net.veth(client, "c0", lb, "l0", queues);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            XdpPort port = xdp.ports().getFirst();
            int[] flows = flowsOfQueues(port, far, queues);
            far.send(frame(60, 1));
            sendBack(port, 1);
            assertArrayEquals(frame(60, 1), far.receiveTo(VIP, WAIT_MS));

            for (String[] end : new String[][] {{lb, "l0"}, {client, "c0"}}) {
                NetworkNamespaces.run("ip -n " + end[0] + " link set " + end[1] + " down");
                for (int i = 0; i < 3_000; i++) { // More than the send ring holds: must neither block nor fail.
                    sendOwn(port, i);
                    port.receive(batch);
                    port.transmit(batch);
                }
                NetworkNamespaces.run("ip -n " + end[0] + " link set " + end[1] + " up");
                far.receive(50); // the socket's own ENETDOWN

                BitSet back = new BitSet();
                for (int i = 0; i < 100 && back.cardinality() < queues; i++) {
                    for (int queue = 0; queue < queues; queue++) {
                        far.send(frameOfFlow(60, 77_000 + queue, flows[queue]));
                    }
                    Thread.sleep(10);
                    for (int queue = 0; queue < queues; queue++) {
                        int count = port.receive(batch);
                        for (int j = 0; j < count; j++) {
                            batch.verdicts[j] = FrameBatch.SEND;
                        }
                        port.transmit(batch);
                    }
                    for (byte[] frame = far.receiveTo(VIP, 0); frame != null; frame = far.receiveTo(VIP, 0)) {
                        if (number(frame) >= 77_000) {
                            back.set(number(frame) - 77_000);
                        }
                    }
                }
                assertEquals(queues, back.cardinality(), "queues on which frames flow after " + end[1] + " was down");
            }
        }
    }

    @Test
    void shouldCountWhatTheKernelLost() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            XdpPort port = xdp.ports().getFirst();
            int frames = 3_000;
            for (int i = 0; i < frames; i++) {
                far.send(frame(60, i));
            }
            int taken = 0;
            for (int count = port.receive(batch); count > 0; count = port.receive(batch)) {
                taken += count;
                port.transmit(batch);
            }
            WorkerCounters counters = new WorkerCounters(MemorySegment.ofArray(new long[WorkerCounter.CAPACITY]));

            port.countLost(counters);
            port.countLost(counters);

            assertEquals(2048, taken, "frames in a full ring");
            assertEquals(frames - taken, counters.get(WorkerCounter.PORT_LOST));
        }
    }

    @ParameterizedTest(name = "{0} queues")
    @ValueSource(ints = {1, 2})
    void shouldLoseNoChunk(int queues) throws Exception {
        net.veth(client, "c0", lb, "l0", queues);
        try (XdpInterface xdp = openWithVip("l0", 1);
                RawSocket far = net.inside(client, () -> new RawSocket("c0"))) {
            long seed = Long.getLong("penstock.seed", System.nanoTime());
            System.out.println("penstock.seed=" + seed);
            Random random = new Random(seed);
            XdpPort port = xdp.ports().getFirst();
            int all = port.chunksAtRest();
            assertEquals(queues * 4096, all);
            for (int round = 0; round < 40; round++) {
                if (round == 10) { // Frames that find the link down must come back as well.
                    NetworkNamespaces.run("ip -n " + client + " link set c0 down");
                }
                if (round == 20) {
                    NetworkNamespaces.run("ip -n " + client + " link set c0 up");
                }
                int burst = random.nextInt(round == 30 ? 4_000 : 300); // 4000: more than the receive ring holds
                for (int i = 0; i < burst; i++) {
                    far.send(frameOfFlow(60 + random.nextInt(1400), i, random.nextInt(64)));
                }
                for (int i = random.nextInt(100); i > 0; i--) {
                    sendOwn(port, i);
                }
                for (int cycle = 0; cycle < 80; cycle++) {
                    int count = port.receive(batch);
                    for (int i = 0; i < count; i++) {
                        batch.verdicts[i] = random.nextBoolean() ? FrameBatch.SEND : FrameBatch.RELEASE;
                    }
                    port.transmit(batch);
                }
                while (far.receive(0) != null) {
                    // Makes room in the far end's buffer.
                }
            }
            awaitChunks(port, all);
        }
    }

    @Test
    void shouldDetachWhenClosed() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = open("l0", 1)) {
            assertNotNull(xdp);
            assertTrue(hasProgram());
        }
        assertFalse(hasProgram());
    }

    @Test
    void shouldDetachWhenTheProcessIsKilled() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        Process process = net.start(
                lb,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath,
                Holder.class.getName());
        try {
            for (int i = 0; i < 1_000 && process.isAlive() && !hasProgram(); i++) {
                Thread.sleep(10);
            }
            assertTrue(hasProgram(), "the other process attached");
        } finally {
            process.destroyForcibly();
        }
        assertTrue(process.waitFor(5, TimeUnit.SECONDS));

        open("l0", 1).close(); // At once, as a supervisor would.
        assertFalse(hasProgram());
    }

    @Test
    void shouldUseSmallPagesWhenToldTo() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface off =
                net.inside(lb, () -> XdpInterface.open("l0", 1, new XdpInterface.Options(HugePages.OFF, true, true)))) {
            assertTrue(off.description().endsWith("4 KiB pages"), off.description());
        }
    }

    @Test
    void shouldRefuseWithoutTheHugePagesThatAreRequired() throws Exception {
        String memory = Files.readString(Path.of("/proc/meminfo"));
        boolean none = memory.matches("(?s).*HugePages_Free: +0\n.*");
        Assumptions.assumeTrue(none, "the host has huge pages free");
        net.veth(client, "c0", lb, "l0", 1);
        XdpInterface.Options required = new XdpInterface.Options(HugePages.ON, false, false);

        assertMessage(
                "sysctl vm.nr_hugepages=4 or more", () -> net.inside(lb, () -> XdpInterface.open("l0", 1, required)));

        assertFalse(hasProgram(), "nothing is left behind");
    }

    @Test
    void shouldJoinTheGroupsByWhichNeighboursAskForVips() throws Exception {
        net.veth(client, "c0", lb, "l0", 1);
        try (XdpInterface xdp = open("l0", 1)) {
            assertFalse(groups().contains("33:33:ff:12:12:34"), groups());

            xdp.filter()
                    .update(
                            Set.of(InetAddress.getByName("2001:db8::12:1234"), InetAddress.getByName("192.0.2.1")),
                            Set.of());
            assertTrue(groups().contains("33:33:ff:12:12:34"), groups());

            xdp.filter().update(Set.of(InetAddress.getByName("2001:db8::77:1234")), Set.of());
            assertFalse(groups().contains("33:33:ff:12:12:34"), groups());
            assertTrue(groups().contains("33:33:ff:77:12:34"), groups());
        }
        assertFalse(groups().contains("33:33:ff:77:12:34"), groups());
    }

    @Test
    void shouldReadTheInterface() throws Exception {
        net.veth(client, "c0", lb, "l0", 4);
        net.in(lb, "ip link set l0 address 02:11:22:33:44:55 mtu 1400");
        net.in(lb, "ethtool -L l0 rx 2 tx 2");

        LinuxInterface nic = net.inside(lb, () -> LinuxInterface.read("l0"));

        assertEquals("l0", nic.name());
        assertEquals(0x021122334455L, nic.mac());
        assertEquals(1400, nic.mtu());
        assertEquals(2, nic.receiveQueues());
        assertEquals(4, nic.receiveQueuesMax());
        assertEquals("veth", nic.driver());
        assertTrue(nic.up());
        assertTrue(nic.running());
        assertFalse(nic.mergesFrames());
        assertEquals("ethtool -L l0 rx 3 tx 3", nic.queueCommand(3));
    }

    /// A process that holds an interface until it is killed.
    static final class Holder {
        private Holder() {}

        /// Run by the test.
        public static void main(String[] arguments) throws Exception {
            XdpInterface.open("l0", 1, OPTIONS);
            Thread.sleep(20_000);
        }
    }

    private XdpInterface open(String interfaceName, int workers) throws Exception {
        return net.inside(lb, () -> XdpInterface.open(interfaceName, workers, OPTIONS));
    }

    private XdpInterface openWithVip(String interfaceName, int workers) throws Exception {
        XdpInterface xdp = open(interfaceName, workers);
        xdp.filter().update(Set.of(InetAddress.getByName("192.0.2.1")), Set.of());
        return xdp;
    }

    private String groups() {
        return NetworkNamespaces.run("ip -n " + lb + " maddr show dev l0");
    }

    private boolean hasProgram() {
        return NetworkNamespaces.run("ip -n " + lb + " -d link show l0").contains("prog/xdp");
    }

    private static void assertMessage(String part, Executable task) {
        LinuxException thrown = assertThrows(LinuxException.class, task);
        String message = String.valueOf(thrown.getMessage());
        assertTrue(message.contains(part), message);
        assertFalse(message.contains("\n"), message);
    }

    private List<byte[]> receive(XdpPort port, int frames) {
        List<byte[]> received = new ArrayList<>();
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (received.size() < frames && System.nanoTime() - deadlineNs < 0) {
            int count = port.receive(batch);
            for (int i = 0; i < count; i++) {
                received.add(batch.bytes(port.memory(), i));
            }
            port.transmit(batch);
        }
        assertEquals(frames, received.size(), "frames received");
        return received;
    }

    private void await(XdpPort port) {
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (port.receive(batch) == 0) {
            assertTrue(System.nanoTime() - deadlineNs < 0, "no frame came");
        }
    }

    private void awaitChunks(XdpPort port, int all) {
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (port.chunksAtRest() < all && System.nanoTime() - deadlineNs < 0) {
            port.receive(batch);
            port.transmit(batch);
        }
        assertEquals(all, port.chunksAtRest());
    }

    /// {@return for each queue of the port a flow that comes by it}
    private int[] flowsOfQueues(XdpPort port, RawSocket far, int queues) {
        int[] flows = new int[queues];
        BitSet known = new BitSet();
        for (int flow = 0; flow < 200 && known.cardinality() < queues; flow++) {
            far.send(frameOfFlow(60, flow, flow));
            await(port);
            int queue = port.ownerOf(batch.offsets[0]);
            port.transmit(batch);
            flows[queue] = flow;
            known.set(queue);
        }
        assertEquals(queues, known.cardinality(), "queues that frames come by");
        return flows;
    }

    private static byte[] frameOfFlow(int length, int number, int flow) {
        byte[] frame = frame(length, number);
        frame[34] = (byte) (flow >> 8); // the source port: flows that the sender's queues share out
        frame[35] = (byte) flow;
        return frame;
    }

    private void originate(XdpPort port, long offset) {
        byte[] own = frame(60, 1);
        MemorySegment.copy(MemorySegment.ofArray(own), 0, port.memory(), offset, own.length);
        assertTrue(batch.addOriginated(offset, own.length));
    }

    private void sendBack(XdpPort port, int frames) {
        int sent = 0;
        long deadlineNs = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (sent < frames && System.nanoTime() - deadlineNs < 0) {
            int count = port.receive(batch);
            for (int i = 0; i < count; i++) {
                batch.verdicts[i] = FrameBatch.SEND;
            }
            sent += port.transmit(batch);
        }
        assertEquals(frames, sent, "frames sent");
    }

    private void sendOwn(XdpPort port, int number) {
        long offset = port.borrow();
        if (offset >= 0) {
            byte[] own = frame(60, number);
            MemorySegment.copy(MemorySegment.ofArray(own), 0, port.memory(), offset, own.length);
            batch.addOriginated(offset, own.length);
        }
        port.transmit(batch);
    }

    private static byte[] arpRequest(String target) {
        return HexFormat.of()
                .parseHex("ffffffffffff02000000000a0806000108000604000102000000000a0a000002000000000000" + target
                        + "00".repeat(18));
    }
}
