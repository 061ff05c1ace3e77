package io.penstock.forwarder.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The program behind the tap: by the kernel's verdict on single frames, and by what a host then answers.
@Tag("root")
@Timeout(60)
class TcxFilterTest {
    private static final String LB_MAC = "02:00:00:00:00:0a"; // as in the frames of XdpFilterTest
    // An answer takes microseconds here; its absence can only be waited for.
    private static final int NEVER_MS = 200;
    private static final int SOON_MS = 3_000;

    private NetworkNamespaces net;
    private String client;
    private String lb;
    private RawSocket wire;
    private @Nullable TcxFilter filter;

    @BeforeEach
    void open() throws Exception {
        net = NetworkNamespaces.open();
        client = net.add("client");
        lb = net.add("lb");
        net.veth(client, "c0", lb, "l0", 1);
        net.in(lb, "ip link set l0 address " + LB_MAC);
        net.in(client, "ip addr add 198.51.100.7/24 dev c0");
        net.in(lb, "ip addr add 198.51.100.1/24 dev l0");
        net.in(lb, "sysctl -qw net.ipv4.ip_forward=1");
        // So that the host would answer at once for what it can neither deliver nor forward.
        net.in(lb, "ip route add unreachable 192.0.2.0/24");
        net.in(lb, "sysctl -qw net.ipv4.icmp_ratelimit=0");
        net.in(lb, "sysctl -qw net.ipv4.icmp_msgs_per_sec=100000");
        wire = net.inside(client, () -> new RawSocket("c0"));
    }

    @AfterEach
    void close() {
        if (filter != null) {
            filter.close();
        }
        if (wire != null) {
            wire.close();
        }
        if (net != null) {
            net.close();
        }
    }

    private TcxFilter attach(String... vips) throws Exception {
        TcxFilter opened = net.inside(lb, () -> TcxFilter.open(LinuxInterface.read("l0")));
        filter = opened;
        opened.update(addresses(vips), Set.of());
        return opened;
    }

    /// Everything that is ours comes to the socket, and of the rest only messages to a tunnel source and odd ARP.
    @Test
    void shouldTapWhatIsOurs() throws Exception {
        TcxFilter opened = attach();
        opened.update(addresses("192.0.2.1", "2001:db8::1"), addresses("10.0.0.1", "fd00::1"));
        try (Arena arena = Arena.ofConfined()) {
            PacketSocket tap = net.inside(lb, () -> new PacketSocket(arena, "l0"));
            tap.receiveWhat(opened.tap().descriptor());
            tap.bindToReceive();
            MemorySegment buffer = arena.allocate(4096, 8);
            for (var arguments : XdpFilterTest.frames()) {
                String what = (String) arguments.get()[0];
                String hex = (String) arguments.get()[1];
                boolean isOurs = (int) arguments.get()[2] != BpfProgram.XDP_PASS;
                wire.send(HexFormat.of().parseHex(hex));
                long length = tap.libc().recvfrom(tap.fd(), buffer.address(), 4096, 0);
                byte[] taken = length < 0 ? null : buffer.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
                // The kernel takes an outer tag out of the frame.
                String untagged = hex.startsWith("8100", 24) && hex.length() > 32
                        ? hex.substring(0, 24) + hex.substring(32)
                        : hex;

                if (isOurs) {
                    assertNotNull(taken, what);
                    assertEquals(untagged, HexFormat.of().formatHex(taken), what);
                } else if (taken != null) {
                    boolean toTunnelSource = hex.contains("0a000001") || hex.contains("fd" + "00".repeat(14) + "01");
                    assertTrue(toTunnelSource || what.startsWith("ARP"), what);
                }
            }
            tap.close();
        }
    }

