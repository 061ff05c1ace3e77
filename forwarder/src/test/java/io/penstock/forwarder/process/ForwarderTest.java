package io.penstock.forwarder.process;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.cli.HostLacksException;
import io.penstock.control.config.PenstockConfig;
import io.penstock.control.runtime.AlreadyRunningException;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.process.VipNetwork.Answer;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The forwarder with real kernels on all sides: every port on every transport, one worker and several.
@Tag("root")
@Timeout(120)
class ForwarderTest {
    private static final int CONNECTIONS = 40;

    /// Shows S2-01, S2-02, S2-22, S2-24, S2-72: connections and datagrams go through the VIP to backends that see the
    /// client as it is, and come back without us.
    @ParameterizedTest
    @CsvSource({
        "xdp,epoll,1,1",
        "xdp,io_uring,2,1",
        "packet,epoll,1,1",
        "packet,io_uring,1,1",
        "xdp,epoll,2,2",
        "xdp,epoll,3,2",
        "packet,io_uring,2,2"
    })
    void shouldForwardRealTraffic(String port, String transport, int queues, int workers) throws Exception {
        try (VipNetwork net = new VipNetwork(queues)) {
            PenstockConfig config = net.config("forwarder.port=" + port + "\nforwarder.transport=" + transport
                    + "\nforwarder.cpus=" + (workers == 1 ? "0" : "0-1"));
            try (Forwarder _ = net.start(config)) {
                for (String vip : List.of(VipNetwork.VIP, VipNetwork.VIP6)) {
                    shouldReachAllBackends(net, vip);
                }
                shouldLeaveTheHostAlone(net);
            }
            shouldHaveCountedAll(net, config, port, transport, workers);
        }
    }

    private static void shouldReachAllBackends(VipNetwork net, String vip) throws Exception {
        Set<String> tcpBackends = new HashSet<>();
        Map<Socket, String> open = new HashMap<>();
        for (int i = 0; i < CONNECTIONS; i++) {
            Socket socket = net.connect(vip, VipNetwork.PORT);
            Answer answer = VipNetwork.ask(socket);
            assertTrue(answer.client().endsWith("|" + socket.getLocalPort()), "the backend sees the client's port");
            assertTrue(answer.client().startsWith(socket.getLocalAddress().getHostAddress() + "|"), "and its address");
            open.put(socket, answer.backend());
            tcpBackends.add(answer.backend());
        }
        assertEquals(Set.of("b0", "b1"), tcpBackends);
        for (Map.Entry<Socket, String> connection : open.entrySet()) {
            assertEquals(
                    connection.getValue(), VipNetwork.ask(connection.getKey()).backend());
            connection.getKey().close();
        }
        Set<String> udpBackends = new HashSet<>();
        for (int i = 0; i < CONNECTIONS; i++) {
            try (DatagramSocket socket = net.datagramSocket(vip)) {
                String first = VipNetwork.ask(socket).backend();
                assertEquals(first, VipNetwork.ask(socket).backend(), "a datagram flow stays");
                udpBackends.add(first);
            }
        }
        assertEquals(Set.of("b0", "b1"), udpBackends);
    }

    private static void shouldLeaveTheHostAlone(VipNetwork net) throws Exception {
        assertTrue(net.answersEcho(VipNetwork.forwarderAddress()), "the host's own stack");
        assertTrue(net.answersEcho(VipNetwork.VIP), "we");
        assertTrue(net.answersEcho(VipNetwork.VIP6), "we");
        assertThrows(IOException.class, () -> {
            try (Socket socket = net.connect(VipNetwork.VIP, VipNetwork.PORT + 1)) {
                VipNetwork.ask(socket);
            }
        });
    }

