package io.penstock.flowtable.packet;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.Set;

/// What a frame is, by a second reading of the RFCs that shares nothing with [PacketParser]: byte arrays, one field at
/// a time, exceptions for what is wrong.
final class ModelPacket {
    private static final class Malformed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    byte kind;
    int l3;
    int l4;
    int packetLength;
    String source = "";
    String destination = "";
    int protocol;
    int ports;
    int tcpFlags;
    int ttl;
    boolean dontFragment;
    long fragmentId;
    int fragmentOffset;
    boolean moreFragments;

    private final byte[] frame;

    ModelPacket(byte[] frame) {
        this.frame = frame;
        try {
            readEthernet();
        } catch (Malformed e) {
            kind = destination.isEmpty()
                    ? PacketKind.MALFORMED
                    : destination.length() == 8 ? PacketKind.MALFORMED4 : PacketKind.MALFORMED6;
        }
    }

    private int at(int index) {
        if (index >= frame.length) {
            throw new Malformed();
        }
        return frame[index] & 0xff;
    }

    private int two(int index) {
        return at(index) * 256 + at(index + 1);
    }

    private long four(int index) {
        return two(index) * 65536L + two(index + 2);
    }

    private String hex(int from, int count) {
        at(from + count - 1);
        return HexFormat.of().formatHex(frame, from, from + count);
    }

    private static void demand(boolean condition) {
        if (!condition) {
            throw new Malformed();
        }
    }

    private void readEthernet() {
        demand(frame.length >= 14);
        int type = two(12);
        l3 = 14;
        if (type == 0x8100) {
            type = two(16);
            l3 = 18;
        }
        switch (type) {
            case 0x0800 -> readIpv4();
            case 0x86dd -> readIpv6();
            case 0x0806 -> readArp();
            default -> kind = PacketKind.NOT_IP;
        }
    }

    private void readArp() {
        if (frame.length >= l3 + 6 && !hex(l3, 6).equals("000108000604")) {
            kind = PacketKind.NOT_IP;
            return;
        }
        demand(frame.length >= l3 + 28);
        kind = PacketKind.ARP;
        source = hex(l3 + 14, 4);
        destination = hex(l3 + 24, 4);
        ports = two(l3 + 6);
    }

    private void readIpv4() {
        destination = hex(l3 + 16, 4);
        source = hex(l3 + 12, 4);
        demand(at(l3) / 16 == 4);
        int header = at(l3) % 16 * 4;
        packetLength = two(l3 + 2);
        protocol = at(l3 + 9);
        ttl = at(l3 + 8);
        int flags = two(l3 + 6);
        dontFragment = (flags & 0x4000) != 0;
        demand(header >= 20 && header <= packetLength && l3 + packetLength <= frame.length);
        if (Packets.checksum(Arrays.copyOfRange(frame, l3, l3 + header)) != 0) {
            kind = PacketKind.BAD_CHECKSUM4;
            return;
        }
        l4 = l3 + header;
        fragmentOffset = flags % 8192 * 8;
        moreFragments = (flags & 0x2000) != 0;
        if (fragmentOffset != 0 || moreFragments) {
            fragmentId = two(l3 + 4);
            readFragment(PacketKind.FRAGMENT4);
        } else {
            readTransport(1, PacketKind.FLOW4, PacketKind.ICMP4, PacketKind.OTHER4);
        }
    }

    private int l4Length() {
        return l3 + packetLength - l4;
    }

    private void readFragment(byte fragmentKind) {
        int data = l4Length();
        demand(data > 0);
        demand(!moreFragments || data % 8 == 0);
        demand(fragmentOffset + data <= 65535);
        demand(!(protocol == 6 && fragmentOffset == 8));
        if (fragmentOffset == 0 && protocol == 6) {
            readTcp();
        } else if (fragmentOffset == 0 && protocol == 17) {
            readUdp(65535);
        }
        kind = fragmentKind;
    }

    private void readTcp() {
        demand(l4Length() >= 20);
        int header = at(l4 + 12) / 16 * 4;
        demand(header >= 20 && header <= l4Length());
        ports = (int) four(l4);
        tcpFlags = at(l4 + 13);
    }

    private void readUdp(int most) {
        demand(l4Length() >= 8);
        demand(two(l4 + 4) >= 8 && two(l4 + 4) <= most);
        ports = (int) four(l4);
    }

    private void readTransport(int icmp, byte flow, byte icmpKind, byte other) {
        if (protocol == 6) {
            readTcp();
            kind = flow;
        } else if (protocol == 17) {
            readUdp(l4Length());
            kind = flow;
        } else if (protocol == icmp) {
            demand(l4Length() >= 8);
            ports = two(l4);
            kind = icmpKind;
        } else {
            kind = other;
        }
    }

    private void readIpv6() {
        destination = hex(l3 + 24, 16);
        source = hex(l3 + 8, 16);
        demand(at(l3) / 16 == 6);
        packetLength = 40 + two(l3 + 4);
        ttl = at(l3 + 7);
        dontFragment = true;
        demand(l3 + packetLength <= frame.length);
        int end = l3 + packetLength;
        protocol = at(l3 + 6);
        l4 = l3 + 40;
        boolean first = true;
        boolean fragmentSeen = false;
        boolean isFragment = false;
        int headers = 0;
        while (Set.of(0, 43, 44, 60).contains(protocol)) {
            demand(++headers <= 8);
            demand(l4 + 8 <= end);
            demand(protocol != 0 || first);
            first = false;
            int next = at(l4);
            if (protocol == 44) {
                demand(!fragmentSeen);
                fragmentSeen = true;
                fragmentOffset = two(l4 + 2) / 8 * 8;
                moreFragments = two(l4 + 2) % 2 == 1;
                fragmentId = four(l4 + 4);
                isFragment = fragmentOffset != 0 || moreFragments;
                protocol = next;
                l4 += 8;
                if (fragmentOffset != 0) {
                    readFragment(PacketKind.FRAGMENT6);
                    return;
                }
            } else {
                protocol = next;
                l4 += at(l4 + 1) * 8 + 8;
            }
        }
        demand(l4 <= end);
        if (fragmentSeen && isFragment) {
            readFragment(PacketKind.FRAGMENT6);
        } else {
            readTransport(58, PacketKind.FLOW6, PacketKind.ICMP6, PacketKind.OTHER6);
        }
    }
}