    @Test
    void shouldKeepTheHostFromAnswering() throws Exception {
        assertTrue(hostAnswersSoon("192.0.2.1"), "without the filter the host answers");

        TcxFilter opened = attach("192.0.2.1");

        assertFalse(hostAnswers("192.0.2.1"), "with the filter it is silent for the VIP");
        assertTrue(hostAnswersSoon("192.0.2.9"), "and answers for others");
        wire.send(tcpSyn("198.51.100.1"));
        assertNotNull(answer(6, SOON_MS), "the host resets connections to itself");
        assertTrue(opened.description().contains("TCX on l0"), opened.description());

        opened.update(Set.of(), Set.of());
        assertTrue(hostAnswersSoon("192.0.2.1"), "the VIP is given up");
        opened.update(addresses("192.0.2.1"), Set.of());
        assertFalse(hostAnswers("192.0.2.1"));
        opened.close();
        assertTrue(hostAnswersSoon("192.0.2.1"), "closed");
    }

    /// Even an address of the host itself: no RST, no port unreachable.
    @Test
    void shouldKeepTheHostFromResetting() throws Exception {
        net.in(lb, "ip addr add 192.0.2.1/32 dev lo");
        wire.send(tcpSyn("192.0.2.1"));
        assertNotNull(answer(6, SOON_MS), "a reset without the filter");

        attach("192.0.2.1");

        wire.send(tcpSyn("192.0.2.1"));
        assertNull(answer(6, NEVER_MS));
    }

    @Test
    void shouldLiveBesideOthers() throws Exception {
        attach("192.0.2.1");
        try (TcxFilter second = net.inside(lb, () -> TcxFilter.open(LinuxInterface.read("l0")))) {
            second.update(addresses("192.0.2.2"), Set.of());

            assertFalse(hostAnswers("192.0.2.1"));
            assertFalse(hostAnswers("192.0.2.2"));
        }
        assertFalse(hostAnswers("192.0.2.1"));
        assertTrue(hostAnswersSoon("192.0.2.2"));
    }

    /// However the forwarder dies, the host has its frames back.
    @Test
    void shouldBeGoneWithTheProcess() throws Exception {
        Process process = net.start(
                lb,
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Attached.class.getName());
        try {
            long deadline = System.nanoTime() + 20_000_000_000L;
            while (hostAnswers("192.0.2.1")) {
                assertTrue(process.isAlive() && System.nanoTime() < deadline, "the process attached nothing");
            }
        } finally {
            process.destroyForcibly();
            process.waitFor();
        }
        long deadline = System.nanoTime() + 5_000_000_000L;
        while (!hostAnswers("192.0.2.1")) { // The kernel takes a moment to clean up after it.
            assertTrue(System.nanoTime() < deadline, "the filter outlived the process");
        }
    }

    /// Attaches a filter and waits to be killed.
    static final class Attached {
        private Attached() {}

        public static void main(String[] args) throws Exception {
            TcxFilter filter = TcxFilter.open(LinuxInterface.read("l0"));
            filter.update(addresses("192.0.2.1"), Set.of());
            Thread.sleep(30_000);
            filter.close();
        }
    }

    /// The way of older kernels: put in place of what a killed forwarder left, and taken off again.
    @Test
    void shouldAttachByClsactWhereThereIsNoTcx() throws Exception {
        TcxFilter opened = attach("192.0.2.1");
        LinuxInterface nic = net.inside(lb, () -> LinuxInterface.read("l0"));
        BpfProgram drop = BpfProgram.load(
                BpfProgram.Kind.TC_INGRESS,
                "drop_all",
                new BpfAssembler()
                        .move(BpfAssembler.Register.R0, BpfProgram.TC_SHOT)
                        .exit());
        ClsactFilter leftBehind = net.inside(lb, () -> ClsactFilter.attach(drop, nic));
        assertNotNull(leftBehind);
        assertFalse(hostAnswers("192.0.2.2"));

        ClsactFilter next = net.inside(lb, () -> ClsactFilter.attach(opened.program(), nic));
        drop.close();
        opened.update(addresses("192.0.2.2"), Set.of());

        assertTrue(hostAnswersSoon("192.0.2.1"));
        assertFalse(hostAnswers("192.0.2.2"));
        assertTrue(net.in(lb, "tc filter show dev l0 ingress").contains("ps_behind_tap"));

        net.inside(lb, () -> {
            next.close();
            next.close();
            return 0;
        });
        assertEquals("", net.in(lb, "tc filter show dev l0 ingress").strip());
    }