    private static void shouldHaveCountedAll(
            VipNetwork net, PenstockConfig config, String port, String transport, int workers) throws IOException {
        try (StatusReader status = net.status(config)) {
            assertEquals(port, status.port());
            assertEquals(transport, status.transport());
            assertEquals(workers, status.workerCount());
            long forwarded = 0;
            for (int worker = 0; worker < workers; worker++) {
                Map<WorkerCounter, Long> counters = status.counters(worker);
                assertBalanced(counters);
                forwarded += count(counters, WorkerCounter.FORWARDED);
                assertTrue(count(counters, WorkerCounter.FORWARDED) > 0, "worker " + worker + " has had its part");
            }
            // At least SYN, ACK, request and FIN of each connection, and two datagrams of each UDP socket.
            assertTrue(forwarded >= 2 * (4 * CONNECTIONS + 2 * CONNECTIONS), "forwarded=" + forwarded);
            Map<WorkerCounter, Long> all = status.counters();
            assertTrue(count(all, WorkerCounter.DROP_NO_LISTENER) > 0, "the port without a listener");
            assertTrue(
                    count(all, WorkerCounter.REPLIED) >= 4, "ARP, ND and echoes: " + count(all, WorkerCounter.REPLIED));
            assertEquals(0, count(all, WorkerCounter.DROP_MIDSTREAM));
            assertEquals(0, count(all, WorkerCounter.DROP_TX_FULL));
        }
    }

    private static long count(Map<WorkerCounter, Long> counters, WorkerCounter counter) {
        return counters.getOrDefault(counter, 0L);
    }

    private static void assertBalanced(Map<WorkerCounter, Long> counters) {
        long accounted = 0;
        for (Map.Entry<WorkerCounter, Long> counter : counters.entrySet()) {
            if (counter.getKey().kind() != WorkerCounter.Kind.NOTE && counter.getKey() != WorkerCounter.RECEIVED) {
                accounted += counter.getValue();
            }
        }
        assertEquals(count(counters, WorkerCounter.RECEIVED), accounted, counters.toString());
    }

    /// Flows, counters and rows outlive the process, also when the number of workers changes.
    @Test
    void shouldGoOnAfterARestart() throws Exception {
        try (VipNetwork net = new VipNetwork(2)) {
            List<Socket> open = new ArrayList<>();
            List<String> backends = new ArrayList<>();
            PenstockConfig two = net.config("forwarder.port=packet\nforwarder.cpus=0-1");
            try (Forwarder _ = net.start(two)) {
                for (int i = 0; i < CONNECTIONS; i++) {
                    open.add(net.connect(VipNetwork.VIP, VipNetwork.PORT));
                    backends.add(VipNetwork.ask(open.getLast()).backend());
                }
            }
            long forwarded = count(net.counters(two), WorkerCounter.FORWARDED);
            for (String cpus : List.of("0-1", "0", "0-1")) {
                PenstockConfig next = net.config("forwarder.port=packet\nforwarder.cpus=" + cpus);
                try (Forwarder _ = net.start(next)) {
                    for (int i = 0; i < CONNECTIONS; i++) {
                        assertEquals(
                                backends.get(i), VipNetwork.ask(open.get(i)).backend(), "cpus " + cpus);
                    }
                }
                assertEquals(0, count(net.counters(next), WorkerCounter.DROP_MIDSTREAM));
                assertTrue(count(net.counters(next), WorkerCounter.FORWARDED) >= forwarded + CONNECTIONS, "they go on");
            }
            for (Socket socket : open) {
                socket.close();
            }
        }
    }

    @Test
    void shouldRefuseASecondForwarderAndAVipOfTheHost() throws Exception {
        try (VipNetwork net = new VipNetwork(1)) {
            PenstockConfig config = net.config("forwarder.port=packet");
            try (Forwarder _ = net.start(config)) {
                assertThrows(AlreadyRunningException.class, () -> net.start(config));
            }
            net.atForwarder("ip addr add " + VipNetwork.VIP + "/32 dev lo");
            HostLacksException refused = assertThrows(HostLacksException.class, () -> net.start(config));
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.contains(VipNetwork.VIP) && message.contains("ip addr del"), message);
            assertFalse(message.contains("\n"), "one line");
        }
    }
}
