package io.penstock.flowtable.packet;

import static io.penstock.flowtable.packet.Packets.CLIENT;
import static io.penstock.flowtable.packet.Packets.CLIENT6;
import static io.penstock.flowtable.packet.Packets.CLIENT_MAC;
import static io.penstock.flowtable.packet.Packets.VIP;
import static io.penstock.flowtable.packet.Packets.VIP6;
import static io.penstock.flowtable.packet.Packets.frame;
import static io.penstock.flowtable.packet.Packets.hex;
import static io.penstock.flowtable.packet.Packets.icmp4;
import static io.penstock.flowtable.packet.Packets.ipv4;
import static io.penstock.flowtable.packet.Packets.ipv6;
import static io.penstock.flowtable.packet.Packets.pattern;
import static io.penstock.flowtable.packet.Packets.taggedFrame;
import static io.penstock.flowtable.packet.Packets.tcp;
import static io.penstock.flowtable.packet.Packets.tcp4;
import static io.penstock.flowtable.packet.Packets.tcp6;
import static io.penstock.flowtable.packet.Packets.udp4;
import static io.penstock.flowtable.packet.Packets.with8;
import static io.penstock.flowtable.packet.Packets.zeros;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrameTextTest {
    private static String describe(byte[] frame) {
        return FrameText.describe(MemorySegment.ofArray(frame), 0, frame.length);
    }

    @Test
    void shouldDescribeASyn() {
        byte[] syn = ipv4(CLIENT, VIP, 6, tcp(CLIENT, VIP, 40000, 443, 2, hex("020405b4"), zeros(0)));

        assertEquals("""
                ethernet 02:00:00:00:0c:01 > 02:00:00:00:00:01, vlan 5
                  ipv4 198.51.100.7 > 203.0.113.10, class 0x28, ttl 64, id 0x1234, DF, 44 bytes
                    tcp 40000 > 443, SYN, seq 16909060, ack 0, window 64000, mss 1460""", describe(taggedFrame(5, syn)));
    }

    @Test
    void shouldDescribeIpv6AndArp() {
        assertEquals("""
                ethernet 02:00:00:00:0c:01 > 02:00:00:00:00:01
                  ipv6 2001:db8:c:0:0:0:0:7 > 2001:db8:a:0:0:0:0:a, class 0x2b, label 0x12345, hops 64, payload 25
                    tcp 40000 > 443, PSH ACK, seq 16909060, ack 2712847316, window 64000, 5 bytes of data""", describe(frame(tcp6(0x18, pattern(5)))));
        assertEquals("""
                ethernet 02:00:00:00:0c:01 > 02:00:00:00:00:01
                  arp request, sender 02:00:00:00:0c:01 198.51.100.7, target 00:00:00:00:00:00 203.0.113.10""", describe(Packets.ethernet(0x0806, Packets.arp(1, CLIENT_MAC, CLIENT, zeros(6), VIP))));
    }

    @Test
    void shouldDescribeWhatIsInside() {
        byte[] tunnel = EncapsulatorTest.expected(udp4(pattern(9)), Encapsulator.GUE, true, -1, -1);
        assertEquals("""
                ethernet 02:00:00:00:00:01 > 02:00:00:00:00:0b
                  ipv6 fd00:0:0:0:0:0:0:1 > fd00:0:0:0:0:0:0:11, class 0x28, label 0xfffff, hops 64, payload 45
                    udp 65535 > 6080, length 45
                      ipv4 198.51.100.7 > 203.0.113.10, class 0x28, ttl 64, id 0x1234, DF, 37 bytes
                        udp 40000 > 53, length 17""", describe(tunnel));

        byte[] gre = EncapsulatorTest.expected(tcp6(0, zeros(0)), Encapsulator.GRE, false, -1, -1);
        assertTrue(describe(gre).contains("gre, flags 0x0, type 0x86dd\n      ipv6 2001:db8:c:"), describe(gre));

        byte[] error = frame(ipv4(VIP, CLIENT, 1, icmp4(3, 4, 1400, java.util.Arrays.copyOf(tcp4(2, zeros(0)), 28))));
        assertTrue(describe(error).endsWith("""
                    icmp type 3 code 4, rest 0x578, 28 bytes
                      ipv4 198.51.100.7 > 203.0.113.10, class 0x28, ttl 64, id 0x1234, DF, 40 bytes, \
                lengths contradict, or cut short at 28
                        tcp 40000 > 443, header cut short: 8 bytes"""), describe(error));
    }

    @Test
    void shouldPointOutWrongChecksums() {
        byte[] good = frame(tcp4(2, zeros(0)));
        assertFalse(describe(good).contains("BAD"));
        assertTrue(describe(with8(good, 22, 63)).contains("BAD CHECKSUM"), "IPv4 header");
        assertTrue(describe(with8(good, 40, 63)).contains("BAD CHECKSUM"), "TCP");
        byte[] datagram = frame(udp4(pattern(4)));
        assertTrue(describe(with8(datagram, 43, 63)).contains("BAD CHECKSUM"), "UDP");
        byte[] ping = frame(ipv4(CLIENT, VIP, 1, icmp4(8, 0, 1, pattern(4))));
        assertTrue(describe(with8(ping, 43, 63)).contains("BAD CHECKSUM"), "ICMP");
    }

    @Test
    void shouldCheckAUdpDatagramThatIsShorterThanItsPacket() {
        byte[] datagram = Packets.udp(CLIENT, VIP, 1, 2, pattern(4));
        assertFalse(describe(frame(ipv4(CLIENT, VIP, 17, Packets.join(datagram, pattern(6)))))
                .contains("BAD"));
        byte[] datagram6 = Packets.udp(CLIENT6, VIP6, 1, 2, pattern(4));
        assertFalse(describe(frame(ipv6(CLIENT6, VIP6, 17, Packets.join(datagram6, pattern(6)))))
                .contains("BAD"));
    }

    @Test
    void shouldDescribeAnything() {
        Random random = Seed.random("FrameTextTest");
        for (int round = 0; round < 20_000; round++) {
            assertFalse(describe(RandomFrames.next(random)).isEmpty());
        }
        for (int round = 0; round < 5_000; round++) {
            String text = describe(RandomFrames.whole(random));
            assertFalse(text.contains("BAD") && !text.contains("fragment") && !text.contains("extension"), text);
        }
    }
}