    /// Solicitations for an IPv6 VIP are multicast, and a NIC takes only the groups that it was told.
    @ParameterizedTest
    @ValueSource(strings = {"2001:db8::1", "2001:db8::abcd:ef01"})
    void shouldListenForSolicitations(String vip) throws Exception {
        byte[] address = InetAddress.getByName(vip).getAddress();
        String mac = "33:33:ff:%02x:%02x:%02x".formatted(address[13], address[14], address[15]);
        TcxFilter opened = attach(vip, "192.0.2.1");
        assertTrue(net.in(lb, "ip maddr show dev l0").contains(mac), mac);

        opened.update(addresses("192.0.2.1"), Set.of());
        assertFalse(net.in(lb, "ip maddr show dev l0").contains(mac), mac);

        opened.update(addresses(vip), Set.of());
        opened.close();
        assertFalse(net.in(lb, "ip maddr show dev l0").contains(mac), mac);
    }

    private boolean hostAnswersSoon(String address) throws Exception {
        return hostAnswers(address, SOON_MS);
    }

    private boolean hostAnswers(String address) throws Exception {
        return hostAnswers(address, NEVER_MS);
    }

    private boolean hostAnswers(String address, int timeoutMs) throws Exception {
        while (wire.receive(0) != null) {
            // Whatever came before.
        }
        wire.send(tcpSyn(address));
        return answer(1, timeoutMs) != null;
    }

    private byte @Nullable [] answer(int protocol, int timeoutMs) {
        long deadline = System.nanoTime() + timeoutMs * 1_000_000L;
        do {
            byte[] frame = wire.receive((int) Math.max(0, (deadline - System.nanoTime()) / 1_000_000));
            if (frame != null && frame.length >= 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == protocol) {
                return frame;
            }
        } while (System.nanoTime() < deadline);
        return null;
    }

    /// From 198.51.100.7, with right checksums, to the load balancer's MAC address.
    private byte[] tcpSyn(String to) throws Exception {
        ByteBuffer frame = ByteBuffer.allocate(54);
        frame.put(HexFormat.of().parseHex(LB_MAC.replace(":", "")));
        frame.put(HexFormat.of()
                .parseHex(
                        net.in(client, "cat /sys/class/net/c0/address").strip().replace(":", "")));
        frame.putShort((short) 0x0800);
        frame.putShort((short) 0x4500).putShort((short) 40).putInt(0);
        frame.put((byte) 64).put((byte) 6).putShort((short) 0).putInt(0xc6336407);
        frame.put(InetAddress.getByName(to).getAddress());
        frame.putShort((short) 40000).putShort((short) 80).putInt(1).putInt(0);
        frame.putShort((short) 0x5002).putShort((short) 1000).putInt(0);
        frame.putShort(24, (short) ~sum(frame, 14, 20, 0));
        frame.putShort(50, (short) ~sum(frame, 26, 28, 6 + 20));
        return frame.array();
    }

    private static int sum(ByteBuffer frame, int offset, int length, int start) {
        int total = start;
        for (int at = offset; at < offset + length; at += 2) {
            total += frame.getShort(at) & 0xffff;
        }
        while (total >>> 16 != 0) {
            total = (total & 0xffff) + (total >>> 16);
        }
        return total;
    }

    private static Set<InetAddress> addresses(String... texts) throws Exception {
        Set<InetAddress> addresses = new HashSet<>();
        for (String text : texts) {
            addresses.add(InetAddress.getByName(text));
        }
        return addresses;
    }
}
