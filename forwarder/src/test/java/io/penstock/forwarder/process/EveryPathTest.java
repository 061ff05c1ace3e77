package io.penstock.forwarder.process;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.penstock.control.config.PenstockConfig;
import io.penstock.control.status.StatusReader;
import io.penstock.control.status.WorkerCounter;
import io.penstock.forwarder.linux.RawSocket;
import io.penstock.forwarder.process.RoutedNetwork.Way;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every forwarding mode, IPv4 and IPv6 within and without, between real kernels over routers whose links take less
/// than the hosts believe. Nothing may disappear in silence: path MTU discovery has to work in both directions, and
/// datagrams in fragments have to arrive whole.
///
/// Shows S2-24, S2-25, S2-28, S2-29, S2-72, S2-73, S2-74, S2-75, S2-76, S2-77 for every forwarding mode and both
/// families.
@Tag("root")
@Tag("slow")
@Timeout(180)
class EveryPathTest {
    private static final int DOWNLOAD_BYTES = 10_000_000;
    private static final int UPLOAD_BYTES = 1_000_000;
    private static final int DATAGRAM_BYTES = 8192;
    /// Datagrams that may be lost while two kernels and we learn what a path takes: each loss teaches one of them.
    private static final int LESSONS = 6;

    private static List<Way> ways() {
        List<Way> ways = new ArrayList<>();
        for (int family : new int[] {4, 6}) {
            for (String forwarding : List.of("dr", "ipip", "gue", "gre")) {
                for (int outer : new int[] {4, 6}) {
                    ways.add(new Way(ways.size(), family, forwarding, outer));
                }
            }
        }
        return ways;
    }

    @ParameterizedTest
    @ValueSource(strings = {"xdp", "packet"})
    void shouldCarryAllThatIsSent(String port) throws Exception {
        List<Way> ways = ways();
        try (RoutedNetwork net = new RoutedNetwork(ways)) {
            PenstockConfig config = net.config(port);
            try (Forwarder _ = net.start(config)) {
                for (Way way : ways) {
                    assertTrue(net.transfer(way, UPLOAD_BYTES, DOWNLOAD_BYTES), way.toString());
                    shouldEchoDatagrams(net, way);
                }
                shouldEchoFragmentsInAnyOrder(net, ways);
            }
            shouldHaveCounted(net, config, ways);
        }
    }

    private static void shouldEchoDatagrams(RoutedNetwork net, Way way) throws Exception {
        byte[] data = RoutedNetwork.pattern(DATAGRAM_BYTES);
        DatagramSocket socket = net.datagramSocket(way, 0);
        socket.setSoTimeout(500);
        int echoes = 0;
        for (int attempt = 0; echoes < 10 && attempt < 10 + LESSONS; attempt++) {
            data[0] = (byte) attempt;
            echoes += isEchoed(socket, data) ? 1 : 0;
        }
        assertEquals(10, echoes, way + ": datagrams of " + DATAGRAM_BYTES + " bytes that came back");
    }

    private static boolean isEchoed(DatagramSocket socket, byte[] data) throws IOException {
        try {
            socket.send(new DatagramPacket(data, data.length));
        } catch (IOException learned) {
            return false; // An ICMP error has just come in for this socket.
        }
        return isReceived(socket, data);
    }

    private static boolean isReceived(DatagramSocket socket, byte[] data) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[DATAGRAM_BYTES + 1], DATAGRAM_BYTES + 1);
        try {
            socket.receive(packet);
        } catch (SocketTimeoutException lost) {
            return false;
        }
        assertArrayEquals(data, Arrays.copyOf(packet.getData(), packet.getLength()));
        return true;
    }

    /// Two clients send their fragments in reverse, one in turn with the other, under the same identification.
    private static void shouldEchoFragmentsInAnyOrder(RoutedNetwork net, List<Way> ways) throws Exception {
        byte[] data = RoutedNetwork.pattern(DATAGRAM_BYTES);
        try (RawSocket wire = net.clientWire()) {
            long[] macs = net.clientMacs();
            for (int pair = 0; pair < ways.size(); pair += 2) {
                List<List<byte[]>> frames = new ArrayList<>();
                List<DatagramSocket> sockets = new ArrayList<>();
                for (Way way : ways.subList(pair, pair + 2)) {
                    DatagramSocket socket = net.datagramSocket(way, 4000);
                    socket.setSoTimeout(2_000);
                    sockets.add(socket);
                    frames.add(fragments(way, macs, data));
                }
                for (int n = frames.get(0).size() - 1; n >= 0; n--) {
                    wire.send(frames.get(0).get(n));
                    wire.send(frames.get(1).get(n));
                }
                for (int n = 0; n < 2; n++) {
                    assertTrue(isReceived(sockets.get(n), data), ways.get(pair + n) + ": fragments in reverse");
                }
            }
        }
    }

    private static List<byte[]> fragments(Way way, long[] macs, byte[] data) throws IOException {
        byte[] from = InetAddress.getByName(way.client()).getAddress();
        byte[] to = InetAddress.getByName(way.vip()).getAddress();
        ByteBuffer datagram = ByteBuffer.allocate(8 + data.length);
        datagram.putShort((short) 4000).putShort((short) RoutedNetwork.PORT).putShort((short) datagram.capacity());
        datagram.putShort((short) 0).put(data);
        int sum = sum(from) + sum(to) + 17 + datagram.capacity() + sum(datagram.array());
        datagram.putShort(6, (short) ~fold(sum));
        List<byte[]> frames = new ArrayList<>();
        int unit = 1184;
        for (int at = 0; at < datagram.capacity(); at += unit) {
            int length = Math.min(unit, datagram.capacity() - at);
            int more = at + length < datagram.capacity() ? 1 : 0;
            ByteBuffer frame = ByteBuffer.allocate(14 + (way.family() == 4 ? 20 : 48) + length);
            frame.putShort((short) (macs[1] >>> 32)).putInt((int) macs[1]);
            frame.putShort((short) (macs[0] >>> 32)).putInt((int) macs[0]);
            if (way.family() == 4) {
                frame.putShort((short) 0x0800).putShort((short) 0x4500).putShort((short) (20 + length));
                frame.putShort((short) 0x7777).putShort((short) (more << 13 | at / 8));
                frame.put((byte) 64)
                        .put((byte) 17)
                        .putShort((short) 0)
                        .put(from)
                        .put(to);
                frame.putShort(24, (short) ~fold(sum(Arrays.copyOfRange(frame.array(), 14, 34))));
            } else {
                frame.putShort((short) 0x86dd).putInt(0x6000_0000).putShort((short) (8 + length));
                frame.put((byte) 44).put((byte) 64).put(from).put(to);
                frame.put((byte) 17).put((byte) 0).putShort((short) (at | more)).putInt(0x7777_7777);
            }
            frames.add(frame.put(datagram.array(), at, length).array());
        }
        return frames;
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (int i = 0; i < bytes.length; i++) {
            sum += (bytes[i] & 0xff) << (i % 2 == 0 ? 8 : 0);
        }
        return sum;
    }

    private static int fold(int sum) {
        int folded = sum;
        while (folded >>> 16 != 0) {
            folded = (folded & 0xffff) + (folded >>> 16);
        }
        return folded;
    }

    private static void shouldHaveCounted(RoutedNetwork net, PenstockConfig config, List<Way> ways) throws IOException {
        try (StatusReader status = net.status(config)) {
            Map<WorkerCounter, Long> counters = status.counters();
            long accounted = 0;
            for (Map.Entry<WorkerCounter, Long> counter : counters.entrySet()) {
                boolean isPart = counter.getKey().kind() != WorkerCounter.Kind.NOTE;
                accounted += isPart && counter.getKey() != WorkerCounter.RECEIVED ? counter.getValue() : 0;
            }
            assertEquals(counters.get(WorkerCounter.RECEIVED), accounted, counters.toString());
            // Each backend has met the router near the client, and each tunnel has met the one near the backend.
            assertTrue(counters.getOrDefault(WorkerCounter.ICMP_RELAYED, 0L) >= ways.size(), counters.toString());
            assertTrue(counters.getOrDefault(WorkerCounter.REPLIED, 0L) >= 12, counters.toString());
            assertEquals(0L, counters.getOrDefault(WorkerCounter.DROP_FRAGMENT_TIMEOUT, 0L), counters.toString());
            assertEquals(0L, counters.getOrDefault(WorkerCounter.DROP_MALFORMED, 0L), counters.toString());
            assertEquals(0L, counters.getOrDefault(WorkerCounter.VIP_CLAIMED, 0L), counters.toString());
        }
    }
}
